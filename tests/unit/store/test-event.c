/* SPDX-License-Identifier: MIT */
/* The event table and what it accepts. */
#include <errno.h>

#include "store/event.h"
#include "tests/unit/test.h"

static const struct {
	const char *event;
	const char *why; /* NULL: accepted */
} cases[] = {
	{ "{\"id\":\"a\",\"type\":\"agent.thinking\"}", NULL },
	{ "{\"id\":\"a\",\"type\":\"agent.thinking\",\"x_agentdirs\":{\"a\":1}}", NULL },
	{ "{\"id\":\"a\",\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}"
	  "]}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"agent.message\",\"content\":[{\"type\":\"redacted\"}]}", NULL },
	{ "{\"id\":\"a\",\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{},"
	  "\"evaluated_permission\":\"allow\",\"evaluation\":{\"type\":\"always_allow\"}}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"agent.tool_result\",\"tool_use_id\":\"t\",\"content\":[],"
	  "\"is_error\":null}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"session.status_idle\",\"stop_reason\":{\"type\":\"end_turn\"},"
	  "\"stop_details\":null}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"session.error\",\"error\":{\"type\":\"unknown_error\","
	  "\"message\":\"m\","
	  "\"retry_status\":{\"type\":\"retrying\"}}}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"session.updated\",\"title\":null}", NULL },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"image\",\"source\":{"
	  "\"type\":"
	  "\"base64\",\"data\":\"AA\",\"media_type\":\"image/"
	  "png\"}},{\"type\":\"document\",\"source\":{"
	  "\"type\":\"text\",\"data\":\"x\",\"media_type\":\"text/plain\"},\"title\":\"t\"}]}",
		NULL },
	{ "{\"id\":\"a\",\"type\":\"user.define_outcome\",\"description\":\"d\",\"rubric\":{"
	  "\"type\":\"text\","
	  "\"content\":\"c\"},\"max_iterations\":3}",
		NULL },
	{ "[]", "an event must have a known type" },
	{ "{\"id\":\"a\",\"type\":\"agent.mesage\"}", "an event must have a known type" },
	{ "{\"type\":\"agent.thinking\"}", "agent.thinking must have an id" },
	{ "{\"id\":\"a\",\"type\":\"agent.thinking\",\"text\":\"t\"}",
		"agent.thinking has no field text" },
	{ "{\"id\":\"a\",\"type\":\"agent.message\"}", "agent.message must have content" },
	{ "{\"id\":\"a\",\"type\":\"agent.message\",\"content\":[]}",
		"content must be a list of 1 to 10000 content blocks" },
	{ "{\"id\":\"a\",\"type\":\"agent.message\",\"content\":[{\"type\":\"image\"}]}",
		"content[0] must be a content block of a type that may stand here" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"redacted\"}]}",
		"content[0] must be a content block of a type that may stand here" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},"
	  "{\"type\":"
	  "\"text\",\"text\":\"\"}]}",
		"content[1] must have a text that is not empty" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"image\",\"source\":{"
	  "\"type\":"
	  "\"base64\",\"data\":\"AA\",\"media_type\":\"image/tiff\"}}]}",
		"content[0] must be a PNG, JPEG, GIF or WebP image" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"image\",\"source\":{"
	  "\"type\":"
	  "\"text\",\"data\":\"x\",\"media_type\":\"text/plain\"}}]}",
		"content[0] must have a source of a known type" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":[{\"type\":\"document\",\"source\":{"
	  "\"type\":"
	  "\"url\"}}]}",
		"content[0] must have a complete source" },
	{ "{\"id\":\"a\",\"type\":\"user.message\",\"content\":\"hi\"}",
		"content must be a list of 1 to 10000 content blocks" },
	{ "{\"id\":\"a\",\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":\"ls\"}",
		"input must be an object" },
	{ "{\"id\":\"a\",\"type\":\"session.status_idle\",\"stop_reason\":{\"type\":\"bored\"}}",
		"stop_reason must have a known type" },
	{ "{\"id\":\"a\",\"type\":\"session.status_idle\",\"stop_reason\":{\"type\":\"requires_"
	  "action\"}}",
		"stop_reason must have event_ids" },
	{ "{\"id\":\"a\",\"type\":\"session.error\",\"error\":{\"type\":\"unknown_error\"}}",
		"error must have type, message and retry_status" },
	{ "{\"id\":\"a\",\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"t\",\"result\":"
	  "\"maybe\"}",
		"result must be \"allow\" or \"deny\"" },
	{ "{\"id\":\"a\",\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"\",\"result\":"
	  "\"allow\"}",
		"tool_use_id must be the id of an event" },
	{ "{\"id\":\"a\",\"type\":\"user.define_outcome\",\"description\":\"d\",\"rubric\":\"r\"}",
		"rubric must be a text with content or a file with file_id" },
};

static void test_check(void)
{
	cleanup(buf) struct buf why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(json) cJSON *event = cJSON_Parse(cases[i].event);
		CHECK(event != NULL);
		CHECK_INT(event_check(event, &why), cases[i].why ? -EINVAL : 0);
		if (cases[i].why)
			CHECK_TEXT(buf_text(&why), cases[i].why);
	}
}

/* The table is sorted and complete: each row is found by its name, and its fields can be read. */
static void test_table(void)
{
	const struct event_type *row, *before = NULL;
	size_t clients = 0, i;
	for (i = 0; (row = event_type_at(i)); before = row, i++) {
		CHECK(!before || strcmp(before->name, row->name) < 0);
		CHECK(event_type_find(row->name) == row);
		CHECK(row->help && *row->help);
		clients += row->sender == SENDER_CLIENT;
		cleanup(json) cJSON *event = event_new(row->name);
		CHECK_INT(event_check(event, NULL),
			row->fields[strspn(row->fields, "?")] && strstr(row->fields, ":") &&
					strcmp(row->fields, "session_thread_id:text?") != 0 &&
					strcmp(row->name, "session.updated") != 0 ?
				-EINVAL :
				0);
	}
	CHECK_INT(clients, 7);
	CHECK(i > 40);
	CHECK(!event_type_find("agent"));
}

static void test_new(void)
{
	cleanup(json) cJSON *a = event_new("agent.thinking"), *b = event_new("agent.thinking");
	CHECK(strncmp(json_text(a, "id"), "sevt_", 5) == 0);
	CHECK(strcmp(json_text(a, "id"), json_text(b, "id")) != 0);
	CHECK_TEXT(json_text(a, "type"), "agent.thinking");
}

static void test_text(void)
{
	static const char content[] = "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"redacted\"},"
				      "{\"type\":\"text\",\"text\":\"b\"}]";
	cleanup(json) cJSON *blocks = cJSON_Parse(content);
	cleanup(buf) struct buf out = BUF_INIT(10), small = BUF_INIT(1);
	CHECK_INT(event_content_text(blocks, &out), 0);
	CHECK_TEXT(buf_text(&out), "ab");
	CHECK_INT(event_content_text(blocks, &small), -EFBIG);
	CHECK_INT(event_content_text(NULL, &out), 0);
}

int main(void)
{
	json_setup();
	test_check();
	test_table();
	test_new();
	test_text();
	return test_done();
}
