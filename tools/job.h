/* SPDX-License-Identifier: MIT */
/*
 * One file tool in a process of its own: its result comes through a pipe, and it
 * is killed when it does not keep to its time.
 */
#pragma once

#include "base/loop.h"
#include "tools/process.h"
#include "tools/run.h"
#include "tools/tool.h"

struct job;

struct job_handler {
	/* The result; `text` is lent.  The job is gone afterwards.  Comes from the loop, never from
	 * within job_start. */
	void (*on_done)(void *data, bool is_error, const struct buf *text);
	void *data;
};

/* `args` is the struct of the tool's table and is not needed afterwards.  0 or -errno. */
int job_start(struct loop *loop, struct processes *processes, const struct tool *tool,
	const struct tool_run *run, const void *args, int64_t timeout_ms,
	const struct job_handler *handler, struct job **ret /* its own, lent until on_done */);

void job_interrupt(struct job *job); /* its result comes as an error */
