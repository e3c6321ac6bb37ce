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

/* What is to be done.  All lent, until job_start returns. */
struct job_order {
	const struct tool *tool;
	const struct tool_run *run; /* its deadline is set from the next */
	const void *args; /* the struct of the tool's table */
	int64_t timeout_ms;
	/* The result; `text` is lent.  The job is gone afterwards.  Comes from the loop, never from
	 * within job_start. */
	void (*on_done)(void *data, bool is_error, const struct buf *text);
	void *data;
};

/* 0 or -errno. */
int job_start(struct loop *loop, struct processes *processes, const struct job_order *order,
	struct job **ret /* its own, lent until on_done */);

void job_interrupt(struct job *job); /* its result comes as an error */
