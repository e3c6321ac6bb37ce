/* SPDX-License-Identifier: MIT */
/*
 * Answers that no decent model gives: whatever comes, the turn ends, the log can
 * be read, and the next request is one that the API accepts.
 */
#include "base/limits.h"
#include "tests/unit/harness/stage.h"
#include "tests/unit/test.h"

enum { MIB = 1 << 20, ANSWER_BYTES_MAX = 40 * MIB };

#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"

/* --- answers --- */

static void add_event(struct buf *b, const char *type, const char *rest)
{
	(void)buf_printf(b, "event: %s\ndata: {\"type\":\"%s\"%s}\n\n", type, type, rest);
}

static void begin(struct buf *b)
{
	add_event(b, "message_start", ",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[],"
		"\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}");
}

static void add_part(struct buf *b, const char *type, int index, const char *name, const char *json)
{
	cleanup(free) char *rest = xprintf(",\"index\":%d,\"%s\":%s", index, name, json);
	add_event(b, type, rest);
}

static void add_block(struct buf *b, int index, const char *json)
{
	add_part(b, "content_block_start", index, "content_block", json);
}

static void add_delta(struct buf *b, int index, const char *json)
{
	add_part(b, "content_block_delta", index, "delta", json);
}

static void stop(struct buf *b, int index)
{
	cleanup(free) char *rest = xprintf(",\"index\":%d", index);
	add_event(b, "content_block_stop", rest);
}

static void end(struct buf *b, const char *delta)
{
	cleanup(free) char *rest = xprintf(",\"delta\":{%s},\"usage\":{\"output_tokens\":7}", delta);
	add_event(b, "message_delta", rest);
	add_event(b, "message_stop", "");
}

static void add_text(struct buf *b, int index, const char *text)
{
	cleanup(free) char *delta = xprintf("{\"type\":\"text_delta\",\"text\":\"%s\"}", text);
	add_block(b, index, "{\"type\":\"text\",\"text\":\"\"}");
	add_delta(b, index, delta);
	stop(b, index);
}

/* id and name are JSON; NULL leaves them out. */
static void add_call(struct buf *b, int index, const char *id, const char *name)
{
	cleanup(free) char *block = xprintf("{\"type\":\"tool_use\"%s%s%s%s,\"input\":{}}", id ? ",\"id\":" : "",
		id ? id : "", name ? ",\"name\":" : "", name ? name : "");
	add_block(b, index, block);
	add_delta(b, index, "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"command\\\":\\\"ls\\\"}\"}");
	stop(b, index);
}

#define BASH "\"bash\""
#define CALLED "\"stop_reason\":\"tool_use\""
#define ENDED "\"stop_reason\":\"end_turn\""

/* A JSON text of so many letters. */
static char *long_text(char letter, size_t size)
{
	char *text = xmalloc(size + 3);
	memset(text, letter, size + 2);
	text[0] = text[size + 1] = '"';
	text[size + 2] = '\0';
	return text;
}

static void plain(struct buf *b)
{
	add_text(b, 0, "fine");
	end(b, ENDED);
}

static void same_id_twice(struct buf *b)
{
	add_call(b, 0, "\"toolu_1\"", BASH);
	add_call(b, 1, "\"toolu_1\"", BASH);
	end(b, CALLED);
}

static void one_call(struct buf *b)
{
	add_call(b, 0, "\"toolu_1\"", BASH);
	end(b, CALLED);
}

static void strange_ids(struct buf *b)
{
	cleanup(free) char *long_id = long_text('x', MIB);
	add_call(b, 0, long_id, BASH);
	add_call(b, 1, "\"a b\\u0001\"", BASH);
	add_call(b, 2, "\"\"", BASH);
	add_call(b, 3, NULL, BASH);
	add_call(b, 4, "7", BASH);
	end(b, CALLED);
}

static void strange_names(struct buf *b)
{
	cleanup(free) char *long_name = long_text('n', MIB);
	add_call(b, 0, "\"c0\"", long_name);
	add_call(b, 1, "\"c1\"", "\"\\u0007rm -rf\\n/\"");
	add_call(b, 2, "\"c2\"", "\"\"");
	add_call(b, 3, "\"c3\"", NULL);
	add_call(b, 4, "\"c4\"", "\"\xc3\xa9\xc3\xa9\"");
	end(b, CALLED);
}

static void many_calls(struct buf *b)
{
	for (int i = 0; i < 100; i++) {
		cleanup(free) char *id = xprintf("\"c%d\"", i);
		add_call(b, i, id, BASH);
	}
	end(b, CALLED);
}

static void add_input(struct buf *b, const char *partial_json)
{
	cleanup(free) char *delta =
		xprintf("{\"type\":\"input_json_delta\",\"partial_json\":\"%s\"}", partial_json);
	add_block(b, 0, "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"bash\",\"input\":{}}");
	add_delta(b, 0, delta);
	stop(b, 0);
	end(b, CALLED);
}

static void list_input(struct buf *b)
{
	add_input(b, "[1,2]");
}

static void deep_input(struct buf *b)
{
	char open[JSON_DEPTH_MAX], close[JSON_DEPTH_MAX];
	memset(open, '[', sizeof(open));
	memset(close, ']', sizeof(close));
	cleanup(free) char *input = xprintf("{\\\"a\\\":%.*s%.*s}", JSON_DEPTH_MAX - 1, open, JSON_DEPTH_MAX - 1,
		close);
	add_input(b, input);
}

static void huge_input(struct buf *b)
{
	cleanup(free) char *part = long_text('y', 7 * MIB);
	cleanup(free) char *delta = xprintf("{\"type\":\"input_json_delta\",\"partial_json\":%s}", part);
	add_block(b, 0, "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"bash\",\"input\":{}}");
	add_delta(b, 0, "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"command\\\":\\\"\"}");
	for (int i = 0; i < 5; i++)
		add_delta(b, 0, delta);
	add_delta(b, 0, "{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"}\"}");
	stop(b, 0);
	end(b, CALLED);
}

static void long_answer(struct buf *b)
{
	cleanup(free) char *part = long_text('z', 5 * MIB);
	cleanup(free) char *delta = xprintf("{\"type\":\"text_delta\",\"text\":%s}", part);
	add_block(b, 0, "{\"type\":\"text\",\"text\":\"\"}");
	for (int i = 0; i < 6; i++)
		add_delta(b, 0, delta);
	stop(b, 0);
	end(b, ENDED);
}

/* Each byte becomes six in the log. */
static void control_text(struct buf *b)
{
	cleanup(free) char *part = long_text('\x01', 7 * MIB);
	cleanup(free) char *delta = xprintf("{\"type\":\"text_delta\",\"text\":%s}", part);
	add_block(b, 0, "{\"type\":\"text\",\"text\":\"\"}");
	add_delta(b, 0, delta);
	stop(b, 0);
	end(b, ENDED);
}

static void gaps(struct buf *b)
{
	add_block(b, 7, "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"}");
	stop(b, 7);
	add_text(b, 10, "one ");
	add_text(b, 20, "");
	add_text(b, 30, "two");
	add_call(b, 90, "\"c\"", BASH);
	end(b, CALLED);
}

static void no_calls(struct buf *b)
{
	add_text(b, 0, "I called a tool");
	end(b, CALLED);
}

static void nothing(struct buf *b)
{
	end(b, ENDED);
}

static void blank(struct buf *b)
{
	add_text(b, 0, " \\n\xc2\xa0");
	end(b, ENDED);
}

/* What the events cannot give back is kept whole, but with the ids and names that they have. */
static void unknown_block(struct buf *b)
{
	add_block(b, 0, "{\"type\":\"hologram\",\"beam\":[1,2]}");
	stop(b, 0);
	add_block(b, 1, "{\"type\":\"tool_use\",\"id\":\"not good\",\"name\":\"b a s h\",\"input\":{}}");
	add_delta(b, 1, "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"cut\"}");
	stop(b, 1);
	end(b, CALLED);
}

static void deep_block(struct buf *b)
{
	char open[JSON_DEPTH_MAX], close[JSON_DEPTH_MAX];
	memset(open, '[', sizeof(open));
	memset(close, ']', sizeof(close));
	cleanup(free) char *block =
		xprintf("{\"type\":\"hologram\",\"beam\":%.*s%.*s}", JSON_DEPTH_MAX - 2, open, JSON_DEPTH_MAX - 2, close);
	add_block(b, 0, block);
	stop(b, 0);
	end(b, ENDED);
}

static void refusal(struct buf *b)
{
	cleanup(free) char *text = long_text('\x02', 7 * MIB);
	cleanup(free) char *delta = xprintf("\"stop_reason\":\"refusal\",\"stop_details\":{\"type\":\"refusal\","
		"\"category\":\"cyber\",\"explanation\":%s,\"fallback_credit_token\":\"secret\"}", text);
	add_call(b, 0, "\"c\"", BASH);
	end(b, delta);
}

static void long_reason(struct buf *b)
{
	cleanup(free) char *text = long_text('\x02', 7 * MIB);
	cleanup(free) char *delta = xprintf("\"stop_reason\":%s", text);
	add_text(b, 0, "x");
	end(b, delta);
}

static void absurd_usage(struct buf *b)
{
	add_text(b, 0, "x");
	add_event(b, "message_delta", ",\"delta\":{" ENDED "},\"usage\":{\"input_tokens\":-5,\"output_tokens\":1e308,"
		"\"cache_read_input_tokens\":\"many\",\"server_tool_use\":[]}");
	add_event(b, "message_stop", "");
}

/* --- what must come of them --- */

static void check_failed(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *event = stage_last(s, num, "session.error");
	const char *message = cJSON_GetStringValue(json_path(event, "error.message"));
	CHECK(message && strstr(message, "cannot be kept"));
	cleanup(json) cJSON *idle = stage_last(s, num, "session.status_idle");
	CHECK_TEXT(cJSON_GetStringValue(json_path(idle, "stop_reason.type")), "retries_exhausted");
}

static void check_refused(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *idle = stage_last(s, num, "session.status_idle");
	const cJSON *details = json_get(idle, "stop_details");
	CHECK_INT(cJSON_GetArraySize(details), 3);
	CHECK_TEXT(json_text(details, "type"), "refusal");
	CHECK_TEXT(json_text(details, "category"), "cyber");
	CHECK(json_text(details, "explanation") && strlen(json_text(details, "explanation")) <= 16 << 10);
}

static void check_usage(struct stage *s, int64_t num)
{
	struct usage usage = stage_look(s, num).fold.usage;
	CHECK_INT(usage.input_tokens, 0);
	CHECK_INT(usage.output_tokens, 0);
	CHECK_INT(usage.cost_nano, 0);
}

/* Ids of the previews are those of the events, and their text a prefix of the event's. */
static void check_previews(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *thinking = stage_last(s, num, "agent.thinking");
	CHECK(strstr(buf_text(&s->previews), json_text(thinking, "id")) != NULL);
	cleanup(json) cJSON *idle = stage_last(s, num, "session.status_idle");
	CHECK(strstr(buf_text(&s->previews), "\"index\":0,\"content\":{\"type\":\"text\",\"text\":\"one \"}") != NULL);
	CHECK(strstr(buf_text(&s->previews), "\"index\":1,\"content\":{\"type\":\"text\",\"text\":\"two\"}") != NULL);
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
	const char *want; /* the log of the first turn */
	void (*check)(struct stage *s, int64_t num);
} cases[] = {
	{ "one id twice in an answer", same_id_twice, "Rru[cc]oo[m]j$I", NULL },
	{ "ids of any form", strange_ids, "Rru[ccccc]ooooo[m]j$I", NULL },
	{ "names of any form", strange_names, "Rru[ccccc]ooooo[m]j$I", NULL },
	{ "a hundred calls", many_calls, NULL, NULL },
	{ "an input that is a list", list_input, "Rru[c]o[m]j$I", NULL },
	{ "an input too deep for the log", deep_input, "Rru[]ej$I", check_failed },
	{ "an input of 35 MiB", huge_input, "Rru[c]o[]ej$I", NULL },
	{ "a text of 30 MiB", long_answer, "Rru[m]j$I", NULL },
	{ "a text that grows beyond what the log takes", control_text, "Rru[]ej$I", check_failed },
	{ "gaps between indexes", gaps, "Rru[tmc]o[m]j$I", check_previews },
	{ "a stop for calls without one", no_calls, "Rru[m]j$I", NULL },
	{ "nothing at all", nothing, "Rru[]j$I", NULL },
	{ "a blank text", blank, "Rru[m]j$I", NULL },
	{ "a block of an unknown kind, with a bad call", unknown_block, "Rru[c]o[m]j$I", NULL },
	{ "a block too deep for the log", deep_block, "Rru[]ej$I", check_failed },
	{ "a refusal with endless words", refusal, "Rru[]j$I", check_refused },
	{ "a stop reason without end", long_reason, "Rru[m]j$I", NULL },
	{ "numbers that cannot be", absurd_usage, "Rru[m]j$I", check_usage },
};

static struct script answer_of(void (*make)(struct buf *b))
{
	struct buf body = BUF_INIT(ANSWER_BYTES_MAX);
	begin(&body);
	make(&body);
	return (struct script){ .head = HEAD, .body = buf_take(&body), .framing = BY_LENGTH };
}

/* One turn with the answer, and one after it whose request must be good. */
static void test_case(size_t index)
{
	bool too_long = cases[index].make == long_answer || cases[index].make == huge_input;
	struct script answers[] = { answer_of(cases[index].make), answer_of(plain), answer_of(plain) };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# %s\n", cases[index].name);
	stage_say(s, num, "one");
	CHECK(stage_until(s, num, stage_at_rest));
	cleanup(free) char *story = stage_story(s, num);
	CHECK(!strchr(story, '?')); /* each event can be read */
	if (cases[index].want)
		CHECK_TEXT(story, cases[index].want);
	if (cases[index].check)
		cases[index].check(s, num);
	stage_say(s, num, "two");
	CHECK(stage_until(s, num, stage_at_rest));
	stage_close(s);
	if (!too_long)
		CHECK_TEXT(stage_wrong_request(s->report.body) ? stage_wrong_request(s->report.body) : "", "");
	stage_free(s);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		free((char *)answers[i].body);
}

/* The id of a call that another answer has used, with a new harness between. */
static void test_id_of_another_turn(void)
{
	struct script answers[] = { answer_of(one_call), answer_of(plain), answer_of(one_call), answer_of(plain),
		answer_of(one_call), answer_of(plain) };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	for (int turn = 0; turn < 3; turn++) {
		stage_say(s, num, "hello");
		CHECK(stage_until(s, num, stage_at_rest));
		if (turn != 1)
			continue;
		stage_kill(s);
		stage_start(s);
	}
	stage_close(s);
	CHECK(strstr(s->report.body, "\"id\":\"toolu_1\"") != NULL);
	CHECK_TEXT(stage_wrong_request(s->report.body) ? stage_wrong_request(s->report.body) : "", "");
	stage_free(s);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		free((char *)answers[i].body);
}

static void pause_turn(struct buf *b)
{
	end(b, "\"stop_reason\":\"pause_turn\"");
}

static void test_endless_pauses(void)
{
	struct script answers[15];
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		answers[i] = answer_of(pause_turn);
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, stage_at_rest));
	cleanup(free) char *story = stage_story(s, num);
	CHECK_TEXT(story, "Rru[][][][][][][][][][][]j$I");
	stage_close(s);
	stage_free(s);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		free((char *)answers[i].body);
}

/* An error whose type is cut in the middle of a character must not make the log unreadable. */
static void test_error_words(void)
{
	struct buf body = BUF_INIT(10000);
	buf_add_text(&body, "{\"type\":\"error\",\"error\":{\"type\":\"x");
	for (int i = 0; i < 100; i++)
		buf_add_text(&body, "\xc3\xa9");
	buf_add_text(&body, "\",\"message\":\"\\u0001no\"}}");
	struct script answers[] = { { .head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n",
		.body = buf_text(&body), .framing = BY_LENGTH } };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, stage_at_rest));
	cleanup(free) char *story = stage_story(s, num);
	CHECK_TEXT(story, "Rru[]ej$I");
	stage_close(s);
	stage_free(s);
	buf_done(&body);
}

int main(void)
{
	json_setup();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_case(i);
	test_id_of_another_turn();
	test_endless_pauses();
	test_error_words();
	return test_done();
}
