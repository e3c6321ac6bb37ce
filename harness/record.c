/* SPDX-License-Identifier: MIT */
/*
 * From what the model said to what the log says: the finished answer becomes
 * agent.* events, under the ids that the previews announced.
 *
 * A model, and a server that only imitates the API, may say anything.  What the
 * API would not take back in the next request, or the log not keep, is repaired
 * here or makes the answer a failure: once an event is on its way into the log
 * nothing may refuse it, because the session would ask for the same again for ever.
 */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/harness.h"
#include "harness/price.h"
#include "store/event.h"

enum {
	INVALID_INPUT_BYTES_MAX = 16 << 10, /* of a tool input that was none; for people who want to know why */
	STOP_REASON_BYTES_MAX = 64,
	EXPLANATION_BYTES_MAX = 16 << 10, /* of a refusal */
	LINE_ROOM = 4 << 10, /* what the log and the end of the request add to what is measured here */
	BLOCKS_DEPTH = 2, /* at which the end of the request holds the content */
	PAUSES_MAX = 10, /* answers in a row that ask only to be continued */
};

void record_clear(struct active *a)
{
	struct answer *answer = &a->answer;
	cJSON_Delete(answer->events);
	cJSON_Delete(answer->blocks);
	cJSON_Delete(answer->usage);
	cJSON_Delete(answer->stop_details);
	free(answer->stop_reason);
	free(answer->error_type);
	free(answer->reason);
	*answer = (struct answer){ .retry_after_ms = -1 };
}

static bool type_is(const cJSON *block, const char *type)
{
	const char *is = json_text(block, "type");
	return is && strcmp(is, type) == 0;
}

bool record_is_thinking(const char *type)
{
	return strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0;
}

static char *clipped(const char *text, size_t max)
{
	size_t size = strnlen(text, max + 1);
	return xstrndup(text, size > max ? utf8_clip(text, max) : size);
}

static void add_clipped(cJSON *to, const char *name, const char *text, size_t max)
{
	cleanup(free) char *part = clipped(text, max);
	cJSON_AddStringToObject(to, name, part);
}

/* --- one block, one event --- */

/* While events are made of an answer. */
struct recording {
	struct active *a;
	cJSON *message; /* the agent.message that neighbouring texts join; lent from the events, NULL none */
	bool whole; /* the events can give the content back */
};

/* The blocks of the content and those of the stream are the same, in the same order. */
static cJSON *event_for(struct active *a, const char *type, size_t place)
{
	cJSON *event = event_new(type);
	const char *id = place < a->block_count ? a->blocks[place].event_id : "";
	if (*id)
		cJSON_ReplaceItemInObjectCaseSensitive(event, "id", cJSON_CreateString(id));
	cJSON_AddItemToArray(a->answer.events, event);
	return event;
}

static void record_text(struct recording *r, const cJSON *block, size_t place)
{
	const char *text = json_text(block, "text");
	r->whole &= text && cJSON_GetArraySize(block) == 2; /* citations, say */
	if (!text || !*text)
		return;
	if (!r->message) {
		r->message = event_for(r->a, "agent.message", place);
		cJSON_AddArrayToObject(r->message, "content");
	}
	cJSON *content = cJSON_CreateObject();
	cJSON_AddStringToObject(content, "type", "text");
	cJSON_AddStringToObject(content, "text", text);
	cJSON_AddItemToArray((cJSON *)json_get(r->message, "content"), content);
}

static void record_thinking(struct recording *r, const cJSON *block, size_t place)
{
	cJSON *event = event_for(r->a, "agent.thinking", place);
	cJSON_AddItemToObject(cJSON_AddObjectToObject(event, "x_agentdirs"), "block",
		cJSON_Duplicate(block, true));
}

/* The API takes back only names that a tool can have. */
static char *sound_name(const char *name)
{
	char *sound = clipped(name && *name ? name : "unnamed", PROMPT_TOOL_NAME_MAX);
	for (char *at = sound; *at; at++)
		if (!strchr(PROMPT_NAME_LETTERS, *at))
			*at = '_';
	return sound;
}

static void add_permission(struct active *a, cJSON *event, const char *tool)
{
	bool enabled = prompt_offers_tool(a->agent, tool);
	cJSON_AddStringToObject(event, "evaluated_permission", enabled ? "allow" : "deny");
	if (enabled)
		cJSON_AddStringToObject(cJSON_AddObjectToObject(event, "evaluation"), "type", "always_allow");
}

/* Who may call is said only of calls that other programs than the model make. */
static bool is_plain_call(const cJSON *block)
{
	static const char *const members[] = { "type", "id", "name", "input", "x_invalid_input" };
	const cJSON *caller = json_get(block, "caller");
	int known = caller && type_is(caller, "direct");
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		known += json_get(block, members[i]) != NULL;
	return known == cJSON_GetArraySize(block);
}

static void record_call(struct recording *r, const cJSON *block, size_t place)
{
	const char *id = json_text(block, "id"), *invalid = json_text(block, "x_invalid_input");
	const cJSON *input = json_get(block, "input");
	cleanup(free) char *name = sound_name(json_text(block, "name"));
	cJSON *event = event_for(r->a, "agent.tool_use", place);
	cJSON_AddStringToObject(event, "name", name);
	cJSON_AddItemToObject(event, "input",
		cJSON_IsObject(input) ? cJSON_Duplicate(input, true) : cJSON_CreateObject());
	add_permission(r->a, event, name);
	cJSON *addition = cJSON_AddObjectToObject(event, "x_agentdirs");
	if (id && prompt_claim_call_id(&r->a->prompt, id))
		cJSON_AddStringToObject(addition, "tool_use_id", id);
	if (invalid)
		add_clipped(addition, "invalid_input", invalid, INVALID_INPUT_BYTES_MAX);
	r->whole &= is_plain_call(block);
}

static void record_block(struct recording *r, const cJSON *block, size_t place)
{
	const char *type = json_text(block, "type");
	if (!type || strcmp(type, "text") != 0)
		r->message = NULL;
	if (type && strcmp(type, "text") == 0)
		record_text(r, block, place);
	else if (type && record_is_thinking(type))
		record_thinking(r, block, place);
	else if (type && strcmp(type, "tool_use") == 0)
		record_call(r, block, place);
	else
		r->whole = false;
}

/* --- content that its events cannot give back --- */

/* Replaces the member where it stands, or adds it. */
static void set_text(cJSON *object, const char *name, const char *text)
{
	if (json_get(object, name))
		cJSON_ReplaceItemInObjectCaseSensitive(object, name, cJSON_CreateString(text));
	else
		cJSON_AddStringToObject(object, name, text);
}

/* The content as it is to be sent back: with the names and ids that the events of the calls have. */
static cJSON *content_to_keep(const cJSON *content, const cJSON *events)
{
	cJSON *kept = cJSON_Duplicate(content, true), *block;
	const cJSON *event = events->child;
	cJSON_ArrayForEach(block, kept) {
		cJSON_DeleteItemFromObjectCaseSensitive(block, "x_invalid_input");
		if (!type_is(block, "tool_use"))
			continue;
		while (!type_is(event, "agent.tool_use"))
			event = event->next;
		set_text(block, "id", prompt_call_id(event));
		set_text(block, "name", json_text(event, "name"));
		event = event->next;
	}
	return kept;
}

/* --- whether the log takes it --- */

static int check_size(const cJSON *json, const char *what, struct buf *why)
{
	cleanup(free) char *text = json_to_text(json);
	size_t size = strlen(text);
	return size > LINE_BYTES_MAX - LINE_ROOM ?
		fail(why, EFBIG, "%s of %zu MiB; the log takes %d", what, size >> 20, LINE_BYTES_MAX >> 20) : 0;
}

static int check_kept(const cJSON *json, const char *what, int depth, struct buf *why)
{
	if (json_depth(json) + depth > JSON_DEPTH_MAX)
		return fail(why, EINVAL, "%s is nested deeper than %d levels", what, JSON_DEPTH_MAX - depth);
	return check_size(json, what, why);
}

int record_check(const cJSON *event, struct buf *why)
{
	int r = event_check(event, why);
	return r < 0 ? r : check_kept(event, json_text(event, "type"), 0, why);
}

static int check_answer(const struct answer *answer, struct buf *why)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, answer->events) {
		int r = record_check(event, why);
		if (r < 0)
			return r;
	}
	return answer->blocks ? check_kept(answer->blocks, "content", BLOCKS_DEPTH, why) : 0;
}

/* --- the whole answer --- */

void record_failure(struct active *a, const char *error_type, const char *reason)
{
	a->answer.input = TURN_FAILURE;
	a->answer.error_type = xstrdup(error_type);
	a->answer.reason = xstrdup(reason);
}

static void record_content(struct active *a, const cJSON *content)
{
	struct answer *answer = &a->answer;
	struct recording r = { .a = a, .whole = true };
	const cJSON *block;
	size_t place = 0;
	answer->events = cJSON_CreateArray();
	cJSON_ArrayForEach(block, content)
		record_block(&r, block, place++);
	if (!r.whole)
		answer->blocks = content_to_keep(content, answer->events);
}

static bool has_calls(const cJSON *events)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		if (type_is(event, "agent.tool_use"))
			return true;
	return false;
}

/* What was said before a refusal is not part of the conversation. */
static void record_refusal(struct answer *answer, const cJSON *details)
{
	static const char *const members[] = { "category", "explanation" };
	answer->input = TURN_REFUSED;
	answer->events = cJSON_CreateArray();
	answer->stop_details = cJSON_CreateObject();
	cJSON_AddStringToObject(answer->stop_details, "type", "refusal");
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *text = json_text(details, members[i]);
		if (text)
			add_clipped(answer->stop_details, members[i], text, EXPLANATION_BYTES_MAX);
		else
			cJSON_AddNullToObject(answer->stop_details, members[i]);
	}
}

static enum turn_input message_input(struct active *a)
{
	bool paused = strcmp(a->answer.stop_reason, "pause_turn") == 0;
	if (has_calls(a->answer.events))
		return TURN_CALLED;
	a->pauses = paused ? a->pauses + 1 : 0;
	return paused && a->pauses <= PAUSES_MAX ? TURN_ANSWERED_MORE : TURN_ANSWERED;
}

static void record_message(struct active *a, const cJSON *message)
{
	struct answer *answer = &a->answer;
	const char *stop = json_text(message, "stop_reason");
	cleanup(buf) struct buf why = BUF_INIT(500);
	answer->stop_reason = clipped(stop ? stop : "", STOP_REASON_BYTES_MAX);
	if (strcmp(answer->stop_reason, "refusal") == 0) {
		record_refusal(answer, json_get(message, "stop_details"));
		return;
	}
	record_content(a, json_get(message, "content"));
	if (check_answer(answer, &why) == 0) {
		answer->input = message_input(a);
		return;
	}
	cleanup(free) char *reason = xprintf("the model's answer cannot be kept: %s", buf_text(&why));
	cJSON_Delete(steal(answer->blocks));
	record_failure(a, "model_request_failed_error", reason);
}

void record_outcome(struct active *a, const struct model_outcome *outcome)
{
	struct answer *answer = &a->answer;
	a->request = NULL;
	answer->ready = true;
	answer->usage = outcome->usage ? cJSON_Duplicate(outcome->usage, true) : NULL;
	answer->retry_after_ms = outcome->retry_after_ms;
	if (outcome->verdict == MODEL_DONE)
		record_message(a, outcome->message);
	else
		record_failure(a, outcome->error_type, outcome->reason);
	if (outcome->verdict == MODEL_RETRY)
		answer->input = TURN_FAULT;
	active_ready(a);
}
