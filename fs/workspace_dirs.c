/* SPDX-License-Identifier: MIT */
/*
 * Listings.  Positions are those of the host's file system, so seekdir works and
 * nothing is kept between two requests; a reader that goes on costs no seek.
 *
 * READDIRPLUS looks each name up, which costs a fifth of the request that is
 * saved when the name is used next.  A name that cannot be looked up is listed
 * alone, which a node id of 0 means.
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
	RECORD_BYTES_MAX = 280, /* what the host says of one name, at most */
	PLUS_FACTOR =
		4, /* a name with its attributes takes this many times the room of one without */
};

static char *space; /* an answer, and behind it what the host said; owned */

void dirs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->flags = O_RDONLY | O_DIRECTORY;
	files_open(req, ino, fi);
}

/* An answer in the making. */
struct listing {
	fuse_req_t req;
	struct opened *dir; /* lent */
	size_t used, room; /* of `space` */
};

static struct stat name_stat(const struct listing *l, const struct dirent64 *d)
{
	return (struct stat){
		.st_ino = tree_shown_number(l->dir->entry->tree, d->d_ino),
		.st_mode = show_type(DTTOIF(d->d_type)),
	};
}

/* Each returns the size that the name takes; more than is left means that it was not added. */
typedef size_t (*add_fn)(struct listing *l, const struct dirent64 *d);

static size_t add_plain(struct listing *l, const struct dirent64 *d)
{
	struct stat st = name_stat(l, d);
	return fuse_add_direntry(
		l->req, space + l->used, l->room - l->used, d->d_name, &st, d->d_off);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Counts a lookup when it succeeds. */
static bool look_up(struct listing *l, const char *name, struct fuse_entry_param *ret)
{
	struct entry *dir = l->dir->entry, *entry;
	struct statx st;
	if (is_dot(name) || dir->tree->dead || tree_look(l->dir->fd, name, &st) < 0)
		return false;
	struct identity who = tree_identity(&st);
	entry = entry_see(dir->tree, dir, name, &who);
	if (entry)
		tell_entry(entry, &st, ret);
	return entry;
}

static size_t add_plus(struct listing *l, const struct dirent64 *d)
{
	size_t size = fuse_add_direntry_plus(l->req, NULL, 0, d->d_name, NULL, 0);
	if (size > l->room - l->used)
		return size;
	struct fuse_entry_param entry = { 0 };
	if (!look_up(l, d->d_name, &entry))
		entry.attr = name_stat(l, d);
	return fuse_add_direntry_plus(
		l->req, space + l->used, l->room - l->used, d->d_name, &entry, d->d_off);
}

static void fill(struct listing *l, const char *listed, size_t listed_size, add_fn add)
{
	for (size_t at = 0; at < listed_size;) {
		const struct dirent64 *d = (const struct dirent64 *)(listed + at);
		size_t size = add(l, d);
		if (size > l->room - l->used)
			break;
		l->used += size;
		at += d->d_reclen;
	}
}

static int list(struct listing *l, off_t offset, size_t listed_size, add_fn add)
{
	cleanup(guise) struct guise guise = GUISE_NONE;
	int r = guise_wear(&guise, l->dir->entry->tree);
	if (r < 0)
		return r;
	if (lseek(l->dir->fd, offset, SEEK_SET) < 0)
		return -errno;
	char *listed = space + LISTING_BYTES_MAX;
	ssize_t n = getdents64(l->dir->fd, listed, listed_size);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno; /* removed: it is empty */
	fill(l, listed, (size_t)n, add);
	return 0;
}

/* A record of the host is smaller than one of an answer, so reading `size` / `shrink` bytes of the
 * first gives a little more than fits. */
static void answer(
	fuse_req_t req, size_t size, off_t offset, uint64_t handle, size_t shrink, add_fn add)
{
	struct listing l = { .req = req, .dir = opened_find(handle) };
	if (!l.dir)
		return (void)fuse_reply_err(req, ESTALE);
	if (!space)
		space = xmalloc(2 * LISTING_BYTES_MAX);
	l.room = size < LISTING_BYTES_MAX ? size : LISTING_BYTES_MAX;
	size_t listed_size =
		l.room / shrink > RECORD_BYTES_MAX ? l.room / shrink : RECORD_BYTES_MAX;
	int r = list(&l, offset, listed_size, add);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, space, l.used);
}

void dirs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	answer(req, size, offset, fi->fh, 1, add_plain);
}

void dirs_read_plus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	answer(req, size, offset, fi->fh, PLUS_FACTOR, add_plus);
}

void dirs_done(void)
{
	free(space);
	space = NULL;
}
