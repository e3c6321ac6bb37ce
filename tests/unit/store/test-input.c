/* SPDX-License-Identifier: MIT */
/* What becomes of the bytes that a person writes to `input`. */
#include <errno.h>

#include "base/limits.h"
#include "store/event.h"
#include "store/input.h"
#include "tests/unit/test.h"

#define HI      "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}"
#define STOP    "{\"type\":\"user.interrupt\"}"
#define SYSTEM  "{\"type\":\"system.message\",\"content\":[{\"type\":\"text\",\"text\":\"s\"}]}"
#define BAD     "{\"type\":\"user.message\",\"content\":[]}"
#define FOREIGN "{\"type\":\"agent.thinking\"}"

/* `text`: one user.message with it.  `events`: so many, of which the first has the type.
 * `error`. */
static const struct {
	const char *input;
	const char *text;
	int events;
	const char *type;
	int error;
} cases[] = {
	{ "hello\n", .text = "hello" },
	{ "hello", .text = "hello" },
	{ "  hello  \n\n\n", .text = "  hello  " },
	{ "a\r\n", .text = "a" },
	{ "a\nb\n", .text = "a\nb" },
	{ "\n\nhello", .text = "\n\nhello" },
	{ "" },
	{ "\n" },
	{ " \t\r\n \n" },
	{ "\xc3\xa9\xf0\x9f\x98\x80\n", .text = "\xc3\xa9\xf0\x9f\x98\x80" },
	{ "a\xff", .error = -EILSEQ },
	{ "a\xc3", .error = -EILSEQ },
	{ "\xed\xa0\x80", .error = -EILSEQ },
	{ "\xc0\x80", .error = -EILSEQ },
	{ HI, .events = 1, .type = "user.message" },
	{ HI "\n", .events = 1, .type = "user.message" },
	{ STOP "\n" HI "\n", .events = 2, .type = "user.interrupt" },
	{ "\n" STOP "\r\n\r\n" HI, .events = 2, .type = "user.interrupt" },
	{ "{\n  \"type\": \"user.interrupt\"\n}\n", .events = 1, .type = "user.interrupt" },
	{ "{\"events\":[" STOP "," HI "]}", .events = 2, .type = "user.interrupt" },
	{ HI "\n" SYSTEM, .events = 2, .type = "user.message" },
	{ "{\"id\":\"sevt_old\",\"processed_at\":\"x\",\"x_agentdirs\":{},\"type\":\"user."
	  "interrupt\"}",
		.events = 1, .type = "user.interrupt" },
	/* A malformed event is never sent as text; something that is no event is. */
	{ BAD, .error = -EINVAL },
	{ HI "\n" BAD, .error = -EINVAL },
	{ "{\"events\":[]}", .error = -EINVAL },
	{ "{\"events\":[" BAD "]}", .error = -EINVAL },
	{ "{\"events\":[" FOREIGN "]}", .error = -EINVAL },
	{ "{\"events\":[1]}", .error = -EINVAL },
	{ SYSTEM "\n" HI, .error = -EINVAL },
	{ "{\"type\":\"user.interrupt\",\"colour\":1}", .error = -EINVAL },
	{ "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"\\u0000\"}]}",
		.error = -EINVAL },
	{ "{\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"t\",\"result\":\"allow\","
	  "\"deny_message\":\"m\"}",
		.error = -EINVAL },
	{ "{\"a\":\"\\u0000\"}", .text = "{\"a\":\"\\u0000\"}" },
	{ FOREIGN "\n", .text = FOREIGN },
	{ "{}", .text = "{}" },
	{ "{", .text = "{" },
	{ "{]", .text = "{]" },
	{ "[" HI "]", .text = "[" HI "]" },
	{ "{\"events\":7}", .text = "{\"events\":7}" },
	{ "{\"events\":[" HI "],\"x\":1}", .text = "{\"events\":[" HI "],\"x\":1}" },
	{ "{\"events\":[" HI "]}\n" HI, .text = "{\"events\":[" HI "]}\n" HI },
	{ HI "\nand now?\n", .text = HI "\nand now?" },
	{ "look:\n" BAD, .text = "look:\n" BAD },
	{ HI "{\"type\":\"user.", .text = HI "{\"type\":\"user." },
	{ "{\"a\":\"}{\\\"\"}", .text = "{\"a\":\"}{\\\"\"}" },
};

static void check_events(const cJSON *events, size_t i)
{
	const cJSON *first = cJSON_GetArrayItem(events, 0), *event;
	CHECK_INT(cJSON_GetArraySize(events), cases[i].text ? 1 : cases[i].events);
	cJSON_ArrayForEach(event, events) {
		CHECK_INT(event_check(event, NULL), 0);
		CHECK(strncmp(json_text(event, "id"), "sevt_", 5) == 0 &&
			strcmp(json_text(event, "id"), "sevt_old") != 0);
		CHECK(!json_get(event, "processed_at"));
	}
	if (cases[i].type)
		CHECK_TEXT(json_text(first, "type"), cases[i].type);
	if (!cases[i].text)
		return;
	cleanup(buf) struct buf text = BUF_INIT(0);
	CHECK_TEXT(json_text(first, "type"), "user.message");
	CHECK_INT(event_content_text(json_get(first, "content"), &text), 0);
	CHECK_TEXT(buf_text(&text), cases[i].text);
}

static void test_cases(void)
{
	cleanup(buf) struct buf why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(json) cJSON *events = NULL;
		size_t size = strlen(cases[i].input);
		buf_clear(&why);
		CHECK_INT(event_parse_input(cases[i].input, size, true, &events, &why),
			cases[i].error);
		CHECK((events != NULL) == !cases[i].error);
		CHECK(!cases[i].error || why.size > 0);
		if (events)
			check_events(events, i);
	}
}

/* A message that is good as a whole is good at each point on the way: no prefix of it is
 * refused. */
static void test_prefixes(void)
{
	int wrong = 0;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t cut = 0; !cases[i].error && cut <= strlen(cases[i].input); cut++) {
			cleanup(free) char *exact = xmalloc(cut);
			memcpy(exact, cases[i].input, cut);
			wrong += event_parse_input(exact, cut, false, NULL, NULL) != 0;
		}
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(event_parse_input("a\xc3", 2, false, NULL, NULL), 0);
	CHECK_INT(event_parse_input("a\xc3x", 3, false, NULL, NULL), -EILSEQ);
	CHECK_INT(event_parse_input("a\0b", 3, false, NULL, NULL), -EILSEQ);
	CHECK_INT(event_parse_input(BAD, strlen(BAD), false, NULL, NULL), -EINVAL);
}

/* The judge's state is the same however the bytes are cut. */
static void test_pieces(void)
{
	int wrong = 0;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *input = cases[i].input;
		size_t size = strlen(input);
		struct input_scan whole = { 0 }, pieces = { 0 };
		enum input_found a = INPUT_MORE, b = INPUT_MORE;
		size_t end = input_scan_push(&whole, input, size, &a);
		for (size_t at = 0; at < end && b == INPUT_MORE; at++)
			(void)input_scan_push(&pieces, input + at, 1, &b);
		wrong += a != INPUT_NOT_UTF8 &&
			 (a != b || memcmp(&whole, &pieces, sizeof(whole)) != 0);
	}
	CHECK_INT(wrong, 0);
}

static int parse_filled(size_t letters, const char *tail)
{
	cleanup(buf) struct buf text = BUF_INIT(64 << 20);
	cleanup(json) cJSON *events = NULL;
	memset(buf_reserve(&text, letters), 'x', letters);
	text.size += letters;
	(void)buf_add_text(&text, tail);
	return event_parse_input(text.data, text.size, true, &events, NULL);
}

static void test_sizes(void)
{
	CHECK_INT(parse_filled(MESSAGE_BYTES_MAX, "\n"), 0);
	CHECK_INT(parse_filled(MESSAGE_BYTES_MAX + 1, ""), -EFBIG);
	CHECK_INT(parse_filled(EVENTS_BYTES_MAX + 1, ""), -EFBIG);

	cleanup(buf) struct buf event = BUF_INIT(64 << 20), why = BUF_INIT(1000);
	size_t letters = 4 << 20;
	(void)buf_add_text(
		&event, "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"");
	memset(buf_reserve(&event, letters), 'x', letters);
	event.size += letters;
	CHECK_INT(event_parse_input(event.data, event.size, false, NULL, &why), 0);
	(void)buf_add_text(&event, "\"}]}\n");
	cleanup(json) cJSON *events = NULL;
	CHECK_INT(event_parse_input(event.data, event.size, true, &events, &why), 0);
	CHECK_INT(cJSON_GetArraySize(events), 1);
	(void)buf_add_text(&event, "x"); /* now it is text, and too much of it */
	CHECK_INT(event_parse_input(event.data, event.size, false, NULL, &why), -EFBIG);
}

/* More than a queue holds is refused at the event that is one too many. */
static void parse_many(int count, const char *before, const char *between, const char *behind, int want)
{
	cleanup(buf) struct buf text = BUF_INIT(1 << 20);
	cleanup(json) cJSON *events = NULL;
	(void)buf_add_text(&text, before);
	for (int i = 0; i < count; i++)
		(void)buf_printf(&text, "%s{\"type\":\"user.interrupt\"}", i ? between : "");
	(void)buf_add_text(&text, behind);
	CHECK_INT(event_parse_input(text.data, text.size, true, &events, NULL), want);
	CHECK_INT(cJSON_GetArraySize(events), want ? 0 : count);
}

static void test_counts(void)
{
	parse_many(QUEUE_EVENTS_MAX, "", "\n", "\n", 0);
	parse_many(QUEUE_EVENTS_MAX + 1, "", "\n", "\n", -EFBIG);
	parse_many(QUEUE_EVENTS_MAX, "{\"events\":[", ",", "]}", 0);
	parse_many(QUEUE_EVENTS_MAX + 1, "{\"events\":[", ",", "]}", -EFBIG);
}

static void test_depth(void)
{
	cleanup(buf) struct buf deep = BUF_INIT(1000);
	cleanup(json) cJSON *events = NULL;
	for (int i = 0; i < 70; i++)
		(void)buf_add_text(&deep, "{\"a\":");
	CHECK_INT(event_parse_input(deep.data, deep.size, true, &events, NULL), 0);
	CHECK_INT(cJSON_GetArraySize(events), 1);
}

int main(void)
{
	json_setup();
	test_cases();
	test_prefixes();
	test_pieces();
	test_sizes();
	test_counts();
	test_depth();
	return test_done();
}
