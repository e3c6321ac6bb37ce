/* SPDX-License-Identifier: MIT */
/*
 * The built-in tools of agent_toolset_20260401: one row each, with its name, the
 * text and parameters that the model sees, and the function that the hands run.
 *
 * The harness links this table without the functions (TOOLS_DESCRIBE_ONLY), so
 * that describing a tool does not mean carrying it.
 */
#pragma once

#include "base/param.h"

enum tool_needs {
	TOOL_READS = 1, /* may run beside others */
	TOOL_WRITES = 2, /* one at a time, in order */
	TOOL_EXECUTES = 4, /* in the persistent shell; one at a time, in order */
};

struct tool_run; /* what a running tool may use: tools/run.h, hands only */

struct tool {
	const char *name;
	const char *description; /* frozen bytes: part of the prompt cache's key */
	const struct param *params;
	size_t args_size; /* of the struct that params fill, see tools/args.h */
	unsigned needs; /* enum tool_needs */
	/* Fills the result text; returns 0, or -errno for an error result.  Runs in a child process
	 * of the hands.  NULL in the harness, and for TOOL_EXECUTES, which the hands' shell
	 * runs. */
	int (*run)(const struct tool_run *run, const void *args, struct buf *ret_text);
};

enum { TOOL_ARGS_SIZE_MAX = 128 }; /* of any row's args_size */

const struct tool *tool_find(const char *name); /* NULL if unknown */

/* In the toolset's order: bash read write edit glob grep; NULL after the last. */
const struct tool *tool_at(size_t index);
