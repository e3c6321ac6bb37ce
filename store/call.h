/* SPDX-License-Identifier: MIT */
/*
 * Open calls: the tool calls that wait for somebody outside.
 *
 * A call is known by the sequence number of its agent.*_use event.  It is open
 * from the session.status_idle (requires_action) that lists it until it is
 * answered or the session goes on without it.  An answer is an event in the
 * queue; from the moment it is there the call is no longer open, although the
 * harness has not taken it yet.  So of two who answer one wins, and nobody can
 * answer twice, whatever way they take (a file of pending/, or `input`).
 *
 * The table behind this is a cache of the log and the queue, kept in the same
 * transactions (log_append and queue_add do that).
 */
#pragma once

#include "base/id.h"
#include "base/json.h"
#include "store/store.h"

enum call_kind { /* stored: a value never changes its meaning */
	CALL_CONFIRM = 1, /* pending/: a tool call whose permission is `ask` wants a yes or no */
	CALL_RESULT, /* calls/: a custom tool call wants its result */
	CALL_KINDS
};

enum { CALL_TOOL_SIZE = 65 };

struct call {
	uint64_t seq;
	enum call_kind kind;
	char id[ID_SIZE]; /* of the event */
	char tool[CALL_TOOL_SIZE]; /* fit for a file name: letters, digits, _ . -; others are _ */
	int64_t asked_us; /* when it was logged */
};

/* The next `max` open calls of the kind (0: any) with seq > after, in order: how many, or -errno.
 * None when the session does not wait. */
int call_page(struct store *store, int64_t session, enum call_kind kind, uint64_t after,
	struct call *ret, int max);

/* One open call: 1, 0 not open (any more), -errno.  ret may be NULL. */
int call_get(struct store *store, int64_t session, uint64_t seq, struct call *ret);

/* Answers an open call with what was written to its file, durably:
 *  - CALL_CONFIRM: `allow`, `deny`, `deny WHY` or `always`, with white space around it.  `always`
 *    is an allow that the harness remembers for the session: its event has
 *    "x_agentdirs":{"always":true}.
 *  - CALL_RESULT: the text of the result without its last newline, or a JSON list of content
 *    blocks; a first line `error:` (its rest, if any, belongs to the text) marks the result as
 *    failed.
 *
 * 0; -EINVAL with a sentence (nothing written, not one of these words, bad content block); -EILSEQ;
 * -EFBIG; -ESTALE it was answered already or the session went on without it; -ENOENT that event is
 * not a call that waits for anybody; -EROFS archived. */
int call_answer(struct store *store, int64_t session, uint64_t seq, struct slice text,
	struct buf *why);

/* Only judges the text, as a part of it arrives: 0 or an error that more text cannot mend. */
int call_check(enum call_kind kind, struct slice text, struct buf *why);

/* Builds the event that call_answer queues.  For an answer to event `id`. */
int call_parse(enum call_kind kind, const char *id, struct slice text, cJSON **ret_event,
	struct buf *why);
