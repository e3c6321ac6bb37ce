/* SPDX-License-Identifier: MIT */
/* What events look like one by one, and in which order a conversation's pieces stand. */
#include "fs/piece.h"
#include "fs/transcript.h"
#include "tests/unit/test.h"

static const struct {
	const char *event, *want;
} pieces[] = {
	{ "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}",
		"## user\n\nhi\n\n" },
	{ "{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"a\\nb\\n\"}]}",
		"a\nb\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{\"command\":\"ls\"}}",
		"**bash**\n\n```\nls\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{\"command\":\"ls\",\"timeout_ms\":5}}",
		"**bash** timeout_ms `5`\n\n```\nls\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"read\",\"input\":{\"file_path\":\"x\",\"limit\":3}}",
		"**read** file_path `x` limit `3`\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"write\",\"input\":{\"content\":\"a\\nb\\n\",\"file_path\":\"x\"}}",
		"**write** file_path `x`\n\n*content:*\n\n```\na\nb\n```\n\n" },
	/* Names that are no words, and inputs that are no objects, cannot pose as layout. */
	{ "{\"type\":\"agent.tool_use\",\"name\":\"x**\\n## user\",\"input\":{\"a b\":1}}",
		"**?**\n\n```\n{\"a b\":1}\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"x\",\"input\":[1]}", "**x**\n\n```\n[1]\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"x\"}", "**x**\n\n```\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"x\",\"input\":{\"a\":\"`\",\"b\":\" c\",\"d\":\"\"}}",
		"**x**\n\n*a:*\n\n```\n`\n```\n\n*b:*\n\n```\n c\n```\n\n*d:*\n\n```\n```\n\n" },
	/* Nothing inside can end the fence. */
	{ "{\"type\":\"agent.tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"text\","
	  "\"text\":\"a ```` b\"}]}", "*result:*\n\n`````\na ```` b\n`````\n\n" },
	{ "{\"type\":\"agent.tool_result\",\"tool_use_id\":\"t\",\"is_error\":true,\"content\":[]}",
		"*failed:*\n\n```\n```\n\n" },
	{ "{\"type\":\"user.interrupt\"}", "*The user interrupted the turn.*\n\n" },
	{ "{\"type\":\"user.tool_confirmation\",\"result\":\"deny\",\"deny_message\":\"no\"}",
		"*The user answered: deny: no*\n\n" },
	{ "{\"type\":\"session.error\",\"error\":{\"type\":\"billing_error\",\"message\":\"no credit\"}}",
		"*Error: no credit*\n\n" },
	{ "{\"type\":\"span.model_request_start\"}", "" },
	{ "{\"type\":\"session.status_idle\"}", "" },
	{ "{}", "" },
};

static void test_pieces(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		cleanup(json) cJSON *event = json_parse(pieces[i].event, strlen(pieces[i].event), NULL);
		cleanup(buf) struct buf out = BUF_INIT(0);
		CHECK(event != NULL);
		struct piece piece = piece_show(event, &out);
		CHECK_INT(piece.kind == PIECE_NONE, *pieces[i].want == '\0');
		CHECK_TEXT(buf_text(&out), pieces[i].want);
	}
}

static void test_long_result(void)
{
	cleanup(json) cJSON *event = cJSON_CreateObject();
	cJSON_AddStringToObject(event, "type", "agent.tool_result");
	cJSON *block = cJSON_CreateObject();
	cleanup(free) char *text = xmalloc(10001);
	memset(text, 'x', 10000);
	text[10000] = '\0';
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	cleanup(buf) struct buf out = BUF_INIT(0);
	(void)piece_show(event, &out);
	CHECK(out.size > PIECE_BLOCK_BYTES && out.size < PIECE_BLOCK_BYTES + 100);
	CHECK(strstr(buf_text(&out), "10000 bytes in all"));
}

/* A conversation in short, two letters an event: what it is, and what it says or the call that it is
 * about. */
static const struct shorthand {
	char letter;
	const char *before, *after; /* the second letter */
} shorthands[] = {
	{ 'u', "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"", "\"}]}" },
	{ 'm', "{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"", "\"}]}" },
	{ 'i', "{\"type\":\"user.interrupt\",\"x\":\"", "\"}" },
	{ 'c', "{\"type\":\"agent.tool_use\",\"name\":\"t\",\"input\":{},\"id\":\"", "\"}" },
	{ 'n', "{\"type\":\"user.tool_confirmation\",\"result\":\"allow\",\"tool_use_id\":\"", "\"}" },
	{ 'r', "{\"type\":\"agent.tool_result\",\"is_error\":true,\"content\":[],\"tool_use_id\":\"",
		"\"}" },
	{ 'x', "{\"type\":\"span.model_request_end\",\"x\":\"", "\"}" },
};

static void add_short(const char *at, struct transcript *t, struct buf *out)
{
	const struct shorthand *is = shorthands;
	while (is->letter != at[0])
		is++;
	cleanup(free) char *text = xprintf("%s%c%s", is->before, at[1], is->after);
	cleanup(json) cJSON *event = json_parse(text, strlen(text), NULL);
	CHECK_INT(transcript_event(t, event, out), 0);
}

#define U(text) "## user\n\n" text "\n\n"
#define A "## agent\n\n"
#define M(text) text "\n\n"
#define C "**t**\n\n"
#define R "*failed:*\n\n```\n```\n\n"
#define N "*The user answered: allow*\n\n"
#define I "*The user interrupted the turn.*\n\n"

static const struct {
	const char *log, *want;
} stories[] = {
	{ "u1 m2 u3 m4", U("1") A M("2") U("3") A M("4") },
	/* One heading for all that the agent does in a turn, and none of the user's for its calls. */
	{ "u1 c1 r1 x1 m2 c2 r2 m3", U("1") A C R M("2") C R M("3") },
	{ "u1 u2 m3", U("1") U("2") A M("3") },
	{ "u1 m2 i1 m3", U("1") A M("2") I A M("3") },
	/* Each result stands with its call, whichever comes first. */
	{ "c1 c2 r1 r2", A C R C R },
	{ "c1 c2 c3 r3 r2 r1", A C R C R C R },
	{ "c1 c2 n2 r2 n1 r1 m3", A C N R C N R M("3") },
	/* Until then the first that runs is all there is to see. */
	{ "c1 c2 c3", A C },
	{ "c1 c2 c3 r2", A C },
	{ "c1 c2 c3 r2 r1", A C R C R C },
	/* Whoever speaks before the results are there gets them afterwards. */
	{ "c1 c2 u3 r1 r2", A C C U("3") R R },
	/* Ids that come twice, or from nowhere, lose nothing. */
	{ "c1 c1 r1 r1 r1", A C R C R R },
	{ "r1 m2", R A M("2") },
};

static void test_stories(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		struct transcript t;
		transcript_init(&t);
		cleanup(buf) struct buf out = BUF_INIT(0);
		for (const char *at = stories[i].log; *at; at += at[2] ? 3 : 2)
			add_short(at, &t, &out);
		CHECK_TEXT(buf_text(&out), stories[i].want);
		transcript_done(&t);
	}
}

static void test_many_calls(void)
{
	struct transcript t;
	transcript_init(&t);
	cleanup(buf) struct buf out = BUF_INIT(0);
	for (int i = 0; i <= TRANSCRIPT_CALLS_MAX; i++)
		add_short("c1", &t, &out);
	CHECK_INT(t.call_count, 1); /* the others were shown */
	CHECK_INT(out.size, strlen(A) + (TRANSCRIPT_CALLS_MAX + 1) * strlen(C));
	transcript_done(&t);
}

int main(void)
{
	json_setup();
	test_pieces();
	test_long_result();
	test_stories();
	test_many_calls();
	return test_done();
}
