/* SPDX-License-Identifier: MIT */
/*
 * From what the model says to what the log says.
 *
 * While an answer streams, its text goes to watchers as event_start and
 * event_delta lines, which are never stored.  When it is complete it becomes
 * agent.* events under the ids that the previews announced.
 */
#include <string.h>

#include "base/utf8.h"
#include "harness/harness.h"
#include "harness/price.h"
#include "store/event.h"

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
	free(steal(a->blocks));
	a->block_count = 0;
}

/* --- previews --- */

static void preview_start(struct active *a, const char *type, const char *event_id)
{
	(void)buf_printf(&a->preview, "{\"type\":\"event_start\",\"event\":{\"type\":\"%s\",\"id\":\"%s\"}}\n",
		type, event_id);
}

static void preview_flush_delta(struct active *a)
{
	if (!a->delta.size || a->delta_block >= a->block_count)
		return;
	const struct stream_block *block = &a->blocks[a->delta_block];
	(void)buf_printf(&a->preview,
		"{\"type\":\"event_delta\",\"event_id\":\"%s\",\"delta\":{\"type\":\"content_delta\","
		"\"index\":%d,\"content\":{\"type\":\"text\",\"text\":", block->event_id,
		block->content_index);
	(void)json_quote(&a->preview, a->delta.data, a->delta.size);
	(void)buf_add_text(&a->preview, "}}}\n");
	buf_clear(&a->delta);
}

/* One hint a round.  A preview that does not fit into a hint is cut into lines by its sender below; what
 * cannot be sent is shed: the finished event follows anyway. */
void record_send_preview(struct active *a)
{
	preview_flush_delta(a);
	const char *at = buf_text(&a->preview), *end = at + a->preview.size;
	while (at < end) {
		size_t size = (size_t)(end - at);
		if (size > HINT_BYTES_MAX) {
			const char *newline = memrchr(at, '\n', HINT_BYTES_MAX);
			if (!newline)
				break;
			size = (size_t)(newline + 1 - at);
		}
		struct hint hint = { HINT_DELTA, a->num, { at, size }, a->logged_seq };
		(void)hint_send(a->harness->hints, &hint);
		at += size;
	}
	buf_clear(&a->preview);
	buf_clear(&a->delta);
}

static struct stream_block *block_at(struct active *a, int index)
{
	if (index < 0 || index >= BLOCKS_MAX)
		return NULL;
	while (a->block_count <= (size_t)index) {
		a->blocks = xrealloc(a->blocks, (a->block_count + 1) * sizeof(*a->blocks));
		a->blocks[a->block_count++] = (struct stream_block){ 0 };
	}
	return &a->blocks[index];
}

/* Neighbouring text blocks are one agent.message. */
static void start_text(struct active *a, int index)
{
	struct stream_block *block = block_at(a, index), *before = index ? block_at(a, index - 1) : NULL;
	block->is_text = true;
	if (before && before->is_text) {
		memcpy(block->event_id, before->event_id, ID_SIZE);
		block->content_index = before->content_index + 1;
		return;
	}
	id_make("sevt", block->event_id);
	preview_start(a, "agent.message", block->event_id);
}

static void start_block(struct active *a, int index, const char *type)
{
	if (!block_at(a, index))
		return;
	preview_flush_delta(a);
	a->delta_block = (size_t)index;
	if (strcmp(type, "text") == 0) {
		start_text(a, index);
		return;
	}
	id_make("sevt", block_at(a, index)->event_id);
	if (strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0)
		preview_start(a, "agent.thinking", block_at(a, index)->event_id);
	else if (strcmp(type, "tool_use") == 0) /* it will be wanted: let it be made while the model writes */
		(void)sandbox_open(a->harness->sandboxes, a->id, a->workspace);
}

enum { DELTA_BYTES_MAX = HINT_BYTES_MAX / 8 /* with every byte escaped as \u00XX it fits one hint */ };

/* Text is gathered until the end of the round, so that a fast model costs one line a round. */
static void add_text(struct active *a, int index, struct slice text)
{
	if (!block_at(a, index))
		return;
	if (a->delta_block != (size_t)index)
		preview_flush_delta(a);
	a->delta_block = (size_t)index;
	while (text.size) {
		size_t room = DELTA_BYTES_MAX - a->delta.size;
		size_t size = text.size <= room ? text.size : utf8_clip(text.at, room);
		if (size == 0) {
			preview_flush_delta(a);
			continue;
		}
		(void)buf_add(&a->delta, text.at, size);
		text = (struct slice){ text.at + size, text.size - size };
	}
}

void record_piece(struct active *a, const struct model_piece *piece)
{
	if (piece->kind == PIECE_BLOCK_START)
		start_block(a, piece->index, piece->type);
	else if (piece->kind == PIECE_TEXT)
		add_text(a, piece->index, piece->text);
	active_ready(a);
}

/* --- the finished answer --- */

static cJSON *with_id(struct active *a, const char *type, int index)
{
	cJSON *event = event_new(type);
	const struct stream_block *block = block_at(a, index);
	if (block && block->event_id[0])
		cJSON_ReplaceItemInObjectCaseSensitive(event, "id", cJSON_CreateString(block->event_id));
	return event;
}

static cJSON *add_object(cJSON *event, const char *name)
{
	return cJSON_AddObjectToObject(event, name);
}

/* Anything but plain text cannot be given back by its event alone. */
static bool is_plain_text(const cJSON *block)
{
	return cJSON_GetArraySize(block) == 2 && json_text(block, "text");
}

static cJSON *record_text(struct active *a, cJSON *message, const cJSON *block, int index)
{
	const char *text = json_text(block, "text");
	if (!text || !*text)
		return message;
	if (!message) {
		message = with_id(a, "agent.message", index);
		cJSON_AddArrayToObject(message, "content");
		cJSON_AddItemToArray(a->answer.events, message);
	}
	cJSON *content = cJSON_CreateObject();
	cJSON_AddStringToObject(content, "type", "text");
	cJSON_AddStringToObject(content, "text", text);
	cJSON_AddItemToArray((cJSON *)json_get(message, "content"), content);
	return message;
}

static void record_thinking(struct active *a, const cJSON *block, int index)
{
	cJSON *event = with_id(a, "agent.thinking", index);
	cJSON_AddItemToObject(add_object(event, "x_agentdirs"), "block", cJSON_Duplicate(block, true));
	cJSON_AddItemToArray(a->answer.events, event);
}

static void record_call(struct active *a, const cJSON *block, int index)
{
	const char *name = json_text(block, "name"), *id = json_text(block, "id");
	const char *invalid = json_text(block, "x_invalid_input");
	cJSON *event = with_id(a, "agent.tool_use", index);
	cJSON_AddStringToObject(event, "name", name ? name : "");
	const cJSON *input = json_get(block, "input");
	cJSON_AddItemToObject(event, "input",
		cJSON_IsObject(input) ? cJSON_Duplicate(input, true) : cJSON_CreateObject());
	bool enabled = name && prompt_offers_tool(a->agent, name);
	cJSON_AddStringToObject(event, "evaluated_permission", enabled ? "allow" : "deny");
	if (enabled)
		cJSON_AddStringToObject(add_object(event, "evaluation"), "type", "always_allow");
	cJSON *addition = add_object(event, "x_agentdirs");
	cJSON_AddStringToObject(addition, "tool_use_id", id ? id : json_text(event, "id"));
	if (invalid)
		cJSON_AddStringToObject(addition, "invalid_input", invalid);
	cJSON_AddItemToArray(a->answer.events, event);
}

static void record_content(struct active *a, const cJSON *content)
{
	bool whole = true;
	cJSON *message = NULL;
	const cJSON *block;
	int index = 0;
	a->answer.events = cJSON_CreateArray();
	cJSON_ArrayForEach(block, content) {
		const char *type = json_text(block, "type");
		bool is_text = type && strcmp(type, "text") == 0;
		message = is_text ? message : NULL;
		if (is_text) {
			message = record_text(a, message, block, index);
			whole &= is_plain_text(block);
		} else if (type && strstr(type, "thinking")) {
			record_thinking(a, block, index);
		} else if (type && strcmp(type, "tool_use") == 0) {
			record_call(a, block, index);
		} else {
			whole = false;
		}
		index++;
	}
	if (!whole)
		a->answer.blocks = cJSON_Duplicate(content, true);
}

static bool has_calls(const cJSON *events)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		if (strcmp(json_text(event, "type"), "agent.tool_use") == 0)
			return true;
	return false;
}

static void record_message(struct active *a, const cJSON *message)
{
	struct answer *answer = &a->answer;
	const char *stop = json_text(message, "stop_reason");
	answer->stop_reason = xstrdup(stop ? stop : "");
	if (strcmp(answer->stop_reason, "refusal") == 0) {
		/* What was said before the refusal is not part of the conversation. */
		answer->events = cJSON_CreateArray();
		answer->stop_details = cJSON_Duplicate(json_get(message, "stop_details"), true);
		answer->input = TURN_REFUSED;
		return;
	}
	record_content(a, json_get(message, "content"));
	answer->input = has_calls(answer->events) ? TURN_CALLED :
		strcmp(answer->stop_reason, "pause_turn") == 0 ? TURN_ANSWERED_MORE : TURN_ANSWERED;
}

void record_outcome(struct active *a, const struct model_outcome *outcome)
{
	struct answer *answer = &a->answer;
	a->request = NULL;
	answer->ready = true;
	answer->usage = outcome->usage ? cJSON_Duplicate(outcome->usage, true) : NULL;
	answer->retry_after_ms = outcome->retry_after_ms;
	if (outcome->verdict == MODEL_DONE) {
		record_message(a, outcome->message);
	} else {
		answer->input = outcome->verdict == MODEL_RETRY ? TURN_FAULT : TURN_FAILURE;
		answer->error_type = xstrdup(outcome->error_type);
		answer->reason = xstrdup(outcome->reason);
	}
	active_ready(a);
}
