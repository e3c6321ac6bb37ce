/* SPDX-License-Identifier: MIT */
/*
 * The `%` directives: one row each.
 *
 * A *fault* happens a number of times and then no more, so that the retry after
 * it succeeds; a *manner* colours the answer of its round.
 */
#pragma once

#include "base/buf.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_STATUS, /* an HTTP error: `status`, and retry-after `seconds` if >= 0 */
	FAULT_CUT, /* the connection breaks at `place` */
	FAULT_GARBAGE, /* bytes that are no events, then the end */
	FAULT_STREAM_ERROR, /* an `error` event, then the end */
	FAULT_SILENCE, /* nothing for `ms`, then the connection breaks */
	FAULT_MAX_TOKENS, /* the answer stops in the middle: stop_reason max_tokens */
	FAULT_CONTEXT, /* … model_context_window_exceeded */
	FAULT_PAUSE, /* the turn pauses in a server tool: pause_turn */
};

enum cut_place { CUT_TEXT, CUT_TOOL, CUT_START };

struct fault {
	enum fault_kind kind;
	int64_t count;
	int64_t status; /* HTTP */
	/* STATUS: retry-after in seconds, -1 none · CUT: enum cut_place · SILENCE: ms */
	int64_t value;
	/* Counted per text instead of per conversation: the retry that is hoped for has other
	 * messages before it. */
	bool by_text;
	size_t text; /* which of the script's texts it stands in, the first is 0 */
};

struct manner {
	int64_t slow_ms; /* between deltas */
	int64_t pings; /* more pings */
	int64_t think, redacted; /* such a block first */
	int64_t empty; /* no content at all */
	int64_t unknown; /* events, blocks and deltas that nobody knows */
	int64_t long_words; /* an answer of so many words */
	int64_t invalid_input; /* tool inputs are cut JSON */
	int64_t refuse; /* 1 + index of the category; 0 no */
	int64_t help; /* print the tables */
};

enum argument {
	ARG_NONE,
	ARG_COUNT,
	ARG_WORDS,
	ARG_SECONDS,
	ARG_STATUS,
	ARG_PLACE,
	ARG_DURATION,
	ARG_CATEGORY,
};

struct directive {
	const char *name, *args, *help;
	enum argument first, second;
	int64_t first_default, second_default; /* -1 as first_default: the argument is required */
	struct fault fault; /* what happens; kind FAULT_NONE: this row is a manner */
	size_t manner; /* offset in struct manner of the number that is set */
};

const struct directive *directive_at(size_t index); /* NULL past the last */

/* Takes in the text behind the `%`.  0; -ENOENT when there is no such directive, -EINVAL for a
 * wrong argument, -E2BIG when there are too many faults, each with a sentence. */
int directive_take(const char *text, struct fault *faults, size_t *fault_count, size_t faults_max,
	struct manner *manner, struct buf *why);

const char *directive_category(int64_t refuse); /* the refusal's category for manner.refuse */
