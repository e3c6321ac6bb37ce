/* SPDX-License-Identifier: MIT */
/* The bytes on the wire: one whole stream as it must be, and the shape of the broken ones. */
#include "rehearsal/wire.h"
#include "tests/unit/test.h"

static const struct manner plain;

static void make(struct reply *reply, struct request *r, cJSON **json, const char *text)
{
	*json = cJSON_CreateObject();
	cJSON_AddStringToObject(*json, "model", "claude-opus-5");
	cJSON *message = cJSON_CreateObject();
	cJSON_AddStringToObject(message, "role", "user");
	cJSON_AddStringToObject(message, "content", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(*json, "messages"), message);
	struct scene scene;
	request_init(r, *json, "", false);
	scene_init(&scene, r);
	reply_init(reply, r, &scene, NULL, 1);
	scene_done(&scene);
	reply->usage.input = 9;
	reply->usage.cache_read = 7;
	reply->usage.cache_5m = 5;
	reply->usage.cache_1h = 3;
}

static enum wire_step run(const struct reply *reply, const struct manner *manner, const struct fault *fault,
	struct buf *out)
{
	struct wire wire;
	enum wire_step step;
	wire_init(&wire, reply, manner, fault);
	do
		step = wire_next(&wire, out);
	while (step == WIRE_EVENT || step == WIRE_PAUSE);
	CHECK_INT(wire_next(&wire, out), step); /* the end stays the end */
	return step;
}

#define USAGE(output) "{\"input_tokens\":9,\"cache_creation_input_tokens\":8,\"cache_read_input_tokens\":7," \
	"\"cache_creation\":{\"ephemeral_5m_input_tokens\":5,\"ephemeral_1h_input_tokens\":3}," \
	"\"output_tokens\":" output ",\"service_tier\":\"standard\""
#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define DELTA(index, delta) EVENT("content_block_delta", ",\"index\":" index ",\"delta\":{\"type\":" delta "}")

static const char golden[] =
	EVENT("message_start", ",\"message\":{\"id\":\"ID\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		"\"claude-opus-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
		USAGE("1") "}}")
	EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
		"\"signature\":\"\"}")
	EVENT("ping", "")
	DELTA("0", "\"signature_delta\",\"signature\":\"rehearsal-298faf5ac9968b68\"")
	EVENT("content_block_stop", ",\"index\":0")
	EVENT("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
	DELTA("1", "\"text_delta\",\"text\":\"Gr\xc3\xbc\xc3\x9f \\\"dich\\\": a line of words \"")
	DELTA("1", "\"text_delta\",\"text\":\"that goes on.\"")
	EVENT("content_block_stop", ",\"index\":1")
	EVENT("content_block_start", ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"TOOL\",\"name\":"
		"\"list\",\"input\":{}}")
	DELTA("2", "\"input_json_delta\",\"partial_json\":\"\"")
	DELTA("2", "\"input_json_delta\",\"partial_json\":\"{\\\"a\\\": [1, 2]}\"")
	EVENT("content_block_stop", ",\"index\":2")
	EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"stop_details\":"
		"null},\"usage\":" USAGE("27") ",\"output_tokens_details\":{\"thinking_tokens\":12}}")
	EVENT("message_stop", "");

static const char script[] = "Gr\xc3\xbc\xc3\x9f \"dich\": a line of words that goes on.\n%think\n@list {\"a\": [1, 2]}";

static void test_golden(void)
{
	cleanup(json) cJSON *json = NULL;
	cleanup(buf) struct buf out = BUF_INIT(1 << 20);
	struct request r;
	struct reply reply;
	make(&reply, &r, &json, script);
	strcpy(reply.id, "ID");
	strcpy(reply.parts[2].id, "TOOL");
	CHECK_INT(run(&reply, &plain, NULL, &out), WIRE_END);
	CHECK_TEXT(buf_text(&out), golden);
	buf_clear(&out);
	wire_message(&out, &reply);
	CHECK_TEXT(buf_text(&out), "{\"id\":\"ID\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
		"\"claude-opus-5\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
		"\"rehearsal-298faf5ac9968b68\"},{\"type\":\"text\",\"text\":\"Gr\xc3\xbc\xc3\x9f \\\"dich\\\": a line of "
		"words that goes on.\"},{\"type\":\"tool_use\",\"id\":\"TOOL\",\"name\":\"list\",\"input\":{\"a\": [1, 2]}}"
		"],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"stop_details\":null,\"container\":null,"
		"\"context_management\":null,\"usage\":" USAGE("27") "}}");
	reply_done(&reply);
	request_done(&r);
}

/* What the end of a broken stream looks like, and what must not be in it. */
static const struct {
	const char *text;
	struct fault fault;
	enum wire_step end;
	const char *last, *absent;
} broken[] = {
	{ "say 0123456789", { .kind = FAULT_CUT, .value = CUT_TEXT }, WIRE_CUT, "\"text\":\"01234\"}}\n\n",
		"content_block_stop" },
	{ "say ab", { .kind = FAULT_CUT, .value = CUT_START }, WIRE_CUT, "\"service_tier\":\"standard\"}}}\n\n",
		"content_block_start" },
	{ "words\n@t {\"abc\":1}", { .kind = FAULT_CUT, .value = CUT_TOOL }, WIRE_CUT,
		"\"partial_json\":\"{\\\"ab\"}}\n\n", "message_stop" },
	{ "say 0123456789", { .kind = FAULT_CUT, .value = CUT_TOOL }, WIRE_CUT, "\"text\":\"01234\"}}\n\n",
		"content_block_stop" },
	{ "say 0123456789", { .kind = FAULT_STREAM_ERROR }, WIRE_END, "event: error\ndata: {\"type\":\"error\","
		"\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n", "message_stop" },
	{ "say 0123456789", { .kind = FAULT_GARBAGE }, WIRE_END, "\x01<html>?\r\n\n", "message_stop" },
	{ "%empty", { .kind = FAULT_CUT }, WIRE_CUT, "\"service_tier\":\"standard\"}}}\n\n", "message_stop" },
	{ "say x", { .kind = FAULT_STATUS }, WIRE_END, "{\"type\":\"message_stop\"}\n\n", "error" },
};

static void test_broken(void)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		cleanup(json) cJSON *json = NULL;
		cleanup(buf) struct buf out = BUF_INIT(1 << 20);
		struct request r;
		struct reply reply;
		make(&reply, &r, &json, broken[i].text);
		CHECK_INT(run(&reply, &plain, &broken[i].fault, &out), broken[i].end);
		size_t n = strlen(broken[i].last);
		CHECK(out.size > n && memcmp(out.data + out.size - n, broken[i].last, n) == 0);
		CHECK(!memmem(out.data, out.size, broken[i].absent, strlen(broken[i].absent)));
		reply_done(&reply);
		request_done(&r);
	}
}

static int count_of(const struct buf *text, const char *piece)
{
	int count = 0;
	for (const char *at = buf_text(text); (at = strstr(at, piece)); at++)
		count++;
	return count;
}

static void test_manners(void)
{
	cleanup(json) cJSON *json = NULL;
	cleanup(buf) struct buf out = BUF_INIT(32 << 20);
	const struct manner odd = { .pings = 4, .unknown = 1 };
	struct request r;
	struct reply reply;
	make(&reply, &r, &json, "%long 100000");
	CHECK_INT(run(&reply, &odd, NULL, &out), WIRE_END);
	CHECK_INT(count_of(&out, "event: ping\n"), 5);
	CHECK_INT(count_of(&out, "event: rehearsal_event\n"), 1);
	CHECK_INT(count_of(&out, "\"type\":\"rehearsal_delta\""), 1);
	/* The number of deltas is bounded, so a slow stream of any answer ends. */
	int deltas = count_of(&out, "\"type\":\"text_delta\"");
	CHECK(deltas > 400 && deltas < 700);
	reply_done(&reply);
	request_done(&r);
}

int main(void)
{
	json_setup();
	test_golden();
	test_broken();
	test_manners();
	return test_done();
}
