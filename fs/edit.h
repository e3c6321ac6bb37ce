/* SPDX-License-Identifier: MIT */
/*
 * Whole documents: written in pieces, in any order, and judged when the editor
 * says that it is done (fsync, close, or a rename over the name).
 *
 * A document that is refused stays readable as NAME.rejected beside the old one
 * until the next good save, so that nothing typed is lost.  A new file begins as a
 * scratch file and is a part of the tree from its first good save on.
 */
#pragma once

#include "fs/handle.h"
#include "fs/scratch.h"

int edit_write(struct handle *h, uint64_t offset, struct slice bytes); /* 0 or -EFBIG */
int edit_resize(struct handle *h, uint64_t size);

/* Saves the handle's text if it was changed.  -ESTALE when an earlier process had parts of it, or
 * what the row's `save` refuses, with a sentence. */
int edit_commit(struct fs *fs, struct handle *h, struct buf *why);

/* Saves a text that came in one piece. */
int edit_save(struct fs *fs, struct place place, struct slice text, struct buf *why);

/* 0, or -EINVAL with a sentence: not a name that people may choose. */
int edit_check_name(const char *name, struct buf *why);

/* Gives a number to a new name.  A directory is then there; a file or a link is not before
 * something is saved in it.  1; 0 nothing of this type and name is made here; -errno with a
 * sentence. */
int edit_place(struct fs *fs, struct place dir, const char *name, mode_t type, struct place *ret,
	struct buf *why);

/* A new file of the tree is complete: saves it under its name.  Does nothing for other scratch
 * files. */
int edit_born(struct fs *fs, struct scratch_file *file, struct buf *why);
