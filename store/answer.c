/* SPDX-License-Identifier: MIT */
/* What people write to answer a call (call.h), made into the event that answers it. */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/call.h"
#include "store/content.h"
#include "store/event.h"
#include "store/text.h"

/* How much may be written at all. */
static int check_text(struct slice text, bool complete, struct buf *why)
{
	if (text.size > EVENTS_BYTES_MAX)
		return fail(
			why, EFBIG, "an answer may have at most %d MiB", EVENTS_BYTES_MAX >> 20);
	return text_check(text, complete, why);
}

enum { REASON_CHARS_MAX = 10000 };

static const struct verdict {
	const char *word, *result;
	bool reason; /* may follow the word */
	bool always;
} verdicts[] = {
	{ "allow", "allow" },
	{ "always", "allow", .always = true },
	{ "deny", "deny", .reason = true },
};

/* Does the text say this, or (not complete) may it still become that? */
static bool says(const struct verdict *v, struct slice text, bool complete)
{
	size_t n = strlen(v->word);
	if (text.size < n)
		return !complete && memcmp(v->word, text.at, text.size) == 0;
	if (memcmp(v->word, text.at, n) != 0)
		return false;
	struct slice rest = { text.at + n, text.size - n };
	struct slice words = text_skip_space(rest);
	return words.size == 0 || (v->reason && words.size < rest.size);
}

static int find_verdict(
	struct slice text, bool complete, const struct verdict **ret, struct buf *why)
{
	text = complete ? text_trim(text) : text_skip_space(text);
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (says(&verdicts[i], text, complete)) {
			*ret = &verdicts[i];
			return 0;
		}
	return fail(why, EINVAL, "write allow, deny and why, or always");
}

static int parse_confirmation(
	const char *id, struct slice text, cJSON **ret_event, struct buf *why)
{
	const struct verdict *v;
	int r = find_verdict(text, true, &v, why);
	if (r < 0)
		return r;
	text = text_trim(text);
	size_t word = strlen(v->word);
	struct slice reason = text_trim((struct slice){ text.at + word, text.size - word });
	cleanup(free) char *message = xstrndup(reason.at, reason.size);
	if (utf8_count(message) > REASON_CHARS_MAX)
		return fail(why, EINVAL, "a reason has at most %d characters", REASON_CHARS_MAX);
	cJSON *event = event_new("user.tool_confirmation");
	cJSON_AddStringToObject(event, "tool_use_id", id);
	cJSON_AddStringToObject(event, "result", v->result);
	if (reason.size)
		cJSON_AddStringToObject(event, "deny_message", message);
	if (v->always)
		cJSON_AddTrueToObject(cJSON_AddObjectToObject(event, "x_agentdirs"), "always");
	*ret_event = event;
	return 0;
}

/* A list of objects that all have a type is meant as content blocks; everything else is text. */
static cJSON *parse_blocks(struct slice text)
{
	struct slice inner = text_trim(text);
	if (!inner.size || inner.at[0] != '[')
		return NULL;
	cleanup(json) cJSON *list = json_parse(inner.at, inner.size, NULL);
	const cJSON *block;
	cJSON_ArrayForEach(block, list)
		if (!json_text(block, "type"))
			return NULL;
	return cJSON_IsArray(list) && list->child ? steal(list) : NULL;
}

static cJSON *text_blocks(struct slice text)
{
	cJSON *list = cJSON_CreateArray();
	if (text.size == 0)
		return list;
	cleanup(free) char *copy = xstrndup(text.at, text.size);
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", copy);
	cJSON_AddItemToArray(list, block);
	return list;
}

/* Takes the word `error:` off the front, and the line's end behind it. */
static bool take_error(struct slice *text)
{
	static const char word[] = "error:";
	size_t n = sizeof(word) - 1;
	if (text->size < n || memcmp(text->at, word, n) != 0)
		return false;
	while (n < text->size && (text->at[n] == ' ' || text->at[n] == '\t'))
		n++;
	n += n < text->size && text->at[n] == '\n';
	*text = (struct slice){ text->at + n, text->size - n };
	return true;
}

static int parse_result(const char *id, struct slice text, cJSON **ret_event, struct buf *why)
{
	bool is_error = take_error(&text);
	text.size -= text.size && text.at[text.size - 1] == '\n';
	cleanup(json) cJSON *blocks = parse_blocks(text);
	if (!blocks && text.size > TOOL_RESULT_BYTES_MAX)
		return fail(why, EFBIG, "a result may have at most %d MiB of text",
			TOOL_RESULT_BYTES_MAX >> 20);
	int r = blocks ? content_check("result", "the result", blocks, why) : 0;
	if (r < 0)
		return r;
	cJSON *event = event_new("user.custom_tool_result");
	cJSON_AddStringToObject(event, "custom_tool_use_id", id);
	cJSON_AddItemToObject(event, "content", blocks ? steal(blocks) : text_blocks(text));
	if (is_error)
		cJSON_AddTrueToObject(event, "is_error");
	*ret_event = event;
	return 0;
}

int call_parse(enum call_kind kind, const char *id, struct slice text, cJSON **ret_event,
	struct buf *why)
{
	if (text.size == 0)
		return fail(why, EINVAL, "nothing was written, and that is no answer");
	int r = check_text(text, true, why);
	if (r < 0)
		return r;
	return kind == CALL_CONFIRM ? parse_confirmation(id, text, ret_event, why) :
		parse_result(id, text, ret_event, why);
}

int call_check(enum call_kind kind, struct slice text, struct buf *why)
{
	const struct verdict *v;
	int r = check_text(text, false, why);
	return r < 0 || kind != CALL_CONFIRM ? r : find_verdict(text, false, &v, why);
}
