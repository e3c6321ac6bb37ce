/* SPDX-License-Identifier: MIT */
#include "harness/price.h"

#include <string.h>

enum {
	TOKENS_MAX = 1000 * 1000 * 1000, /* of one request; what says more is broken */
	SEARCH_NANO = 10 * 1000 * 1000, /* a web search, $10 a thousand */
	SEARCHES_MAX = 1000 * 1000,
	PASSES_MAX = 1000, /* within one request; the API stops a server-side loop after tens */
};

#define MILLION 1000 * 1000
#define ALL_EFFORTS "low medium high xhigh max"

/* Dollars per million tokens, in the order of the price lists, as 1e-9 dollars per token. */
#define PRICE(input_, output_, write_5m_, write_1h_, read_)                                       \
	.input = (int64_t)((input_) * 1000 + 0.5), .output = (int64_t)((output_) * 1000 + 0.5),   \
	.cache_write_5m = (int64_t)((write_5m_) * 1000 + 0.5),                                    \
	.cache_write_1h = (int64_t)((write_1h_) * 1000 + 0.5),                                    \
	.cache_read = (int64_t)((read_) * 1000 + 0.5)

/* Window and output of the 5.5 generation are those of their predecessors; the prices of Haiku
 * 5.5's cache writes follow the common 1.25 and 2 times. */
static const struct model_row models[] = {
	{ "claude-fable-5", 1 * MILLION, 128000, PRICE(10, 50, 12.5, 20, 1),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-fable-5-1", 1 * MILLION, 128000, PRICE(10, 50, 12.5, 20, 0.25),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-fable-5-2", 1 * MILLION, 128000, PRICE(10, 50, 12.5, 20, 0.25),
		.efforts = ALL_EFFORTS, .default_effort = "high", .adaptive_thinking = true },
	{ "claude-mythos", 1 * MILLION, 128000, PRICE(10, 50, 12.5, 20, 1),
		.efforts = ALL_EFFORTS, .default_effort = "high", .adaptive_thinking = true },
	{ "claude-mythos-5", 1 * MILLION, 128000, PRICE(10, 50, 12.5, 20, 1),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-opus-5-5", 1 * MILLION, 128000, PRICE(4, 20, 5, 8, 0.2),
		.efforts = ALL_EFFORTS, .default_effort = "medium",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-opus-5", 1 * MILLION, 128000, PRICE(5, 25, 6.25, 10, 0.5),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-opus-4-8", 1 * MILLION, 128000, PRICE(5, 25, 6.25, 10, 0.5),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-opus-4-7", 1 * MILLION, 128000, PRICE(5, 25, 6.25, 10, 0.5),
		.efforts = ALL_EFFORTS, .default_effort = "high", .adaptive_thinking = true },
	{ "claude-opus-4-6", 1 * MILLION, 128000, PRICE(5, 25, 6.25, 10, 0.5),
		.efforts = "low medium high max", .default_effort = "high",
		.adaptive_thinking = true },
	{ "claude-opus-4-5", 200000, 64000, PRICE(5, 25, 6.25, 10, 0.5),
		.efforts = "low medium high", .default_effort = "high" },
	{ "claude-sonnet-5-5", 1 * MILLION, 128000, PRICE(2, 10, 2.5, 4, 0.1),
		.efforts = ALL_EFFORTS, .default_effort = "high",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-sonnet-5", 1 * MILLION, 128000, PRICE(2, 10, 2.5, 4, 0.2),
		.efforts = ALL_EFFORTS, .default_effort = "high", .adaptive_thinking = true },
	{ "claude-sonnet-4-6", 1 * MILLION, 128000, PRICE(3, 15, 3.75, 6, 0.3),
		.efforts = "low medium high max", .default_effort = "high",
		.adaptive_thinking = true },
	{ "claude-sonnet-4-5", 200000, 64000, PRICE(3, 15, 3.75, 6, 0.3), .efforts = "" },
	{ "claude-haiku-5-5", 200000, 64000, PRICE(0.1, 0.5, 0.125, 0.2, 0.01),
		.long_prompt = 100000, .long_factor = 5, .efforts = ALL_EFFORTS,
		.default_effort = "medium",
		.adaptive_thinking = true, .mid_system = true },
	{ "claude-haiku-4-5", 200000, 64000, PRICE(1, 5, 1.25, 2, 0.1), .efforts = "" },
	/* Anything else, a local server's model for instance: small and dear, so that no budget is
	 * overrun, and nothing is sent that it may not know. */
	{ "", 200000, 64000, PRICE(10, 50, 12.5, 20, 1), .efforts = "" },
};

static bool matches(const char *id, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(id, prefix, n) == 0 && (id[n] == '\0' || id[n] == '-');
}

const struct model_row *model_find(const char *id)
{
	const struct model_row *best = &models[ARRAY_LEN(models) - 1];
	for (size_t i = 0; i + 1 < ARRAY_LEN(models); i++)
		if (matches(id, models[i].id) && strlen(models[i].id) > strlen(best->id))
			best = &models[i];
	return best;
}

const struct model_row *model_at(size_t index)
{
	return index < ARRAY_LEN(models) ? &models[index] : NULL;
}

static int64_t count(const cJSON *usage, const char *name, int64_t max)
{
	int64_t n = json_int(usage, name, 0);
	return n > 0 && n <= max ? n : 0;
}

int64_t model_tokens(const cJSON *usage, const char *name)
{
	return count(usage, name, TOKENS_MAX);
}

int64_t model_searches(const cJSON *usage)
{
	return count(json_get(usage, "server_tool_use"), "web_search_requests", SEARCHES_MAX);
}

/* The split by life time when the server gives it; else all of it lived five minutes. */
static int64_t cache_writes_nano(const struct model_row *row, const cJSON *usage)
{
	const cJSON *split = json_get(usage, "cache_creation");
	int64_t all = model_tokens(usage, "cache_creation_input_tokens");
	int64_t hour = model_tokens(split, "ephemeral_1h_input_tokens");
	int64_t minutes = model_tokens(split, "ephemeral_5m_input_tokens");
	if (hour + minutes < all)
		minutes = all - hour;
	return minutes * row->cache_write_5m + hour * row->cache_write_1h;
}

/* One pass of a model over a prompt. */
static int64_t pass_nano(const struct model_row *row, const cJSON *usage)
{
	int64_t input = model_tokens(usage, "input_tokens");
	int64_t read = model_tokens(usage, "cache_read_input_tokens");
	int64_t prompt = input + read + model_tokens(usage, "cache_creation_input_tokens");
	int64_t nano = input * row->input + read * row->cache_read + cache_writes_nano(row, usage) +
		model_tokens(usage, "output_tokens") * row->output;
	return row->long_prompt && prompt > row->long_prompt ? nano * row->long_factor : nano;
}

static int64_t passes_nano(const struct model_row *row, const cJSON *usage)
{
	const cJSON *passes = json_get(usage, "iterations"), *pass;
	int listed = cJSON_GetArraySize(passes);
	if (listed == 0 || listed > PASSES_MAX)
		return pass_nano(row, usage);
	int64_t nano = 0;
	cJSON_ArrayForEach(pass, passes) {
		const char *id = json_text(pass, "model");
		nano += pass_nano(id ? model_find(id) : row, pass);
	}
	return nano;
}

/* What multiplies the price of tokens, in tenths. */
static const struct {
	const char *member, *value;
	int64_t tenths;
} surcharges[] = {
	{ "speed", "fast", 20 },
	{ "inference_geo", "us", 11 },
};

int64_t model_cost_nano(const struct model_row *row, const cJSON *usage)
{
	int64_t nano = passes_nano(row, usage);
	for (size_t i = 0; i < ARRAY_LEN(surcharges); i++) {
		const char *value = json_text(usage, surcharges[i].member);
		if (value && strcmp(value, surcharges[i].value) == 0)
			nano = nano * surcharges[i].tenths / 10;
	}
	return nano + SEARCH_NANO * model_searches(usage);
}
