/* SPDX-License-Identifier: MIT */
/*
 * Builds the tree of mounts.c on a tmpfs and makes it the only one.
 *
 * Everything is made by descriptor: a mount is created detached, given its flags, and
 * only then attached below the new root, which nobody but this process can see.  Flags
 * are added (mount_setattr), never replaced, because those that the host set are locked
 * in a user namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/mounts.h"
#include "sandbox/steps.h"

enum {
	COPY_BYTES_MAX = 64 << 10, /* of one of the host's files, in memory once per sandbox */
	PATH_SIZE = 64, /* of a path in the table */
	READ_ONLY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
};

/* Where the new root is put while the host's tree is still there: a directory that every host has
 * and from which nothing is taken. */
#define PLACE "/tmp"
#define ROOT_OPTIONS "size=256m,nr_inodes=65536,mode=755"

/* The directory that /proc will cover: empty for ever, since nobody can reach it again. */
#define EMPTY "proc"

struct tree {
	int top; /* the new root */
	int empty; /* its EMPTY; -1 until the directories are made */
	int workspace; /* a detached copy of the workspace's mount */
};

int step_mounts(const struct sandbox_spec *spec, struct buf *why)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(why, errno, "cannot make mounts private: %s", strerror(errno));
	return 0;
}

static int set_option(int context, char *option)
{
	char *value = strchr(option, '=');
	if (value)
		*value++ = '\0';
	unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
	return fsconfig(context, command, option, value, 0) < 0 ? -errno : 0;
}

static int set_options(int context, const char *options)
{
	cleanup(free) char *copy = xstrdup(options ? options : "");
	char *rest = copy, *option;
	while ((option = strsep(&rest, ",")))
		if (*option && set_option(context, option) < 0)
			return -errno;
	return 0;
}

/* A new file system as a detached mount: its descriptor or -errno. */
static int make_mount(const char *type, const char *options, unsigned flags)
{
	cleanup(fd) int context = fsopen(type, FSOPEN_CLOEXEC);
	if (context < 0)
		return -errno;
	int r = set_options(context, options);
	if (r < 0)
		return r;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int mounted = fsmount(context, FSMOUNT_CLOEXEC, flags);
	return mounted < 0 ? -errno : mounted;
}

/* A detached copy of what is mounted at a path, with flags added.  What is mounted further below
 * comes along with AT_RECURSIVE; the kernel insists on that for the host's mounts. */
static int copy_mount(int dir, const char *path, unsigned flags, unsigned recursive)
{
	unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive;
	cleanup(fd) int copy = open_tree(dir, path, how);
	struct mount_attr attr = { .attr_set = flags };
	if (copy < 0)
		return -errno;
	if (mount_setattr(copy, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return -errno;
	return steal_fd(&copy);
}

static int attach(int mounted, int dir, const char *path)
{
	return move_mount(mounted, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static int attach_new(const struct tree *tree, const struct mount_row *row, const char *type,
	const char *options, unsigned flags)
{
	flags |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	cleanup(fd) int mounted = make_mount(type, options, flags);
	return mounted < 0 ? mounted : attach(mounted, tree->top, row->path);
}

int tree_directory(const struct tree *tree, const struct mount_row *row)
{
	return mkdirat(tree->top, row->path, row->mode ? row->mode : 0755) < 0 ? -errno : 0;
}

static int make_file(const struct tree *tree, const char *path, struct slice text)
{
	cleanup(fd) int fd =
		openat(tree->top, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd < 0 ? -errno : io_write_all(fd, text.at, text.size);
}

int tree_file(const struct tree *tree, const struct mount_row *row)
{
	return make_file(tree, row->path, slice_of(row->from));
}

int tree_link(const struct tree *tree, const struct mount_row *row)
{
	return symlinkat(row->from, tree->top, row->path) < 0 ? -errno : 0;
}

int tree_copy(const struct tree *tree, const struct mount_row *row)
{
	char target[PATH_MAX];
	ssize_t n = readlink(row->from, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		return symlinkat(target, tree->top, row->path) < 0 ? -errno : 0;
	}
	cleanup(buf) struct buf text = BUF_INIT(COPY_BYTES_MAX);
	if (io_read_file(AT_FDCWD, row->from, COPY_BYTES_MAX, &text) < 0)
		return 0;
	return make_file(tree, row->path, buf_slice(&text));
}

/* A mount needs something of its own kind to be attached to. */
static int make_place(const struct tree *tree, const char *path, int mounted)
{
	struct stat st;
	if (fstat(mounted, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mkdirat(tree->top, path, 0755) < 0 ? -errno : 0;
	return make_file(tree, path, slice_of(""));
}

static int attach_copy(const struct tree *tree, const struct mount_row *row, int mounted)
{
	int r = make_place(tree, row->path, mounted);
	return r < 0 ? r : attach(mounted, tree->top, row->path);
}

int tree_bind(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int mounted = copy_mount(AT_FDCWD, row->from, READ_ONLY, AT_RECURSIVE);
	if (mounted == -ENOENT || mounted == -EACCES)
		return 0;
	return mounted < 0 ? mounted : attach_copy(tree, row, mounted);
}

int tree_device(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int mounted = copy_mount(AT_FDCWD, row->from,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, AT_RECURSIVE);
	return mounted < 0 ? mounted : attach_copy(tree, row, mounted);
}

/* An overlay wants two directories where nothing is written; the second is the empty one. */
int tree_layer(const struct tree *tree, const struct mount_row *row)
{
	cleanup(free) char *options = xprintf("lowerdir=%s:" PLACE "/" EMPTY, row->from);
	cleanup(fd) int mounted = make_mount("overlay", options, READ_ONLY);
	return mounted < 0 ? mounted : attach(mounted, tree->top, row->path);
}

/* Programs are built and run in /tmp, so not noexec. */
int tree_tmpfs(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int mounted =
		make_mount("tmpfs", row->options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return mounted < 0 ? mounted : attach(mounted, tree->top, row->path);
}

int tree_proc(const struct tree *tree, const struct mount_row *row)
{
	return attach_new(tree, row, "proc", row->options, MOUNT_ATTR_NODEV);
}

int tree_terminals(const struct tree *tree, const struct mount_row *row)
{
	return attach_new(tree, row, "devpts", row->options, 0);
}

int tree_setting(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int fd = openat(tree->top, row->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return io_write_all(fd, row->from, strlen(row->from));
}

int tree_freeze(const struct tree *tree, const struct mount_row *row)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	return mount_setattr(tree->top, row->path, 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int tree_guard(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int mounted = copy_mount(tree->top, row->path, READ_ONLY, 0);
	if (mounted == -ENOENT)
		return 0;
	return mounted < 0 ? mounted : attach(mounted, tree->top, row->path);
}

/* The type is asked of the descriptor that is then covered, and links are not followed: a mask that
 * lands elsewhere is the classic hole of container runtimes (CVE-2025-31133). */
int tree_mask(const struct tree *tree, const struct mount_row *row)
{
	cleanup(fd) int hidden = openat(tree->top, row->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (hidden < 0 && errno == ENOENT)
		return 0;
	if (hidden < 0 || fstat(hidden, &st) < 0)
		return -errno;
	cleanup(fd) int mounted = S_ISDIR(st.st_mode) ? copy_mount(tree->empty, "", READ_ONLY, 0) :
							copy_mount(tree->top, "dev/null", 0, 0);
	if (mounted < 0)
		return mounted;
	unsigned how = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	return move_mount(mounted, "", hidden, "", how) < 0 ? -errno : 0;
}

int tree_workspace(const struct tree *tree, const struct mount_row *row)
{
	return attach(tree->workspace, tree->top, row->path);
}

static int fail_row(const struct mount_row *row, int error, struct buf *why)
{
	bool from_host = row->from && *row->from == '/';
	return fail(why, error, "cannot make /%s%s%s: %s", row->path, from_host ? " from " : "",
		from_host ? row->from : "", strerror(error));
}

static int make_rows(struct tree *tree, struct buf *why)
{
	for (const struct mount_row *row = sandbox_mounts; row->path; row++) {
		int r = row->make(tree, row);
		if (r < 0)
			return fail_row(row, -r, why);
		if (strcmp(row->path, EMPTY) == 0 && tree->empty < 0)
			tree->empty = openat(tree->top, EMPTY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return 0;
}

/* The workspace is taken as the working directory: its path may lead through directories that this
 * identity must not enter.  Like every lookup of the host's tree it comes before the new root hides
 * PLACE. */
static int start_tree(struct tree *tree, struct buf *why)
{
	unsigned flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	tree->workspace = copy_mount(AT_FDCWD, ".", flags, AT_RECURSIVE);
	if (tree->workspace < 0)
		return fail(why, -tree->workspace, "cannot take the workspace: %s",
			strerror(-tree->workspace));
	tree->top = make_mount("tmpfs", ROOT_OPTIONS, flags);
	int r = tree->top < 0 ? tree->top : attach(tree->top, AT_FDCWD, PLACE);
	return r < 0 ? fail(why, -r, "cannot put a tmpfs on " PLACE ": %s", strerror(-r)) : 0;
}

static void finish_tree(struct tree *tree)
{
	cleanup_fd(&tree->top);
	cleanup_fd(&tree->empty);
	cleanup_fd(&tree->workspace);
}

int step_root(const struct sandbox_spec *spec, struct buf *why)
{
	struct tree tree = { .top = -1, .empty = -1, .workspace = -1 };
	mode_t mask = umask(0);
	int r = start_tree(&tree, why);
	if (r == 0)
		r = make_rows(&tree, why);
	if (r == 0 && fchdir(tree.top) < 0)
		r = fail(why, errno, "cannot enter the new root: %s", strerror(errno));
	finish_tree(&tree);
	umask(mask);
	return r;
}

/* With one directory for both arguments the old root ends up on top of the new one, and goes with
 * the unmount of the working directory: no directory is needed to hold it. */
int step_pivot(const struct sandbox_spec *spec, struct buf *why)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return fail(why, errno, "cannot leave the host's tree: %s", strerror(errno));
	umask(022);
	if (chdir("/workspace") < 0)
		return fail(why, errno, "cannot enter /workspace: %s", strerror(errno));
	return 0;
}
