/* SPDX-License-Identifier: MIT */
/* What the rehearsal says when it was not told what to say.  All of it is a function of the
 * request. */
#pragma once

#include "rehearsal/scene.h"

enum { WORDS_MAX_BYTES = 4 << 20 };

/* Answers plain words: who speaks, what was said, what one can type. */
void words_hello(struct buf *out, const char *text);

/* Quotes every tool result since the script's message; false (and nothing) when there is none. */
bool words_results(struct buf *out, const struct request *r, size_t since_turn);

void words_help(struct buf *out);
void words_wrong(struct buf *out, const char *sentence);
void words_long(struct buf *out, int64_t count);
