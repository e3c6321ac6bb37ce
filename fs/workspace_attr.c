/* SPDX-License-Identifier: MIT */
/* Attributes: what stat, chmod, chown, truncate, touch and df see and do. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/workspace_ops.h"
#include "fs/workspace_visit.h"

static void reply_attr(fuse_req_t req, int r, const struct visit *v)
{
	if (r < 0)
		return (void)fuse_reply_err(req, -r);
	struct stat st;
	tell_stat(v->entry, &v->st, &st);
	fuse_reply_attr(req, &st, SHOW_SECONDS(SHOW_FILE_MS));
}

void attr_get(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	reply_attr(req, visit_object(&v, ino, VISIT_LOOK), &v);
}

/* Ownership is not kept here: everything is the mount owner's, and stays it. */
static int check_change(const struct stat *attr, int which)
{
	if (which & FUSE_SET_ATTR_UID && attr->st_uid != show_uid())
		return -EPERM;
	if (which & FUSE_SET_ATTR_GID && attr->st_gid != show_gid())
		return -EPERM;
	if (which & FUSE_SET_ATTR_MODE && attr->st_mode & SHOW_HIDDEN_BITS)
		return -EPERM;
	return 0;
}

static int set_mode(struct visit *v, mode_t mode)
{
	char name[MAGIC_NAME_SIZE];
	int dir = tree_magic_name(v->fd, name);
	return fchmodat(dir, name, mode & 07777, 0) < 0 ? -errno : 0;
}

static int set_size(struct visit *v, off_t size)
{
	struct opened *opened = opened_of(v->entry, true);
	cleanup(fd) int fd = opened ? -1 : tree_reopen(v->fd, &v->st, O_WRONLY);
	if (!opened && fd < 0)
		return fd;
	return ftruncate(opened ? opened->fd : fd, size) < 0 ? -errno : 0;
}

static struct timespec wanted_time(int which, int set, int now, struct timespec given)
{
	if (which & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return which & set ? given : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static int set_times(struct visit *v, const struct stat *attr, int which)
{
	char name[MAGIC_NAME_SIZE];
	int dir = tree_magic_name(v->fd, name);
	struct timespec times[2] = {
		wanted_time(which, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim),
		wanted_time(which, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim),
	};
	return utimensat(dir, name, times, 0) < 0 ? -errno : 0;
}

enum {
	SET_TIMES = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
		    FUSE_SET_ATTR_MTIME_NOW,
};

static int change(struct visit *v, const struct stat *attr, int which)
{
	int r = 0;
	if (which & FUSE_SET_ATTR_MODE)
		r = set_mode(v, attr->st_mode);
	if (r == 0 && which & FUSE_SET_ATTR_SIZE)
		r = set_size(v, attr->st_size);
	if (r == 0 && which & SET_TIMES)
		r = set_times(v, attr, which);
	return r < 0 ? r : tree_stat(v->fd, &v->st);
}

void attr_set(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *fi)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	int r = visit_object(&v, ino, VISIT_CHANGE);
	if (r == 0)
		r = check_change(attr, which);
	if (r == 0)
		r = change(&v, attr, which);
	reply_attr(req, r, &v);
}

/* Asked only when the mount is without default_permissions, which is when all callers are the user
 * we run as. */
static int check_access(fuse_ino_t ino, int mask)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	int r = visit_object(&v, ino, mask & W_OK ? VISIT_CHANGE : VISIT_LOOK);
	if (r < 0)
		return r;
	char name[MAGIC_NAME_SIZE];
	int dir = tree_magic_name(v.fd, name);
	return faccessat(dir, name, mask & (R_OK | W_OK | X_OK), AT_EACCESS) < 0 ? -errno : 0;
}

void attr_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	fuse_reply_err(req, -check_access(ino, mask));
}

void attr_statfs(fuse_req_t req, fuse_ino_t ino)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	struct statvfs st;
	int r = visit_object(&v, ino, VISIT_LOOK);
	if (r == 0 && fstatvfs(v.fd, &st) < 0)
		r = -errno;
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_statfs(req, &st);
}
