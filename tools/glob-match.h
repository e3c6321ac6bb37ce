/* SPDX-License-Identifier: MIT */
/*
 * Path patterns: segments with *, ?, [a-z], \x; ** for any number of segments;
 * {a,b} anywhere.  Pure, and linear in the path: no pattern can blow up.
 *
 * A pattern is a small automaton over path components.  Its state travels down a
 * directory walk, so that a directory in which nothing can match is never read.
 */
#pragma once

#include "base/buf.h"

enum {
	GLOB_PATTERN_MAX = 4096, /* bytes, as a path */
	GLOB_ALTERNATIVES_MAX = 64, /* after {a,b} are written out */
	GLOB_SEGMENTS_MAX = 63, /* of one alternative: one bit each, and one for "all done" */
};

struct glob {
	struct buf text; /* the alternatives' segments, each with its NUL */
	size_t count;
	struct glob_alternative {
		size_t segment[GLOB_SEGMENTS_MAX]; /* where in text */
		size_t count;
	} *alternatives; /* owned, `count` of them */
};

/* Where a pattern stands after some components: per alternative, a bit for each segment that may
 * come next; bit `count`: the components so far match. */
struct glob_state {
	uint64_t at[GLOB_ALTERNATIVES_MAX];
};

/* 0, or -EINVAL with a sentence: empty, absolute, with a ".." segment, too long or with too many
 * alternatives. */
int glob_parse(struct slice pattern, struct glob *ret, struct buf *why);
void glob_done(struct glob *g);
void cleanup_glob(struct glob *g);

void glob_begin(const struct glob *g, struct glob_state *ret);

/* Takes the component `name`; false when nothing below or at it can match. */
bool glob_enter(const struct glob *g, const struct glob_state *from, const char *name,
	struct glob_state *ret);
bool glob_matches(const struct glob *g, const struct glob_state *state);
