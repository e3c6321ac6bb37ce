/* SPDX-License-Identifier: MIT */
#include "store/fold_steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/event.h"

static const char *const status_names[SESSION_STATUSES] = {
	[SESSION_IDLE] = "idle",
	[SESSION_RUNNING] = "running",
	[SESSION_RESCHEDULING] = "rescheduling",
	[SESSION_TERMINATED] = "terminated",
};

static const char *const stop_names[STOP_REASONS] = {
	[STOP_NEW] = "new",
	[STOP_END_TURN] = "end_turn",
	[STOP_REQUIRES_ACTION] = "requires_action",
	[STOP_BUDGET_REACHED] = "budget_reached",
	[STOP_RETRIES_EXHAUSTED] = "retries_exhausted",
	[STOP_REFUSAL] = "refusal",
};

const char *session_status_name(enum session_status status)
{
	return status_names[status];
}

const char *stop_reason_name(enum stop_reason stop)
{
	return stop_names[stop];
}

enum stop_reason stop_reason_find(const char *name)
{
	enum stop_reason stop = STOP_END_TURN; /* "new" is ours, no event says it */
	while (stop < STOP_REASONS && strcmp(stop_names[stop], name) != 0)
		stop++;
	return stop;
}

/* The session does not run from here on.  fold->last_us is the event's time already. */
static void stop_clock(struct fold *fold)
{
	if (fold->running_since_us)
		fold->usage.active_us += fold->last_us - fold->running_since_us;
	fold->running_since_us = 0;
}

void fold_running(struct fold *fold, const cJSON *event, uint64_t seq)
{
	if (fold->status != SESSION_RESCHEDULING) /* else the turn goes on */
		fold->turn_seq = seq;
	if (!fold->running_since_us)
		fold->running_since_us = fold->last_us;
	fold->status = SESSION_RUNNING;
}

void fold_idle(struct fold *fold, const cJSON *event, uint64_t seq)
{
	const char *reason = json_text(json_get(event, "stop_reason"), "type");
	enum stop_reason stop = reason ? stop_reason_find(reason) : STOP_REASONS;
	fold->stop = stop < STOP_REASONS ? stop : STOP_END_TURN;
	fold->status = SESSION_IDLE;
	fold->idle_seq = seq;
	stop_clock(fold);
}

void fold_rescheduled(struct fold *fold, const cJSON *event, uint64_t seq)
{
	fold->status = SESSION_RESCHEDULING;
	stop_clock(fold);
}

void fold_terminated(struct fold *fold, const cJSON *event, uint64_t seq)
{
	fold->status = SESSION_TERMINATED;
	stop_clock(fold);
}

void fold_error(struct fold *fold, const cJSON *event, uint64_t seq)
{
	fold->error_seq = seq;
}

void fold_reply(struct fold *fold, const cJSON *event, uint64_t seq)
{
	fold->reply_seq = seq;
}

void fold_request_end(struct fold *fold, const cJSON *event, uint64_t seq)
{
	const cJSON *used = json_get(event, "model_usage"), *ours = json_get(event, "x_agentdirs");
	struct usage *u = &fold->usage;
	u->input_tokens += json_int(used, "input_tokens", 0);
	u->output_tokens += json_int(used, "output_tokens", 0);
	u->cache_read_input_tokens += json_int(used, "cache_read_input_tokens", 0);
	u->cache_creation_input_tokens += json_int(used, "cache_creation_input_tokens", 0);
	u->cache_creation_1h_tokens += json_int(ours, "cache_creation_1h", 0);
	u->web_search_requests += json_int(ours, "web_search_requests", 0);
	u->cost_nano += json_int(ours, "cost_nano", 0);
}

void fold_event(struct fold *fold, const cJSON *event, uint64_t seq, uint64_t size)
{
	const char *type = json_text(event, "type"), *time = json_text(event, "processed_at");
	const struct event_type *row = type ? event_type_find(type) : NULL;
	int64_t us = time ? clock_parse(time) : -1;
	if (us > fold->last_us)
		fold->last_us = us;
	fold->events = seq;
	fold->bytes += size;
	if (row && row->fold)
		row->fold(fold, event, seq);
}

int fold_log(struct store *store, int64_t session, struct fold *ret)
{
	struct fold fold = { 0 };
	cleanup(query) struct query q = db_query(store, SQL_EVENT_ALL,
		ARGS(INT(event_pos(session, 1)), INT(event_pos(session + 1, 0) - 1)));
	int r;
	while ((r = query_next(&q)) > 0) {
		struct slice line = query_text(&q, 2);
		cleanup(json) cJSON *event = json_parse(line.at, line.size, NULL);
		if (!event)
			return -EIO;
		fold_event(&fold, event, (uint64_t)query_int(&q, 0) & UINT32_MAX,
			(uint64_t)query_int(&q, 1));
	}
	if (r < 0)
		return r;
	*ret = fold;
	return 0;
}

cJSON *usage_body(const struct usage *usage, int64_t extra_active_us)
{
	enum { NANO_PER_CENT = 10000000 };
	cJSON *body = cJSON_CreateObject();
	cJSON_AddNumberToObject(body, "input_tokens", (double)usage->input_tokens);
	cJSON_AddNumberToObject(body, "output_tokens", (double)usage->output_tokens);
	cJSON_AddNumberToObject(
		body, "cache_read_input_tokens", (double)usage->cache_read_input_tokens);
	cJSON *creation = cJSON_AddObjectToObject(body, "cache_creation");
	cJSON_AddNumberToObject(creation, "ephemeral_5m_input_tokens",
		(double)(usage->cache_creation_input_tokens - usage->cache_creation_1h_tokens));
	cJSON_AddNumberToObject(creation, "ephemeral_1h_input_tokens",
		(double)usage->cache_creation_1h_tokens);
	char cents[24];
	(void)snprintf(cents, sizeof(cents), "%lld",
		(long long)((usage->cost_nano + NANO_PER_CENT / 2) / NANO_PER_CENT));
	cJSON *cost = cJSON_AddObjectToObject(body, "list_cost");
	cJSON_AddStringToObject(cost, "amount", cents);
	cJSON_AddStringToObject(cost, "currency", "USD");
	cJSON_AddNumberToObject(body, "active_seconds",
		(double)(usage->active_us + extra_active_us) / 1e6);
	cJSON *tools = cJSON_AddObjectToObject(body, "server_tool_use");
	cJSON_AddNumberToObject(tools, "web_search_requests", (double)usage->web_search_requests);
	cJSON_AddNumberToObject(tools, "web_fetch_requests", 0); /* the API counts none */
	return body;
}
