/* SPDX-License-Identifier: MIT */
#include "rehearsal/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/blocks.h"
#include "rehearsal/check_tools.h"
#include "rehearsal/prefix.h"
#include "rehearsal/shape.h"
#include "rehearsal/thinking.h"

enum { MESSAGES_MAX = 100000, MARKS_MAX = 4, PATH_TEXT_MAX = 128 };

#define COMMON_SHAPE \
	"model:text messages:array system:content? tools:array? tool_choice:object? " \
	"thinking:object? output_config:object? cache_control:object? " \
	"context_management:object? mcp_servers:array? speed:text?"
#define MESSAGE_SHAPE \
	COMMON_SHAPE " max_tokens:int stream:bool? metadata:object? stop_sequences:array? " \
	"temperature:number? top_p:number? top_k:int? service_tier:text? inference_geo:text? " \
	"fallbacks:any? fallback_credit_token:ref? container:ref? diagnostics:object?"

static int check_shape(const struct request *r, struct buf *why)
{
	return shape_check(r->json, r->counting ? COMMON_SHAPE : MESSAGE_SHAPE, "", why);
}

static int check_model(const struct request *r, struct buf *why)
{
	if (r->model)
		return 0;
	return fail(why, ENOENT, "model: %.200s", json_text(r->json, "model"));
}

static const char *const known_betas[] = { "context-management-2025-06-27", "compact-2026-01-12",
	"mid-conversation-tool-changes-2026-07-01", "server-side-fallback-2026-07-01",
	"server-side-fallback-2026-06-01", "fallback-credit-2026-07-01", "task-budgets-2026-03-13",
	"cache-diagnosis-2026-04-07", "fast-mode-2026-02-01", "thinking-token-count-2026-05-13",
	"interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14",
	"model-context-window-exceeded-2025-08-26", "mcp-client-2025-11-20",
	"advisor-tool-2026-03-01", "context-1m-2025-08-07", "extended-cache-ttl-2025-04-11",
	"prompt-caching-2024-07-31", "files-api-2025-04-14", "skills-2025-10-02" };

static bool is_known_beta(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(known_betas); i++)
		if (strlen(known_betas[i]) == size && memcmp(known_betas[i], name, size) == 0)
			return true;
	return false;
}

static int check_betas(const struct request *r, struct buf *why)
{
	for (const char *at = r->betas; *at;) {
		at += strspn(at, ", ");
		size_t size = strcspn(at, ", ");
		if (size && !is_known_beta(at, size))
			return fail(why, EINVAL,
				"Unexpected value(s) `%.*s` for the `anthropic-beta` header. "
				"Please consult our documentation at docs.claude.com or try again "
				"without the header.",
				(int)(size < 200 ? size : 200), at);
		at += size;
	}
	return 0;
}

/* Fields that exist only for those who asked for the beta. */
static const struct {
	const char *path, *betas;
} beta_fields[] = {
	{ "context_management", "context-management-2025-06-27 compact-2026-01-12" },
	{ "speed", "fast-mode-2026-02-01" },
	{ "mcp_servers", "mcp-client-2025-11-20" },
	{ "fallbacks", "server-side-fallback-2026-07-01 server-side-fallback-2026-06-01" },
	{ "fallback_credit_token", "fallback-credit-2026-07-01" },
	{ "diagnostics", "cache-diagnosis-2026-04-07" },
	{ "output_config.task_budget", "task-budgets-2026-03-13" },
};

static bool has_one_beta(const struct request *r, const char *betas)
{
	cleanup(free) char *list = xstrdup(betas);
	char *rest = NULL;
	for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
		if (request_has_beta(r, name))
			return true;
	return false;
}

static int check_beta_fields(const struct request *r, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(beta_fields); i++)
		if (json_path(r->json, beta_fields[i].path) &&
			!has_one_beta(r, beta_fields[i].betas))
			return fail(why, EINVAL, "%s: Extra inputs are not permitted",
				beta_fields[i].path);
	return 0;
}

static int check_max_tokens(const struct request *r, struct buf *why)
{
	int64_t max = json_int(r->json, "max_tokens", 1);
	if (max < 0)
		return fail(why, EINVAL, "max_tokens: Input should be greater than or equal to 0");
	if (max == 0 && json_bool(r->json, "stream", false))
		return fail(why, EINVAL, "max_tokens: 0 is not supported together with `stream`");
	if (max > r->model->max_output)
		return fail(why, EINVAL,
			"max_tokens: %" PRId64 " > %" PRId64 ", which is the maximum allowed "
			"number of output tokens for %s",
			max, r->model->max_output, r->model->id);
	return 0;
}

/* Objects with a fixed set of fields, wherever they stand at the top of the request. */
static const struct {
	const char *path, *shape;
} parts[] = {
	{ "cache_control", "type:text ttl:text?" },
	{ "metadata", "user_id:any?" },
	{ "output_config", "effort:text? format:object? task_budget:object?" },
	{ "output_config.task_budget", "type:text total:int remaining:int?" },
	{ "thinking", "type:text budget_tokens:int? display:text?" },
	{ "tool_choice", "type:text name:text? disable_parallel_tool_use:bool?" },
	{ "diagnostics", "previous_message_id:any" },
	{ "context_management", "edits:array?" },
};

static int check_parts(const struct request *r, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const cJSON *part = json_path(r->json, parts[i].path);
		int error = part ? shape_check(part, parts[i].shape, parts[i].path, why) : 0;
		if (error < 0)
			return error;
	}
	return 0;
}

static int check_message(const cJSON *message, int number, struct buf *why)
{
	char where[PATH_TEXT_MAX];
	(void)snprintf(where, sizeof(where), "messages.%d", number);
	int r = shape_check(message, "role:text content:content", where, why);
	if (r < 0)
		return r;
	const cJSON *content = json_get(message, "content");
	if (cJSON_IsArray(content) && !content->child)
		return fail(why, EINVAL,
			"messages.%d: all messages must have non-empty content except for the "
			"optional final assistant message",
			number);
	static const struct {
		const char *name;
		enum place place;
	} roles[] = { { "user", PLACE_USER }, { "assistant", PLACE_ASSISTANT },
		{ "system", PLACE_MID_SYSTEM } };
	(void)snprintf(where, sizeof(where), "messages.%d.content", number);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (strcmp(json_text(message, "role"), roles[i].name) == 0)
			return blocks_check_content(content, roles[i].place, where, why);
	return fail(why, EINVAL, "messages.%d.role: Input should be 'user' or 'assistant'", number);
}

static int check_messages(const struct request *r, struct buf *why)
{
	const cJSON *messages = json_get(r->json, "messages"), *message;
	int count = cJSON_GetArraySize(messages), number = 0;
	if (count == 0)
		return fail(why, EINVAL, "messages: at least one message is required");
	if (count > MESSAGES_MAX)
		return fail(why, EINVAL, "messages: List should have at most %d items",
			MESSAGES_MAX);
	cJSON_ArrayForEach(message, messages) {
		int error = check_message(message, number++, why);
		if (error < 0)
			return error;
	}
	return 0;
}

static int check_system(const struct request *r, struct buf *why)
{
	const cJSON *system = json_get(r->json, "system");
	if (!system || (cJSON_IsString(system) && !*system->valuestring))
		return 0;
	return blocks_check_content(system, PLACE_SYSTEM, "system", why);
}

static int check_first(const struct request *r, struct buf *why)
{
	if (r->turn_count && r->turns[0].role == ROLE_USER)
		return 0;
	return fail(why, EINVAL, "messages: first message must use the \"user\" role");
}

static bool ends_with_server_result(const struct request *r, const struct turn *turn)
{
	const char *type = r->blocks[turn->first + turn->count - 1].type;
	return strstr(type, "_tool_result") && strcmp(type, "tool_result") != 0;
}

static int check_mid_system(const struct request *r, struct buf *why)
{
	for (size_t i = 1; i < r->turn_count; i++) {
		const struct turn *turn = &r->turns[i], *before = turn - 1;
		if (turn->role != ROLE_SYSTEM)
			continue;
		int at = r->blocks[turn->first].message;
		if (!(r->model->flags & MODEL_MID_SYSTEM))
			return fail(why, EINVAL,
				"messages.%d.role: role 'system' is not supported on this model",
				at);
		if (before->role == ROLE_ASSISTANT && !ends_with_server_result(r, before))
			return fail(why, EINVAL,
				"messages.%d: a system message must follow a user turn", at);
		if (i + 1 < r->turn_count && r->turns[i + 1].role != ROLE_ASSISTANT)
			return fail(why, EINVAL,
				"messages.%d: a system message must be last or followed by an "
				"assistant message",
				at);
	}
	return 0;
}

static bool ends_in_space(const char *text)
{
	size_t n = text ? strlen(text) : 0;
	return n && strchr(" \t\r\n", text[n - 1]);
}

static int check_last(const struct request *r, struct buf *why)
{
	const struct turn *last = &r->turns[r->turn_count - 1];
	if (last->role != ROLE_ASSISTANT || turn_is_paused(r, last))
		return 0;
	if (!(r->model->flags & MODEL_PREFILL))
		return fail(why, EINVAL,
			"This model does not support assistant message prefill. The "
			"conversation must end with a user message.");
	if (ends_in_space(block_text(&r->blocks[last->first + last->count - 1])))
		return fail(why, EINVAL,
			"messages: final assistant content cannot end with trailing whitespace");
	return 0;
}

static int check_sampling(const struct request *r, struct buf *why)
{
	static const struct {
		const char *name;
		double standard;
	} settings[] = { { "temperature", 1 }, { "top_p", 1 }, { "top_k", 0 } };
	double temperature = json_number(r->json, "temperature", 1);
	if (temperature < 0 || temperature > 1)
		return fail(why, EINVAL, "temperature: range: 0..1");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		double value = json_number(r->json, settings[i].name, settings[i].standard);
		bool changed = value < settings[i].standard || value > settings[i].standard;
		if (changed && (r->model->flags & MODEL_FIXED_SAMPLING))
			return fail(why, EINVAL, "`%s` is not supported on this model",
				settings[i].name);
	}
	return 0;
}

static int check_stop_sequences(const struct request *r, struct buf *why)
{
	int index = 0;
	const cJSON *stop;
	cJSON_ArrayForEach(stop, json_get(r->json, "stop_sequences")) {
		const char *text = cJSON_GetStringValue(stop);
		if (!text)
			return fail(why, EINVAL,
				"stop_sequences.%d: Input should be a valid string", index);
		if (!text[strspn(text, " \t\r\n")])
			return fail(why, EINVAL,
				"stop_sequences: each stop sequence must contain non-whitespace");
		index++;
	}
	return 0;
}

static int check_choices(const struct request *r, struct buf *why)
{
	static const struct {
		const char *path, *values;
	} choices[] = {
		{ "service_tier", " auto standard_only " },
		{ "speed", " standard fast " },
		{ "cache_control.type", " ephemeral " },
		{ "cache_control.ttl", " 5m 1h " },
		{ "thinking.type", " adaptive enabled disabled " },
		{ "thinking.display", " summarized omitted " },
		{ "tool_choice.type", " auto any tool none " },
		{ "output_config.effort", " low medium high xhigh max " },
	};
	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		const char *value = cJSON_GetStringValue(json_path(r->json, choices[i].path));
		cleanup(free) char *word = value ? xprintf(" %s ", value) : NULL;
		if (word && (strchr(value, ' ') || !strstr(choices[i].values, word)))
			return fail(why, EINVAL, "%s: Input should be one of:%s", choices[i].path,
				choices[i].values);
	}
	return 0;
}

struct marks {
	const cJSON *found[MARKS_MAX + 1];
	const char *place[MARKS_MAX + 1];
	int count;
};

static void add_mark(struct marks *marks, const cJSON *owner, const char *place)
{
	const cJSON *mark = json_get(owner, "cache_control");
	const cJSON *content = json_get(owner, "content"), *inner;
	if (mark && marks->count <= MARKS_MAX) {
		marks->found[marks->count] = mark;
		marks->place[marks->count] = place;
	}
	marks->count += mark != NULL;
	if (cJSON_IsArray(content))
		cJSON_ArrayForEach(inner, content)
			add_mark(marks, inner, place);
}

static void add_marks(struct marks *marks, const cJSON *list, const char *place)
{
	const cJSON *item;
	if (cJSON_IsArray(list))
		cJSON_ArrayForEach(item, list)
			add_mark(marks, item, place);
}

static int check_mark(const cJSON *mark, const char *place, struct buf *why)
{
	cleanup(free) char *where = xprintf("%s.cache_control", place);
	int r = shape_check(mark, "type:text ttl:text?", where, why);
	if (r < 0)
		return r;
	const char *ttl = json_text(mark, "ttl");
	if (strcmp(json_text(mark, "type"), "ephemeral") != 0)
		return fail(why, EINVAL, "%s.type: Input should be 'ephemeral'", where);
	if (ttl && strcmp(ttl, "5m") != 0 && strcmp(ttl, "1h") != 0)
		return fail(why, EINVAL, "%s.ttl: Input should be '5m' or '1h'", where);
	return 0;
}

static bool lives_long(const cJSON *mark)
{
	const char *ttl = json_text(mark, "ttl");
	return ttl && strcmp(ttl, "1h") == 0;
}

static int check_marks(const struct request *r, struct buf *why)
{
	struct marks marks = { 0 };
	add_marks(&marks, json_get(r->json, "tools"), "tools");
	add_marks(&marks, json_get(r->json, "system"), "system");
	for (size_t i = 0; i < r->block_count; i++)
		add_mark(&marks, r->blocks[i].json, "messages");
	int count = marks.count + (json_get(r->json, "cache_control") != NULL);
	if (count > MARKS_MAX)
		return fail(why, EINVAL,
			"A maximum of %d blocks with cache_control may be provided. Found %d.",
			MARKS_MAX, count);
	for (int i = 0; i < marks.count; i++) {
		int error = check_mark(marks.found[i], marks.place[i], why);
		if (error < 0)
			return error;
		if (i && lives_long(marks.found[i]) && !lives_long(marks.found[i - 1]))
			return fail(why, EINVAL,
				"%s: a ttl='1h' cache_control block must not come after a "
				"ttl='5m' cache_control block",
				marks.place[i]);
	}
	return 0;
}

static int check_length(const struct request *r, struct buf *why)
{
	int64_t tokens = prefix_tokens(r);
	if (tokens <= r->model->window)
		return 0;
	return fail(why, EFBIG, "prompt is too long: %" PRId64 " tokens > %" PRId64 " maximum",
		tokens, r->model->window);
}

static const struct rule rules[] = {
	{ "betas", 400, check_betas, "anthropic-beta names only known betas" },
	{ "fields", 400, check_shape, "required fields are there, unknown ones are not" },
	{ "beta fields", 400, check_beta_fields, "fields of a beta need its header" },
	{ "parts", 400, check_parts, "so for the objects within" },
	{ "choices", 400, check_choices, "enumerations hold known values" },
	{ "model", 404, check_model, "the model exists" },
	{ "max_tokens", 400, check_max_tokens, "max_tokens fits the model" },
	{ "messages", 400, check_messages,
		"every message and block has its fields; texts say something" },
	{ "system", 400, check_system, "system is text" },
	{ "first", 400, check_first, "the first message is the user's" },
	{ "mid system", 400, check_mid_system,
		"role system stands only where the model allows it" },
	{ "tools", 400, check_tools, "tools have names, used once, and schemas" },
	{ "tool_choice", 400, check_tool_choice, "a forced tool exists" },
	{ "thinking", 400, check_thinking, "thinking and effort fit the model" },
	{ "sampling", 400, check_sampling, "no temperature where the model takes none" },
	{ "stop_sequences", 400, check_stop_sequences, "stop sequences are visible text" },
	{ "cache_control", 400, check_marks, "at most 4 breakpoints, longer lives first" },
	{ "ids", 400, check_ids, "tool_use ids are unique" },
	{ "results", 400, check_results, "calls are answered at once, and only calls are" },
	{ "signatures", 400, check_signatures, "thinking comes back as it was sent" },
	{ "last", 400, check_last, "the last message is the user's" },
	{ "length", 400, check_length, "the prompt fits the window" },
};

const struct rule *check_rule_at(size_t index)
{
	return index < ARRAY_LEN(rules) ? &rules[index] : NULL;
}

int check_request(const struct request *r, struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].check(r, &failure->why) == 0)
			continue;
		failure->status = rules[i].status;
		return -EINVAL;
	}
	return 0;
}
