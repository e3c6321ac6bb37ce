/* SPDX-License-Identifier: MIT */
#include "fs/workspace_visit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/workspace_link.h"

static struct {
	uid_t uid;
	gid_t gid;
} owner;

void show_setup(uid_t uid, gid_t gid)
{
	owner.uid = uid;
	owner.gid = gid;
}

uid_t show_uid(void)
{
	return owner.uid;
}

gid_t show_gid(void)
{
	return owner.gid;
}

mode_t show_type(mode_t type)
{
	return S_ISREG(type) || S_ISDIR(type) || S_ISLNK(type) || !type ? type : S_IFSOCK;
}

static struct timespec timespec_of(struct statx_timestamp t)
{
	return (struct timespec){ .tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec };
}

void show_stat(const struct tree *tree, const struct statx *st, struct stat *ret)
{
	mode_t type = show_type(st->stx_mode & S_IFMT);
	*ret = (struct stat){
		.st_ino = tree_shown_number(tree, st->stx_ino),
		.st_mode = type | (st->stx_mode & 07777 & ~SHOW_HIDDEN_BITS),
		.st_nlink = st->stx_nlink,
		.st_uid = owner.uid,
		.st_gid = owner.gid,
		.st_size = type == S_IFSOCK ? 0 : (off_t)st->stx_size,
		.st_blksize = st->stx_blksize,
		.st_blocks = (blkcnt_t)st->stx_blocks,
		.st_atim = timespec_of(st->stx_atime),
		.st_mtim = timespec_of(st->stx_mtime),
		.st_ctim = timespec_of(st->stx_ctime),
	};
}

void tell_stat(struct entry *entry, const struct statx *st, struct stat *ret)
{
	show_stat(entry->tree, st, ret);
	entry->told_size = st->stx_size;
}

/* A special file is opened by the kernel alone, so nothing would tell it that this is another. */
static int name_ms(mode_t type)
{
	return S_ISDIR(type) ? SHOW_DIRECTORY_MS : S_ISSOCK(show_type(type)) ? 0 : SHOW_FILE_MS;
}

void tell_entry(struct entry *entry, const struct statx *st, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = entry->id,
		.attr_timeout = SHOW_SECONDS(SHOW_FILE_MS),
		.entry_timeout = SHOW_SECONDS(name_ms(st->stx_mode & S_IFMT)),
	};
	tell_stat(entry, st, &ret->attr);
}

void show_take_back(const struct fuse_entry_param *entry)
{
	workspace_forget(entry->ino, 1);
}

void cleanup_visit(struct visit *visit)
{
	cleanup_fd(&visit->pin);
	cleanup_guise(&visit->guise);
	if (visit->umask != (mode_t)-1)
		umask(visit->umask);
}

/* The kernel sends only good names. But a bad one would leave the tree, so it is not left to the
 * kernel alone. */
static int check_name(const char *name, enum visit_intent intent)
{
	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	return intent == VISIT_MAKE && link_text_is_outside(name) ? -ENOENT : 0;
}

static int visit_entry(struct visit *visit, fuse_ino_t ino, enum visit_intent intent)
{
	visit->entry = entry_find(ino);
	if (!visit->entry)
		return -ESTALE;
	return intent != VISIT_LOOK && visit->entry->tree->read_only ? -EROFS : 0;
}

static int visit_pin(struct visit *visit)
{
	int r = tree_open(visit->entry->tree);
	if (r == 0)
		r = guise_wear(&visit->guise, visit->entry->tree);
	if (r == 0)
		r = tree_pin(visit->entry, &visit->st);
	if (r < 0)
		return r;
	visit->fd = visit->pin = r;
	return 0;
}

int visit_dir(struct visit *visit, fuse_ino_t ino, const char *name, enum visit_intent intent)
{
	int r = visit_entry(visit, ino, intent);
	if (r == 0 && name)
		r = check_name(name, intent);
	if (r == 0)
		r = visit_pin(visit);
	if (r == 0 && intent == VISIT_MAKE)
		visit->umask = umask(0);
	return r;
}

int visit_object(struct visit *visit, fuse_ino_t ino, enum visit_intent intent)
{
	int r = visit_entry(visit, ino, intent);
	if (r < 0)
		return r;
	struct opened *opened = opened_of(visit->entry, false);
	if (!opened)
		return visit_pin(visit);
	visit->fd = opened->fd;
	r = guise_wear(&visit->guise, visit->entry->tree);
	return r < 0 ? r : tree_stat(visit->fd, &visit->st);
}

int visit_see_as(
	struct visit *visit, const char *name, const struct statx *st, struct fuse_entry_param *ret)
{
	struct identity who = tree_identity(st);
	struct entry *entry = entry_see(visit->entry->tree, visit->entry, name, &who);
	if (!entry)
		return -ENOMEM;
	tell_entry(entry, st, ret);
	return 0;
}

int visit_see(struct visit *visit, const char *name, struct fuse_entry_param *ret)
{
	struct statx st;
	int r = tree_look(visit->fd, name, &st);
	return r < 0 ? r : visit_see_as(visit, name, &st, ret);
}
