/* SPDX-License-Identifier: MIT */
/* Text for a terminal: words on lines that fit. */
#pragma once

#include "base/buf.h"

enum { WRAP_COLUMNS = 79 }; /* a terminal's 80, less the one in which some of them break the line */

/* Adds the words of `text`, and a newline.  `column` characters stand in the line already; the lines
 * that follow begin with `indent` blanks.  What stands between backquotes is to be copied, so it is
 * not broken; nor is a word that is longer than a line.  Columns are counted in characters. */
void wrap_text(struct buf *out, size_t column, size_t indent, const char *text);
