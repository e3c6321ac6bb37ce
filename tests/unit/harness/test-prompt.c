/* SPDX-License-Identifier: MIT */
/* The prompt: the messages that come of a log, and that bytes once sent never change. */
#include "harness/prompt.h"
#include "tests/unit/test.h"

#define USER(text) "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}"
#define AGENT(text) "{\"type\":\"agent.message\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}"
#define ASK "{\"type\":\"span.model_request_start\"}"
#define ANSWERED "{\"type\":\"span.model_request_end\"}"
#define CALL(id, name)                                                                      \
	"{\"type\":\"agent.tool_use\",\"id\":\"sevt_" id "\",\"name\":\"" name "\",\"input\":{\"a\":1}," \
	"\"x_agentdirs\":{\"tool_use_id\":\"" id "\"}}"
#define RESULT(id, text)                                                                          \
	"{\"type\":\"agent.tool_result\",\"tool_use_id\":\"sevt_" id "\",\"is_error\":true,"      \
	"\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}],\"x_agentdirs\":{\"tool_use_id\":\"" id "\"}}"
#define CALL_BY_EVENT(id, name)                                                                   \
	"{\"type\":\"agent.tool_use\",\"id\":\"sevt_" id "\",\"name\":\"" name "\",\"input\":{}," \
	"\"x_agentdirs\":{}}"
#define BLANK_RESULT(id)                                                                          \
	"{\"type\":\"agent.tool_result\",\"tool_use_id\":\"sevt_" id "\",\"is_error\":false,"     \
	"\"content\":[{\"type\":\"text\",\"text\":\" \\n\"}]}"
#define THINKING                                                                                  \
	"{\"type\":\"agent.thinking\",\"x_agentdirs\":{\"block\":{\"type\":\"thinking\","         \
	"\"thinking\":\"hm\",\"signature\":\"c2ln\"}}}"

#define TEXT_BLOCK(text) "{\"type\":\"text\",\"text\":\"" text "\"}"

enum { EVENTS_MAX = 12 };

static const struct {
	const char *name, *events[EVENTS_MAX], *want;
} cases[] = {
	{ "one message", { USER("hi"), ASK }, "{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]}" },
	{ "an answer and another message", { USER("hi"), ASK, AGENT("yes"), ANSWERED, USER("more"), ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"assistant\",\"content\":[" TEXT_BLOCK("yes") "]},"
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("more") "]}" },
	{ "a call, its result, and what was said meanwhile behind it",
		{ USER("hi"), ASK, THINKING, CALL("t1", "bash"), ANSWERED, RESULT("t1", "no"), USER("and"),
			ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
		"\"signature\":\"c2ln\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"bash\","
		"\"input\":{\"a\":1}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
		"\"content\":[" TEXT_BLOCK("no") "],\"is_error\":true}," TEXT_BLOCK("and") "]}" },
	{ "a call without an id of the model's own goes by its event's; blank output is no text",
		{ USER("hi"), ASK, CALL_BY_EVENT("9", "bash"), ANSWERED, BLANK_RESULT("9"), ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"sevt_9\",\"name\":\"bash\","
		"\"input\":{}}]},"
		"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"sevt_9\"}]}" },
	{ "blank text is left out", { USER("hi"), ASK, AGENT(" \\n"), AGENT("ok"), ANSWERED },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"assistant\",\"content\":[" TEXT_BLOCK("ok") },
	{ "an answer of thinking alone is dropped", { USER("hi"), ASK, THINKING, ANSWERED, USER("go on"), ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("go on") "]}" },
	{ "an answer kept whole replaces its events",
		{ USER("hi"), ASK, AGENT("half"),
			"{\"type\":\"span.model_request_end\",\"x_agentdirs\":{\"blocks\":[{\"type\":\"new\"},"
			TEXT_BLOCK("half") "]}}", USER("x"), ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]},"
		"{\"role\":\"assistant\",\"content\":[{\"type\":\"new\"}," TEXT_BLOCK("half") "]},"
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("x") "]}" },
	{ "other events are no part of it",
		{ "{\"type\":\"session.status_running\"}", USER("hi"), "{\"type\":\"session.error\"}", ASK },
		"{\"role\":\"user\",\"content\":[" TEXT_BLOCK("hi") "]}" },
};

static void fold(struct prompt *p, const char *text)
{
	cJSON *event = json_parse(text, strlen(text), NULL);
	CHECK(event != NULL);
	CHECK_INT(prompt_event(p, event), 0);
	cJSON_Delete(event);
}

static char *body(struct prompt *p)
{
	struct slice parts[PROMPT_PARTS];
	struct buf whole = BUF_INIT(0);
	prompt_parts(p, parts);
	for (size_t i = 0; i < PROMPT_PARTS; i++)
		buf_add(&whole, parts[i].at, parts[i].size);
	return buf_take(&whole);
}

/* Whatever was sent once is the beginning of every later request, up to the brackets that close it. */
static void test_prefix(const cJSON *agent)
{
	static const char *const log[] = { USER("one"), ASK, THINKING, AGENT("a"), CALL("t1", "bash"), ANSWERED,
		RESULT("t1", "r"), ASK, AGENT("b"), ANSWERED, USER("two"), ASK, AGENT("c"), ANSWERED };
	struct prompt p;
	char *before = NULL;
	prompt_init(&p);
	CHECK_INT(prompt_set_head(&p, agent, "notes"), 0);
	for (size_t i = 0; i < ARRAY_LEN(log); i++) {
		fold(&p, log[i]);
		if (strcmp(log[i], ASK) != 0)
			continue;
		char *now = body(&p);
		cJSON *json = json_parse(now, strlen(now), NULL);
		CHECK(json != NULL);
		cJSON_Delete(json);
		if (before)
			CHECK(strncmp(now, before, strlen(before) - strlen("]}")) == 0);
		free(before);
		before = now;
	}
	free(before);
	prompt_done(&p);
}

static void test_head(const cJSON *agent)
{
	struct prompt p;
	prompt_init(&p);
	CHECK_INT(prompt_set_head(&p, agent, "notes"), 0);
	char *text = body(&p);
	cJSON *json = json_parse(text, strlen(text), NULL);
	CHECK_TEXT(json_text(json, "model"), "claude-opus-5");
	CHECK(json_bool(json, "stream", false));
	CHECK_TEXT(cJSON_GetStringValue(json_path(json, "cache_control.type")), "ephemeral");
	const cJSON *block = cJSON_GetArrayItem(json_get(json, "system"), 0);
	CHECK_TEXT(json_text(block, "text"), "Be kind.\n\nnotes");
	CHECK_TEXT(cJSON_GetStringValue(json_path(block, "cache_control.type")), "ephemeral");
	/* grep is switched off, the others come in the toolset's order */
	CHECK_INT(cJSON_GetArraySize(json_get(json, "tools")), 5);
	CHECK_TEXT(json_text(cJSON_GetArrayItem(json_get(json, "tools"), 0), "name"), "bash");
	CHECK_INT(json_int(json, "temperature", -1), -1);
	cJSON_Delete(json);
	free(text);
	prompt_done(&p);
}

static void test_call_ids(void)
{
	struct prompt p;
	prompt_init(&p);
	char long_id[PROMPT_CALL_ID_MAX + 2];
	memset(long_id, 'x', sizeof(long_id));
	long_id[PROMPT_CALL_ID_MAX + 1] = '\0';
	CHECK(prompt_claim_call_id(&p, "toolu_1"));
	CHECK(prompt_claim_call_id(&p, "call_1-a"));
	CHECK(!prompt_claim_call_id(&p, "toolu_1"));
	CHECK(!prompt_claim_call_id(&p, ""));
	CHECK(!prompt_claim_call_id(&p, "a b"));
	CHECK(!prompt_claim_call_id(&p, "\xc3\xa9"));
	CHECK(!prompt_claim_call_id(&p, long_id));
	CHECK(prompt_claim_call_id(&p, long_id + 1));
	fold(&p, CALL("t1", "bash")); /* what the log names is taken */
	CHECK(!prompt_claim_call_id(&p, "t1"));
	for (int i = 0; i < 1000; i++) {
		char id[20];
		(void)snprintf(id, sizeof(id), "n%d", i);
		if (!prompt_claim_call_id(&p, id))
			CHECK(false);
	}
	CHECK(!prompt_claim_call_id(&p, "n0"));
	prompt_done(&p);
}

int main(void)
{
	json_setup();
	static const char definition[] =
		"{\"model\":{\"id\":\"claude-opus-5\"},\"system\":\"Be kind.\",\"tools\":[{\"type\":"
		"\"agent_toolset_20260401\",\"configs\":[{\"name\":\"grep\",\"enabled\":false}]}]}";
	cJSON *agent = json_parse(definition, strlen(definition), NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prompt p;
		prompt_init(&p);
		for (size_t j = 0; j < EVENTS_MAX && cases[i].events[j]; j++)
			fold(&p, cases[i].events[j]);
		struct slice parts[PROMPT_PARTS];
		prompt_parts(&p, parts);
		CHECK_TEXT(parts[1].at, cases[i].want);
		prompt_done(&p);
	}
	test_call_ids();
	test_prefix(agent);
	test_head(agent);
	cJSON_Delete(agent);
	return test_done();
}
