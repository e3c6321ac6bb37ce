/* SPDX-License-Identifier: MIT */
/*
 * Where the file tools may go: below the roots, however a path is spelled and
 * whatever the links on it say.
 *
 * A path is resolved in two steps.  First it is read: links are followed as text
 * until a plain path below a root is left (its "place").  Then the kernel is
 * asked to open exactly that place, beneath the root's descriptor and through no
 * link at all (openat2).  Whoever swaps a directory for a link in between gets
 * an error, not another file.
 */
#pragma once

#include "base/buf.h"

enum {
	PATH_BYTES_MAX = 4096, /* PATH_MAX */
	PATH_LINKS_MAX = 40, /* as the kernel */
};

struct root {
	const char *prefix; /* absolute, no slash at the end; what the model sees */
	int fd; /* O_PATH of the directory */
	bool read_only;
};

struct tool_run;

/* A resolved path: below `root`, without links and ".."; "." is the root itself.  What it names may
 * not exist. */
struct place {
	const struct root *root; /* lent from the run */
	char path[PATH_BYTES_MAX];
};

/* 0; -EXDEV when the path leads out of all roots; -ELOOP, -EACCES, -ENOTDIR, -ENAMETOOLONG and
 * others.  `why` is a whole sentence, with the path as it was given. */
int place_find(const struct tool_run *run, struct slice given, struct place *ret, struct buf *why);

/* openat2 of the place with O_CLOEXEC | O_NOFOLLOW added.  A descriptor or -errno. */
int place_open(const struct place *place, int flags);

/* Opens the directory that holds the place, making it and what is above it (0755) when `make`;
 * *ret_leaf is lent from the place.  A descriptor; -EISDIR for a root itself; -errno. */
int place_open_parent(const struct place *place, bool make, const char **ret_leaf);

/* The absolute path, as the model may use it. */
void place_show(const struct place *place, struct buf *out);

/* The fixed wording for an errno: no libc text and no foreign path reaches the model.  NULL when
 * there is none. */
const char *path_reason(int error);

/* "TOOL: GIVEN: reason" in `why`; returns -error. */
int path_refuse(struct buf *why, const char *tool, struct slice given, int error);
