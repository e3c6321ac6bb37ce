/* SPDX-License-Identifier: MIT */
#include "cmd/mountpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/bounded.h"
#include "cmd/mounts.h"

enum { DETACH_MS = 5000 }; /* fusermount3 has a moment's work */

/* --- where it is --- */

static char *absolute(const char *path)
{
	if (*path == '/')
		return xstrdup(path);
	cleanup(free) char *here = getcwd(NULL, 0);
	return here ? xprintf("%s/%s", here, path) : NULL;
}

static void strip_slashes(char *path)
{
	size_t size = strlen(path);
	while (size > 1 && path[size - 1] == '/')
		path[--size] = '\0';
}

static bool has_control_bytes(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return true;
	return false;
}

/* Links are followed in the parent only: asking about the last component could wait for a dead
 * server. Only when nothing is mounted at the result is the component itself resolved. */
static int resolve(char *path, char **ret_path, struct buf *why)
{
	char *slash = strrchr(path, '/');
	const char *name = slash + 1;
	bool is_plain = *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	if (is_plain)
		*slash = '\0';
	char parent[PATH_MAX];
	if (!realpath(*path ? path : "/", parent))
		return fail(why, errno, "%s: %s; make that directory first", *path ? path : "/",
			strerror(errno));
	if (!is_plain) {
		*ret_path = xstrdup(parent);
		return 0;
	}
	cleanup(free) char *joined = xprintf("%s/%s", strcmp(parent, "/") ? parent : "", name);
	struct mount mount = { 0 };
	int mounted = mounts_look(joined, &mount);
	mount_done(&mount);
	char whole[PATH_MAX];
	bool follow = mounted == 0 && realpath(joined, whole);
	*ret_path = follow ? xstrdup(whole) : steal(joined);
	return 0;
}

int mountpoint_resolve(const char *path, char **ret_path, struct buf *why)
{
	cleanup(free) char *copy = absolute(path);
	if (!*path || !copy)
		return fail(why, EINVAL, "\"%s\" names no place for a mount", path);
	if (has_control_bytes(copy))
		return fail(why, EINVAL, "the mount point's name contains control characters");
	strip_slashes(copy);
	return resolve(copy, ret_path, why);
}

/* --- whether it answers --- */

/* Past what the kernel remembers: that outlives a crashed server by a second. */
static int stat_root(void *data, int out)
{
	struct statx st;
	int r = statx(AT_FDCWD, data, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &st);
	return r < 0 ? -errno : 0;
}

int mountpoint_answers(const char *path, int timeout_ms)
{
	return bounded_run(stat_root, (void *)path, timeout_ms, 0, NULL);
}

/* --- taking it away --- */

/* An ordinary user cannot unmount; the helper that mounted for him does it. */
static int exec_helper(void *path, int out)
{
	(void)dup2(out, STDERR_FILENO);
	(void)execlp("fusermount3", "fusermount3", "-u", "-z", "--", (char *)path, (char *)NULL);
	return -errno;
}

static int detach_once(const char *path, struct buf *why)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno != EPERM)
		return fail(why, errno, "%s cannot be unmounted: %s", path, strerror(errno));
	cleanup(buf) struct buf said = BUF_INIT(1024);
	int r = bounded_run(exec_helper, (void *)path, DETACH_MS, 512, &said);
	if (r < 0)
		return fail(why, EPERM, "%s cannot be unmounted; fusermount3: %s", path,
			said.size ? buf_text(&said) : strerror(-r));
	return 0;
}

int mountpoint_detach(const char *path, struct buf *why)
{
	struct mount mount = { 0 };
	int r = mounts_look(path, &mount);
	bool ours = r > 0 && mount_is_ours(&mount);
	mount_done(&mount);
	if (r < 0)
		return fail(why, -r, "/proc/self/mountinfo: %s", strerror(-r));
	return ours ? detach_once(path, why) : 0;
}

/* --- whether it may be used --- */

static bool contains(const char *outer, const char *inner)
{
	size_t size = strlen(outer);
	return strncmp(outer, inner, size) == 0 && (inner[size] == '/' || !inner[size]);
}

static int check_apart(const char *path, const char *store, struct buf *why)
{
	if (contains(path, store) || contains(store, path))
		return fail(why, EINVAL, "the mount point %s and the store %s lie in each other; "
			"choose another place for one of them", path, store);
	return 0;
}

static int clear_old(const char *path, struct buf *why)
{
	int r = mountpoint_answers(path, MOUNTPOINT_ANSWER_MS);
	if (r == -ENOTCONN || r == -ECONNABORTED)
		return mountpoint_detach(path, why);
	if (r == -ETIMEDOUT)
		return fail(why, EBUSY, "%s is an agentdirs mount that does not answer; end it "
			"with `agentdirs umount %s`", path, path);
	return fail(why, EBUSY, "%s is an agentdirs mount already; use it, or end it with "
		"`agentdirs umount %s`", path, path);
}

static int count_entries(const char *path, int *ret_count)
{
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	int count = -2; /* . and .. */
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	*ret_count = count;
	return 0;
}

/* Whoever owns a directory can move it away, with what is mounted on it, and put a tree of his own
 * in its place, which the next message is then written into.  Where the tree lies is the caller's
 * to choose; that it is his is ours to see. */
static int check_owner(const char *path, struct buf *why)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return fail(why, errno, "%s cannot be used as mount point: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return fail(why, EPERM, "%s belongs to another user, who could take it away again; "
			"choose a directory of your own", path);
	return 0;
}

/* Mounting over files would hide them, and whoever made them would think them lost. */
static int check_directory(const char *path, struct buf *why)
{
	int count = 0;
	int r = check_owner(path, why);
	if (r < 0)
		return r;
	r = count_entries(path, &count);
	if (r == -ENOTDIR)
		return fail(why, ENOTDIR, "%s is not a directory; choose an empty one", path);
	if (r < 0)
		return fail(why, -r, "%s cannot be used as mount point: %s", path, strerror(-r));
	if (count > 0)
		return fail(why, ENOTEMPTY, "%s is not empty, and mounting would hide what is in "
			"it; choose an empty directory", path);
	if (access(path, W_OK) < 0)
		return fail(why, errno, "%s is not yours to mount on: %s", path, strerror(errno));
	return 0;
}

int mountpoint_prepare(const char *path, const char *store, struct buf *why)
{
	int r = check_apart(path, store, why);
	if (r < 0)
		return r;
	struct mount mount = { 0 };
	r = mounts_look(path, &mount);
	bool ours = r > 0 && mount_is_ours(&mount);
	mount_done(&mount);
	if (ours)
		r = clear_old(path, why);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(why, errno, "%s cannot be created: %s", path, strerror(errno));
	return check_directory(path, why);
}
