/* SPDX-License-Identifier: MIT */
#include "harness/message.h"
#include "tests/unit/test.h"

#define START(usage)                                                                              \
	"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","         \
	"\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,"             \
	"\"stop_sequence\":null,\"usage\":" usage "}}"
#define BLOCK(index, json) \
	"{\"type\":\"content_block_start\",\"index\":" #index ",\"content_block\":" json "}"
#define DELTA(index, json) "{\"type\":\"content_block_delta\",\"index\":" #index ",\"delta\":" json "}"
#define TEXT(index, text) DELTA(index, "{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define INPUT(index, json) DELTA(index, "{\"type\":\"input_json_delta\",\"partial_json\":\"" json "\"}")
#define STOP(index) "{\"type\":\"content_block_stop\",\"index\":" #index "}"
#define END(reason, usage)                                                                        \
	"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason                        \
	"\",\"stop_sequence\":null},\"usage\":" usage "}", "{\"type\":\"message_stop\"}"
#define TEXT_BLOCK BLOCK(0, "{\"type\":\"text\",\"text\":\"\"}")
#define TOOL_BLOCK BLOCK(0, "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}")

enum { EVENTS_MAX = 24 };

/* `got` is what the last event gave; `pieces` are written as +type (start), "text", and - (stop); the
 * others are members of the message, as JSON. */
static const struct {
	const char *name;
	const char *events[EVENTS_MAX];
	enum message_what got;
	const char *pieces, *content, *reason, *usage;
} cases[] = {
	{ "text (example A)",
		{ START("{\"input_tokens\":12,\"cache_read_input_tokens\":0,\"output_tokens\":1}"),
			TEXT_BLOCK, "{\"type\":\"ping\"}", TEXT(0, "Gr\\u00fc"), TEXT(0, "zi"), STOP(0),
			END("end_turn", "{\"output_tokens\":7}") },
		MESSAGE_COMPLETE, "+text \"Gr\xc3\xbc\" \"zi\" - ",
		"[{\"type\":\"text\",\"text\":\"Gr\xc3\xbczi\"}]", "end_turn",
		"{\"input_tokens\":12,\"cache_read_input_tokens\":0,\"output_tokens\":7}" },
	{ "omitted thinking and two calls, one without arguments (example B)",
		{ START("{\"input_tokens\":3,\"output_tokens\":2}"),
			BLOCK(0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
			DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"RXg=\"}"), STOP(0),
			BLOCK(1, "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"list_jobs\",\"input\":{}}"),
			INPUT(1, ""), STOP(1),
			BLOCK(2, "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"bash\",\"input\":{}}"),
			INPUT(2, ""), INPUT(2, "{\\\"command\\\":\\\"printf '%s' \\\\\\\"a"),
			INPUT(2, "\\\\\\\"\\\"}"), STOP(2),
			END("tool_use", "{\"output_tokens\":96,\"output_tokens_details\":{\"thinking_tokens\":41}}") },
		MESSAGE_COMPLETE, "+thinking - +tool_use - +tool_use - ",
		"[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"RXg=\"},"
		"{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"list_jobs\",\"input\":{}},"
		"{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"bash\",\"input\":"
		"{\"command\":\"printf '%s' \\\"a\\\"\"}}]",
		"tool_use",
		"{\"input_tokens\":3,\"output_tokens\":96,\"output_tokens_details\":{\"thinking_tokens\":41}}" },
	{ "overload in the middle (example C)",
		{ START("{\"input_tokens\":5}"), TEXT_BLOCK, TEXT(0, "The first st"),
			"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}" },
		MESSAGE_ERROR, "+text \"The first st\" ", NULL, NULL, "{\"input_tokens\":5}" },
	{ "server tool, result and citation (example D)",
		{ START("{}"),
			BLOCK(0, "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}"),
			INPUT(0, "{\\\"query\\\":\\\"x\\\"}"), STOP(0),
			BLOCK(1, "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":"
				"[{\"encrypted_content\":\"E==\"}]}"), STOP(1),
			BLOCK(2, "{\"type\":\"text\",\"text\":\"\",\"citations\":[]}"),
			DELTA(2, "{\"type\":\"citations_delta\",\"citation\":{\"url\":\"u\"}}"), TEXT(2, "y"),
			STOP(2), END("end_turn", "{\"server_tool_use\":{\"web_search_requests\":1}}") },
		MESSAGE_COMPLETE, "+server_tool_use - +web_search_tool_result - +text \"y\" - ",
		"[{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{\"query\":\"x\"}},"
		"{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[{\"encrypted_content\":\"E==\"}]},"
		"{\"type\":\"text\",\"text\":\"y\",\"citations\":[{\"url\":\"u\"}]}]",
		"end_turn", "{\"server_tool_use\":{\"web_search_requests\":1}}" },
	{ "compaction (example E)",
		{ START("{}"), BLOCK(0, "{\"type\":\"compaction\",\"content\":null}"),
			DELTA(0, "{\"type\":\"compaction_delta\",\"content\":\"sum\",\"encrypted_content\":\"E\"}"),
			STOP(0), END("compaction", "{}") },
		MESSAGE_COMPLETE, "+compaction - ",
		"[{\"type\":\"compaction\",\"content\":\"sum\",\"encrypted_content\":\"E\"}]", "compaction", "{}" },
	{ "a call cut by max_tokens (example F)",
		{ START("{}"), TOOL_BLOCK, INPUT(0, "{\\\"path\\\":\\\"a.c"), STOP(0), END("max_tokens", "{}") },
		MESSAGE_COMPLETE, "+tool_use - ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{},"
		"\"x_invalid_input\":\"{\\\"path\\\":\\\"a.c\"}]", "max_tokens", "{}" },
	{ "input that is no object",
		{ START("{}"), TOOL_BLOCK, INPUT(0, "[1]"), STOP(0), END("tool_use", "{}") },
		MESSAGE_COMPLETE, "+tool_use - ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{},\"x_invalid_input\":\"[1]\"}]",
		"tool_use", "{}" },
	{ "a NUL and half a surrogate in an input",
		{ START("{}"), TOOL_BLOCK, INPUT(0, "{\\\"a\\\":\\\"x\\\\u0000y\\\\ud83d"), INPUT(0, "z\\\"}"),
			STOP(0), END("tool_use", "{}") },
		MESSAGE_COMPLETE, "+tool_use - ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":\"x\xef\xbf\xbdy\xef\xbf\xbdz\"}}]",
		"tool_use", "{}" },
	{ "a NUL and bytes that are no UTF-8 in a text",
		{ START("{}"), TEXT_BLOCK, TEXT(0, "a\\u0000b"), TEXT(0, "\xff" "c"), STOP(0), END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+text \"a\xef\xbf\xbd" "b\" \"\xef\xbf\xbd" "c\" - ",
		"[{\"type\":\"text\",\"text\":\"a\xef\xbf\xbd" "b\xef\xbf\xbd" "c\"}]", "end_turn", "{}" },
	{ "input that came whole with the block's start",
		{ START("{}"), BLOCK(0, "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":1}}"),
			STOP(0), END("tool_use", "{}") },
		MESSAGE_COMPLETE, "+tool_use - ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":1}}]", "tool_use", "{}" },
	{ "text that came with the block's start",
		{ START("{}"), BLOCK(0, "{\"type\":\"text\",\"text\":\"He\"}"), TEXT(0, "y"), STOP(0),
			END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+text \"He\" \"y\" - ", "[{\"type\":\"text\",\"text\":\"Hey\"}]", "end_turn", "{}" },
	{ "a call that never ended is not to be run",
		{ START("{}"), TOOL_BLOCK, INPUT(0, "{\\\"a\\\":1}"), END("tool_use", "{}") },
		MESSAGE_COMPLETE, "+tool_use ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{},\"x_invalid_input\":\"{\\\"a\\\":1}\"}]",
		"tool_use", "{}" },
	{ "usage: totals replace, null is unchanged, objects are merged",
		{ START("{\"input_tokens\":10,\"output_tokens\":1,\"cache_creation\":{\"a\":1,\"b\":2}}"),
			"{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":null,\"output_tokens\":5}}",
			END("end_turn", "{\"output_tokens\":9,\"cache_creation\":{\"b\":null,\"a\":3},\"new\":null}") },
		MESSAGE_COMPLETE, "", "[]", "end_turn",
		"{\"input_tokens\":10,\"output_tokens\":9,\"cache_creation\":{\"a\":3,\"b\":2},\"new\":null}" },
	{ "unknown events and deltas are passed over, unknown blocks kept as they came",
		{ START("{}"), "{\"type\":\"news\",\"index\":9}", BLOCK(0, "{\"type\":\"hologram\",\"beam\":[1,2]}"),
			DELTA(0, "{\"type\":\"beam_delta\",\"beam\":3}"), TEXT(0, "lost"), STOP(0),
			END("sublime", "{}") },
		MESSAGE_COMPLETE, "+hologram - ", "[{\"type\":\"hologram\",\"beam\":[1,2]}]", "sublime", "{}" },
	{ "deltas that do not fit their block are passed over",
		{ START("{}"), TEXT_BLOCK, DELTA(0, "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}"), INPUT(0, ""),
			DELTA(0, "{\"type\":\"signature_delta\",\"signature\":\"s\"}"), TEXT(0, "t"), STOP(0),
			END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+text \"t\" - ", "[{\"type\":\"text\",\"text\":\"t\"}]", "end_turn", "{}" },
	{ "blocks out of order and interleaved are sorted by index",
		{ START("{}"), BLOCK(2, "{\"type\":\"text\",\"text\":\"\"}"), TEXT_BLOCK, BLOCK(1, "{\"type\":\"b\"}"),
			TEXT(2, "c"), TEXT(0, "a"), STOP(2), STOP(1), STOP(0), END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+text +text +b \"c\" \"a\" - - - ",
		"[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"b\"},{\"type\":\"text\",\"text\":\"c\"}]",
		"end_turn", "{}" },
	{ "redacted thinking comes whole",
		{ START("{}"), BLOCK(0, "{\"type\":\"redacted_thinking\",\"data\":\"D==\"}"), STOP(0),
			END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+redacted_thinking - ", "[{\"type\":\"redacted_thinking\",\"data\":\"D==\"}]",
		"end_turn", "{}" },
	{ "the same message_start twice",
		{ START("{\"input_tokens\":1}"), START("{\"input_tokens\":2}"), END("end_turn", "{}") },
		MESSAGE_COMPLETE, "", "[]", "end_turn", "{\"input_tokens\":1}" },
	{ "nobody else may replace the content",
		{ START("{}"), TEXT_BLOCK, TEXT(0, "a"),
			"{\"type\":\"message_delta\",\"content\":1,\"delta\":{\"content\":[],\"type\":\"x\"}}",
			TEXT(0, "b"), STOP(0), END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+text \"a\" \"b\" - ", "[{\"type\":\"text\",\"text\":\"ab\"}]", "end_turn", "{}" },
	{ "an error without a type",
		{ "{\"error\":{\"message\":\"out of memory\"}}" }, MESSAGE_ERROR, "", NULL, NULL, NULL },
	{ "a ping is only a sign of life", { START("{}"), "{\"type\":\"ping\"}" }, MESSAGE_LIFE, "", NULL, NULL, "{}" },
	{ "no JSON", { START("{}"), "[DONE]" }, MESSAGE_GARBAGE, "", NULL, NULL, "{}" },
	{ "no object", { START("{}"), "[1,2]" }, MESSAGE_GARBAGE, "", NULL, NULL, "{}" },
	{ "two messages",
		{ START("{}"), "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_2\"}}" }, MESSAGE_GARBAGE, "",
		NULL, NULL, "{}" },
	{ "an end before the beginning", { "{\"type\":\"message_stop\"}" }, MESSAGE_GARBAGE, "", NULL, NULL, NULL },
	{ "a block before the message", { TEXT_BLOCK }, MESSAGE_GARBAGE, "", NULL, NULL, NULL },
	{ "a delta for no block", { START("{}"), TEXT(3, "x") }, MESSAGE_GARBAGE, "", NULL, NULL, "{}" },
	{ "a delta for an ended block", { START("{}"), TEXT_BLOCK, STOP(0), TEXT(0, "x") }, MESSAGE_GARBAGE,
		"+text - ", NULL, NULL, "{}" },
	{ "a block twice", { START("{}"), TEXT_BLOCK, TEXT_BLOCK }, MESSAGE_GARBAGE, "+text ", NULL, NULL, "{}" },
	{ "an absurd index", { START("{}"), BLOCK(1e9, "{\"type\":\"text\"}") }, MESSAGE_GARBAGE, "", NULL, NULL, "{}" },
	{ "a negative index", { START("{}"), BLOCK(-1, "{\"type\":\"text\"}") }, MESSAGE_GARBAGE, "", NULL, NULL, "{}" },
	{ "a block without a type",
		{ START("{}"), BLOCK(0, "{}"), TEXT(0, "x"), STOP(0), END("end_turn", "{}") },
		MESSAGE_COMPLETE, "+ - ", "[{}]", "end_turn", "{}" },
	{ "deltas of the wrong shape",
		{ START("7"), BLOCK(0, "{\"type\":\"text\",\"text\":5}"), DELTA(0, "[1,2]"), DELTA(0, "{\"type\":3}"),
			DELTA(0, "{\"type\":\"text_delta\",\"text\":{}}"), STOP(0),
			"{\"type\":\"message_delta\",\"delta\":[1,2],\"usage\":[3]}", "{\"type\":\"message_stop\"}" },
		MESSAGE_COMPLETE, "+text - ", "[{\"type\":\"text\",\"text\":5}]", NULL, "[3]" },
	{ "members written twice",
		{ START("{}"),
			BLOCK(0, "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":1},\"input\":{\"b\":2}}"),
			INPUT(0, "{\\\"c\\\":3}"), STOP(0), END("tool_use", "{}") },
		MESSAGE_COMPLETE, "+tool_use - ",
		"[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"c\":3}}]", "tool_use", "{}" },
};

static void note_piece(struct buf *out, const struct model_piece *piece)
{
	if (piece->kind == PIECE_BLOCK_START)
		buf_printf(out, "+%s ", piece->type);
	if (piece->kind == PIECE_BLOCK_STOP)
		buf_add_text(out, "- ");
	if (piece->text.size)
		buf_printf(out, "\"%.*s\" ", (int)piece->text.size, piece->text.at);
}

static void check_json(const cJSON *json, const char *want)
{
	cleanup(free) char *text = json ? json_to_text(json) : xstrdup("(none)");
	CHECK_TEXT(text, want ? want : "(none)");
}

static void test_case(size_t index)
{
	struct message *message = message_new();
	struct model_piece piece;
	cleanup(buf) struct buf pieces = BUF_INIT(4096);
	cleanup(buf) struct buf why = BUF_INIT(1000);
	enum message_what what = MESSAGE_NOTHING;
	printf("# %s\n", cases[index].name);
	for (size_t i = 0; cases[index].events[i]; i++) {
		what = message_push(message, slice_of(cases[index].events[i]), &piece, &why);
		if (what == MESSAGE_PIECE)
			note_piece(&pieces, &piece);
		if (what == MESSAGE_GARBAGE && cases[index].got != MESSAGE_GARBAGE)
			printf("# %s: %s\n", buf_text(&why), cases[index].events[i]);
	}
	CHECK_INT(what, cases[index].got);
	CHECK((what == MESSAGE_GARBAGE) == (why.size > 0));
	CHECK_TEXT(buf_text(&pieces), cases[index].pieces);
	check_json(message_usage(message), cases[index].usage);
	if (what == MESSAGE_COMPLETE) {
		const char *reason = json_text(message_json(message), "stop_reason");
		check_json(json_get(message_json(message), "content"), cases[index].content);
		CHECK_TEXT(reason ? reason : "", cases[index].reason ? cases[index].reason : "");
	}
	message_free(message);
}

static void test_fallback(void)
{
	static const char *const events[] = { START("{}"),
		BLOCK(0, "{\"type\":\"fallback\",\"from\":{\"model\":\"m\"},\"to\":{\"model\":\"other\"}}"), STOP(0) };
	struct message *message = message_new();
	struct model_piece piece;
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		message_push(message, slice_of(events[i]), &piece, NULL);
	CHECK_TEXT(json_text(message_json(message), "model"), "other");
	message_free(message);
}

static void test_after_the_end(void)
{
	struct message *message = message_new();
	struct model_piece piece;
	message_push(message, slice_of(START("{}")), &piece, NULL);
	CHECK_INT(message_push(message, slice_of("{\"type\":\"message_stop\"}"), &piece, NULL), MESSAGE_COMPLETE);
	CHECK_INT(message_push(message, slice_of("[DONE]"), &piece, NULL), MESSAGE_NOTHING);
	message_free(message);
}

static void test_too_big(void)
{
	enum { PART = 4 << 20 };
	cleanup(buf) struct buf event = BUF_INIT(PART + 1000);
	struct message *message = message_new();
	struct model_piece piece;
	enum message_what what = MESSAGE_NOTHING;
	message_push(message, slice_of(START("{}")), &piece, NULL);
	message_push(message, slice_of(TEXT_BLOCK), &piece, NULL);
	buf_add_text(&event, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
		"{\"type\":\"text_delta\",\"text\":\"");
	memset(buf_reserve(&event, PART), 'x', PART);
	event.size += PART;
	buf_add_text(&event, "\"}}");
	int pieces = 0;
	for (; (what = message_push(message, buf_slice(&event), &piece, NULL)) == MESSAGE_PIECE; pieces++)
		;
	CHECK_INT(what, MESSAGE_TOO_BIG);
	CHECK_INT(pieces, MESSAGE_MEMORY_MAX / PART - 1);
	message_free(message);
}

int main(void)
{
	json_setup();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_case(i);
	test_fallback();
	test_after_the_end();
	test_too_big();
	return test_done();
}
