/* SPDX-License-Identifier: MIT */
/*
 * Every rule, broken once or more: the rest of a good request, what is put into it, and what the API says.
 * At the end each rule must have spoken.
 */
#include "rehearsal/check.h"
#include "tests/unit/test.h"

#define MODEL "\"model\":\"claude-opus-5\","
#define MAX "\"max_tokens\":100,"
#define HEAD MODEL MAX
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define S(content) "{\"role\":\"system\",\"content\":" content "}"
#define TEXT(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define CALL(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"bash\",\"input\":{}}"
#define RESULT(id) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"ok\"}"
#define MARK "\"cache_control\":{\"type\":\"ephemeral\"}"
#define MARKED(text, mark) "{\"type\":\"text\",\"text\":\"" text "\"," mark "}"
#define SERVER(id) \
	"{\"type\":\"server_tool_use\",\"id\":\"" id "\",\"name\":\"web_search\",\"input\":{}}"
#define SERVED(id) \
	"{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"" id "\",\"content\":[]}"
#define TOOL(name) "{\"name\":\"" name "\",\"input_schema\":{\"type\":\"object\"}}"
#define OLD "\"model\":\"claude-haiku-4-5\"," MAX

static const struct {
	const char *rule; /* NULL: accepted */
	const char *request, *says; /* a piece of the sentence */
	const char *betas;
} cases[] = {
	{ NULL, HEAD HELLO },
	{ NULL, HEAD "\"system\":\"be brief\",\"stream\":true,\"tools\":[" TOOL("bash") "]," HELLO },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," U("\"b\"") "," A("\"c\"") "," U("\"d\"") "]" },

	{ "betas", HEAD HELLO, "Unexpected value(s) `x-2026` for the `anthropic-beta` header",
		"compact-2026-01-12,x-2026" },
	{ NULL, HEAD HELLO, NULL, "compact-2026-01-12, task-budgets-2026-03-13" },

	{ "fields", MODEL HELLO, "max_tokens: Field required" },
	{ "fields", MAX HELLO, "model: Field required" },
	{ "fields", MODEL "\"max_tokens\":100", "messages: Field required" },
	{ "fields", HEAD "\"colour\":1," HELLO, "colour: Extra inputs are not permitted" },
	{ "fields", MODEL "\"max_tokens\":1.5," HELLO, "max_tokens: Input should be a valid integer" },
	{ "fields", MODEL "\"max_tokens\":\"9\"," HELLO, "max_tokens: Input should be a valid integer" },
	{ "fields", HEAD "\"messages\":{}", "messages: Input should be a valid list" },
	{ "fields", HEAD "\"stream\":1," HELLO, "stream: Input should be a valid boolean" },

	{ "beta fields", HEAD "\"context_management\":{\"edits\":[]}," HELLO,
		"context_management: Extra inputs are not permitted" },
	{ NULL, HEAD "\"context_management\":{\"edits\":[]}," HELLO, NULL, "compact-2026-01-12" },
	{ "beta fields", HEAD "\"output_config\":{\"task_budget\":{\"type\":\"tokens\",\"total\":5}}," HELLO,
		"output_config.task_budget: Extra inputs" },

	{ "parts", HEAD "\"metadata\":{\"name\":\"x\"}," HELLO, "metadata.name: Extra inputs" },
	{ "parts", HEAD "\"thinking\":{}," HELLO, "thinking.type: Field required" },
	{ "parts", HEAD "\"output_config\":{\"effort\":3}," HELLO, "output_config.effort: Input should be" },

	{ "choices", HEAD "\"thinking\":{\"type\":\"deep\"}," HELLO, "thinking.type: Input should be one of" },
	{ "choices", HEAD "\"output_config\":{\"effort\":\"big\"}," HELLO, "output_config.effort: Input" },
	{ "choices", HEAD "\"service_tier\":\"auto standard_only\"," HELLO, "service_tier: Input" },
	{ "choices", HEAD "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"2h\"}," HELLO,
		"cache_control.ttl: Input" },

	{ "model", "\"model\":\"claude-9\"," MAX HELLO, "model: claude-9" },

	{ "max_tokens", MODEL "\"max_tokens\":-1," HELLO, "greater than or equal to 0" },
	{ "max_tokens", MODEL "\"max_tokens\":200000," HELLO,
		"max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens" },
	{ "max_tokens", MODEL "\"max_tokens\":0,\"stream\":true," HELLO, "not supported together" },
	{ NULL, MODEL "\"max_tokens\":0," HELLO },

	{ "messages", HEAD "\"messages\":[]", "at least one message is required" },
	{ "messages", HEAD "\"messages\":[7]", "messages.0: Input should be a valid dictionary" },
	{ "messages", HEAD "\"messages\":[{\"role\":\"user\"}]", "messages.0.content: Field required" },
	{ "messages", HEAD "\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"name\":\"y\"}]",
		"messages.0.name: Extra inputs" },
	{ "messages", HEAD "\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]",
		"messages.0.role: Input should be 'user' or 'assistant'" },
	{ "messages", HEAD "\"messages\":[" U("\"\"") "]", "text content blocks must be non-empty" },
	{ "messages", HEAD "\"messages\":[" U("\" \\n\\t\"") "]", "must contain non-whitespace text" },
	{ "messages", HEAD "\"messages\":[" U("[" TEXT("") "]") "]",
		"messages.0.content.0: text content blocks must be non-empty" },
	{ "messages", HEAD "\"messages\":[" U("[" TEXT("a") "," TEXT(" ") "]") "]",
		"messages.0.content.1: text content blocks must contain non-whitespace" },
	{ "messages", HEAD "\"messages\":[" U("\"a\"") "," A("[]") "," U("\"b\"") "]",
		"messages.1: all messages must have non-empty content" },
	{ "messages", HEAD "\"messages\":[" U("[{\"type\":\"text\",\"text\":\"a\",\"x\":1}]") "]",
		"messages.0.content.0.text.x: Extra inputs" },
	{ "messages", HEAD "\"messages\":[" U("[{\"type\":\"poem\"}]") "]", "Input tag 'poem' found" },
	{ "messages", HEAD "\"messages\":[" U("[{\"text\":\"a\"}]") "]", "Unable to extract tag" },
	{ "messages", HEAD "\"messages\":[" U("[" CALL("t") "]") "]", "Input tag 'tool_use' found" },
	{ "messages", HEAD "\"messages\":[" U("\"a\"") "," A("[" RESULT("t") "]") "]",
		"Input tag 'tool_result' found" },
	{ "messages", HEAD "\"messages\":[" U("\"a\"") "," A("[{\"type\":\"tool_use\",\"id\":\"t\","
		"\"name\":\"b\",\"input\":\"{}\"}]") "]", "tool_use.input: Input should be a valid dictionary" },
	{ "messages", HEAD "\"messages\":[" U("\"a\"") "," A("[{\"type\":\"thinking\",\"thinking\":\"a\","
		"\"signature\":\"b\"," MARK "}]") "]", "thinking.cache_control: Extra inputs" },
	{ "messages", HEAD "\"messages\":[" U("[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
		"\"media_type\":\"image/tiff\",\"data\":\"\"}}]") "]", "media_type: Input should be" },
	{ "messages", HEAD "\"messages\":[" U("[{\"type\":\"image\",\"source\":{\"type\":\"ftp\"}}]") "]",
		"source: Input tag does not match" },
	{ "messages", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") ","
		U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[" TEXT("") "]}]") "]",
		"messages.2.content.0.content.0: text content blocks must be non-empty" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") ","
		U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[]}]") "]" },

	{ "system", HEAD "\"system\":[" TEXT("") "]," HELLO, "system.0: text content blocks must be non-empty" },
	{ "system", HEAD "\"system\":[{\"type\":\"image\",\"source\":{}}]," HELLO, "Input tag 'image'" },
	{ "first", HEAD "\"messages\":[" A("\"a\"") "," U("\"b\"") "]", "first message must use the" },

	{ "mid system", OLD "\"messages\":[" U("\"a\"") "," S("\"b\"") "]", "not supported on this model" },
	{ "mid system", HEAD "\"messages\":[" U("\"a\"") "," A("\"b\"") "," S("\"c\"") "]",
		"must follow a user turn" },
	{ "mid system", HEAD "\"messages\":[" U("\"a\"") "," S("\"b\"") "," U("\"c\"") "]",
		"must be last or followed by an assistant" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," S("\"b\"") "]" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," S("\"b\"") "," A("\"c\"") "," U("\"d\"") "]" },

	{ "tools", HEAD "\"tools\":[" TOOL("a") "," TOOL("a") "]," HELLO, "Tool names must be unique" },
	{ "tools", HEAD "\"tools\":[" TOOL("a.b") "]," HELLO, "tools.0.custom.name: String should match" },
	{ "tools", HEAD "\"tools\":[{\"name\":\"a\"}]," HELLO, "tools.0.custom.input_schema: Field required" },
	{ "tools", HEAD "\"tools\":[{\"name\":\"a\",\"input_schema\":{\"type\":\"array\"}}]," HELLO,
		"input_schema.type: Input should be 'object'" },
	{ "tools", HEAD "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"sh\"}]," HELLO,
		"name: Input should be 'bash'" },
	{ "tools", HEAD "\"tools\":[{\"type\":\"rocket_2026\",\"name\":\"r\"}]," HELLO, "Input tag 'rocket" },
	{ NULL, HEAD "\"tools\":[{\"type\":\"web_search_20260318\",\"name\":\"web_search\"}]," HELLO },

	{ "tool_choice", HEAD "\"tool_choice\":{\"type\":\"auto\"}," HELLO, "only be specified while" },
	{ "tool_choice", HEAD "\"tools\":[" TOOL("a") "],\"tool_choice\":{\"type\":\"tool\",\"name\":\"b\"},"
		HELLO, "Tool 'b' not found" },
	{ "tool_choice", HEAD "\"tools\":[" TOOL("a") "],\"tool_choice\":{\"type\":\"tool\"}," HELLO,
		"tool_choice.tool.name: Field required" },

	{ "thinking", HEAD "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}," HELLO,
		"\"thinking.type.enabled\" is not supported" },
	{ "thinking", OLD "\"thinking\":{\"type\":\"adaptive\"}," HELLO, "adaptive\" is not supported" },
	{ "thinking", OLD "\"thinking\":{\"type\":\"enabled\"}," HELLO, "budget_tokens: Field required" },
	{ "thinking", OLD "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9}," HELLO, "equal to 1024" },
	{ "thinking", OLD "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}," HELLO,
		"`max_tokens` must be greater than" },
	{ "thinking", HEAD "\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"max\"}," HELLO,
		"disabled\" is not supported with effort 'max'" },
	{ "thinking", OLD "\"output_config\":{\"effort\":\"low\"}," HELLO, "does not support the effort" },
	{ "thinking", "\"model\":\"claude-opus-4-6\"," MAX "\"output_config\":{\"effort\":\"xhigh\"}," HELLO,
		"does not support effort level 'xhigh'" },
	{ NULL, HEAD "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"xhigh\"}," HELLO },

	{ "sampling", HEAD "\"temperature\":0.5," HELLO, "`temperature` is not supported on this model" },
	{ "sampling", OLD "\"temperature\":2," HELLO, "temperature: range: 0..1" },
	{ NULL, HEAD "\"temperature\":1," HELLO },
	{ NULL, OLD "\"temperature\":0.5," HELLO },

	{ "stop_sequences", HEAD "\"stop_sequences\":[\" \"]," HELLO, "must contain non-whitespace" },
	{ "stop_sequences", HEAD "\"stop_sequences\":[1]," HELLO, "stop_sequences.0: Input should be" },

	{ "cache_control", HEAD "\"messages\":[" U("[" MARKED("a", MARK) "," MARKED("b", MARK) ","
		MARKED("c", MARK) "," MARKED("d", MARK) "," MARKED("e", MARK) "]") "]",
		"A maximum of 4 blocks with cache_control may be provided. Found 5." },
	{ "cache_control", HEAD MARK ",\"system\":[" MARKED("s", MARK) "],\"messages\":["
		U("[" MARKED("b", MARK) "," MARKED("c", MARK) "," MARKED("d", MARK) "]") "]", "Found 5." },
	{ "cache_control", HEAD "\"messages\":[" U("[" MARKED("a", "\"cache_control\":{\"type\":\"for ever\"}")
		"]") "]", "messages.cache_control.type: Input should be 'ephemeral'" },
	{ "cache_control", HEAD "\"system\":[" MARKED("a", MARK) "],\"messages\":["
		U("[" MARKED("b", "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}") "]") "]",
		"a ttl='1h' cache_control block must not come after" },
	{ NULL, HEAD "\"messages\":[" U("[" MARKED("a", MARK) "," MARKED("b", MARK) "," MARKED("c", MARK) ","
		MARKED("d", MARK) "]") "]" },

	{ "ids", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") "," U("[" RESULT("t") "]") ","
		A("[" CALL("t") "]") "," U("[" RESULT("t") "]") "]", "`tool_use` ids must be unique" },

	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "," CALL("u") "]") ","
		U("[" RESULT("t") "]") "]", "messages.1: `tool_use` ids were found without `tool_result` blocks "
		"immediately after: u. " },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") ","
		U("[" TEXT("wait") "," RESULT("t") "]") "]", "immediately after: t. " },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "," CALL("u") "]") "," U("\"b\"") "]",
		"immediately after: t, u. " },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") "]", "immediately after: t. " },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("\"b\"") "," U("[" RESULT("t") "]") "]",
		"messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t. " },
	{ "results", HEAD "\"messages\":[" U("[" RESULT("t") "]") "]", "unexpected `tool_use_id`" },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "]") ","
		U("[" RESULT("t") "," RESULT("t") "]") "]", "Found multiple `tool_result` blocks with id: t" },
	{ "results", HEAD "\"messages\":[" U("\"a\"") "," A("[" SERVER("s") "]") "," U("\"b\"") "]",
		"`server_tool_use` was found without a corresponding result" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "," CALL("u") "]") ","
		U("[" RESULT("u") "," RESULT("t") "," TEXT("go on") "]") "]" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[" CALL("t") "," CALL("u") "]") ","
		U("[" RESULT("u") "]") "," U("[" RESULT("t") "]") "," U("\"b\"") "]" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[" SERVER("s") "]") "," A("[" SERVED("s") "]") ","
		U("\"b\"") "]" },

	{ "signatures", HEAD "\"messages\":[" U("\"a\"") "," A("[{\"type\":\"thinking\",\"thinking\":\"edited\","
		"\"signature\":\"rehearsal-0123456789abcdef\"}]") "," U("\"b\"") "]",
		"messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message "
		"cannot be modified" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[{\"type\":\"thinking\",\"thinking\":\"theirs\","
		"\"signature\":\"RXhhbXBsZQ==\"}]") "," U("\"b\"") "]" },

	{ "last", HEAD "\"messages\":[" U("\"a\"") "," A("\"b\"") "]",
		"This model does not support assistant message prefill" },
	{ "last", OLD "\"messages\":[" U("\"a\"") "," A("\"b \"") "]", "cannot end with trailing whitespace" },
	{ NULL, OLD "\"messages\":[" U("\"a\"") "," A("\"b\"") "]" },
	{ NULL, HEAD "\"messages\":[" U("\"a\"") "," A("[" SERVER("s") "]") "]" },
};

static bool spoke[64];

static const char *rule_that_speaks(const struct request *r, struct failure *failure)
{
	const struct rule *rule;
	for (size_t i = 0; (rule = check_rule_at(i)); i++)
		if (rule->check(r, &failure->why) < 0) {
			spoke[i] = true;
			return rule->name;
		}
	return "(none)";
}

static void check_case(const char *rule, const char *text, const char *says, const char *betas)
{
	struct request r;
	struct failure failure = FAILURE_INIT;
	cleanup(free) char *whole = xprintf("{%s}", text);
	cleanup(json) cJSON *json = json_parse(whole, strlen(whole), NULL);
	CHECK(json);
	request_init(&r, json, betas ? betas : "", false);
	CHECK_TEXT(rule_that_speaks(&r, &failure), rule ? rule : "(none)");
	CHECK(!rule || strstr(buf_text(&failure.why), says));
	if (rule && !strstr(buf_text(&failure.why), says))
		printf("#   got  %s\n#   want %s\n", buf_text(&failure.why), says);
	buf_clear(&failure.why);
	CHECK_INT(check_request(&r, &failure) < 0, rule != NULL);
	CHECK_INT(failure.status, !rule ? 0 : strcmp(rule, "model") == 0 ? 404 : 400);
	failure_done(&failure);
	request_done(&r);
}

/* 200,000 tokens of four bytes, and a few more. */
static void test_length(void)
{
	cleanup(buf) struct buf text = BUF_INIT(2 << 20);
	buf_add_text(&text, OLD "\"messages\":[{\"role\":\"user\",\"content\":\"");
	for (int i = 0; i < 200001; i++)
		buf_add_text(&text, "word");
	buf_add_text(&text, "\"}]");
	check_case("length", buf_text(&text), "prompt is too long: 200004 tokens > 200000 maximum", NULL);
}

static void test_counting(void)
{
	struct request r;
	struct failure failure = FAILURE_INIT;
	cleanup(json) cJSON *json = json_parse("{" MODEL HELLO "}", strlen("{" MODEL HELLO "}"), NULL);
	request_init(&r, json, "", true);
	CHECK_INT(check_request(&r, &failure), 0);
	request_done(&r);
	failure_done(&failure);
}

int main(void)
{
	json_setup();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(cases[i].rule, cases[i].request, cases[i].says, cases[i].betas);
	test_length();
	test_counting();
	const struct rule *rule;
	for (size_t i = 0; (rule = check_rule_at(i)); i++) {
		CHECK(spoke[i]);
		if (!spoke[i])
			printf("#   rule %s never spoke\n", rule->name);
	}
	return test_done();
}
