/* SPDX-License-Identifier: MIT */
#include "harness/price.h"
#include "tests/unit/test.h"

/* The row that an id finds. */
static const struct {
	const char *id, *row;
} ids[] = {
	{ "claude-opus-5", "claude-opus-5" },
	{ "claude-opus-5-20260724", "claude-opus-5" },
	{ "claude-opus-5-5", "claude-opus-5-5" },
	{ "claude-opus-5-5-20261001", "claude-opus-5-5" },
	{ "claude-opus-4-5-20251101", "claude-opus-4-5" },
	{ "claude-fable-5-1", "claude-fable-5-1" },
	{ "claude-mythos-preview", "claude-mythos" },
	{ "claude-mythos-5", "claude-mythos-5" },
	{ "claude-haiku-4-5-20251001", "claude-haiku-4-5" },
	{ "claude-haiku-4-55", "" },
	{ "claude-opus-50", "" },
	{ "qwen3-coder", "" },
	{ "", "" },
};

#define DOLLARS(x) ((int64_t)((x) * 1e9 + 0.5))

static const struct {
	const char *model, *usage;
	int64_t want;
} costs[] = {
	{ "claude-opus-5", "{\"input_tokens\":50000,\"output_tokens\":15000}", DOLLARS(0.625) }, /* reference 23 */
	{ "claude-haiku-4-5", "{\"input_tokens\":12,\"output_tokens\":7}", 12 * 1000 + 7 * 5000 },
	{ "claude-opus-5", "{\"input_tokens\":3,\"cache_read_input_tokens\":9120,\"cache_creation_input_tokens\":410,"
		"\"output_tokens\":96}", 3 * 5000 + 9120 * 500 + 410 * 6250 + 96 * 25000 },
	{ "claude-sonnet-5", "{\"cache_creation_input_tokens\":300,\"cache_creation\":"
		"{\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200}}", 100 * 2500 + 200 * 4000 },
	{ "claude-sonnet-5", "{\"cache_creation_input_tokens\":300,\"cache_creation\":"
		"{\"ephemeral_5m_input_tokens\":null,\"ephemeral_1h_input_tokens\":200}}", 100 * 2500 + 200 * 4000 },
	{ "claude-opus-5-5", "{\"cache_read_input_tokens\":1000}", 1000 * 200 },
	{ "claude-sonnet-5-5", "{\"cache_read_input_tokens\":1000}", 1000 * 100 },
	{ "claude-fable-5-1", "{\"cache_read_input_tokens\":1000}", 1000 * 250 },
	{ "claude-haiku-5-5", "{\"input_tokens\":100000,\"output_tokens\":10}", 100000 * 100 + 10 * 500 },
	{ "claude-haiku-5-5", "{\"input_tokens\":1,\"cache_read_input_tokens\":100000,\"output_tokens\":10}",
		1 * 500 + 100000 * 50 + 10 * 2500 },
	{ "claude-opus-5", "{\"input_tokens\":1000,\"output_tokens\":100,\"speed\":\"fast\"}",
		1000 * 10000 + 100 * 50000 },
	{ "claude-opus-5", "{\"input_tokens\":1000,\"inference_geo\":\"us\"}", 1000 * 5500 },
	{ "claude-opus-5", "{\"input_tokens\":1000,\"inference_geo\":\"global\",\"speed\":\"standard\"}", 1000 * 5000 },
	{ "claude-opus-5", "{\"server_tool_use\":{\"web_search_requests\":3,\"web_fetch_requests\":5}}", DOLLARS(0.03) },
	/* A compaction pass is not in the totals; a fallback was served by another model. */
	{ "claude-opus-5", "{\"input_tokens\":10,\"output_tokens\":1,\"iterations\":["
		"{\"type\":\"compaction\",\"input_tokens\":100,\"output_tokens\":20},"
		"{\"type\":\"message\",\"input_tokens\":10,\"output_tokens\":1}]}", 110 * 5000 + 21 * 25000 },
	{ "claude-fable-5", "{\"iterations\":[{\"type\":\"fallback_message\",\"model\":\"claude-opus-5\","
		"\"input_tokens\":10}]}", 10 * 5000 },
	{ "claude-opus-5", "{\"input_tokens\":10,\"iterations\":[]}", 10 * 5000 },
	{ "some-local-model", "{\"input_tokens\":1,\"output_tokens\":1}", 10000 + 50000 },
	{ "claude-opus-5", "{\"input_tokens\":-5,\"output_tokens\":1e300,\"cache_read_input_tokens\":\"7\"}", 0 },
	{ "claude-opus-5", "{}", 0 },
	{ "claude-opus-5", "null", 0 },
};

static void test_rows(void)
{
	size_t i = 0;
	for (const struct model_row *row; (row = model_at(i)); i++) {
		CHECK(row->window >= row->max_output && row->max_output > 0);
		CHECK(row->cache_read < row->input && row->input < row->cache_write_5m);
		CHECK(row->cache_write_5m < row->cache_write_1h && row->input < row->output);
		CHECK(!*row->efforts == !row->default_effort);
		CHECK(!row->default_effort || strstr(row->efforts, row->default_effort));
		CHECK(model_find(row->id) == row);
	}
	CHECK(i > 10);
}

int main(void)
{
	json_setup();
	test_rows();
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		CHECK_TEXT(model_find(ids[i].id)->id, ids[i].row);
	for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
		cJSON *usage = json_parse(costs[i].usage, strlen(costs[i].usage), NULL);
		CHECK(usage);
		CHECK_INT(model_cost_nano(model_find(costs[i].model), usage), costs[i].want);
		cJSON_Delete(usage);
	}
	CHECK_INT(model_cost_nano(model_find(""), NULL), 0);
	return test_done();
}
