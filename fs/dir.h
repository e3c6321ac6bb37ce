/* SPDX-License-Identifier: MIT */
/*
 * What can be done with names: found, made, removed, renamed.
 *
 * A directory's names are the fixed ones of the node table, those that its rows
 * with a `*` find, and what editors put there for a while.  All functions take the
 * directory and a name in it; refusals come with a sentence where the errno
 * alone would not help.
 */
#pragma once

#include "fs/fs.h"
#include "fs/nodes.h"
#include "fs/scratch.h"

struct named { /* exactly one of the two */
	struct place place; /* place.node NULL: a scratch file */
	struct scratch_file *scratch; /* lent */
};

/* Whether names can be made or removed in it. */
bool dir_takes_names(const struct node *directory);

/* 1 found, 0 absent, -ENOTDIR, or -errno. */
int dir_find(struct fs *fs, struct place dir, const char *name, struct named *ret);

/* mkdir. */
int dir_make(struct fs *fs, struct place dir, const char *name, struct named *ret, struct buf *why);
/* rmdir: removes one, and what editors left in it. */
int dir_drop(struct fs *fs, struct place dir, const char *name, int64_t *ret_object,
	struct buf *why);

/* creat, symlink: makes a scratch file (which becomes a file of the tree when it is complete, where
 * there is a row for it), or finds what has that name (a file only). */
int dir_create(struct fs *fs, struct place dir, const char *name, mode_t mode, struct named *ret,
	struct buf *why);
int dir_symlink(struct fs *fs, struct place dir, const char *name, const char *target,
	struct named *ret, struct buf *why);
int dir_unlink(struct fs *fs, struct place dir, const char *name, struct buf *why);

struct renaming {
	struct place from_dir, to_dir;
	const char *from, *to;
	bool keep_existing; /* RENAME_NOREPLACE */
};
int dir_rename(struct fs *fs, const struct renaming *r, struct buf *why);
