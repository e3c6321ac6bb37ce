/* SPDX-License-Identifier: MIT */
#include "store/input.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/event.h"

/* What the first byte of a character says about the others: how many, and the range of the next. */
static bool utf8_begin(struct input_scan *s, uint8_t c)
{
	if (c < 0x80)
		return c != 0; /* a NUL is valid UTF-8 and not text */
	if (c < 0xc2 || c > 0xf4)
		return false;
	s->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	s->utf8_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	s->utf8_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static bool utf8_step(struct input_scan *s, uint8_t c)
{
	if (s->utf8_left == 0)
		return utf8_begin(s, c);
	if (c < s->utf8_low || c > s->utf8_high)
		return false;
	s->utf8_left--;
	s->utf8_low = 0x80;
	s->utf8_high = 0xbf;
	return true;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Between objects only white space and the next object are JSON. */
static void outside_step(struct input_scan *s, uint8_t c)
{
	if (is_space(c))
		return;
	if (c != '{' || s->closed) {
		s->is_text = true;
		return;
	}
	s->object_start = s->size;
	s->depth = 1;
}

/* Inside an object brackets are counted and strings skipped; whether it is JSON at all is seen when
 * it is parsed.  True at its end. */
static bool inside_step(struct input_scan *s, uint8_t c)
{
	if (s->quoted) {
		if (s->escaped)
			s->escaped = false;
		else if (c == '\\')
			s->escaped = true;
		else if (c == '"')
			s->quoted = false;
		return false;
	}
	if (c == '"')
		s->quoted = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if (c == '}' || c == ']')
		s->depth--;
	if (s->depth > JSON_DEPTH_MAX)
		s->is_text = true;
	return s->depth == 0;
}

/* Bytes at the front that change only the sizes: plain letters of a text or a JSON string. */
static size_t plain_run(const struct input_scan *s, const uint8_t *data, size_t size)
{
	bool text = s->is_text;
	size_t n = 0;
	if (s->utf8_left || s->escaped || !(text || (s->depth && s->quoted)))
		return 0;
	while (n < size && data[n] >= 0x20 && data[n] < 0x80 &&
		(text || (data[n] != '"' && data[n] != '\\')))
		n++;
	return n;
}

size_t input_scan_push(struct input_scan *s, const char *data, size_t size, enum input_found *ret)
{
	const uint8_t *p = (const uint8_t *)data;
	for (size_t i = 0; i < size;) {
		size_t run = plain_run(s, p + i, size - i);
		if (run) {
			i += run;
			s->size += run;
			s->text_size = s->size;
			continue;
		}
		uint8_t c = p[i++];
		if (!utf8_step(s, c)) {
			*ret = INPUT_NOT_UTF8;
			return i - 1;
		}
		bool ended = false;
		if (!s->is_text && s->depth)
			ended = inside_step(s, c);
		else if (!s->is_text)
			outside_step(s, c);
		s->has_ink |= !is_space(c);
		s->size++;
		if (c != '\n' && c != '\r')
			s->text_size = s->size;
		if (ended) {
			*ret = INPUT_OBJECT;
			return i;
		}
	}
	*ret = INPUT_MORE;
	return size;
}

static bool is_client_type(const char *type)
{
	const struct event_type *row = type ? event_type_find(type) : NULL;
	return row && row->sender == SENDER_CLIENT;
}

/* A person may copy lines out of a log: what is the server's to set is set anew. */
static cJSON *renew(cJSON *given)
{
	static const char *const ours[] = { "id", "type", "processed_at", "x_agentdirs" };
	cJSON *event = event_new(json_text(given, "type"));
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(given, ours[i]);
	while (given->child) {
		cJSON *field = cJSON_DetachItemViaPointer(given, given->child);
		cleanup(free) char *name = xstrdup(field->string);
		if (json_get(event, name))
			cJSON_Delete(field); /* said twice: the first counts */
		else
			cJSON_AddItemToObject(event, name, field);
	}
	return event;
}

static int take_event(cJSON *given, cJSON *collect, struct buf *why)
{
	enum { FIELDS_MAX = 32 }; /* more than any event has, few enough to look through */
	if (!is_client_type(json_text(given, "type")) || cJSON_GetArraySize(given) > FIELDS_MAX)
		return fail(why, EINVAL,
			"every event must have a type that may be sent (user.… or system.message) "
			"and at most %d fields",
			FIELDS_MAX);
	cleanup(json) cJSON *event = renew(given);
	int r = event_check(event, why);
	if (r == 0 && json_get(event, "deny_message") &&
		strcmp(json_text(event, "result"), "deny") != 0)
		r = fail(why, EINVAL, "deny_message goes only with the result \"deny\"");
	if (r == 0 && collect)
		cJSON_AddItemToArray(collect, steal(event));
	return r;
}

/* What no queue can hold is refused before it is all parsed. */
static int check_count(size_t events, struct buf *why)
{
	if (events > QUEUE_EVENTS_MAX)
		return fail(why, EFBIG, "a message may have at most %d events", QUEUE_EVENTS_MAX);
	return 0;
}

static int take_list(cJSON *list, cJSON *collect, struct buf *why)
{
	size_t count = (size_t)cJSON_GetArraySize(list);
	if (count == 0)
		return fail(why, EINVAL, "events must not be empty");
	int r = check_count(count, why);
	if (r < 0)
		return r;
	cJSON *given;
	cJSON_ArrayForEach(given, list) {
		r = take_event(given, collect, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Parses the object.  *ret_spoilt: only without an escape that is no character, like \u0000. */
static cJSON *parse_object(struct slice object, bool *ret_spoilt, struct buf *why)
{
	cJSON *json = json_parse(object.at, object.size, why);
	*ret_spoilt = !json;
	if (json)
		return json;
	cleanup(buf) struct buf repaired = BUF_INIT(EVENTS_BYTES_MAX + 1);
	if (buf_add(&repaired, object.at, object.size) < 0)
		return NULL;
	json_repair(&repaired);
	return json_parse(buf_text(&repaired), repaired.size, NULL);
}

int input_judge(struct input_scan *s, struct slice object, cJSON *collect, struct buf *why)
{
	bool spoilt;
	cleanup(json) cJSON *json = parse_object(object, &spoilt, why);
	cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "events");
	bool is_list = cJSON_IsArray(list) && cJSON_GetArraySize(json) == 1 && s->objects == 0;
	if (!is_list && !is_client_type(json_text(json, "type"))) {
		s->is_text = true;
		return 0;
	}
	if (spoilt)
		return -EINVAL; /* the parser's sentence stands in `why` */
	s->closed = is_list;
	s->objects++;
	int r = check_count(s->objects, why);
	if (r < 0)
		return r;
	return is_list ? take_list(list, collect, why) : take_event(json, collect, why);
}

int input_limits(const struct input_scan *s, struct buf *why)
{
	if (s->size > EVENTS_BYTES_MAX)
		return fail(
			why, EFBIG, "a message may have at most %d MiB", EVENTS_BYTES_MAX >> 20);
	if (s->is_text && s->has_ink && s->text_size > MESSAGE_BYTES_MAX)
		return fail(why, EFBIG,
			"a message may have at most %d MiB of text; put longer text into a file of "
			"the workspace",
			MESSAGE_BYTES_MAX >> 20);
	return 0;
}

int input_fail_utf8(const struct input_scan *s, struct buf *why)
{
	return fail(why, EILSEQ, "not UTF-8 text (at byte %llu)", (unsigned long long)s->size);
}

static int judge_all(struct input_scan *s, const char *data, size_t size, cJSON *collect,
	struct buf *why)
{
	for (size_t at = 0; at < size;) {
		enum input_found found;
		at += input_scan_push(s, data + at, size - at, &found);
		if (found == INPUT_NOT_UTF8)
			return input_fail_utf8(s, why);
		struct slice object = { data + s->object_start, at - s->object_start };
		int r = found == INPUT_OBJECT ? input_judge(s, object, collect, why) : 0;
		if (r < 0)
			return r;
	}
	return input_limits(s, why);
}

/* The API takes at most one system.message in a request, and only as the last event. */
static int check_order(const cJSON *events, struct buf *why)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		if (event->next && strcmp(json_text(event, "type"), "system.message") == 0)
			return fail(why, EINVAL, "system.message must be the last event");
	return 0;
}

/* The API's user.message for a text. */
static cJSON *text_event(const char *data, size_t size)
{
	cleanup(free) char *text = xstrndup(data, size);
	cJSON *event = event_new("user.message");
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	return event;
}

/* Not JSON events after all: replaces what was collected by one message, or none when blank. */
static int make_text(struct input_scan *s, const char *data, cJSON **events, struct buf *why)
{
	s->is_text = true;
	int r = input_limits(s, why);
	if (r < 0)
		return r;
	cJSON_Delete(*events);
	*events = cJSON_CreateArray();
	if (s->has_ink)
		cJSON_AddItemToArray(*events, text_event(data, s->text_size));
	return 0;
}

int event_parse_input(
	const char *data, size_t size, bool complete, cJSON **ret_events, struct buf *why)
{
	struct input_scan s = { .size = size };
	int r = input_limits(&s, why); /* before anything that costs more */
	if (r < 0)
		return r;
	s.size = 0;
	cleanup(json) cJSON *events = complete ? cJSON_CreateArray() : NULL;
	r = judge_all(&s, data, size, events, why);
	if (r < 0 || !complete)
		return r;
	if (s.utf8_left)
		return input_fail_utf8(&s, why);
	bool is_json = s.objects > 0 && s.depth == 0 && !s.is_text;
	r = is_json ? check_order(events, why) : make_text(&s, data, &events, why);
	if (r < 0)
		return r;
	*ret_events = steal(events);
	return 0;
}
