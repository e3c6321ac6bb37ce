/* SPDX-License-Identifier: MIT */
#include "fs/attr.h"

#include <errno.h>
#include <string.h>

/* Names and fixed contents change only with the program; a restart with another version is seen
 * after this. */
static const double long_seconds = 3600, fixed_seconds = 60;
/* A directory's times and counts: old enough for `ls -l` of thousands, young enough for people. */
static const double directory_seconds = 1;

enum { CHILDREN_A_PAGE = 32 }; /* read at once to count them */

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

/* The nearest directory that knows when it changed says it for what is in it. */
static int changed_time(struct fs *fs, struct place place, int64_t *ret_us)
{
	while (!place.node->time && *place.node->path)
		place = place_parent(place);
	if (place.node->time)
		return place.node->time(fs, place, ret_us);
	*ret_us = fs->started_us;
	return 0;
}

/* How many names a row that ends in `*` stands for. */
static int64_t count_any(struct fs *fs, struct place at)
{
	if (at.node->count)
		return at.node->count(fs, at);
	struct child page[CHILDREN_A_PAGE];
	int64_t count = 0;
	uint64_t after = 0;
	for (int n; (n = at.node->each(fs, at, after, page, CHILDREN_A_PAGE)) > 0; count += n)
		after = page[n - 1].cursor;
	return count;
}

/* A directory's size is the number of its entries. */
static void count_children(struct fs *fs, struct place directory, struct stat *st)
{
	int64_t entries = 0, directories = 0;
	for (const struct node *n = NULL; (n = node_next(directory.node, n));) {
		entries += !(n->flags & NODE_UNLISTED);
		directories += S_ISDIR(n->mode);
	}
	for (const struct node *n = NULL; (n = node_any(directory.node, n));) {
		int64_t count = count_any(fs, place_below(directory, n, 0));
		entries += count > 0 ? count : 0;
		directories += count > 0 && S_ISDIR(n->mode) ? count : 0;
	}
	set_size(st, (uint64_t)entries);
	st->st_nlink = (nlink_t)(2 + directories);
}

static int set_text_size(struct fs *fs, struct place place, struct stat *st)
{
	int (*text)(struct fs *, struct place, struct buf *) =
		S_ISLNK(place.node->mode) ? place.node->target : place.node->show;
	cleanup(buf) struct buf out = BUF_INIT(0);
	uint64_t size = 0;
	int r = 0;
	if (place.node->size)
		r = place.node->size(fs, place, &size);
	else if (text) {
		r = text(fs, place, &out);
		size = out.size;
	}
	set_size(st, size);
	return r < 0 ? r : 0;
}

int attr_of(struct fs *fs, struct place place, struct stat *ret)
{
	struct stat st;
	int64_t wall_us = 0;
	begin(fs, place.node->mode, &st);
	st.st_ino = place_inode(place);
	int r = changed_time(fs, place, &wall_us);
	if (r < 0)
		return r;
	set_times(&st, wall_us);
	if (S_ISDIR(place.node->mode))
		count_children(fs, place, &st);
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
