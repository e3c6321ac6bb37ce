/* SPDX-License-Identifier: MIT */
/*
 * Contents of files.  The kernel's page cache does the caching, memory mapping
 * and locking; here each request is one system call on a descriptor that was
 * checked when it was opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/workspace_ops.h"
#include "fs/workspace_slow.h"
#include "fs/workspace_visit.h"

enum {
	/* More than any kernel asks for at once (1 MiB with libfuse 3.14). */
	READ_BYTES_MAX = 16 << 20,
	/* A copy within the host's file system holds up everybody else for as long as it takes. */
	COPY_BYTES_MAX = 4 << 20,
	/* What a caller may say about how a file is opened. Not O_APPEND, which would make writing
	 * back of mapped pages append too; not O_SYNC and O_DIRECT, which the kernel turns into
	 * requests. */
	OPEN_FLAGS = O_ACCMODE | O_TRUNC | O_DIRECTORY,
};

static struct {
	char *space; /* owned */
	size_t room;
} reading;

void files_done(void)
{
	free(reading.space);
	reading.space = NULL;
	reading.room = 0;
}

static bool is_change(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* Gives the descriptor to a new handle. */
static int keep_open(struct entry *entry, int fd /* taken */, struct fuse_file_info *fi)
{
	struct opened *opened = opened_new(entry, fd, (fi->flags & O_ACCMODE) != O_RDONLY);
	if (!opened)
		return -ENFILE;
	fi->fh = opened->handle;
	fi->noflush = 1; /* nothing is held back until close */
	return 0;
}

/* Whether a reader would be misled about where the file ends.  Not said twice in a row: who opens by
 * descriptor looks no name up, and the sandbox may change the size each time. */
static bool is_told_wrong(struct visit *v, int flags)
{
	struct entry *entry = v->entry;
	bool wrong = S_ISREG(v->st.stx_mode) && !(flags & O_TRUNC) && !entry->was_told_wrong &&
		v->st.stx_size != entry->told_size;
	entry->was_told_wrong = wrong;
	entry->told_size = flags & O_TRUNC ? 0 : entry->told_size;
	return wrong;
}

static int open_object(fuse_ino_t ino, struct fuse_file_info *fi)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	int r = visit_object(&v, ino, is_change(fi->flags) ? VISIT_CHANGE : VISIT_LOOK);
	if (r == 0 && is_told_wrong(&v, fi->flags))
		r = -ESTALE;
	if (r == 0)
		r = tree_reopen(v.fd, &v.st, fi->flags & OPEN_FLAGS);
	return r < 0 ? r : keep_open(v.entry, r, fi);
}

static void release(uint64_t handle)
{
	struct opened *opened = opened_find(handle);
	if (opened)
		tree_free(opened_free(opened));
}

void files_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int r = open_object(ino, fi);
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_open(req, fi) < 0)
		release(fi->fh);
}

/* The sandbox may have been quicker: then what it made is opened, as without O_EXCL it should. */
static int open_existing(
	struct visit *v, const char *name, struct fuse_file_info *fi, struct fuse_entry_param *ret)
{
	struct fuse_entry_param entry;
	int r = visit_see(v, name, &entry);
	if (r < 0)
		return r;
	/* A link or a directory is for the kernel to follow or refuse. */
	r = S_ISREG(entry.attr.st_mode) ? open_object(entry.ino, fi) : -ESTALE;
	if (r < 0)
		show_take_back(&entry);
	else
		*ret = entry;
	return r;
}

static int create_new(struct visit *v, const char *name, mode_t mode, struct fuse_file_info *fi,
	struct fuse_entry_param *ret)
{
	int flags = (fi->flags & O_ACCMODE) | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
	cleanup(fd) int fd = openat(v->fd, name, flags, mode & 07777);
	if (fd < 0)
		return errno == EMFILE ? -ENFILE : -errno;
	struct statx st;
	struct fuse_entry_param entry;
	int r = tree_stat(fd, &st);
	if (r == 0)
		r = visit_see_as(v, name, &st, &entry);
	if (r < 0)
		return r;
	r = keep_open(entry_find(entry.ino), steal_fd(&fd), fi);
	if (r < 0)
		show_take_back(&entry);
	else
		*ret = entry;
	return r;
}

static int create(fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi,
	struct fuse_entry_param *ret)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	if (mode & SHOW_HIDDEN_BITS)
		return -EPERM;
	int r = visit_dir(&v, parent, name, VISIT_MAKE);
	if (r == 0)
		r = create_new(&v, name, mode, fi, ret);
	return r == -EEXIST && !(fi->flags & O_EXCL) ? open_existing(&v, name, fi, ret) : r;
}

void files_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	int r = create(parent, name, mode, fi, &entry);
	if (r < 0)
		return (void)fuse_reply_err(req, -r);
	if (fuse_reply_create(req, &entry, fi) == 0)
		return;
	release(fi->fh);
	show_take_back(&entry);
}

void files_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	release(fi->fh);
	fuse_reply_err(req, 0);
}

void files_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

void files_sync(fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *fi)
{
	struct opened *opened = opened_find(fi->fh);
	if (!opened)
		return (void)fuse_reply_err(req, ESTALE);
	slow_sync(req, opened->fd, data_only);
}

static char *reading_space(size_t size)
{
	if (size > reading.room) {
		reading.space = xrealloc(reading.space, size);
		reading.room = size;
	}
	return reading.space;
}

/* A short answer means the end of the file to the kernel, so there is none before it. */
static ssize_t read_fully(int fd, char *to, size_t size, off_t offset)
{
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, offset + (off_t)done);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)done;
}

void files_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct opened *opened = opened_find(fi->fh);
	if (!opened)
		return (void)fuse_reply_err(req, ESTALE);
	if (size > READ_BYTES_MAX)
		return (void)fuse_reply_err(req, EINVAL);
	char *to = reading_space(size);
	ssize_t n = read_fully(opened->fd, to, size, offset);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, to, (size_t)n);
}

/* Puts on the guise for work on an open file: 0, -ESTALE or -EPERM. */
static int open_for_change(struct fuse_file_info *fi, struct guise *guise, struct opened **ret)
{
	struct opened *opened = opened_find(fi->fh);
	if (!opened)
		return -ESTALE;
	int r = guise_wear(guise, opened->entry->tree);
	if (r == 0)
		*ret = opened;
	return r;
}

/* The kernel counts on by itself, without asking. */
static void tell_written(struct entry *entry, bool append, uint64_t offset, uint64_t size)
{
	uint64_t end = (append ? entry->told_size : offset) + size;
	if (end > entry->told_size)
		entry->told_size = end;
}

void files_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	cleanup(guise) struct guise guise = GUISE_NONE;
	struct opened *opened = NULL;
	int r = open_for_change(fi, &guise, &opened);
	if (r < 0)
		return (void)fuse_reply_err(req, -r);
	/* The kernel's idea of the end is its own; the sandbox may have appended too. */
	bool append = fi->flags & O_APPEND && !fi->writepage;
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	ssize_t n = pwritev2(opened->fd, &iov, 1, offset, append ? RWF_APPEND : 0);
	if (n < 0)
		return (void)fuse_reply_err(req, errno);
	tell_written(opened->entry, append, (uint64_t)offset, (uint64_t)n);
	fuse_reply_write(req, (size_t)n);
}

void files_allocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size,
	struct fuse_file_info *fi)
{
	cleanup(guise) struct guise guise = GUISE_NONE;
	struct opened *opened = NULL;
	int r = open_for_change(fi, &guise, &opened);
	if (r == 0 && fallocate(opened->fd, mode, offset, size) < 0)
		r = -errno;
	fuse_reply_err(req, -r);
}

void files_seek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
	struct opened *opened = opened_find(fi->fh);
	off_t at = opened ? lseek(opened->fd, offset, whence) : -1;
	if (at < 0)
		fuse_reply_err(req, opened ? errno : ESTALE);
	else
		fuse_reply_lseek(req, at);
}

void files_copy(fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *from_fi,
	fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_fi, size_t size, int flags)
{
	cleanup(guise) struct guise guise = GUISE_NONE;
	struct opened *source = opened_find(from_fi->fh), *target = NULL;
	if (!workspace_owns(to))
		return (void)fuse_reply_err(req, EXDEV);
	int r = source ? open_for_change(to_fi, &guise, &target) : -ESTALE;
	if (r < 0)
		return (void)fuse_reply_err(req, -r);
	size = size < COPY_BYTES_MAX ? size : COPY_BYTES_MAX;
	ssize_t n = copy_file_range(
		source->fd, &from_offset, target->fd, &to_offset, size, (unsigned)flags);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}
