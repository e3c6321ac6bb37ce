/* SPDX-License-Identifier: MIT */
/*
 * What a running file tool may use, and the functions of the rows of tool.c.
 *
 * A file tool runs in a process of its own (job.h): it may block, allocate and
 * fail as it likes, leaks nothing into the hands, and is killed when it does not
 * heed its deadline.
 */
#pragma once

#include "tools/args.h"
#include "tools/path.h"

struct tool_run {
	const struct root *roots; /* roots[0] is the working directory, base of relative paths */
	size_t root_count;
	int64_t deadline_ms; /* monotonic; a tool that walks stops there and says what is missing */
};

/* Each as struct tool.run has it: `args` is the struct of args.h; `ret_text` is the answer to the
 * model, or after -errno the sentence that says why there is none. */
int read_run(const struct tool_run *run, const void *args, struct buf *ret_text);
int write_run(const struct tool_run *run, const void *args, struct buf *ret_text);
int edit_run(const struct tool_run *run, const void *args, struct buf *ret_text);
int glob_run(const struct tool_run *run, const void *args, struct buf *ret_text);
int grep_run(const struct tool_run *run, const void *args, struct buf *ret_text);
