/* SPDX-License-Identifier: MIT */
#include "rehearsal/blocks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/shape.h"

#define SPACE	     " \t\r\n\v\f"
#define RESULT_SHAPE "type:text tool_use_id:text content:any cache_control:object? caller:any?"
#define CALL_SHAPE   "type:text id:text name:text input:object caller:any? cache_control:object?"

enum { PATH_TEXT_MAX = 256 };

static int check_text(const cJSON *block, const char *path, struct buf *why)
{
	const char *text = json_text(block, "text");
	if (!*text)
		return fail(why, EINVAL, "%s: text content blocks must be non-empty", path);
	if (!text[strspn(text, SPACE)])
		return fail(why, EINVAL, "%s: text content blocks must contain non-whitespace text",
			path);
	return 0;
}

static const struct source {
	const char *type, *shape;
} sources[] = {
	{ "base64", "type:text media_type:text data:text" },
	{ "url", "type:text url:text" },
	{ "file", "type:text file_id:text" },
	{ "text", "type:text media_type:text data:text" },
	{ "content", "type:text content:content" },
};

static int check_source(const cJSON *block, const char *allowed, const char *path, struct buf *why)
{
	const cJSON *source = json_get(block, "source");
	const char *type = json_text(source, "type");
	for (size_t i = 0; type && i < ARRAY_LEN(sources); i++) {
		if (strcmp(type, sources[i].type) != 0 || !strstr(allowed, type))
			continue;
		cleanup(free) char *where = xprintf("%s.source.%s", path, type);
		return shape_check(source, sources[i].shape, where, why);
	}
	return fail(why, EINVAL, "%s.source: Input tag does not match any of the expected tags: %s",
		path, allowed);
}

static int check_image(const cJSON *block, const char *path, struct buf *why)
{
	static const char *const types[] = { "image/jpeg", "image/png", "image/gif", "image/webp" };
	int r = check_source(block, "base64 url file", path, why);
	const char *media = json_text(json_get(block, "source"), "media_type");
	for (size_t i = 0; r == 0 && media && i < ARRAY_LEN(types); i++)
		if (strcmp(media, types[i]) == 0)
			return 0;
	if (r < 0 || !media)
		return r;
	return fail(why, EINVAL,
		"%s.source.base64.media_type: Input should be 'image/jpeg', 'image/png', "
		"'image/gif' or 'image/webp'",
		path);
}

static int check_document(const cJSON *block, const char *path, struct buf *why)
{
	return check_source(block, "base64 text content url file", path, why);
}

static int check_result(const cJSON *block, const char *path, struct buf *why)
{
	const cJSON *content = json_get(block, "content");
	if (!content || (cJSON_IsArray(content) && !content->child))
		return 0;
	cleanup(free) char *within = xprintf("%s.content", path);
	return cJSON_IsString(content) ? 0
				       : blocks_check_content(content, PLACE_RESULT, within, why);
}

static const struct row {
	const char *type;
	unsigned places; /* enum place */
	const char *shape; /* NULL: any fields, the block is opaque and echoed verbatim */
	/* What the shape cannot say; NULL. */
	int (*check)(const cJSON *block, const char *path, struct buf *why);
} rows[] = {
	{ "text", ~0U, "type:text text:text cache_control:object? citations:any?", check_text },
	{ "image", PLACE_USER | PLACE_RESULT,
		"type:text source:object transformations:object? cache_control:object?",
		check_image },
	{ "document", PLACE_USER | PLACE_RESULT,
		"type:text source:object title:any? context:any? "
		"citations:any? cache_control:object?",
		check_document },
	{ "search_result", PLACE_USER | PLACE_RESULT,
		"type:text source:text title:text content:array citations:any? "
		"cache_control:object?" },
	{ "tool_result", PLACE_USER,
		"type:text tool_use_id:text content:content? is_error:bool? "
		"cache_control:object? toolset_name:text?",
		check_result },
	{ "tool_reference", PLACE_RESULT, "type:text tool_name:text cache_control:object?" },
	{ "tool_use", PLACE_ASSISTANT, CALL_SHAPE " toolset_name:text?" },
	{ "thinking", PLACE_ASSISTANT, "type:text thinking:text signature:text" },
	{ "redacted_thinking", PLACE_ASSISTANT, "type:text data:text" },
	{ "server_tool_use", PLACE_ASSISTANT, CALL_SHAPE },
	{ "web_search_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "web_fetch_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "code_execution_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "bash_code_execution_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "text_editor_code_execution_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "tool_search_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "advisor_tool_result", PLACE_ASSISTANT, RESULT_SHAPE },
	{ "mcp_tool_use", PLACE_ASSISTANT, CALL_SHAPE " server_name:text" },
	{ "mcp_tool_result", PLACE_ASSISTANT, RESULT_SHAPE " is_error:bool?" },
	{ "container_upload", PLACE_USER | PLACE_ASSISTANT,
		"type:text file_id:text cache_control:object?" },
	{ "compaction", PLACE_ASSISTANT,
		"type:text content:any encrypted_content:any? cache_control:object?" },
	{ "fallback", PLACE_ASSISTANT, "type:text from:object to:object trigger:any?" },
	{ "tool_addition", PLACE_MID_SYSTEM, "type:text tool:object" },
	{ "tool_removal", PLACE_MID_SYSTEM, "type:text tool:object" },
	{ "rehearsal_unknown", PLACE_ASSISTANT, NULL },
};

static const struct row *row_of(const char *type, enum place place)
{
	for (size_t i = 0; type && i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].type, type) == 0 && (rows[i].places & place))
			return &rows[i];
	return NULL;
}

int blocks_check(const cJSON *block, enum place place, const char *path, struct buf *why)
{
	const char *type = json_text(block, "type");
	const struct row *row = row_of(type, place);
	if (!type)
		return fail(
			why, EINVAL, "%s: Unable to extract tag using discriminator 'type'", path);
	if (!row)
		return fail(why, EINVAL,
			"%s: Input tag '%.64s' found using 'type' does not match any of the "
			"expected tags",
			path, type);
	if (!row->shape)
		return 0;
	char where[PATH_TEXT_MAX];
	(void)snprintf(where, sizeof(where), "%s.%s", path, type);
	int r = shape_check(block, row->shape, where, why);
	return r == 0 && row->check ? row->check(block, path, why) : r;
}

static int check_string(const cJSON *content, const char *path, struct buf *why)
{
	const char *text = content->valuestring;
	if (!text[strspn(text, SPACE)])
		return fail(why, EINVAL,
			*text ? "%s: text content blocks must contain non-whitespace text"
			      : "%s: text content blocks must be non-empty",
			path);
	return 0;
}

int blocks_check_content(const cJSON *content, enum place place, const char *path, struct buf *why)
{
	if (cJSON_IsString(content))
		return check_string(content, path, why);
	if (!cJSON_IsArray(content))
		return fail(why, EINVAL, "%s: Input should be a valid string or list", path);
	int index = 0, r = 0;
	const cJSON *block;
	cJSON_ArrayForEach(block, content) {
		char where[PATH_TEXT_MAX];
		(void)snprintf(where, sizeof(where), "%s.%d", path, index++);
		if (r == 0)
			r = blocks_check(block, place, where, why);
	}
	return r;
}
