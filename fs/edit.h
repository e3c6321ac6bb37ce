/* SPDX-License-Identifier: MIT */
/*
 * Whole documents: written in pieces, in any order, and judged when the editor
 * says that it is done (fsync, close, or a rename over the name).
 *
 * A document that is refused stays readable as NAME.rejected beside the old one
 * until the next good save, so that nothing typed is lost.
 */
#pragma once

#include "fs/handle.h"

int edit_write(struct handle *h, uint64_t offset, struct slice bytes); /* 0 or -EFBIG */
int edit_resize(struct handle *h, uint64_t size);

/* Saves the handle's text if it was changed.  -ESTALE when an earlier process had parts of it, or
 * what the row's `save` refuses, with a sentence. */
int edit_commit(struct fs *fs, struct handle *h, struct buf *why);

/* Saves a text that came in one piece. */
int edit_save(struct fs *fs, struct place place, struct slice text, struct buf *why);
