/* SPDX-License-Identifier: MIT */
#include "fs/edit.h"

#include <errno.h>
#include <string.h>

#include "base/name.h"


static void changed(struct handle *h)
{
	h->blank = false;
	handle_set_pending(h, true);
}

int edit_write(struct handle *h, uint64_t offset, struct slice bytes)
{
	int r = document_write(&h->text, offset, bytes.at, bytes.size, DOCUMENT_BYTES_MAX);
	if (r == 0 && bytes.size)
		changed(h);
	return r;
}

/* Cutting to nothing is how an editor begins to write: not yet something to save by itself. */
int edit_resize(struct handle *h, uint64_t size)
{
	int r = document_resize(&h->text, size, DOCUMENT_BYTES_MAX);
	if (r == 0 && size)
		changed(h);
	else if (r == 0)
		h->blank = true;
	return r;
}

/* `text` NULL: a good one was saved. */
static void set_rejected(struct fs *fs, struct place place, const struct slice *text)
{
	uint64_t directory = place_inode(place_parent(place));
	cleanup(buf) struct buf name = BUF_INIT(SCRATCH_NAME_MAX);
	place_name(fs, place, &name);
	buf_add_text(&name, ".rejected");
	struct scratch_file *file = scratch_find(fs->scratch, directory, buf_text(&name));
	if (file)
		scratch_remove(fs->scratch, file);
	mode_t mode = S_IFREG | 0600;
	if (!text || scratch_make(fs->scratch, directory, buf_text(&name), mode, &file) < 0)
		return;
	(void)scratch_write(fs->scratch, file, 0, text->at, text->size);
}

int edit_save(struct fs *fs, struct place place, struct slice text, struct buf *why)
{
	int r = place.node->save(fs, place, text, why);
	fs_forget_known(fs);
	set_rejected(fs, place, r < 0 ? &text : NULL);
	return r;
}

static const struct node *maker(struct place dir, const char *name, mode_t type,
	char ret_stem[static ITEM_NAME_SIZE])
{
	if (!S_ISDIR(type) && scratch_name_is_temporary(name))
		return NULL;
	for (const struct node *n = NULL; (n = node_any(dir.node, n));)
		if (n->make && (n->mode & S_IFMT) == (type & S_IFMT) &&
			node_stem(n, name, ret_stem))
			return n;
	return NULL;
}

int edit_check_name(const char *name, struct buf *why)
{
	if (name_is_valid(name))
		return 0;
	return fail(why, EINVAL,
		"%s is not a name: it takes letters, digits and . _ + - (the first a letter "
		"or digit), at most %d",
		name, NAME_BYTES_MAX);
}

int edit_place(struct fs *fs, struct place dir, const char *name, mode_t type, struct place *ret,
	struct buf *why)
{
	char stem[ITEM_NAME_SIZE];
	const struct node *node = maker(dir, name, type, stem);
	int64_t num;
	if (!node)
		return 0;
	int r = edit_check_name(stem, why);
	if (r == 0)
		r = node->make(fs, place_below(dir, node, 0), stem, &num, why);
	if (r < 0)
		return r;
	*ret = place_below(dir, node, num);
	return 1;
}

int edit_born(struct fs *fs, struct scratch_file *file, struct buf *why)
{
	struct place dir, place;
	if (!file->newborn || !place_of(file->directory, &dir))
		return 0;
	int r = edit_place(fs, dir, file->name, S_IFREG, &place, why);
	if (r <= 0)
		return r;
	r = edit_save(fs, place, buf_slice(&file->data), why);
	scratch_remove(fs->scratch, file); /* the tree has it now, or NAME.rejected */
	return r;
}

int edit_commit(struct fs *fs, struct handle *h, struct buf *why)
{
	bool lost = h->lost;
	if (!h->pending && !h->blank && !lost)
		return 0;
	h->blank = h->lost = false;
	handle_set_pending(h, false);
	if (lost)
		return fail(why, ESTALE,
			"the file system was restarted while this was being written; save "
			"it again");
	return edit_save(fs, h->at, buf_slice(&h->text), why);
}
