/* SPDX-License-Identifier: MIT */
#include "fs/transcript.h"
#include "tests/unit/test.h"

static const struct {
	const char *event, *want;
} cases[] = {
	{ "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}",
		"## user\n\nhi\n\n" },
	{ "{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"a\\nb\\n\"}]}",
		"## agent\n\na\nb\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{\"command\":\"ls\"}}",
		"**bash**\n\n```\nls\n```\n\n" },
	{ "{\"type\":\"agent.tool_use\",\"name\":\"read\",\"input\":{\"file_path\":\"x\"}}",
		"**read**\n\n```\n{\"file_path\":\"x\"}\n```\n\n" },
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
	CHECK_INT(transcript_event(event, &out), 0);
	CHECK(out.size < TRANSCRIPT_RESULT_CHARS + 100);
	CHECK(strstr(buf_text(&out), "10000 bytes in all"));
}

int main(void)
{
	json_setup();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(json) cJSON *event = json_parse(cases[i].event, strlen(cases[i].event), NULL);
		cleanup(buf) struct buf out = BUF_INIT(0);
		CHECK(event != NULL);
		CHECK_INT(transcript_event(event, &out), 0);
		CHECK_TEXT(buf_text(&out), cases[i].want);
	}
	test_long_result();
	return test_done();
}
