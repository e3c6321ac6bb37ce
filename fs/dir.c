/* SPDX-License-Identifier: MIT */
#include "fs/dir.h"

#include <errno.h>
#include <string.h>

#include "base/name.h"
#include "fs/edit.h"

static struct place below(struct place dir, const struct node *node)
{
	return (struct place){ node, dir.object };
}

/* Links of the table may point nowhere for now: then there is no such name. */
static int row_exists(struct fs *fs, struct place place)
{
	if (scratch_is_hidden(fs->scratch, place_inode(place)))
		return 0;
	if (!place.node->target)
		return 1;
	cleanup(buf) struct buf target = BUF_INIT(0);
	int r = place.node->target(fs, place.object, &target);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int find_object(struct fs *fs, const struct node *any, const char *name, struct named *ret)
{
	int64_t object;
	int r = any ? any->find(fs, any, name, &object) : 0;
	if (r == 1)
		*ret = (struct named){ .place = { any, object } };
	return r;
}

int dir_find(struct fs *fs, struct place dir, const char *name, struct named *ret)
{
	if (!S_ISDIR(dir.node->mode))
		return -ENOTDIR;
	const struct node *row = node_named(dir.node, name);
	if (row) {
		*ret = (struct named){ .place = below(dir, row) };
		int r = row_exists(fs, ret->place);
		if (r != 0)
			return r;
	}
	int r = row ? 0 : find_object(fs, node_any(dir.node), name, ret);
	if (r != 0)
		return r;
	ret->scratch = scratch_find(fs->scratch, place_inode(dir), name);
	ret->place.node = NULL;
	return ret->scratch != NULL;
}

static int bad_name(const char *name, struct buf *why)
{
	return fail(why, EINVAL,
		"%s is not a name: it takes letters, digits and . _ + - (the first a letter "
		"or digit), at most %d",
		name, NAME_BYTES_MAX);
}

int dir_make(struct fs *fs, struct place dir, const char *name, struct named *ret, struct buf *why)
{
	const struct node *any = node_any(dir.node);
	if (node_named(dir.node, name))
		return fail(why, EEXIST, "%s is a name of the tree itself; choose another", name);
	if (!any || !any->make)
		return fail(why, EPERM, "no directories can be made here");
	if (!name_is_valid(name))
		return bad_name(name, why);
	int64_t object;
	int r = any->make(fs, name, &object, why);
	if (r < 0)
		return r;
	fs_forget_known(fs);
	*ret = (struct named){ .place = { any, object } };
	return 0;
}

int dir_drop(struct fs *fs, struct place dir, const char *name, int64_t *ret_object,
	struct buf *why)
{
	struct named found;
	int r = dir_find(fs, dir, name, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (!found.place.node || !S_ISDIR(found.place.node->mode))
		return -ENOTDIR;
	if (!found.place.node->drop)
		return fail(why, EPERM, "%s is part of the tree and stays", name);
	r = found.place.node->drop(fs, found.place.object, why);
	fs_forget_known(fs);
	if (r < 0)
		return r;
	scratch_remove_all(fs->scratch, place_inode(found.place));
	*ret_object = found.place.object;
	return 0;
}

static bool takes_scratch(struct place dir, mode_t mode)
{
	unsigned any = NODE_SCRATCH, links = NODE_SCRATCH | NODE_SCRATCH_LINKS;
	return dir.node->flags & (S_ISLNK(mode) ? links : any);
}

int dir_create(struct fs *fs, struct place dir, const char *name, mode_t mode, struct named *ret,
	struct buf *why)
{
	const struct node *row = node_named(dir.node, name);
	if (row && S_ISREG(row->mode) && S_ISREG(mode)) {
		*ret = (struct named){ .place = below(dir, row) };
		scratch_unhide(fs->scratch, place_inode(ret->place));
		return 0;
	}
	if (row)
		return -EEXIST;
	if (!takes_scratch(dir, mode))
		return fail(why, EPERM, "no files can be made here; README says what there is");
	*ret = (struct named){ 0 };
	return scratch_make(fs->scratch, place_inode(dir), name, mode, &ret->scratch);
}

int dir_symlink(struct fs *fs, struct place dir, const char *name, const char *target,
	struct named *ret, struct buf *why)
{
	const struct node *row = node_named(dir.node, name);
	if (row && row->relink) {
		*ret = (struct named){ .place = below(dir, row) };
		int r = row_exists(fs, ret->place);
		return r < 0 ? r : r ? -EEXIST : row->relink(fs, dir.object, target, why);
	}
	int r = dir_create(fs, dir, name, S_IFLNK | 0777, ret, why);
	if (r < 0)
		return r;
	r = scratch_write(fs->scratch, ret->scratch, 0, target, strlen(target));
	if (r < 0)
		scratch_remove(fs->scratch, ret->scratch);
	return r;
}

/* A document that is removed stays what it is in the store.  Its name is away for a moment, because
 * install(1) and mv(1) from another file system remove a file before they create it again. */
int dir_unlink(struct fs *fs, struct place dir, const char *name, struct buf *why)
{
	struct named found;
	int r = dir_find(fs, dir, name, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (found.scratch) {
		scratch_remove(fs->scratch, found.scratch);
		return 0;
	}
	if (S_ISDIR(found.place.node->mode))
		return -EISDIR;
	if (!found.place.node->save)
		return fail(why, EPERM, "%s is part of the tree and cannot be removed", name);
	scratch_hide(fs->scratch, place_inode(found.place));
	return 0;
}

/* Moving a file to an input is writing it there. */
static int send(struct fs *fs, struct place place, struct slice bytes, struct buf *why)
{
	struct handle *h;
	int r = handle_open(fs, place_inode(place), true, 0, &h, why);
	if (r < 0)
		return r;
	r = place.node->accept(fs, h, bytes, why);
	if (r == 0 && place.node->commit)
		r = place.node->commit(fs, h, why);
	handle_close(fs, h);
	return r;
}

static int replace_row(struct fs *fs, struct scratch_file *file, struct place place,
	struct buf *why)
{
	const struct node *node = place.node;
	struct slice text = buf_slice(&file->data);
	int r;
	if (S_ISLNK(file->mode) && node->relink)
		r = node->relink(fs, place.object, text.at, why);
	else if (S_ISREG(file->mode) && node->save)
		r = edit_save(fs, place, text, why);
	else if (S_ISREG(file->mode) && node->accept)
		r = send(fs, place, text, why);
	else
		return fail(why, EPERM, "nothing can be put in the place of %s", node_name(node));
	fs_forget_known(fs);
	if (r == 0)
		scratch_remove(fs->scratch, file);
	return r;
}

static int rename_scratch(struct fs *fs, const struct renaming *r, struct scratch_file *file,
	struct buf *why)
{
	const struct node *row = node_named(r->to_dir.node, r->to);
	struct named old;
	int exists = dir_find(fs, r->to_dir, r->to, &old);
	if (exists < 0)
		return exists;
	if (exists && r->keep_existing)
		return -EEXIST;
	if (row) {
		scratch_unhide(fs->scratch, place_inode(below(r->to_dir, row)));
		return replace_row(fs, file, below(r->to_dir, row), why);
	}
	if (exists && old.place.node)
		return -EISDIR;
	return scratch_rename(fs->scratch, file, r->to);
}

/* An editor moves the old version away before it writes the new one.  It gets a copy under the new
 * name, and the file of the tree stays as it was until the new version is there. */
static int copy_away(struct fs *fs, const struct renaming *r, struct place place, struct buf *why)
{
	const struct node *node = place.node;
	if (!(node->save || node->accept) || !takes_scratch(r->to_dir, S_IFREG) ||
		node_named(r->to_dir.node, r->to))
		return fail(why, EPERM, "%s is part of the tree and keeps its name", r->from);
	struct scratch_file *copy = scratch_find(fs->scratch, place_inode(r->to_dir), r->to);
	if (copy && r->keep_existing)
		return -EEXIST;
	if (copy)
		scratch_remove(fs->scratch, copy);
	cleanup(buf) struct buf text = BUF_INIT(DOCUMENT_BYTES_MAX);
	int e = node->show(fs, place.object, &text);
	if (e >= 0)
		e = scratch_make(fs->scratch, place_inode(r->to_dir), r->to, S_IFREG | 0600, &copy);
	return e < 0 ? e : scratch_write(fs->scratch, copy, 0, buf_text(&text), text.size);
}

static int rename_object(struct fs *fs, const struct renaming *r, struct place place,
	struct buf *why)
{
	struct named old;
	int exists = dir_find(fs, r->to_dir, r->to, &old);
	if (exists != 0)
		return exists < 0 ? exists : -EEXIST;
	if (!place.node->rename)
		return fail(why, EPERM, "%s is part of the tree and keeps its name", r->from);
	if (!name_is_valid(r->to) || node_named(r->to_dir.node, r->to))
		return bad_name(r->to, why);
	return place.node->rename(fs, place.object, r->to, why);
}

int dir_rename(struct fs *fs, const struct renaming *r, struct buf *why)
{
	struct named found;
	int e = dir_find(fs, r->from_dir, r->from, &found);
	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	bool is_object = found.place.node && found.place.node->find;
	if (place_inode(r->from_dir) != place_inode(r->to_dir))
		return is_object ? fail(why, EPERM, "%s cannot be moved there", r->from) : -EXDEV;
	if (found.scratch)
		return rename_scratch(fs, r, found.scratch, why);
	return is_object ? rename_object(fs, r, found.place, why)
			 : copy_away(fs, r, found.place, why);
}
