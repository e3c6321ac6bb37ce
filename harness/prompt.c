/* SPDX-License-Identifier: MIT */
#include "harness/prompt.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/param_json.h"
#include "base/utf8.h"
#include "harness/price.h"
#include "tools/tool.h"

void prompt_init(struct prompt *p)
{
	*p = (struct prompt){ .head = BUF_INIT(PROMPT_BYTES_MAX), .messages = BUF_INIT(PROMPT_BYTES_MAX) };
}

void prompt_done(struct prompt *p)
{
	buf_done(&p->head);
	buf_done(&p->messages);
	free(steal(p->call_ids));
	p->call_id_count = p->call_id_room = 0;
}

/* --- the head --- */

static cJSON *tool_definition(const struct tool *tool)
{
	cJSON *definition = cJSON_CreateObject();
	cJSON_AddStringToObject(definition, "name", tool->name);
	cJSON_AddStringToObject(definition, "description", tool->description);
	cJSON_AddItemToObject(definition, "input_schema", param_schema(tool->params));
	return definition;
}

/* A tool's own entry in `configs` decides, else the toolset's default. */
static bool tool_enabled(const cJSON *toolset, const char *name)
{
	const cJSON *config;
	cJSON_ArrayForEach(config, json_get(toolset, "configs")) {
		const char *which = json_text(config, "name");
		if (which && strcmp(which, name) == 0 && json_get(config, "enabled"))
			return json_bool(config, "enabled", true);
	}
	return json_bool(json_get(toolset, "default_config"), "enabled", true);
}

bool prompt_offers_tool(const cJSON *agent, const char *name)
{
	const cJSON *toolset;
	cJSON_ArrayForEach(toolset, json_get(agent, "tools")) {
		const char *type = json_text(toolset, "type");
		if (type && strcmp(type, "agent_toolset_20260401") == 0 && tool_enabled(toolset, name))
			return true;
	}
	return false;
}

static cJSON *tool_definitions(const cJSON *agent)
{
	cJSON *tools = cJSON_CreateArray();
	const struct tool *tool;
	for (size_t i = 0; (tool = tool_at(i)); i++)
		if (prompt_offers_tool(agent, tool->name))
			cJSON_AddItemToArray(tools, tool_definition(tool));
	return tools;
}

static cJSON *cache_control(void)
{
	cJSON *control = cJSON_CreateObject();
	cJSON_AddStringToObject(control, "type", "ephemeral");
	return control;
}

static cJSON *system_blocks(const cJSON *agent, const char *notes)
{
	const char *text = json_text(agent, "system");
	cleanup(free) char *whole = xprintf("%s%s%s", text ? text : "", text && *text ? "\n\n" : "", notes);
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", whole);
	cJSON_AddItemToObject(block, "cache_control", cache_control());
	cJSON *blocks = cJSON_CreateArray();
	cJSON_AddItemToArray(blocks, block);
	return blocks;
}

static bool has_word(const char *words, const char *word)
{
	size_t size = strlen(word);
	for (const char *at = words; *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		if (n == size && memcmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

/* The effort is sent only where the agent departs from the model's own default: the two render alike, and
 * older models refuse the field. */
static void add_effort(cJSON *request, const cJSON *agent, const struct model_row *row)
{
	const cJSON *path = json_path(agent, "model.effort");
	const char *effort = cJSON_IsString(path) ? path->valuestring : json_text(path, "type");
	if (!effort || !has_word(row->efforts, effort) ||
		(row->default_effort && strcmp(effort, row->default_effort) == 0))
		return;
	cJSON_AddStringToObject(cJSON_AddObjectToObject(request, "output_config"), "effort", effort);
}

int prompt_set_head(struct prompt *p, const cJSON *agent, const char *notes)
{
	const char *model = cJSON_GetStringValue(json_path(agent, "model.id"));
	assert(model);
	const struct model_row *row = model_find(model);
	cleanup(json) cJSON *request = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "model", model);
	cJSON_AddNumberToObject(request, "max_tokens", (double)row->max_output);
	cJSON_AddTrueToObject(request, "stream");
	add_effort(request, agent, row);
	cJSON_AddItemToObject(request, "cache_control", cache_control());
	cJSON *tools = tool_definitions(agent);
	if (cJSON_GetArraySize(tools))
		cJSON_AddItemToObject(request, "tools", tools);
	else
		cJSON_Delete(tools);
	cJSON_AddItemToObject(request, "system", system_blocks(agent, notes));
	buf_clear(&p->head);
	int r = json_print(&p->head, request);
	if (r < 0)
		return r;
	buf_cut(&p->head, p->head.size - 1); /* the closing brace comes after the messages */
	return buf_add_text(&p->head, ",\"messages\":[");
}

/* --- the messages --- */

/* A message that holds only thinking is refused by the API when it is sent back; it happens when an answer
 * was cut right after its thinking.  It is dropped when the next message begins. */
static void close_message(struct prompt *p)
{
	if (!p->role)
		return;
	if (p->has_substance)
		(void)buf_add_text(&p->messages, "]}");
	else
		buf_cut(&p->messages, p->message_start);
	p->role = NULL;
}

static void open_message(struct prompt *p, const char *role)
{
	if (p->role && strcmp(p->role, role) == 0)
		return;
	close_message(p);
	p->message_start = p->messages.size;
	if (p->messages.size)
		(void)buf_add_char(&p->messages, ',');
	(void)buf_printf(&p->messages, "{\"role\":\"%s\",\"content\":[", role);
	p->role = role;
	p->has_blocks = p->has_substance = false;
}

static bool is_blank_text(const cJSON *block)
{
	const char *type = json_text(block, "type"), *text = json_text(block, "text");
	return type && strcmp(type, "text") == 0 && (!text || utf8_is_blank(text));
}

static bool is_thinking(const cJSON *block)
{
	const char *type = json_text(block, "type");
	return type && (strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0);
}

static void add_block(struct prompt *p, const char *role, const cJSON *block)
{
	if (is_blank_text(block))
		return; /* the API refuses it, though the model may produce it */
	open_message(p, role);
	if (p->has_blocks)
		(void)buf_add_char(&p->messages, ',');
	(void)json_print(&p->messages, block);
	p->has_blocks = true;
	p->has_substance |= !is_thinking(block);
}

static void add_blocks(struct prompt *p, const char *role, const cJSON *blocks)
{
	const cJSON *block;
	cJSON_ArrayForEach(block, blocks)
		add_block(p, role, block);
}

static const cJSON *addition(const cJSON *event, const char *name)
{
	return json_get(json_get(event, "x_agentdirs"), name);
}

static void add_user_message(struct prompt *p, const cJSON *event)
{
	add_blocks(p, "user", json_get(event, "content"));
}

static void add_agent_message(struct prompt *p, const cJSON *event)
{
	add_blocks(p, "assistant", json_get(event, "content"));
}

static void add_thinking(struct prompt *p, const cJSON *event)
{
	const cJSON *block = addition(event, "block");
	if (block)
		add_block(p, "assistant", block);
}

/* A result names its call by the event's id, and repeats the model's where the call kept it. */
static const char *result_call_id(const cJSON *event)
{
	const char *id = cJSON_GetStringValue(addition(event, "tool_use_id"));
	return id ? id : json_text(event, "tool_use_id");
}

const char *prompt_call_id(const cJSON *event)
{
	const char *id = cJSON_GetStringValue(addition(event, "tool_use_id"));
	return id ? id : json_text(event, "id");
}

static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

/* Two ids with one hash would only make the second call go by its event's id. */
bool prompt_claim_call_id(struct prompt *p, const char *id)
{
	size_t size = strspn(id, PROMPT_NAME_LETTERS);
	if (size == 0 || size > PROMPT_CALL_ID_MAX || id[size])
		return false;
	uint64_t h = hash(id);
	for (size_t i = 0; i < p->call_id_count; i++)
		if (p->call_ids[i] == h)
			return false;
	if (p->call_id_count == p->call_id_room) {
		p->call_id_room = p->call_id_room ? 2 * p->call_id_room : 16;
		p->call_ids = xrealloc(p->call_ids, p->call_id_room * sizeof(*p->call_ids));
	}
	p->call_ids[p->call_id_count++] = h;
	return true;
}

static void add_tool_use(struct prompt *p, const cJSON *event)
{
	cleanup(json) cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "tool_use");
	cJSON_AddStringToObject(block, "id", prompt_call_id(event));
	cJSON_AddStringToObject(block, "name", json_text(event, "name"));
	cJSON_AddItemReferenceToObject(block, "input", (cJSON *)json_get(event, "input"));
	add_block(p, "assistant", block);
	(void)prompt_claim_call_id(p, prompt_call_id(event));
}

static cJSON *blocks_with_ink(const cJSON *content)
{
	cJSON *blocks = cJSON_CreateArray();
	const cJSON *block;
	cJSON_ArrayForEach(block, content)
		if (!is_blank_text(block))
			cJSON_AddItemReferenceToArray(blocks, (cJSON *)block);
	return blocks;
}

static void add_tool_result(struct prompt *p, const cJSON *event)
{
	cleanup(json) cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "tool_result");
	cJSON_AddStringToObject(block, "tool_use_id", result_call_id(event));
	cJSON *content = blocks_with_ink(json_get(event, "content"));
	if (cJSON_GetArraySize(content))
		cJSON_AddItemToObject(block, "content", content);
	else
		cJSON_Delete(content);
	if (json_bool(event, "is_error", false))
		cJSON_AddTrueToObject(block, "is_error");
	add_block(p, "user", block);
}

static void begin_request(struct prompt *p, const cJSON *event)
{
	close_message(p);
	p->request_start = p->messages.size;
}

/* An answer that its events cannot give back byte for byte (server tools, citations, block types newer than
 * this program) is kept whole in the end of the request and replaces what they contributed. */
static void end_request(struct prompt *p, const cJSON *event)
{
	const cJSON *blocks = addition(event, "blocks");
	if (!blocks)
		return;
	buf_cut(&p->messages, p->request_start);
	p->role = NULL;
	add_blocks(p, "assistant", blocks);
}

static const struct {
	const char *type;
	void (*add)(struct prompt *p, const cJSON *event);
} places[] = {
	{ "user.message", add_user_message },
	{ "agent.message", add_agent_message },
	{ "agent.thinking", add_thinking },
	{ "agent.tool_use", add_tool_use },
	{ "agent.tool_result", add_tool_result },
	{ "span.model_request_start", begin_request },
	{ "span.model_request_end", end_request },
};

int prompt_event(struct prompt *p, const cJSON *event)
{
	const char *type = json_text(event, "type");
	for (size_t i = 0; type && i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].type, type) == 0)
			places[i].add(p, event);
	return p->messages.overflow ? -EFBIG : 0;
}

void prompt_parts(struct prompt *p, struct slice ret_parts[static PROMPT_PARTS])
{
	ret_parts[0] = buf_slice(&p->head);
	ret_parts[1] = buf_slice(&p->messages);
	ret_parts[2] = slice_of(p->role ? "]}]}" : "]}");
}
