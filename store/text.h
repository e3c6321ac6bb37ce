/* SPDX-License-Identifier: MIT */
/* Small steps in reading what people write into files. */
#pragma once

#include "base/buf.h"

/* Without the white space at its front, or at both ends. */
struct slice text_skip_space(struct slice text);
struct slice text_trim(struct slice text);

/* Takes the next line off the front, trimmed; empty lines and those that begin with # are
 * skipped. */
bool text_next_line(struct slice *text, struct slice *ret_line);

/* 0, or -EILSEQ with a sentence: not UTF-8, or with a NUL.  While more may come (not complete), an
 * unfinished character at the end is fine. */
int text_check(struct slice text, bool complete, struct buf *why);
