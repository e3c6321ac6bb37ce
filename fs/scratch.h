/* SPDX-License-Identifier: MIT */
/*
 * What editors and ln(1) put beside the files of the tree: temporary, swap,
 * backup and lock files, and the link that `ln -sfn` renames into place.
 *
 * They live in memory, belong to one directory, and never become objects.  A
 * rename of one over a file of the tree is that file's new content.  Also kept
 * here: which files of the tree were removed a moment ago by a program that will
 * put a new one in their place (install, mv from another file system).
 *
 * Where new files of the tree may be made, they begin here too: what is written
 * in pieces comes into being when it is complete.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"

enum {
	SCRATCH_NAME_MAX = 255,
	SCRATCH_FILES_MAX = 64, /* in one directory: editors leave one or two for each file */
	SCRATCH_BYTES_MAX = 1 << 20, /* of one file: a swap file of the largest document */
	SCRATCH_TOTAL_MAX = 32 << 20, /* of all files together */
	SCRATCH_ABSENT_MS = 2000, /* how long a removed file of the tree stays away */
};

struct scratch; /* all of them */

/* Whether it is how a program names a file that it will soon move or remove: such a name is a file
 * of the tree only if it was one before. */
bool scratch_name_is_temporary(const char *name);

struct scratch_file {
	struct list link; /* scratch.files, by serial */
	uint64_t serial; /* never reused */
	uint64_t directory; /* inode number */
	char name[SCRATCH_NAME_MAX + 1];
	mode_t mode; /* type and permissions */
	struct buf data; /* contents, or the target of a link */
	int64_t changed_us; /* wall clock */
	int opens;
	bool newborn; /* closing it makes it a file of the tree, see edit_born */
	bool removed; /* has no name any more; freed with the last close */
};

struct scratch *scratch_new(void);
struct scratch *scratch_free(struct scratch *scratch);

/* 0 and the file (owned by `scratch`); -EEXIST, -ENAMETOOLONG, -ENOSPC over a limit. */
int scratch_make(struct scratch *scratch, uint64_t directory, const char *name, mode_t mode,
	struct scratch_file **ret);
struct scratch_file *scratch_find(struct scratch *scratch, uint64_t directory, const char *name);
struct scratch_file *scratch_get(struct scratch *scratch, uint64_t serial); /* NULL if absent */
/* The next one in the directory with serial > after, NULL at the end. */
struct scratch_file *scratch_next(struct scratch *scratch, uint64_t directory, uint64_t after);

void scratch_remove(struct scratch *scratch, struct scratch_file *file);
void scratch_remove_all(struct scratch *scratch, uint64_t directory);
/* Replaces what had the name.  0 or -ENAMETOOLONG. */
int scratch_rename(struct scratch *scratch, struct scratch_file *file, const char *name);
void scratch_opened(struct scratch_file *file);
void scratch_closed(struct scratch *scratch, struct scratch_file *file);

/* Replaces bytes; a gap is filled with zeros.  0 or -ENOSPC. */
int scratch_write(struct scratch *scratch, struct scratch_file *file, uint64_t offset,
	const void *data, size_t size);
int scratch_resize(struct scratch *scratch, struct scratch_file *file, uint64_t size);

/* The name of an inode of the tree that is away for a moment. */
void scratch_hide(struct scratch *scratch, uint64_t inode);
void scratch_unhide(struct scratch *scratch, uint64_t inode);
bool scratch_is_hidden(const struct scratch *scratch, uint64_t inode);

/* The same two for any document: at most `max` bytes, else -EFBIG. */
int document_write(struct buf *text, uint64_t offset, const void *data, size_t size, size_t max);
int document_resize(struct buf *text, uint64_t size, size_t max);
