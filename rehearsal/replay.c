/* SPDX-License-Identifier: MIT */
#include "rehearsal/replay.h"

#include <errno.h>
#include <string.h>

void replay_init(struct replay *replay, size_t wanted)
{
	*replay = (struct replay){ .wanted = wanted };
}

void replay_done(struct replay *replay)
{
	cJSON_Delete(replay->blocks);
	*replay = (struct replay){ 0 };
}

cJSON *replay_take(struct replay *replay)
{
	return replay->found ? steal(replay->blocks) : NULL;
}

static cJSON *add_block(struct replay *replay, const char *type)
{
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", type);
	cJSON_AddItemToArray(replay->blocks, block);
	return block;
}

static void on_start(struct replay *replay, const cJSON *event)
{
	(void)event;
	cJSON_Delete(replay->blocks);
	replay->blocks = cJSON_CreateArray();
}

static void on_end(struct replay *replay, const cJSON *event)
{
	if (!replay->blocks)
		return;
	if (json_bool(event, "is_error", false)) {
		cJSON_Delete(steal(replay->blocks));
		return;
	}
	replay->found = replay->seen++ == replay->wanted;
	if (!replay->found)
		cJSON_Delete(steal(replay->blocks));
}

static void on_thinking(struct replay *replay, const cJSON *event)
{
	(void)event;
	(void)add_block(replay, "thinking");
}

static void on_message(struct replay *replay, const cJSON *event)
{
	const cJSON *content = json_get(event, "content"), *block;
	if (!cJSON_IsArray(content))
		return;
	cJSON_ArrayForEach(block, content) {
		const char *text = json_text(block, "text");
		if (text)
			cJSON_AddStringToObject(add_block(replay, "text"), "text", text);
	}
}

static void on_tool_use(struct replay *replay, const cJSON *event)
{
	const char *name = json_text(event, "name");
	const cJSON *input = json_get(event, "input");
	if (!name || !cJSON_IsObject(input))
		return;
	cJSON *block = add_block(replay, "tool_use");
	cJSON_AddStringToObject(block, "name", name);
	cJSON_AddItemToObject(block, "input", cJSON_Duplicate(input, true));
}

static const struct {
	const char *type;
	bool within; /* counts only between start and end */
	void (*on_event)(struct replay *replay, const cJSON *event);
} kinds[] = {
	{ "span.model_request_start", false, on_start },
	{ "span.model_request_end", false, on_end },
	{ "agent.thinking", true, on_thinking },
	{ "agent.message", true, on_message },
	{ "agent.tool_use", true, on_tool_use },
	{ "agent.mcp_tool_use", true, on_tool_use },
	{ "agent.custom_tool_use", true, on_tool_use },
};

int replay_push(struct replay *replay, const char *line, size_t size, struct buf *why)
{
	cleanup(json) cJSON *event = json_parse(line, size, why);
	const char *type = json_text(event, "type");
	if (!event)
		return -EINVAL;
	if (!type)
		return fail(why, EINVAL, "an object without a type");
	if (json_get(event, "session_thread_id"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(type, kinds[i].type) == 0 && (!kinds[i].within || replay->blocks))
			kinds[i].on_event(replay, event);
	return replay->found;
}
