/* SPDX-License-Identifier: MIT */
#include "rehearsal/check_tools.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/shape.h"

#define TOOL_SHAPE \
	"name:text description:text? input_schema:object type:text? cache_control:object? " \
	"strict:bool? defer_loading:bool? eager_input_streaming:bool? input_examples:array? " \
	"allowed_callers:array?"

enum { TOOL_NAME_MAX = 64, PATH_TEXT_MAX = 64 };

static bool is_tool_name(const char *name)
{
	size_t n = strlen(name);
	size_t good =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return n >= 1 && n <= TOOL_NAME_MAX && good == n;
}

static int check_custom_tool(const cJSON *tool, const char *where, struct buf *why)
{
	int r = shape_check(tool, TOOL_SHAPE, where, why);
	if (r < 0)
		return r;
	const char *type = json_text(json_get(tool, "input_schema"), "type");
	if (!is_tool_name(json_text(tool, "name")))
		return fail(why, EINVAL,
			"%s.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'", where);
	if (!type || strcmp(type, "object") != 0)
		return fail(why, EINVAL, "%s.input_schema.type: Input should be 'object'", where);
	return 0;
}

/* Tools whose schema the API knows: the type without its date, and the name that it must bear. */
static const struct {
	const char *stem, *name; /* name NULL: none is given */
} known_tools[] = {
	{ "web_search_", "web_search" },
	{ "web_fetch_", "web_fetch" },
	{ "code_execution_", "code_execution" },
	{ "tool_search_tool_regex", "tool_search_tool_regex" },
	{ "tool_search_tool_bm25", "tool_search_tool_bm25" },
	{ "advisor_", "advisor" },
	{ "bash_", "bash" },
	{ "text_editor_", "str_replace_based_edit_tool" },
	{ "memory_", "memory" },
	{ "mcp_toolset", NULL },
	{ "computer_toolset_", NULL },
	{ "browser_toolset_", NULL },
};

static int check_known_tool(const cJSON *tool, const char *type, const char *where, struct buf *why)
{
	const char *name = json_text(tool, "name");
	for (size_t i = 0; i < ARRAY_LEN(known_tools); i++) {
		const char *wanted = known_tools[i].name;
		if (strncmp(type, known_tools[i].stem, strlen(known_tools[i].stem)) != 0)
			continue;
		if (!wanted || (name && strcmp(name, wanted) == 0))
			return 0;
		return fail(why, EINVAL, "%s.%s.name: Input should be '%s'", where, type, wanted);
	}
	return fail(why, EINVAL,
		"%s: Input tag '%.64s' found using 'type' does not match any of the expected tags",
		where, type);
}

static int check_tool(const cJSON *tool, int index, struct buf *why)
{
	char where[PATH_TEXT_MAX];
	const char *type = json_text(tool, "type");
	(void)snprintf(where, sizeof(where), "tools.%d", index);
	if (type && strcmp(type, "custom") != 0)
		return check_known_tool(tool, type, where, why);
	(void)snprintf(where, sizeof(where), "tools.%d.custom", index);
	return check_custom_tool(tool, where, why);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first text that is there twice, or NULL.  Sorts the array. */
static const char *find_double(const char **texts, size_t count)
{
	if (count)
		qsort(texts, count, sizeof(*texts), compare_texts);
	for (size_t i = 1; i < count; i++)
		if (strcmp(texts[i - 1], texts[i]) == 0)
			return texts[i];
	return NULL;
}

int check_tools(const struct request *r, struct buf *why)
{
	const cJSON *tools = json_get(r->json, "tools"), *tool;
	size_t room = tools ? (size_t)cJSON_GetArraySize(tools) : 0, count = 0;
	cleanup(free) const char **names = xcalloc(room + 1, sizeof(*names));
	int index = 0;
	cJSON_ArrayForEach(tool, tools) {
		int error = check_tool(tool, index++, why);
		if (error < 0)
			return error;
		const char *name = json_text(tool, "name");
		if (name)
			names[count++] = name;
	}
	if (find_double(names, count))
		return fail(why, EINVAL, "tools: Tool names must be unique.");
	return 0;
}

int check_tool_choice(const struct request *r, struct buf *why)
{
	const cJSON *choice = json_get(r->json, "tool_choice"), *tool;
	const char *type = json_text(choice, "type"), *name = json_text(choice, "name");
	if (!choice || strcmp(type, "none") == 0)
		return 0;
	if (!json_get(r->json, "tools"))
		return fail(why, EINVAL, "tool_choice may only be specified while providing tools");
	if (strcmp(type, "tool") != 0)
		return 0;
	if (!name)
		return fail(why, EINVAL, "tool_choice.tool.name: Field required");
	cJSON_ArrayForEach(tool, json_get(r->json, "tools")) {
		const char *other = json_text(tool, "name");
		if (other && strcmp(other, name) == 0)
			return 0;
	}
	return fail(why, EINVAL, "Tool '%.128s' not found in provided tools", name);
}

int check_ids(const struct request *r, struct buf *why)
{
	cleanup(free) const char **ids = xcalloc(r->block_count + 1, sizeof(*ids));
	size_t count = 0;
	for (size_t i = 0; i < r->block_count; i++) {
		const char *type = r->blocks[i].type;
		if (strcmp(type, "tool_use") == 0 || strcmp(type, "server_tool_use") == 0)
			ids[count++] = json_text(r->blocks[i].json, "id");
	}
	if (find_double(ids, count))
		return fail(why, EINVAL, "messages: `tool_use` ids must be unique");
	return 0;
}

/* How many results for the call stand at the front of the turn, before anything else. */
static int count_results(const struct request *r, const struct turn *turn, const char *id)
{
	int found = 0;
	for (size_t i = 0; turn && i < turn->count; i++) {
		const struct block *block = &r->blocks[turn->first + i];
		if (strcmp(block->type, "tool_result") != 0)
			break;
		found += strcmp(json_text(block->json, "tool_use_id"), id) == 0;
	}
	return found;
}

static bool has_call(const struct request *r, const struct turn *turn, const char *id)
{
	size_t at = 0;
	const struct block *call;
	while (turn && (call = turn_next_block(r, turn, "tool_use", &at)))
		if (strcmp(json_text(call->json, "id"), id) == 0)
			return true;
	return false;
}

static int check_calls(
	const struct request *r, const struct turn *turn, const struct turn *next, struct buf *why)
{
	cleanup(buf) struct buf missing = BUF_INIT(1000);
	size_t at = 0;
	const struct block *call;
	while ((call = turn_next_block(r, turn, "tool_use", &at))) {
		const char *id = json_text(call->json, "id");
		int count = count_results(r, next, id);
		if (count > 1)
			return fail(why, EINVAL,
				"messages.%d: each tool_use must have a single result. Found "
				"multiple `tool_result` blocks with id: %.128s",
				r->blocks[next->first].message, id);
		if (count == 0)
			(void)buf_printf(&missing, "%s%.128s", missing.size ? ", " : "", id);
	}
	if (!missing.size)
		return 0;
	return fail(why, EINVAL,
		"messages.%d: `tool_use` ids were found without `tool_result` blocks "
		"immediately after: %s. Each `tool_use` block must have a corresponding "
		"`tool_result` block in the next message.",
		r->blocks[turn->first].message, buf_text(&missing));
}

static int check_answers(const struct request *r, const struct turn *turn,
	const struct turn *before, struct buf *why)
{
	size_t at = 0;
	const struct block *result;
	while ((result = turn_next_block(r, turn, "tool_result", &at))) {
		const char *id = json_text(result->json, "tool_use_id");
		if (!has_call(r, before, id))
			return fail(why, EINVAL,
				"messages.%d.content.%d: unexpected `tool_use_id` found in "
				"`tool_result` blocks: %.128s. Each `tool_result` block must have "
				"a corresponding `tool_use` block in the previous message.",
				result->message, result->index, id);
	}
	return 0;
}

/* While a server's call is open, the user may answer calls and say nothing else. */
static int check_open_server_call(
	const struct request *r, const struct turn *turn, const struct turn *next, struct buf *why)
{
	size_t at = 0, results = 0;
	if (!next || !turn_is_paused(r, turn))
		return 0;
	while (turn_next_block(r, next, "tool_result", &at))
		results++;
	if (results && results == next->count)
		return 0;
	const struct block *last = &r->blocks[turn->first + turn->count - 1];
	return fail(why, EINVAL,
		"messages.%d: `server_tool_use` was found without a corresponding result "
		"block",
		last->message);
}

int check_results(const struct request *r, struct buf *why)
{
	for (size_t i = 0; i < r->turn_count; i++) {
		const struct turn *turn = &r->turns[i];
		const struct turn *next = i + 1 < r->turn_count ? turn + 1 : NULL;
		const struct turn *before = i ? turn - 1 : NULL;
		int error = 0;
		if (turn->role == ROLE_ASSISTANT)
			error = check_calls(r, turn, next, why);
		if (error == 0 && turn->role == ROLE_ASSISTANT)
			error = check_open_server_call(r, turn, next, why);
		if (error == 0)
			error = check_answers(r, turn, before, why);
		if (error < 0)
			return error;
	}
	return 0;
}
