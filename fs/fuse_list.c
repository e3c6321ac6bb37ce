/* SPDX-License-Identifier: MIT */
/*
 * Listings: first the rows of the table, then what editors put there, then what
 * the rows that end in `*` stand for.
 *
 * The cursor that the kernel gives back says by itself where to go on, so an open
 * directory has no state and names that come and go meanwhile disturb nobody.
 */
#include <errno.h>

#include "fs/attr.h"
#include "fs/fuse_reply.h"
#include "fs/workspace.h"

enum { CHILDREN_A_PAGE = FS_KNOWN_SESSIONS };

/* Cursors: 1 and 2 are `.` and `..`, then each kind of name has its range. */
#define CURSOR_ROWS 3ULL /* + row id */
#define CURSOR_SCRATCH (1ULL << 16) /* + serial */
#define CURSOR_CHILDREN (1ULL << 62) /* + row id * CHILD_CURSOR_MAX + what `each` says */

struct listing {
	fuse_req_t req;
	struct fs *fs;
	struct place dir;
	bool plus; /* with attributes */
	char *space;
	size_t size, used;
};

/* Whether the entry still fits; the size does not depend on anything but the name. */
static bool fits(const struct listing *l, const char *name)
{
	size_t need = l->plus ? fuse_add_direntry_plus(l->req, NULL, 0, name, NULL, 0)
			      : fuse_add_direntry(l->req, NULL, 0, name, NULL, 0);
	return need <= l->size - l->used;
}

static bool put(struct listing *l, const char *name, const struct fuse_entry_param *entry,
	uint64_t cursor)
{
	if (!fits(l, name))
		return false;
	char *to = l->space + l->used;
	size_t room = l->size - l->used;
	l->used += l->plus ? fuse_add_direntry_plus(l->req, to, room, name, entry, (off_t)cursor)
			   : fuse_add_direntry(l->req, to, room, name, &entry->attr, (off_t)cursor);
	return true;
}

/* An entry without attributes: the kernel asks for them when somebody wants them. */
static bool put_bare(struct listing *l, const char *name, uint64_t inode, mode_t mode,
	uint64_t cursor)
{
	struct fuse_entry_param entry = { .attr = { .st_ino = inode, .st_mode = mode } };
	return put(l, name, &entry, cursor);
}

static uint64_t shown_inode(struct place place)
{
	return place.node->host ? workspace_root_number(place.object, WORKSPACE_MAIN, 0)
				: place_inode(place);
}

static bool put_named(struct listing *l, const char *name, const struct named *named,
	uint64_t cursor)
{
	struct fuse_entry_param entry;
	uint64_t inode =
		named->scratch ? scratch_inode(named->scratch->serial) : shown_inode(named->place);
	mode_t mode = named->scratch ? named->scratch->mode : named->place.node->mode;
	if (!fits(l, name))
		return false;
	if (!l->plus || fill_entry(l->fs, named, &entry) < 0)
		return put_bare(l, name, inode, mode, cursor);
	return put(l, name, &entry, cursor);
}

static bool list_dots(struct listing *l, uint64_t cursor)
{
	struct place parent = place_parent(l->dir);
	if (cursor < 1 && !put_bare(l, ".", place_inode(l->dir), S_IFDIR, 1))
		return false;
	return cursor >= 2 || put_bare(l, "..", place_inode(parent), S_IFDIR, 2);
}

static bool list_rows(struct listing *l, uint64_t cursor)
{
	const struct node *at =
		cursor > CURSOR_ROWS ? node_by_id((unsigned)(cursor - CURSOR_ROWS)) : NULL;
	while ((at = node_next(l->dir.node, at))) {
		struct named named;
		if (at->flags & NODE_UNLISTED ||
			dir_find(l->fs, l->dir, node_name(at), &named) != 1)
			continue;
		if (!put_named(l, node_name(at), &named, CURSOR_ROWS + at->id))
			return false;
	}
	return true;
}

static bool list_scratch(struct listing *l, uint64_t cursor)
{
	uint64_t serial = cursor > CURSOR_SCRATCH ? cursor - CURSOR_SCRATCH : 0;
	struct scratch_file *file;
	while ((file = scratch_next(l->fs->scratch, place_inode(l->dir), serial))) {
		struct named named = { .scratch = file };
		if (!put_named(l, file->name, &named, CURSOR_SCRATCH + file->serial))
			return false;
		serial = file->serial;
	}
	return true;
}

static bool list_page(struct listing *l, const struct node *any, const struct child *page,
	int count)
{
	for (int i = 0; i < count; i++) {
		struct named named = { .place = place_below(l->dir, any, page[i].num) };
		uint64_t cursor = CURSOR_CHILDREN + any->id * CHILD_CURSOR_MAX + page[i].cursor;
		cleanup(free) char *name = xprintf("%s%s", page[i].name, node_ending(any));
		if (!put_named(l, name, &named, cursor))
			return false;
	}
	return true;
}

static bool list_any(struct listing *l, const struct node *any, uint64_t after)
{
	struct child page[CHILDREN_A_PAGE];
	struct place at = place_below(l->dir, any, 0);
	int count;
	while ((count = any->each(l->fs, at, after, page, CHILDREN_A_PAGE)) > 0) {
		if (!list_page(l, any, page, count))
			return false;
		after = page[count - 1].cursor;
	}
	return true;
}

static void list_children(struct listing *l, uint64_t cursor)
{
	uint64_t from = cursor > CURSOR_CHILDREN ? cursor - CURSOR_CHILDREN : 0;
	const struct node *any = from ? node_by_id((unsigned)(from / CHILD_CURSOR_MAX)) :
		node_any(l->dir.node, NULL);
	if (any && node_parent(any) != l->dir.node)
		return; /* sought to a place of another directory */
	for (uint64_t after = from % CHILD_CURSOR_MAX; any; after = 0) {
		if (!list_any(l, any, after))
			return;
		any = node_any(l->dir.node, any);
	}
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, uint64_t cursor, bool plus)
{
	struct listing l = { .req = req, .fs = fs_of(req), .plus = plus, .size = size };
	if (!place_or_reply(req, ino, &l.dir))
		return;
	cleanup(free) char *space = xmalloc(size);
	l.space = space;
	bool more = list_dots(&l, cursor);
	if (more && cursor < CURSOR_SCRATCH)
		more = list_rows(&l, cursor);
	if (more && cursor < CURSOR_CHILDREN)
		more = list_scratch(&l, cursor);
	if (more)
		list_children(&l, cursor);
	fuse_reply_buf(req, space, l.used);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_open(req, fi);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	list(req, ino, size, (uint64_t)offset, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	list(req, ino, size, (uint64_t)offset, true);
}
