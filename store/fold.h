/* SPDX-License-Identifier: MIT */
/*
 * The fold: what a session's log says about its state now.
 *
 * fold_event() is applied to each event in order; log_append applies it inside
 * the same transaction and keeps the result beside the session, so that looking
 * at a session does not mean reading its log.  That copy is a cache: fold_log()
 * makes it again from the events alone, and a test holds the two together.
 */
#pragma once

#include "base/id.h"
#include "base/json.h"

struct store;

enum session_status { SESSION_IDLE, SESSION_RUNNING, SESSION_RESCHEDULING, SESSION_TERMINATED,
	SESSION_STATUSES };

enum stop_reason {
	STOP_NEW, /* no turn yet; no stop_reason in the API */
	STOP_END_TURN,
	STOP_REQUIRES_ACTION,
	STOP_BUDGET_REACHED,
	STOP_RETRIES_EXHAUSTED,
	STOP_REFUSAL,
	STOP_REASONS
};

struct usage {
	int64_t input_tokens, output_tokens;
	int64_t cache_read_input_tokens;
	int64_t cache_creation_input_tokens; /* 5-minute and 1-hour together */
	int64_t cache_creation_1h_tokens; /* part of the above */
	int64_t web_search_requests;
	int64_t cost_nano; /* list cost in 1e-9 US dollars */
	int64_t active_us; /* time spent running, closed turns only */
};

struct fold {
	enum session_status status;
	enum stop_reason stop; /* of the last idle */
	uint64_t events; /* sequence number of the last event; 0: none */
	uint64_t bytes; /* size of the log */
	int64_t last_us; /* processed_at of the last event */
	uint64_t turn_seq; /* first session.status_running of this or the last turn; 0: none */
	int64_t running_since_us; /* 0 while not running */
	uint64_t reply_seq; /* last agent.message; 0: none */
	uint64_t error_seq; /* last session.error; 0: none */
	uint64_t idle_seq; /* last session.status_idle; 0: none */
	struct usage usage;
};

/* The API's words, "idle", "end_turn"; lent.  STOP_NEW is "new". */
const char *session_status_name(enum session_status status);
const char *stop_reason_name(enum stop_reason stop);

/* `usage` in the API's shape, as session.usage and the session object show it (reference section
 * 4.2); extra_active_us: of the turn that still runs.  list_cost is rounded to whole cents.
 * Given. */
cJSON *usage_body(const struct usage *usage, int64_t extra_active_us);

/* Applies one event.  `seq` and `size` (line with its newline) are the event's place. */
void fold_event(struct fold *fold, const cJSON *event, uint64_t seq, uint64_t size);

/* Makes the fold anew from the whole log: 0 or -errno. */
int fold_log(struct store *store, int64_t session, struct fold *ret);
