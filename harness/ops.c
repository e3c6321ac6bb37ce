/* SPDX-License-Identifier: MIT */
/* What each operation of the turn machine does. */
#include <assert.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/price.h"
#include "store/event.h"
#include "store/log.h"
#include "store/queue.h"

enum { ATTEMPTS_MAX = 10 /* model requests for one answer */ };

/* Logs the event and folds it into the prompt.  The event is taken. */
static int append(struct active *a, cJSON *event /* taken */)
{
	struct log_place place = { 0 };
	int r = log_append(a->harness->store, a->num, event, &place);
	a->logged_seq = place.seq;
	if (r >= 0) {
		a->events++;
		(void)prompt_event(&a->prompt, event); /* too large shows when it is asked */
	}
	cJSON_Delete(event);
	return r;
}

static cJSON *thread_event(struct active *a, const char *type)
{
	cJSON *event = event_new(type);
	cJSON_AddStringToObject(event, "session_thread_id", a->thread);
	cJSON_AddStringToObject(event, "agent_name", a->agent_name);
	return event;
}

static int log_running(struct active *a, enum turn_input input)
{
	int r = session_pin(a->harness->store, a->num);
	if (r >= 0)
		r = append(a, event_new("session.status_running"));
	return r < 0 ? r : append(a, thread_event(a, "session.thread_status_running"));
}

static int log_rescheduled(struct active *a, enum turn_input input)
{
	int r = append(a, event_new("session.status_rescheduled"));
	return r < 0 ? r : append(a, thread_event(a, "session.thread_status_rescheduled"));
}

static cJSON *error_event(const char *type, const char *message, const char *retry_status)
{
	cJSON *event = event_new("session.error"), *error = cJSON_AddObjectToObject(event, "error");
	cJSON_AddStringToObject(error, "type", type);
	cJSON_AddStringToObject(error, "message", message);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(error, "retry_status"), "type", retry_status);
	return event;
}

/* Takes one entry of the queue into the log.  One that the log would refuse (a text of control characters grows
 * sixfold when it is written down) leaves the queue too, or it would be tried for ever. */
static int take_queued(struct active *a, int64_t num, cJSON *event /* taken */)
{
	cleanup(json) cJSON *queued = event;
	cleanup(buf) struct buf why = BUF_INIT(500);
	int r = queue_remove(a->harness->store, a->num, num);
	if (r < 0)
		return r;
	if (record_check(queued, &why) == 0)
		return append(a, steal(queued));
	cleanup(free) char *message = xprintf("what was sent cannot be kept: %s", buf_text(&why));
	return append(a, error_event("unknown_error", message, "exhausted"));
}

static int log_queue(struct active *a, enum turn_input input)
{
	int64_t num;
	cJSON *event;
	int r;
	while ((r = queue_next(a->harness->store, a->num, 0, &num, &event)) > 0) {
		r = take_queued(a, num, event);
		if (r < 0)
			return r;
	}
	return r;
}

static int log_interrupt(struct active *a, enum turn_input input)
{
	int64_t num;
	cJSON *event;
	int r = queue_interrupt(a->harness->store, a->num, &num, &event);
	return r <= 0 ? r : take_queued(a, num, event);
}

static int log_ask(struct active *a, enum turn_input input)
{
	cJSON *event = event_new("span.model_request_start");
	memcpy(a->request_id, json_text(event, "id"), strlen(json_text(event, "id")) + 1);
	return append(a, event);
}

/* --- the end of a model request --- */

static const cJSON *usage_so_far(const struct active *a)
{
	return a->request ? model_usage(a->request) : a->answer.usage;
}

static void add_usage(cJSON *event, const cJSON *usage)
{
	static const char *const names[] = { "input_tokens", "output_tokens",
		"cache_creation_input_tokens", "cache_read_input_tokens" };
	cJSON *to = cJSON_AddObjectToObject(event, "model_usage");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cJSON_AddNumberToObject(to, names[i], (double)model_tokens(usage, names[i]));
}

static cJSON *request_end(struct active *a, bool is_error)
{
	const struct answer *answer = &a->answer;
	const cJSON *usage = usage_so_far(a);
	const char *model = cJSON_GetStringValue(json_path(a->agent, "model.id"));
	cJSON *event = event_new("span.model_request_end");
	cJSON_AddStringToObject(event, "model_request_start_id", a->request_id);
	cJSON_AddBoolToObject(event, "is_error", is_error);
	add_usage(event, usage);
	cJSON *addition = cJSON_AddObjectToObject(event, "x_agentdirs");
	cJSON_AddNumberToObject(addition, "cost_nano",
		(double)model_cost_nano(model_find(model ? model : ""), usage));
	cJSON_AddNumberToObject(addition, "cache_creation_1h",
		(double)model_tokens(json_get(usage, "cache_creation"), "ephemeral_1h_input_tokens"));
	cJSON_AddNumberToObject(addition, "web_search_requests", (double)model_searches(usage));
	if (answer->stop_reason)
		cJSON_AddStringToObject(addition, "stop_reason", answer->stop_reason);
	if (answer->blocks && !is_error) /* the answer to a request that was given up is no part of the prompt */
		cJSON_AddItemReferenceToObject(addition, "blocks", answer->blocks);
	a->request_id[0] = '\0';
	return event;
}

void ops_fold_call(struct active *a, const cJSON *event)
{
	const cJSON *addition = json_get(event, "x_agentdirs");
	const char *refusal = json_get(addition, "invalid_input") ?
		"the tool input was cut off or is not a JSON object; make the call again" : NULL;
	(void)calls_add(a, json_text(event, "id"), prompt_call_id(event), json_text(event, "name"),
		json_get(event, "input"), refusal);
}

static int log_response(struct active *a, enum turn_input input)
{
	cJSON *event;
	calls_clear(a);
	while ((event = cJSON_DetachItemFromArray(a->answer.events, 0))) {
		if (strcmp(json_text(event, "type"), "agent.tool_use") == 0)
			ops_fold_call(a, event);
		int r = append(a, event);
		if (r < 0)
			return r;
	}
	a->attempt = 0;
	return append(a, request_end(a, false));
}

static int log_request_lost(struct active *a, enum turn_input input)
{
	return a->request_id[0] ? append(a, request_end(a, true)) : 0;
}

static int log_error(struct active *a, const char *retry_status)
{
	const struct answer *answer = &a->answer;
	const char *type = answer->error_type ? answer->error_type : "unknown_error";
	return append(a, error_event(type, answer->reason ? answer->reason : "unknown error", retry_status));
}

static int log_retrying(struct active *a, enum turn_input input)
{
	return log_error(a, "retrying");
}

static int log_exhausted(struct active *a, enum turn_input input)
{
	return log_error(a, "exhausted");
}

/* --- tool results --- */

static void add_time(cJSON *to, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];
	if (wall_us <= 0)
		return;
	clock_text(wall_us, text);
	cJSON_AddStringToObject(to, name, text);
}

static int log_result(struct active *a, struct call *call)
{
	cJSON *event = event_new("agent.tool_result");
	cJSON_AddStringToObject(event, "tool_use_id", call->id);
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", call->text.size ? buf_text(&call->text) : "(no output)");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	cJSON_AddBoolToObject(event, "is_error", call->is_error);
	cJSON *addition = cJSON_AddObjectToObject(event, "x_agentdirs");
	cJSON_AddStringToObject(addition, "tool_use_id", call->tool_use_id);
	add_time(addition, "started_at", call->started_us);
	add_time(addition, "ended_at", call->ended_us);
	call->state = CALL_LOGGED;
	return append(a, event);
}

static int log_results(struct active *a, enum turn_input input)
{
	for (size_t i = 0; i < a->call_count; i++) {
		int r = a->calls[i].state == CALL_DONE ? log_result(a, &a->calls[i]) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int log_close_calls(struct active *a, enum turn_input input)
{
	for (size_t i = 0; i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->state == CALL_LOGGED)
			continue;
		call->abandoned = call->state == CALL_SENT || call->recovered;
		calls_finish(call, true, slice_of("The call was interrupted before it completed; it can be made "
						  "again."));
	}
	return log_results(a, input);
}

/* --- idle --- */

static const char *stop_for(enum turn_input input)
{
	return input == TURN_REFUSED ? "refusal" : input == TURN_FAILURE ? "retries_exhausted" : "end_turn";
}

static void add_stop(cJSON *event, const struct active *a, enum turn_input input)
{
	cJSON_AddStringToObject(cJSON_AddObjectToObject(event, "stop_reason"), "type", stop_for(input));
	const cJSON *details = a->answer.stop_details;
	if (input == TURN_REFUSED && cJSON_IsObject(details))
		cJSON_AddItemToObject(event, "stop_details", cJSON_Duplicate(details, true));
	else
		cJSON_AddNullToObject(event, "stop_details");
}

static int log_usage(struct active *a)
{
	struct session session;
	int r = session_get(a->harness->store, a->num, &session);
	if (r <= 0)
		return r;
	int64_t running = session.fold.running_since_us;
	int64_t extra_us = running ? clock_wall_us() - running : 0;
	cJSON *event = event_new("session.usage");
	cJSON_AddItemToObject(event, "usage", usage_body(&session.fold.usage, extra_us > 0 ? extra_us : 0));
	cJSON_AddNullToObject(event, "budget");
	return append(a, event);
}

static int log_idle(struct active *a, enum turn_input input)
{
	a->attempt = a->pauses = 0;
	cJSON *thread = thread_event(a, "session.thread_status_idle");
	add_stop(thread, a, input);
	int r = append(a, thread);
	if (r >= 0)
		r = log_usage(a);
	if (r < 0)
		return r;
	cJSON *event = event_new("session.status_idle");
	add_stop(event, a, input);
	return append(a, event);
}

/* --- effects --- */

static void on_piece(void *data, const struct model_piece *piece)
{
	preview_piece(data, piece);
}

static void on_outcome(void *data, const struct model_outcome *outcome)
{
	record_outcome(data, outcome);
}

static void do_ask(struct active *a)
{
	static const struct model_handler handler = { on_piece, on_outcome };
	struct slice parts[PROMPT_PARTS];
	record_clear(a);
	preview_clear(a);
	prompt_parts(&a->prompt, parts);
	if (!a->prompt.messages.overflow && !a->prompt.head.overflow) {
		a->request = model_ask(a->harness->model, parts, PROMPT_PARTS, &handler, a);
		return;
	}
	struct model_outcome too_long = { .verdict = MODEL_TOO_LONG, .retry_after_ms = -1,
		.error_type = "model_request_failed_error",
		.reason = "the conversation is larger than one request may be (32 MiB)" };
	record_outcome(a, &too_long);
}

static void do_cancel(struct active *a)
{
	if (a->request)
		model_cancel(steal(a->request));
	record_clear(a);
	preview_clear(a);
}

static double random_fraction(void)
{
	return (double)(clock_now_us() % 1000) / 1000;
}

static void do_wait(struct active *a)
{
	int64_t delay = model_retry_delay_ms(a->attempt++, a->answer.retry_after_ms, random_fraction());
	loop_arm(a->harness->loop, &a->retry, clock_now_ms() + delay);
}

static const struct {
	int (*log)(struct active *a, enum turn_input input);
	void (*act)(struct active *a);
} ops[TURN_OPS] = {
	[TURN_LOG_RUNNING] = { .log = log_running },
	[TURN_LOG_QUEUE] = { .log = log_queue },
	[TURN_LOG_ASK] = { .log = log_ask },
	[TURN_LOG_RESPONSE] = { .log = log_response },
	[TURN_LOG_REQUEST_LOST] = { .log = log_request_lost },
	[TURN_LOG_RETRYING] = { .log = log_retrying },
	[TURN_LOG_EXHAUSTED] = { .log = log_exhausted },
	[TURN_LOG_RESCHEDULED] = { .log = log_rescheduled },
	[TURN_LOG_RESULTS] = { .log = log_results },
	[TURN_LOG_CLOSE_CALLS] = { .log = log_close_calls },
	[TURN_LOG_INTERRUPT] = { .log = log_interrupt },
	[TURN_LOG_IDLE] = { .log = log_idle },
	[TURN_DO_ASK] = { .act = do_ask },
	[TURN_DO_CANCEL] = { .act = do_cancel },
	[TURN_DO_EXECUTE] = { .act = calls_execute },
	[TURN_DO_STOP_CALLS] = { .act = calls_stop },
	[TURN_DO_WAIT] = { .act = do_wait },
};

int ops_log(struct active *a, const struct turn_row *row)
{
	for (size_t i = 0; i < TURN_OPS_MAX && row->ops[i] != TURN_END; i++) {
		enum turn_op op = row->ops[i];
		int r = ops[op].log ? ops[op].log(a, row->input) : 0;
		if (r < 0)
			return r;
		if (!ops[op].act)
			continue;
		assert(a->effect_count < ARRAY_LEN(a->effects));
		a->effects[a->effect_count++] = op;
	}
	return 0;
}

void ops_act(struct active *a)
{
	size_t count = a->effect_count;
	a->effect_count = 0;
	for (size_t i = 0; i < count; i++)
		ops[a->effects[i]].act(a);
	calls_acknowledge(a);
}

bool ops_may_retry(const struct active *a)
{
	return a->attempt + 1 < ATTEMPTS_MAX;
}
