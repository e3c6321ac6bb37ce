/* SPDX-License-Identifier: MIT */
/*
 * A session in memory, for as long as a turn runs.
 *
 * Everything here is derived from the log (or is on its way into it): when the
 * turn is over the memory is dropped, and when the harness is killed its
 * successor makes the same again by reading the log.  See "The round" in
 * harness.c for who calls what when.
 */
#pragma once

#include "base/id.h"
#include "base/list.h"
#include "base/loop.h"
#include "harness/model.h"
#include "harness/prompt.h"
#include "harness/turn.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "store/session.h"
#include "tools/tool.h"

struct harness;

enum call_state {
	CALL_OPEN, /* logged, not yet given to the sandbox */
	CALL_SENT, /* given to the sandbox */
	CALL_DONE, /* its result has come and waits for the log */
	CALL_LOGGED, /* its result is in the log */
};

struct call {
	char id[ID_SIZE]; /* of the agent.tool_use event: names the call everywhere */
	char *tool_use_id; /* the model's id; owned */
	char *name; /* owned */
	const struct tool *tool; /* NULL: no such tool */
	struct buf input; /* packed parameters */
	enum call_state state;
	bool recovered; /* logged by an earlier harness: it may have been started */
	bool ran; /* the sandbox holds a result that is to be acknowledged */
	bool abandoned; /* closed by an interrupt while it ran */
	bool is_error;
	struct buf text; /* of the result */
	int64_t started_us, ended_us; /* in the sandbox; 0: did not run */
};

/* How a model request ended, kept from the callback until the round. */
struct answer {
	bool ready;
	enum turn_input input;
	cJSON *events; /* agent.* events to be logged, an array; owned */
	cJSON *blocks; /* the whole content, only if the events cannot give it back; owned */
	cJSON *usage; /* the API's usage object; owned; NULL unknown */
	cJSON *stop_details; /* owned */
	char *stop_reason; /* owned */
	char *error_type, *reason; /* owned; of a failed request */
	int64_t retry_after_ms;
};

/* A content block while it streams: which event it will be part of. */
struct stream_block {
	int index; /* in the stream */
	char event_id[ID_SIZE];
	int content_index; /* of its text within that event */
	bool is_text, has_text;
};

struct active {
	struct harness *harness;
	struct list link; /* harness.actives, or harness.kept */
	struct list by_num, by_id; /* buckets of the harness, while active */
	int64_t num;
	char id[ID_SIZE]; /* the session's */
	char thread[ID_SIZE]; /* its primary thread's: the same digits with the prefix sthr */
	char *agent_name; /* owned */
	char *workspace; /* owned */
	cJSON *agent; /* the agent's definition; owned */
	int64_t agent_num, agent_version; /* which that is */
	uint64_t events; /* of the log that this memory has seen */
	int64_t kept_ms; /* since when it is kept for the next turn; 0: it is active */

	enum turn_phase phase;
	struct prompt prompt;
	struct list mark; /* harness.marked, the round's own list, or none: something has happened */
	struct loop_timer retry;
	int attempt; /* failed attempts at the request that is due */

	struct model_request *request; /* NULL unless in flight */
	char request_id[ID_SIZE]; /* the open span.model_request_start; "" none */
	uint64_t logged_seq; /* the last event that was logged here; while asking, the request's start */
	struct answer answer;
	int pauses; /* answers in a row that were no more than a pause */
	struct stream_block *blocks; /* of the answer that streams, by rising index; owned */
	size_t block_count;
	struct buf preview; /* event_start and event_delta lines of this round */
	struct buf delta; /* text not yet put into a line, of the block delta_index */
	int delta_index;
	bool preview_lost; /* a part could not be handed on: nothing more of this answer is */

	struct call *calls; /* of the latest response */
	size_t call_count;
	struct loop_timer calls_timer; /* bounds the wait for the next result */

	/* What happened, until the round looks at it. */
	bool woken, due;
	bool found; /* the phase is the log's: nothing was done here yet */
	bool unusable; /* agent or log cannot be read; a->answer says why */

	/* What the round decided, until it is committed. */
	enum turn_op effects[TURN_OPS_MAX];
	size_t effect_count;
};

/* Reads the session's log and makes its memory; its first input is what was found there.  1; 0 when the session
 * is gone, archived or over; -errno.  A session that cannot be used is loaded too: its turn will say why. */
int active_load(struct harness *h, int64_t num, struct active **ret);
struct active *active_free(struct active *a); /* cancels its request; the sandbox lives on */

/* Marks the session for the round. */
void active_ready(struct active *a);

/* Runs all that has happened through the turn machine, inside the open transaction. */
int active_advance(struct active *a);
bool active_has_input(const struct active *a); /* a look without the store */

/* calls.c */
void calls_clear(struct active *a);
struct call *calls_add(struct active *a, const char *event_id, const char *tool_use_id, const char *name,
	const cJSON *input, const char *refusal /* NULL, or the error result it gets at once */);
struct call *calls_find(struct active *a, const char *event_id);
size_t calls_in(const struct active *a, enum call_state state);
void calls_finish(struct call *call, bool is_error, struct slice text); /* result without running */
void calls_execute(struct active *a); /* the effect TURN_DO_EXECUTE; again when the sandbox is ready */
void calls_stop(struct active *a); /* the effect TURN_DO_STOP_CALLS */
void calls_acknowledge(struct active *a); /* after the commit of their results */
void calls_take_result(struct active *a, struct call *call, const struct sandbox_result *result);
void calls_lose(struct active *a, const char *why); /* the sandbox is gone */
void calls_late(struct active *a); /* the sandbox has not answered in time */

/* preview.c: an answer while it streams. */
void preview_init(struct active *a);
void preview_piece(struct active *a, const struct model_piece *piece);
void preview_send(struct active *a); /* at the end of the round */
void preview_clear(struct active *a); /* forgets the answer */

/* record.c: an answer that is finished.  Its events are in a->answer, and the log will take them. */
void record_outcome(struct active *a, const struct model_outcome *outcome);
void record_clear(struct active *a);
/* Whether the log takes an event and can be read again: 0, or -errno with a sentence part. */
int record_check(const cJSON *event, struct buf *why);
void record_failure(struct active *a, const char *error_type, const char *reason);
bool record_is_thinking(const char *block_type);

/* ops.c: runs the log operations of a row, in order, inside the open transaction; collects the effects.  0 or
 * -errno, after which the whole round is rolled back. */
int ops_log(struct active *a, const struct turn_row *row);
void ops_act(struct active *a); /* after the commit */
void ops_fold_call(struct active *a, const cJSON *event); /* an agent.tool_use joins the open calls */
bool ops_may_retry(const struct active *a); /* whether another attempt is allowed */
