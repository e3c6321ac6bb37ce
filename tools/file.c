/* SPDX-License-Identifier: MIT */
#include "tools/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/utf8.h"

/* Opening a FIFO would wake its writer and opening a device may do anything, so the kind is looked
 * at first, and once more behind the real open. */
int file_open(const struct place *place, uint64_t *ret_size)
{
	struct stat st;
	cleanup(fd) int look = place_open(place, O_PATH);
	if (look < 0)
		return look;
	if (fstat(look, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	cleanup(fd) int fd = place_open(place, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	*ret_size = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

static int refuse_size(const struct file_words *words, struct slice given, uint64_t size,
	struct buf *why)
{
	return fail(why, EFBIG, "%s: %.*s is %llu bytes, exceeds %d-byte limit. %s", words->tool,
		(int)given.size, given.at, (unsigned long long)size, FILE_BYTES_MAX,
		words->too_large);
}

int file_load(const struct place *place, struct slice given, const struct file_words *words,
	struct buf *ret, struct buf *why)
{
	uint64_t size = 0;
	cleanup(fd) int fd = file_open(place, &size);
	if (fd < 0)
		return path_refuse(why, words->tool, given, -fd);
	if (size > FILE_BYTES_MAX)
		return refuse_size(words, given, size, why);
	ssize_t n = buf_read_all(ret, fd, FILE_BYTES_MAX);
	if (n == -EFBIG) /* it grows as we read */
		return refuse_size(words, given, (uint64_t)FILE_BYTES_MAX + 1, why);
	if (n < 0)
		return path_refuse(why, words->tool, given, (int)-n);
	if (!utf8_is_valid(buf_text(ret), ret->size))
		return fail(why, EILSEQ, "%s: %.*s: not valid UTF-8 text (%s)", words->tool,
			(int)given.size, given.at, words->not_text);
	return 0;
}

/* The mode of what is there, 0644 for a new file; -errno when it is not a regular file. */
static int mode_at(int dir, const char *leaf)
{
	struct stat st;
	if (fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0644 : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? (int)(st.st_mode & 07777) : -ENXIO;
}

static int write_synced(int fd, struct slice content, unsigned mode)
{
	int r = io_write_all(fd, content.at, content.size);
	if (r < 0)
		return r;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The directory comes as O_PATH, which cannot be synced itself. */
static int sync_dir(int dir)
{
	cleanup(fd) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int replace_at(int dir, const char *leaf, struct slice content)
{
	int mode = mode_at(dir, leaf);
	if (mode < 0)
		return mode;
	uint64_t nonce = 0;
	char temporary[32];
	(void)!getrandom(&nonce, sizeof(nonce), 0);
	(void)snprintf(temporary, sizeof(temporary), ".write-%016llx~", (unsigned long long)nonce);
	cleanup(fd)
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = write_synced(fd, content, (unsigned)mode);
	if (r == 0 && renameat(dir, temporary, dir, leaf) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	return r < 0 ? r : sync_dir(dir);
}

int file_replace(const struct place *place, struct slice given, const char *tool,
	struct slice content, struct buf *why)
{
	const char *leaf = NULL;
	if (place->root->read_only)
		return fail(why, EROFS, "%s: %.*s is inside read-only directory %s", tool,
			(int)given.size, given.at, place->root->prefix);
	cleanup(fd) int dir = place_open_parent(place, true, &leaf);
	int r = dir < 0 ? dir : replace_at(dir, leaf, content);
	return r < 0 ? path_refuse(why, tool, given, -r) : 0;
}
