/* SPDX-License-Identifier: MIT */
/* Cuts a stream of bytes into lines of bounded length: push bytes in, take lines out. */
#pragma once

#include "base/buf.h"

struct lines {
	struct buf bytes; /* its maximum is the longest line and one piece read */
	size_t line_max;
	size_t taken; /* bytes of the line given last, removed by the next call */
};

#define LINES_PIECE_MAX 4096 /* push at most this much, then take all lines */

void lines_init(struct lines *l, size_t line_max);
void lines_done(struct lines *l);

void lines_push(struct lines *l, const void *data, size_t size);

/* The next line without its newline, lent until the next call.  A longer one comes in pieces of
 * line_max bytes.  With `at_end`, what is left comes too. */
bool lines_next(struct lines *l, bool at_end, struct slice *ret_line);
