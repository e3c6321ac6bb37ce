/* SPDX-License-Identifier: MIT */
/*
 * Runs as root over a directory that a sandbox has written, while none runs in it.  What
 * the last one left behind is hostile: links are never followed, every step goes by a
 * descriptor, and the depth is bounded.
 */
#include "sandbox/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 128 }; /* one descriptor and one stack frame each */

struct adoption {
	unsigned uid, gid;
	dev_t device;
};

int workspace_open(const char *path, struct buf *why)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(why, errno, "cannot open the workspace %s: %s", path, strerror(errno));
	return fd;
}

/* A file with a second name may be one of the host's that somebody linked in: giving it away here
 * would give it away there. */
static bool is_adoptable(const struct adoption *a, const struct stat *st)
{
	return st->st_dev == a->device && (S_ISDIR(st->st_mode) || st->st_nlink == 1);
}

static int give(const struct adoption *a, int dir, const char *name, const struct stat *st)
{
	if ((st->st_uid == a->uid && st->st_gid == a->gid) || !is_adoptable(a, st))
		return 0;
	int how = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
	return fchownat(dir, name, a->uid, a->gid, how) < 0 ? -errno : 0;
}

static int adopt_below(const struct adoption *a, int dir, int depth);

/* What vanishes meanwhile, or is deeper than anybody means, is not worth a failure. */
static int adopt_entry(const struct adoption *a, int dir, const char *name, int depth)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = give(a, dir, name, &st);
	if (r < 0 || !S_ISDIR(st.st_mode) || st.st_dev != a->device || depth == DEPTH_MAX)
		return r;
	int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return below < 0 ? (errno == ENOENT ? 0 : -errno) : adopt_below(a, below, depth + 1);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int adopt_below(const struct adoption *a, int dir /* taken */, int depth)
{
	DIR *stream = fdopendir(dir);
	struct dirent *entry;
	int r = 0;
	if (!stream) {
		close(dir);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(stream)))
		if (!is_dots(entry->d_name))
			r = adopt_entry(a, dir, entry->d_name, depth);
	closedir(stream);
	return r;
}

static int adopt_top(struct adoption *a, int workspace)
{
	struct stat st;
	if (fstat(workspace, &st) < 0)
		return -errno;
	a->device = st.st_dev;
	int r = give(a, workspace, "", &st);
	if (r < 0)
		return r;
	int top = openat(workspace, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top < 0 ? -errno : adopt_below(a, top, 0);
}

int workspace_adopt(int workspace, unsigned uid, unsigned gid, struct buf *why)
{
	struct adoption adoption = { .uid = uid, .gid = gid };
	int r = adopt_top(&adoption, workspace);
	if (r < 0)
		return fail(why, -r, "cannot give the workspace to uid %u: %s", uid, strerror(-r));
	return 0;
}
