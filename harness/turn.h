/* SPDX-License-Identifier: MIT */
/*
 * The turn machine: what happens next in a session, as one table.
 *
 * A session is always in one phase.  Something happens (an input), and the table
 * says which phase follows and what is to be done, as operations in order.  The
 * machine is pure: it touches no log, no socket and no clock; harness/ops.c
 * carries the operations out.  First all of them that write to the log run, in
 * one transaction, then, after the commit, the effects: append first, act second.
 */
#pragma once

#include <stdbool.h>

enum turn_phase {
	TURN_IDLE, /* waits for something to be queued */
	TURN_ASKING, /* a model request is in flight */
	TURN_WORKING, /* tool calls are open */
	TURN_BACKOFF, /* the model failed; the next attempt has its time */
	TURN_PHASES
};

enum turn_input {
	TURN_QUEUED, /* there are messages in the queue */
	TURN_QUEUED_QUIET, /* there are only events in the queue that start nothing */
	TURN_ANSWERED, /* the model finished, nothing to run, nothing queued */
	TURN_ANSWERED_MORE, /* the same, but the answer is to be continued: queued messages, or a pause */
	TURN_CALLED, /* the model finished with tool calls */
	TURN_REFUSED, /* the model refused */
	TURN_FAULT, /* the request failed and may be tried again */
	TURN_FAILURE, /* trying again will not help, or was tried often enough; or the session cannot be used */
	TURN_RESULT, /* results of some tool calls; others are still open */
	TURN_RESULTS, /* results of all open calls */
	TURN_DUE, /* the time of the next attempt has come */
	TURN_INTERRUPT, /* user.interrupt is queued */
	TURN_FOUND, /* the phase was found in the log: a predecessor left the session in it */
	TURN_INPUTS
};

/* What is to be done.  Those up to TURN_LOGS write to the log, the others act on the world. */
enum turn_op {
	TURN_END, /* ends a list */
	TURN_LOG_RUNNING, /* session.status_running and the thread's */
	TURN_LOG_QUEUE, /* takes what is queued into the log */
	TURN_LOG_ASK, /* span.model_request_start */
	TURN_LOG_RESPONSE, /* what the model said, its calls, and the end of the request */
	TURN_LOG_REQUEST_LOST, /* ends a request without an answer, if one is open */
	TURN_LOG_RETRYING, /* session.error with retry_status retrying */
	TURN_LOG_EXHAUSTED, /* session.error with retry_status exhausted */
	TURN_LOG_RESCHEDULED,
	TURN_LOG_RESULTS, /* the tool results that have come */
	TURN_LOG_CLOSE_CALLS, /* an error result for each call that is still open */
	TURN_LOG_INTERRUPT, /* user.interrupt */
	TURN_LOG_IDLE, /* usage and idle, with the stop reason that the input implies */
	TURN_LOGS,
	TURN_DO_ASK, /* send the request */
	TURN_DO_CANCEL, /* give the request up */
	TURN_DO_EXECUTE, /* run the open calls */
	TURN_DO_STOP_CALLS, /* interrupt the calls that run */
	TURN_DO_WAIT, /* set the time of the next attempt */
	TURN_OPS
};

enum { TURN_OPS_MAX = 6 };

struct turn_row {
	enum turn_phase phase;
	enum turn_input input;
	enum turn_phase next;
	enum turn_op ops[TURN_OPS_MAX]; /* ends with TURN_END when shorter */
};

/* The row for an input in a phase; NULL when it means nothing there and is dropped (a late tool result
 * after an interrupt, say). */
const struct turn_row *turn_next(enum turn_phase phase, enum turn_input input);

const char *turn_phase_name(enum turn_phase phase);
