/* SPDX-License-Identifier: MIT */
/*
 * The calls that the hands know, by id: waiting, running, or done and remembered
 * until the harness has the result in its log.  This is what makes `execute`
 * happen once however often it is asked for.  Pure: who runs them is hands.c.
 */
#pragma once

#include "base/list.h"
#include "sandbox/protocol.h"
#include "tools/tool.h"

enum {
	CALL_ID_MAX = 100, /* bytes; ids of the API have about 30 */
	CALLS_INPUT_BYTES_MAX = 64 << 20, /* inputs held at a time: twice the largest */
};

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_DONE };

struct call {
	char id[CALL_ID_MAX + 1];
	const struct tool *tool; /* NULL: unknown, then done from the beginning */
	enum call_state state;
	struct buf input; /* packed, until it is done */
	_Alignas(max_align_t) char args[TOOL_ARGS_SIZE_MAX]; /* unpacked; texts lent from input */
	int64_t timeout_ms;
	uint64_t stream; /* who asked last; 0: nobody that is still there */
	bool acknowledged; /* before it was done: forget it when it is */
	bool is_error;
	struct buf text; /* the result, once done */
	int64_t started_us, ended_us; /* wall clock */
	struct list link; /* calls.all */
};

struct calls {
	struct list all; /* struct call.link, in order of arrival */
	size_t count;
	size_t input_bytes; /* held by all of them */
};

void calls_init(struct calls *calls);
void calls_done(struct calls *calls);

struct call *calls_find(struct calls *calls, struct slice id); /* NULL if unknown */

/* Adds a waiting call with a copy of `input`.  NULL when there are too many or they hold too
 * much. */
struct call *calls_add(struct calls *calls, struct slice id, const struct tool *tool,
	struct slice input);

/* The first waiting call that may start now, or NULL: reads run beside each other and beside the
 * shell, but stay in order with writes; writes and the shell keep the order of arrival. */
struct call *calls_next(struct calls *calls);

/* The call is over: keeps the result (cut to TOOL_RESULT_BYTES_MAX, made UTF-8, never empty) and
 * lets go of the input. */
void calls_finish(struct calls *calls, struct call *call, bool is_error, struct slice text,
	int64_t ended_us);

void calls_remove(struct calls *calls, struct call *call);
