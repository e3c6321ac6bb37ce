/* SPDX-License-Identifier: MIT */
/*
 * Listings.  Positions are those of the host's file system, so seekdir works and
 * nothing is kept between two requests; a reader that goes on costs no seek.
 *
 * READDIRPLUS is answered with names alone (a node id of 0 means that): names of
 * files are looked up again at use anyway, see workspace_visit.h, so attributes
 * fetched here would be fetched in vain.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs/workspace_ops.h"
#include "fs/workspace_visit.h"

enum {
	LISTING_BYTES_MAX = 128 << 10, /* of one answer; the kernel asks for 4 to 32 KiB */
};

static char *space; /* an answer, and behind it what the host said; owned */

void dirs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->flags = O_RDONLY | O_DIRECTORY;
	files_open(req, ino, fi);
}

typedef size_t (*add_fn)(
	fuse_req_t req, char *to, size_t room, const struct dirent64 *d, const struct stat *st);

static size_t add_plain(
	fuse_req_t req, char *to, size_t room, const struct dirent64 *d, const struct stat *st)
{
	return fuse_add_direntry(req, to, room, d->d_name, st, d->d_off);
}

static size_t add_plus(
	fuse_req_t req, char *to, size_t room, const struct dirent64 *d, const struct stat *st)
{
	struct fuse_entry_param entry = { .attr = *st };
	return fuse_add_direntry_plus(req, to, room, d->d_name, &entry, d->d_off);
}

/* Puts what the host listed into an answer; returns its size. */
static size_t fill(fuse_req_t req, const struct tree *tree, const char *listed, size_t listed_size,
	size_t room, add_fn add)
{
	size_t used = 0;
	for (size_t at = 0; at < listed_size;) {
		const struct dirent64 *d = (const struct dirent64 *)(listed + at);
		struct stat st = {
			.st_ino = tree_shown_number(tree, d->d_ino),
			.st_mode = show_type(DTTOIF(d->d_type)),
		};
		size_t size = add(req, space + used, room - used, d, &st);
		if (size > room - used)
			break;
		used += size;
		at += d->d_reclen;
	}
	return used;
}

static void list(fuse_req_t req, size_t size, off_t offset, uint64_t handle, add_fn add)
{
	struct opened *opened = opened_find(handle);
	if (!opened)
		return (void)fuse_reply_err(req, ESTALE);
	if (!space)
		space = xmalloc(2 * LISTING_BYTES_MAX);
	size = size < LISTING_BYTES_MAX ? size : LISTING_BYTES_MAX;
	char *listed = space + LISTING_BYTES_MAX;
	if (lseek(opened->fd, offset, SEEK_SET) < 0)
		return (void)fuse_reply_err(req, errno);
	/* A record of the host is smaller than one of an answer, so this is a little more than
	 * fits. */
	ssize_t n = getdents64(opened->fd, listed, size);
	if (n < 0)
		return (void)fuse_reply_err(req, errno == ENOENT ? 0 : errno);
	fuse_reply_buf(req, space, fill(req, opened->entry->tree, listed, (size_t)n, size, add));
}

void dirs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	list(req, size, offset, fi->fh, add_plain);
}

void dirs_read_plus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	list(req, size, offset, fi->fh, add_plus);
}

void dirs_done(void)
{
	free(space);
	space = NULL;
}
