/* SPDX-License-Identifier: MIT */
#include "fs/edit.h"

#include <errno.h>
#include <string.h>

#include "fs/scratch.h"

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

static uint64_t directory_of(struct place place)
{
	const struct node *parent = node_parent(place.node);
	bool same_object = strchr(parent->path, '*');
	return place_inode((struct place){ parent, same_object ? place.object : 0 });
}

static void set_rejected(struct fs *fs, struct place place, const struct slice *text)
{
	cleanup(free) char *name = xprintf("%s.rejected", node_name(place.node));
	uint64_t directory = directory_of(place);
	struct scratch_file *file = scratch_find(fs->scratch, directory, name);
	if (file)
		scratch_remove(fs->scratch, file);
	if (!text || scratch_make(fs->scratch, directory, name, S_IFREG | 0600, &file) < 0)
		return;
	(void)scratch_write(fs->scratch, file, 0, text->at, text->size);
}

int edit_save(struct fs *fs, struct place place, struct slice text, struct buf *why)
{
	int r = place.node->save(fs, place.object, text, why);
	fs_forget_known(fs);
	set_rejected(fs, place, r < 0 ? &text : NULL);
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
