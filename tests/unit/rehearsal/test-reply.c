/* SPDX-License-Identifier: MIT */
/* Conversations and what the model answers, written as parts and the reason why it stops. */
#include "rehearsal/faults.h"
#include "rehearsal/replay.h"
#include "rehearsal/reply.h"
#include "tests/unit/test.h"

#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define S(content) "{\"role\":\"system\",\"content\":" content "}"
#define CALL(id, name)                                                                             \
	"{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{}}"
#define RESULT(id, more) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\"" more "}"
#define OK(text)	 ",\"content\":\"" text "\""
#define BASH		 A("[" CALL("t", "bash") "]")
#define DONE		 "\n\nThat is all that the rehearsal model, not Claude, has to say.\") end_turn"
#define HELLO(text)                                                                                  \
	"text(\"Hello! This is the rehearsal model, not Claude: nobody thinks here, but everything " \
	"else is real. You wrote: " text                                                             \
	"\n\nA line `! ls` makes me call bash, `@TOOL {JSON}` any tool, and "                        \
	"`say TEXT` is what I say after it. `%help` lists the rest.\") end_turn"

static const struct {
	const char *messages, *more, *want;
} cases[] = {
	{ U("\"hello\""), "", HELLO("hello") },
	{ U("\"a\"") "," U("\"b\""), "", HELLO("a\nb") },
	{ U("\"! ls\""), "", "tool_use bash({\"command\":\"ls\"}) tool_use" },
	{ U("\"Look.\\n! ls\\n@x {\\\"a\\\": 1}\""), "",
		"text(\"Look.\") tool_use bash({\"command\":\"ls\"}) tool_use x({\"a\": 1}) tool_use" },
	{ U("\"! ls\"") "," BASH "," U("[" RESULT("t", OK("a\\n")) "]"), "",
		"text(\"The command printed: a" DONE },
	{ U("\"! ls\"") "," BASH "," U("[" RESULT("t", OK("a\\nb\\n\\n")) "]"), "",
		"text(\"The command printed:\na\nb" DONE },
	{ U("\"! ls\"") "," BASH "," U("[" RESULT("t", "") "]"), "",
		"text(\"The command printed nothing." DONE },
	{ U("\"! ls\"") "," BASH "," U("[" RESULT("t", OK("no ls") ",\"is_error\":true") "]"), "",
		"text(\"The command failed: no ls" DONE },
	{ U("\"@f {}\"") "," A("[" CALL("t", "f") "]") "," U("[" RESULT("t",
		  ",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\"}]") "]"),
		"", "text(\"The tool f answered:\nx\n[image]" DONE },
	{ U("\"! a\\nthen\\n@b {}\\nsay end\""), "",
		"tool_use bash({\"command\":\"a\"}) tool_use" },
	{ U("\"! a\\nthen\\n@b {}\\nsay end\"") "," BASH "," U("[" RESULT("t", "") "]"), "",
		"tool_use b({}) tool_use" },
	{ U("\"! a\\nthen\\n@b {}\\nsay end\"") "," BASH "," U("[" RESULT("t", "") "]") "," A(
		  "[" CALL("u", "b") "]") "," U("[" RESULT("u", "") "]"),
		"", "text(\"end\") end_turn" },
	/* Results of every round are quoted; a new message starts anew. */
	{ U("\"! a\\nthen\\n@b {}\"") "," BASH "," U("[" RESULT("t", OK("1")) "]") "," A(
		  "[" CALL("u", "b") "]") "," U("[" RESULT("u", OK("2")) "]"),
		"", "text(\"The command printed: 1\nThe tool b answered: 2" DONE },
	{ U("\"! a\"") "," BASH
		       "," U("[" RESULT("t", OK("1")) "]") "," A("\"x\"") "," U("\"say hi\""),
		"", "text(\"hi\") end_turn" },
	/* Text beside the results steers: it is the script now. */
	{ U("\"! a\\nthen\\n! b\"") "," BASH "," U(
		  "[" RESULT("t", OK("1")) ",{\"type\":\"text\",\"text\":\"@c {}\"}]"),
		"", "tool_use c({}) tool_use" },
	{ U("\"! a\\nthen\\n! b\"") "," BASH "," U(
		  "[" RESULT("t", OK("1")) ",{\"type\":\"text\",\"text\":\"stop\"}]"),
		"", "text(\"The command printed: 1" DONE },
	/* So does a system message with a directive, but not a notice. */
	{ U("\"! a\\nthen\\n! b\"") "," BASH "," U("[" RESULT("t", OK("1")) "]") "," S("\"note\""),
		"", "tool_use bash({\"command\":\"b\"}) tool_use" },
	{ U("\"! a\\nthen\\n! b\"") "," BASH
				    "," U("[" RESULT("t", OK("1")) "]") "," S("\"say halt\""),
		"", "text(\"halt\") end_turn" },

	{ U("\"%think\\nsay x\""), "", "thinking(\"\") text(\"x\") end_turn" },
	{ U("\"%think\\nsay x\""),
		",\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"}",
		"thinking(\"The message asks for a thought, so here is one.\") text(\"x\") end_turn" },
	{ U("\"%redacted\\n%unknown\\nsay x\""), "",
		"redacted_thinking({\"type\":\"redacted_thinking\",\"data\":\"cmVoZWFyc2Fs\"}) "
		"rehearsal_unknown(\"cube\") text(\"x\") end_turn" },
	{ U("\"%empty\\nsay x\""), "", "end_turn" },
	{ U("\"%long 5\""), "", "text(\"and the rehearsal goes on\") end_turn" },
	{ U("\"%invalid_input\\n! ls\""), "", "tool_use bash({\"command\":\"ls\") cut tool_use" },
	{ U("\"%refuse cyber\\nsay no\""), "", "text(\"no\") refusal cyber" },
	{ U("\"%max_tokens\\nsay 12345678\""), "", "text(\"1234\") max_tokens" },
	{ U("\"%max_tokens\\n! ls\""), "", "tool_use bash({\"comman) cut max_tokens" },
	{ U("\"%context\\nsay 12345678\""), "", "text(\"1234\") model_context_window_exceeded" },
	{ U("\"%pause\\nsay x\""), "",
		"text(\"Let me look that up.\") server_tool_use web_search("
		"{\"query\":\"rehearsal\"}) pause_turn" },
	{ U("\"say x\"") "," A(
		  "[{\"type\":\"server_tool_use\",\"id\":\"s1\",\"name\":\"web_search\",\"input\":{}}]"),
		"",
		"web_search_tool_result({\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s1\",\"content\":"
		"[{\"type\":\"web_search_result\",\"url\":\"https://example.com/rehearsal\",\"title\":"
		"\"A page of the rehearsal\",\"page_age\":null,\"encrypted_content\":\"cmVoZWFyc2Fs\"}]}) "
		"text(\"x\") end_turn" },
	{ U("\"say 123456789\""), ",\"max_tokens\":2", "text(\"12345678\") max_tokens" },
	{ U("\"say x\""), ",\"max_tokens\":0", "max_tokens" },
	{ U("\"say one STOP two\""), ",\"stop_sequences\":[\"STOP\"]",
		"text(\"one \") stop_sequence STOP" },
	{ U("\"%zap\""), "",
		"text(\"I am the rehearsal model, not Claude, and I did not understand that: there is "
		"no directive %zap; %help lists them.\") end_turn" },
};

static void print_reply(struct buf *out, const struct reply *reply)
{
	for (size_t i = 0; i < reply->part_count; i++) {
		const struct part *part = &reply->parts[i];
		const char *quote = part->kind == PART_CALL || part->kind == PART_WHOLE ? "" : "\"";
		buf_printf(out, "%s%s%s(%s%s%s) %s", part->type, part->name ? " " : "",
			part->name ? part->name : "", quote, part->text, quote,
			part->is_cut ? "cut " : "");
	}
	buf_add_text(out, reply->stop_reason);
	if (reply->stop_sequence || reply->refusal)
		buf_printf(out, " %s", reply->refusal ? reply->refusal : reply->stop_sequence);
}

static cJSON *make_request(const char *messages, const char *more)
{
	cleanup(free) char *text =
		xprintf("{\"model\":\"claude-opus-5\",\"messages\":[%s]%s}", messages, more);
	return json_parse(text, strlen(text), NULL);
}

static void check_case(const char *messages, const char *more, const char *want)
{
	cleanup(json) cJSON *json = make_request(messages, more);
	cleanup(buf) struct buf got = BUF_INIT(1 << 20);
	struct faults *faults = faults_new();
	struct request r;
	struct scene scene;
	struct reply reply;
	CHECK(json);
	request_init(&r, json, "", false);
	scene_init(&scene, &r);
	reply_init(&reply, &r, &scene, faults_next(faults, &scene, &r), 1);
	print_reply(&got, &reply);
	CHECK_TEXT(buf_text(&got), want);
	reply_done(&reply);
	scene_done(&scene);
	request_done(&r);
	faults_free(faults);
}

static void check_one(struct faults *faults, const char *messages, enum fault_kind want)
{
	cleanup(json) cJSON *json = make_request(messages, "");
	struct request r;
	struct scene scene;
	request_init(&r, json, "", false);
	scene_init(&scene, &r);
	const struct fault *fault = faults_next(faults, &scene, &r);
	CHECK_INT(fault ? fault->kind : FAULT_NONE, want);
	scene_done(&scene);
	request_done(&r);
}

/* Asks ten times with one message and writes down what happens: kinds of faults, or a dot. */
static void check_faults(struct faults *faults, const char *message, const char *want)
{
	cleanup(json) cJSON *json = make_request(message, "");
	char got[11] = "";
	struct request r;
	struct scene scene;
	request_init(&r, json, "", false);
	scene_init(&scene, &r);
	for (int i = 0; i < 10; i++) {
		const struct fault *fault = faults_next(faults, &scene, &r);
		got[i] = fault ? (char)('0' + fault->kind) : '.';
	}
	CHECK_TEXT(got, want);
	scene_done(&scene);
	request_done(&r);
}

static void test_faults(void)
{
	struct faults *faults = faults_new();
	check_faults(faults, U("\"hi\""), "..........");
	check_faults(faults, U("\"%overload 2\""), "11.11.11.1");
	check_faults(faults, U("\"%overload 2\\n%cut\\n%garbage\""), "1123.1123.");
	check_faults(faults, U("\"%pause\\nx\""), "8.8.8.8.8.");
	/* Another conversation has its own count; the round after the calls has none. */
	check_faults(faults, U("\"%overload 9\\n! a\"") "," BASH "," U("[" RESULT("t", "") "]"),
		"..........");
	check_faults(faults, U("\"! a\\nthen\\n%cut\"") "," BASH "," U("[" RESULT("t", "") "]"),
		"2.2.2.2.2.");
	/* An unanswered message is still there when the next one comes; its faults are over. */
	check_one(faults, U("\"%error 1 400\\nhello\""), FAULT_STATUS);
	check_one(faults, U("\"%error 1 400\\nhello\"") "," U("\"and now?\""), FAULT_NONE);
	check_faults(faults, U("\"%nonsense\\n%cut\""), "..........");
	faults_free(faults);
}

static void test_ids(void)
{
	cleanup(json) cJSON *json = make_request(U("\"! a\\n! b\""), "");
	struct request r;
	struct scene scene;
	struct reply one, same, other;
	request_init(&r, json, "", false);
	scene_init(&scene, &r);
	reply_init(&one, &r, &scene, NULL, 1);
	reply_init(&same, &r, &scene, NULL, 1);
	reply_init(&other, &r, &scene, NULL, 2);
	CHECK_TEXT(one.parts[0].id, same.parts[0].id);
	CHECK(strcmp(one.parts[0].id, one.parts[1].id) != 0);
	CHECK(strcmp(one.parts[0].id, other.parts[0].id) != 0);
	CHECK(strncmp(one.parts[0].id, "toolu_", 6) == 0);
	CHECK_INT(strlen(one.parts[0].id), 30);
	CHECK_INT(one.usage.output, 8); /* two inputs of 15 bytes, each rounded up to 4 tokens */
	reply_done(&one);
	reply_done(&same);
	reply_done(&other);
	scene_done(&scene);
	request_done(&r);
}

/* Which recording is in force, and which of its answers comes next. */
static const struct {
	const char *messages, *path;
	size_t index;
} replays[] = {
	{ U("\"hi\""), NULL, 0 },
	{ U("\"replay: /r\""), "/r", 0 },
	{ U("\"replay: /r\"") "," BASH "," U("[" RESULT("t", "") "]"), "/r", 1 },
	{ U("\"replay: /r\"") "," A("\"x\"") "," U("\"go on\""), "/r", 1 },
	{ U("\"replay: /r\"") "," A("\"x\"") "," U("\"a\"") "," A("\"y\"") "," U("\"b\""), "/r",
		2 },
	{ U("\"replay: /r\"") "," A("\"x\"") "," U("\"! ls\""), NULL, 0 },
	{ U("\"replay: /r\"") "," A("\"x\"") "," U("\"replay: /s\""), "/s", 0 },
	{ U("\"replay: r\""), NULL, 0 },
};

static void test_replay_scenes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(replays); i++) {
		cleanup(json) cJSON *json = make_request(replays[i].messages, "");
		struct request r;
		struct scene scene;
		request_init(&r, json, "", false);
		scene_init(&scene, &r);
		CHECK_TEXT(
			scene.replay ? scene.replay : "-", replays[i].path ? replays[i].path : "-");
		CHECK_INT(scene.replay_index, replays[i].index);
		scene_done(&scene);
		request_done(&r);
	}
}

static const char *const recording[] = {
	"{\"type\":\"session.status_running\",\"id\":\"sevt_0\"}",
	"{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}",
	"{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"outside of any request\"}]}",
	"{\"type\":\"span.model_request_start\"}",
	"{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"of a failed request\"}]}",
	"{\"type\":\"span.model_request_end\",\"is_error\":true}",
	"{\"type\":\"span.model_request_start\"}",
	"{\"type\":\"agent.thinking\"}",
	"{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"Look.\"}]}",
	"{\"type\":\"agent.message\",\"session_thread_id\":\"sthr_1\",\"content\":[]}",
	"{\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{\"command\":\"ls\"}}",
	"{\"type\":\"agent.custom_tool_use\",\"name\":\"w\",\"input\":{}}",
	"{\"type\":\"span.model_request_end\",\"is_error\":null}",
	"{\"type\":\"agent.tool_result\",\"content\":[]}",
	"{\"type\":\"span.model_request_start\"}",
	"{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"never finished\"}]}",
	"{\"type\":\"span.model_request_start\"}",
	"{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"Done.\"}]}",
	"{\"type\":\"span.model_request_end\",\"is_error\":false}",
};

static void check_recorded(size_t wanted, const char *want)
{
	struct replay replay;
	replay_init(&replay, wanted);
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(recording); i++)
		r = replay_push(&replay, recording[i], strlen(recording[i]), NULL);
	CHECK_INT(r, want != NULL);
	cleanup(json) cJSON *blocks = replay_take(&replay), *json = make_request(U("\"x\""), "");
	CHECK((blocks != NULL) == (want != NULL));
	replay_done(&replay);
	if (!blocks)
		return;
	cleanup(buf) struct buf got = BUF_INIT(10000);
	struct request request;
	struct reply reply;
	request_init(&request, json, "", false);
	reply_init_recorded(&reply, &request, blocks, 1);
	print_reply(&got, &reply);
	CHECK_TEXT(buf_text(&got), want);
	reply_done(&reply);
	request_done(&request);
}

static void test_recording(void)
{
	check_recorded(0,
		"thinking(\"\") text(\"Look.\") tool_use bash({\"command\":\"ls\"}) tool_use w({}) "
		"tool_use");
	check_recorded(1, "text(\"Done.\") end_turn");
	check_recorded(2, NULL);
	cleanup(buf) struct buf why = BUF_INIT(1000);
	struct replay replay;
	replay_init(&replay, 0);
	CHECK_INT(replay_push(&replay, "{}", 2, &why), -22);
	CHECK_TEXT(buf_text(&why), "an object without a type");
	CHECK_INT(replay_push(&replay, "PK\3\4", 4, &why), -22);
	replay_done(&replay);
}

int main(void)
{
	json_setup();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(cases[i].messages, cases[i].more, cases[i].want);
	test_faults();
	test_ids();
	test_replay_scenes();
	test_recording();
	return test_done();
}
