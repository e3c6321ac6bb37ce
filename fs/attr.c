/* SPDX-License-Identifier: MIT */
#include "fs/attr.h"

#include <errno.h>
#include <string.h>

/* Names and fixed contents change only with the program; a restart with another version is seen
 * after this. */
static const double long_seconds = 3600, fixed_seconds = 60;
/* A directory's times and counts: old enough for `ls -l` of thousands, young enough for people. */
static const double directory_seconds = 1;

double attr_seconds(const struct node *node)
{
	if (S_ISDIR(node->mode))
		return directory_seconds;
	return node->flags & NODE_FIXED ? fixed_seconds : 0;
}

double attr_name_seconds(const struct node *node)
{
	if (node_is_replaceable(node) || S_ISLNK(node->mode))
		return 0;
	return node->find ? directory_seconds : long_seconds;
}

static void set_times(struct stat *st, int64_t wall_us)
{
	st->st_mtim = (struct timespec){ wall_us / 1000000, wall_us % 1000000 * 1000 };
	st->st_ctim = st->st_atim = st->st_mtim;
}

static void begin(const struct fs *fs, mode_t mode, struct stat *ret)
{
	*ret = (struct stat){ 0 };
	ret->st_mode = S_ISLNK(mode) ? mode : mode & ~fs->umask;
	ret->st_nlink = 1;
	ret->st_uid = fs->uid;
	ret->st_gid = fs->gid;
	ret->st_blksize = 4096;
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
}

static int object_time(struct fs *fs, struct place place, int64_t *ret_us)
{
	if (place.node->kind == OBJECT_SESSION) {
		const struct session *s;
		int r = fs_session(fs, place.object, &s);
		*ret_us = r < 0 ? 0 : s->object.updated_us;
		return r;
	}
	struct object object;
	int r = object_get(fs->store, place.object, &object);
	*ret_us = r == 1 ? object.updated_us : 0;
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

/* A directory's size is the number of its entries. */
static void count_children(struct fs *fs, const struct node *directory, struct stat *st)
{
	int64_t entries = 0, directories = 0;
	for (const struct node *n = NULL; (n = node_next(directory, n));) {
		entries += !(n->flags & NODE_UNLISTED);
		directories += S_ISDIR(n->mode);
	}
	const struct node *any = node_any(directory);
	int64_t objects = any && any->kind ? object_count(fs->store, any->kind, false) : 0;
	if (objects > 0) {
		entries += objects;
		directories += S_ISDIR(any->mode) ? objects : 0;
	}
	set_size(st, (uint64_t)entries);
	st->st_nlink = (nlink_t)(2 + directories);
}

static int set_text_size(struct fs *fs, struct place place, struct stat *st)
{
	int (*text)(struct fs *, int64_t, struct buf *) =
		S_ISLNK(place.node->mode) ? place.node->target : place.node->show;
	cleanup(buf) struct buf out = BUF_INIT(0);
	uint64_t size = 0;
	int r = 0;
	if (place.node->size)
		r = place.node->size(fs, place.object, &size);
	else if (text) {
		r = text(fs, place.object, &out);
		size = out.size;
	}
	set_size(st, size);
	return r < 0 ? r : 0;
}

int attr_of(struct fs *fs, struct place place, struct stat *ret)
{
	struct stat st;
	int64_t wall_us = fs->started_us;
	begin(fs, place.node->mode, &st);
	st.st_ino = place_inode(place);
	int r = place.object ? object_time(fs, place, &wall_us) : 0;
	if (r < 0)
		return r;
	set_times(&st, wall_us);
	if (S_ISDIR(place.node->mode))
		count_children(fs, place.node, &st);
	else
		r = set_text_size(fs, place, &st);
	if (r == 0)
		*ret = st;
	return r;
}

void attr_of_scratch(const struct fs *fs, const struct scratch_file *file, struct stat *ret)
{
	begin(fs, file->mode, ret);
	ret->st_ino = scratch_inode(file->serial);
	set_times(ret, file->changed_us);
	set_size(ret, file->data.size);
}
