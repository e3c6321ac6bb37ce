/* SPDX-License-Identifier: MIT */
#include "fs/dir.h"

#include <errno.h>
#include <string.h>

#include "fs/edit.h"

bool dir_takes_names(const struct node *directory)
{
	for (const struct node *n = NULL; (n = node_any(directory, n));)
		if (n->make)
			return true;
	return directory->flags & (NODE_SCRATCH | NODE_SCRATCH_LINKS);
}

/* Links of the table may point nowhere for now: then there is no such name. */
static int row_exists(struct fs *fs, struct place place)
{
	if (scratch_is_hidden(fs->scratch, place_inode(place)))
		return 0;
	if (!place.node->target)
		return 1;
	cleanup(buf) struct buf target = BUF_INIT(0);
	int r = place.node->target(fs, place, &target);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* What a row with a `*` finds. */
static int find_any(struct fs *fs, struct place dir, const char *name, struct place *ret)
{
	char stem[ITEM_NAME_SIZE];
	for (const struct node *n = NULL; (n = node_any(dir.node, n));) {
		int64_t num;
		int r = node_stem(n, name, stem) ?
			n->find(fs, place_below(dir, n, 0), stem, &num) : 0;
		if (r == 1)
			*ret = place_below(dir, n, num);
		if (r != 0)
			return r;
	}
	return 0;
}

int dir_find(struct fs *fs, struct place dir, const char *name, struct named *ret)
{
	if (!S_ISDIR(dir.node->mode))
		return -ENOTDIR;
	const struct node *row = node_named(dir.node, name);
	*ret = (struct named){ 0 };
	if (row)
		ret->place = place_below(dir, row, 0);
	int r = row ? row_exists(fs, ret->place) : find_any(fs, dir, name, &ret->place);
	if (r != 0)
		return r;
	*ret = (struct named){ .scratch = scratch_find(fs->scratch, place_inode(dir), name) };
	return ret->scratch != NULL;
}

/* Nothing is made, removed or renamed in what is past. */
static int may_change(struct place dir, struct buf *why)
{
	if (!(dir.node->flags & NODE_FROZEN))
		return 0;
	return fail(why, EROFS, "this is of the past and does not change; copy it and change that");
}

int dir_make(struct fs *fs, struct place dir, const char *name, struct named *ret, struct buf *why)
{
	*ret = (struct named){ 0 };
	if (node_named(dir.node, name))
		return fail(why, EEXIST, "%s is a name of the tree itself; choose another", name);
	int r = may_change(dir, why);
	if (r == 0)
		r = edit_place(fs, dir, name, S_IFDIR, &ret->place, why);
	fs_forget_known(fs);
	if (r == 0)
		return fail(why, EPERM, "no directories can be made here");
	return r < 0 ? r : 0;
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
	r = may_change(dir, why);
	if (r < 0)
		return r;
	if (!found.place.node->drop)
		return fail(why, EPERM, "%s is part of the tree and stays", name);
	r = found.place.node->drop(fs, found.place, why);
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

static bool makes_files(const struct node *directory)
{
	for (const struct node *n = NULL; (n = node_any(directory, n));)
		if (n->make && S_ISREG(n->mode))
			return true;
	return false;
}

/* What people call the next version of a document that they write beside it. */
static bool is_next_version(const struct node *directory, const char *name)
{
	for (const struct node *n = NULL; (n = node_next(directory, n));)
		if (n->save && strstr(name, node_name(n)))
			return true;
	return strncmp(name, "new", 3) == 0 || strncmp(name, "tmp", 3) == 0;
}

/* Any other name would seem to work, and nobody would ever see what was written there. */
static int check_scratch(const struct node *directory, const char *name, mode_t mode,
	struct buf *why)
{
	if (scratch_name_is_temporary(name))
		return 0;
	if (makes_files(directory))
		return fail(why, EINVAL, "%s is no name for a file here; README says what is",
			name);
	if (S_ISLNK(mode) || is_next_version(directory, name))
		return 0;
	return fail(why, EPERM, "there is no file %s here; README says what there is", name);
}

/* Where there is a row for it, closing the new file makes it one of the tree. */
static int create_scratch(struct fs *fs, struct place dir, const char *name, mode_t mode,
	struct named *ret, struct buf *why)
{
	struct place place;
	int born = S_ISREG(mode) ? edit_place(fs, dir, name, mode, &place, why) : 0;
	if (born < 0)
		return born;
	int r = born ? 0 : check_scratch(dir.node, name, mode, why);
	if (r < 0)
		return r;
	*ret = (struct named){ 0 };
	r = scratch_make(fs->scratch, place_inode(dir), name, mode, &ret->scratch);
	if (r == 0)
		ret->scratch->newborn = born;
	return r;
}

int dir_create(struct fs *fs, struct place dir, const char *name, mode_t mode, struct named *ret,
	struct buf *why)
{
	int r = may_change(dir, why);
	if (r < 0)
		return r;
	const struct node *row = node_named(dir.node, name);
	if (row && S_ISREG(row->mode) && S_ISREG(mode)) {
		*ret = (struct named){ .place = place_below(dir, row, 0) };
		scratch_unhide(fs->scratch, place_inode(ret->place));
		return 0;
	}
	if (row || dir_find(fs, dir, name, ret) == 1)
		return -EEXIST;
	if (!takes_scratch(dir, mode))
		return fail(why, EPERM, "no files can be made here; README says what there is");
	return create_scratch(fs, dir, name, mode, ret, why);
}

static int create_link(struct fs *fs, struct place dir, const char *name, const char *target,
	struct named *ret, struct buf *why)
{
	int r = dir_create(fs, dir, name, S_IFLNK | 0777, ret, why);
	if (r < 0)
		return r;
	r = scratch_write(fs->scratch, ret->scratch, 0, target, strlen(target));
	if (r < 0)
		scratch_remove(fs->scratch, ret->scratch);
	return r;
}

int dir_symlink(struct fs *fs, struct place dir, const char *name, const char *target,
	struct named *ret, struct buf *why)
{
	const struct node *row = node_named(dir.node, name);
	struct place place = { 0 };
	int r = dir_find(fs, dir, name, ret);
	if (r != 0)
		return r < 0 ? r : -EEXIST;
	if (row && row->relink)
		place = place_below(dir, row, 0);
	else if (!row)
		r = edit_place(fs, dir, name, S_IFLNK, &place, why);
	if (r < 0)
		return r;
	if (!place.node)
		return create_link(fs, dir, name, target, ret, why);
	*ret = (struct named){ .place = place };
	return place.node->relink(fs, place, target, why);
}

static int unlink_place(struct fs *fs, struct place place, const char *name, struct buf *why)
{
	const struct node *node = place.node;
	if (S_ISDIR(node->mode))
		return -EISDIR;
	if (node->drop) {
		int r = node->drop(fs, place, why);
		fs_forget_known(fs);
		return r;
	}
	if (!node->save)
		return fail(why, EPERM, "%s is part of the tree and cannot be removed", name);
	scratch_hide(fs->scratch, place_inode(place));
	return 0;
}

/* A document of the table that is removed stays what it is in the store.  Its name is away for a
 * moment, because install(1) and mv(1) from another file system remove a file before they create it
 * again. */
int dir_unlink(struct fs *fs, struct place dir, const char *name, struct buf *why)
{
	struct named found;
	int r = dir_find(fs, dir, name, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = may_change(dir, why);
	if (r < 0)
		return r;
	if (!found.scratch)
		return unlink_place(fs, found.place, name, why);
	found.scratch->newborn = false;
	scratch_remove(fs->scratch, found.scratch);
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

/* The scratch file becomes what the place contains. */
static int replace(struct fs *fs, struct scratch_file *file, struct place place, struct buf *why)
{
	const struct node *node = place.node;
	struct slice text = buf_slice(&file->data);
	int r;
	if (S_ISLNK(file->mode) && node->relink)
		r = node->relink(fs, place, text.at, why);
	else if (S_ISREG(file->mode) && node->save)
		r = edit_save(fs, place, text, why);
	else if (S_ISREG(file->mode) && node->accept)
		r = send(fs, place, text, why);
	else
		return fail(why, EPERM, "nothing can be put in the place of %s", node_name(node));
	fs_forget_known(fs);
	if (r == 0) {
		file->newborn = false;
		scratch_remove(fs->scratch, file);
	}
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
		struct place place = place_below(r->to_dir, row, 0);
		scratch_unhide(fs->scratch, place_inode(place));
		return replace(fs, file, place, why);
	}
	if (exists && old.place.node)
		return S_ISDIR(old.place.node->mode) ? -EISDIR : replace(fs, file, old.place, why);
	struct place place;
	int made = edit_place(fs, r->to_dir, r->to, file->mode, &place, why);
	if (made != 0)
		return made < 0 ? made : replace(fs, file, place, why);
	return scratch_rename(fs->scratch, file, r->to);
}

static int copy_to_scratch(struct fs *fs, const struct renaming *r, struct place place)
{
	struct scratch_file *copy = scratch_find(fs->scratch, place_inode(r->to_dir), r->to);
	if (copy && r->keep_existing)
		return -EEXIST;
	if (copy)
		scratch_remove(fs->scratch, copy);
	cleanup(buf) struct buf text = BUF_INIT(DOCUMENT_BYTES_MAX);
	int e = place.node->show(fs, place, &text);
	if (e >= 0)
		e = scratch_make(fs->scratch, place_inode(r->to_dir), r->to, S_IFREG | 0600, &copy);
	return e < 0 ? e : scratch_write(fs->scratch, copy, 0, buf_text(&text), text.size);
}

/* An editor moves the old version away before it writes the new one.  It gets a copy under the new
 * name, and the file of the tree stays as it was until the new version is there. */
static int copy_away(struct fs *fs, const struct renaming *r, struct place place, struct buf *why)
{
	const struct node *node = place.node;
	struct place there;
	if (!(node->save || node->accept) || !takes_scratch(r->to_dir, S_IFREG) ||
		node_named(r->to_dir.node, r->to))
		return fail(why, EPERM, "%s is part of the tree and keeps its name", r->from);
	int made = edit_place(fs, r->to_dir, r->to, S_IFREG, &there, why);
	if (made != 0)
		return made < 0 ? made : -EXDEV; /* mv copies */
	return copy_to_scratch(fs, r, place);
}

/* The row that what is renamed will be of; NULL: it cannot go there. */
static const struct node *row_there(const struct renaming *r, const struct node *node)
{
	if (place_inode(r->from_dir) == place_inode(r->to_dir))
		return node;
	for (const struct node *n = NULL; (n = node_any(r->to_dir.node, n));)
		if (n->rename == node->rename && n->kind == node->kind)
			return n;
	return NULL;
}

static int rename_child(struct fs *fs, const struct renaming *r, struct place place,
	struct buf *why)
{
	char stem[ITEM_NAME_SIZE];
	struct named old;
	const struct node *to = row_there(r, place.node);
	if (!to)
		return fail(why, EPERM, "%s cannot be moved there", r->from);
	int exists = r->keep_existing ? dir_find(fs, r->to_dir, r->to, &old) : 0;
	if (exists != 0)
		return exists < 0 ? exists : -EEXIST;
	if (node_named(r->to_dir.node, r->to) || !node_stem(to, r->to, stem))
		return fail(why, EINVAL, "%s cannot be called %s here", r->from, r->to);
	int e = edit_check_name(stem, why);
	if (e == 0)
		e = place.node->rename(fs, place, to, stem, why);
	fs_forget_known(fs);
	return e;
}

int dir_rename(struct fs *fs, const struct renaming *r, struct buf *why)
{
	struct named found;
	int e = dir_find(fs, r->from_dir, r->from, &found);
	if (e <= 0)
		return e < 0 ? e : -ENOENT;
	e = may_change(r->from_dir, why);
	if (e == 0)
		e = may_change(r->to_dir, why);
	if (e < 0)
		return e;
	if (found.place.node && found.place.node->rename)
		return rename_child(fs, r, found.place, why);
	if (place_inode(r->from_dir) != place_inode(r->to_dir))
		return -EXDEV;
	return found.scratch ? rename_scratch(fs, r, found.scratch, why)
			     : copy_away(fs, r, found.place, why);
}
