/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void json_setup(void)
{
	cJSON_Hooks hooks = { .malloc_fn = xmalloc, .free_fn = free };
	cJSON_InitHooks(&hooks);
}

void cleanup_json(cJSON **json)
{
	cJSON_Delete(*json);
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	return !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* Value of the four hexadecimal digits of a \u escape, or -1. */
static int escape_value(const char *at, const char *end)
{
	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	int value = 0;
	for (int i = 2; i < 6; i++) {
		int digit = hex_value(at[i]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* The place of the next \u escape that cannot be carried, or NULL.  A malformed one is among them: cJSON
 * would take it for \u0000. */
static char *next_bad_escape(char *at, char *end)
{
	while ((at = memchr(at, '\\', (size_t)(end - at)))) {
		int value = escape_value(at, end);
		if (end - at < 2 || (value < 0 && at[1] == 'u'))
			return at;
		if (value < 0) {
			at += 2;
			continue;
		}
		if (value == 0 || (value >= 0xdc00 && value <= 0xdfff))
			return at;
		if (value >= 0xd800 && value <= 0xdbff) {
			int low = escape_value(at + 6, end);
			if (low < 0xdc00 || low > 0xdfff)
				return at;
			at += 6;
		}
		at += 6;
	}
	return NULL;
}

void json_repair(struct buf *text)
{
	if (!text->size)
		return;
	char *at = text->data, *end = at + text->size;
	while ((at = next_bad_escape(at, end))) {
		bool whole = escape_value(at, end) >= 0; /* else json_parse will say that it is malformed */
		if (whole)
			memcpy(at, "\\ufffd", 6);
		at += whole ? 6 : 1;
	}
}

/* Depth is counted before parsing: cJSON's own limit is 1000 levels of recursion. */
static bool too_deep(const char *text, size_t size)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < size; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
			continue;
		}
		if (text[i] == '"')
			quoted = true;
		else if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

cJSON *json_parse(const char *text, size_t size, struct buf *why)
{
	if (!utf8_is_valid(text, size) || memchr(text, '\0', size)) {
		fail(why, EILSEQ, "not valid UTF-8 text");
		return NULL;
	}
	if (too_deep(text, size)) {
		fail(why, EINVAL, "JSON nested deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	if (next_bad_escape((char *)text, (char *)text + size)) {
		fail(why, EINVAL, "JSON with an escape that is no character (\\u0000 or half a surrogate)");
		return NULL;
	}
	cleanup(free) char *copy = xstrndup(text, size);
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithOpts(copy, &end, true);
	if (!json)
		fail(why, EINVAL, "not JSON (at byte %zu of %zu)", end ? (size_t)(end - copy) : 0, size);
	return json;
}

const cJSON *json_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_text(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(json_get(object, name));
}

double json_number(const cJSON *object, const char *name, double fallback)
{
	const cJSON *item = json_get(object, name);
	return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

int64_t json_int(const cJSON *object, const char *name, int64_t fallback)
{
	double value = json_number(object, name, (double)fallback);
	if (!(value > -9e15 && value < 9e15))
		return fallback;
	return (int64_t)value;
}

bool json_bool(const cJSON *object, const char *name, bool fallback)
{
	const cJSON *item = json_get(object, name);
	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

const cJSON *json_path(const cJSON *object, const char *path)
{
	while (object && *path) {
		size_t n = strcspn(path, ".");
		cleanup(free) char *name = xstrndup(path, n);
		object = json_get(object, name);
		path += path[n] ? n + 1 : n;
	}
	return object;
}

int json_depth(const cJSON *json)
{
	int deepest = 0;
	const cJSON *item;
	cJSON_ArrayForEach(item, json) {
		int depth = json_depth(item);
		deepest = depth > deepest ? depth : deepest;
	}
	return cJSON_IsObject(json) || cJSON_IsArray(json) ? deepest + 1 : 0;
}

char *json_to_text(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	if (!text)
		abort();
	return text;
}

int json_print(struct buf *out, const cJSON *json)
{
	cleanup(free) char *text = json_to_text(json);
	return buf_add_text(out, text);
}

int json_quote(struct buf *out, const char *text, size_t size)
{
	static const char *const short_escape[128] = { ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b",
		['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t" };
	size_t from = 0;
	(void)buf_add_char(out, '"');
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *escape = c < 128 ? short_escape[c] : NULL;
		if (!escape && c >= 0x20)
			continue;
		(void)buf_add(out, text + from, i - from);
		if (escape)
			(void)buf_add_text(out, escape);
		else
			(void)buf_printf(out, "\\u%04x", c);
		from = i + 1;
	}
	(void)buf_add(out, text + from, size - from);
	return buf_add_char(out, '"');
}
