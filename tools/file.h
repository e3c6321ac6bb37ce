/* SPDX-License-Identifier: MIT */
/* Whole files: reading one with the guards that `read` and `edit` share, and replacing one in a
 * single step. */
#pragma once

#include "tools/path.h"

enum { FILE_BYTES_MAX = 256 << 10 }; /* what read and edit take, as the official worker */

/* The words of one tool for the guards. */
struct file_words {
	const char *tool;
	const char *too_large; /* what to do instead */
	const char *not_text;
};

/* Reads the regular file at `place` into `ret`.  0, or -errno with a sentence: not there, not a
 * regular file (nothing but regular files is ever opened), larger than FILE_BYTES_MAX, not
 * UTF-8. */
int file_load(const struct place *place, struct slice given, const struct file_words *words,
	struct buf *ret, struct buf *why);

/* Replaces or makes the file: a temporary sibling is written, synced and renamed, so that a reader
 * sees the old content or the new one.  An existing file keeps its mode; missing directories are
 * made.  0, or -errno with a sentence. */
int file_replace(const struct place *place, struct slice given, const char *tool,
	struct slice content, struct buf *why);

/* Opens a regular file for reading without ever waiting: a descriptor and its size, or -errno;
 * -ENXIO for anything that is not a regular file. */
int file_open(const struct place *place, uint64_t *ret_size);
