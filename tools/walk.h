/* SPDX-License-Identifier: MIT */
/*
 * Walking a directory tree for glob and grep: by descriptors, so that it cannot
 * be led elsewhere; in order of names, so that two walks agree; never through a
 * link, never into .git or node_modules; with a limit on depth, entries and time.
 *
 *	while ((what = walk_step(&walk, &entry)) != WALK_END)
 *		...
 */
#pragma once

#include "tools/run.h"

enum {
	WALK_DEPTH_MAX = 40,
	WALK_ENTRIES_MAX = 50000,
};

enum walk_what {
	WALK_FILE, /* a regular file */
	WALK_LINK, /* a symbolic link, to whatever */
	WALK_DIRECTORY, /* its entries follow, unless walk_skip is called now */
	WALK_END,
};

struct walk_entry {
	const char *path; /* relative to where the walk began */
	const char *name; /* its last component */
	size_t depth; /* 0 in the directory where the walk began */
	int dir; /* descriptor of the directory that holds it */
};

struct walk_level {
	int fd;
	char **names; /* owned, sorted, `count` of them */
	size_t count, next;
	size_t path_size; /* of the path of the directory */
};

struct walk {
	struct walk_level levels[WALK_DEPTH_MAX];
	size_t depth; /* levels in use */
	struct buf path;
	char pending[256]; /* directory that the next step goes into; empty: none */
	size_t entries;
	int64_t deadline_ms;
	bool cut_entries, cut_depth, cut_time; /* which limits left something out */
};

/* `dir` is the directory to begin with. */
void walk_begin(struct walk *w, int dir /* taken */, int64_t deadline_ms);
enum walk_what walk_step(struct walk *w, struct walk_entry *ret /* lent until the next step */);
void walk_skip(struct walk *w);
void walk_done(struct walk *w);
void cleanup_walk(struct walk *w);

/* Says which limits were met, as lines that follow a result. */
void walk_notes(const struct walk *w, struct buf *out);
