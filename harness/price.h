/* SPDX-License-Identifier: MIT */
/* Models as data: windows, output limits and list prices, one row each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct model_row {
	const char *id; /* matches an id that is it or begins with it and "-"; the longest wins */
	int64_t window, max_output; /* tokens */
	/* 1e-9 US dollars per token, list price */
	int64_t input, output, cache_write_5m, cache_write_1h, cache_read;
	int64_t long_prompt; /* a prompt of more tokens costs long_factor times as much; 0: never */
	int64_t long_factor;
	const char *efforts; /* effort levels it accepts, space-separated; "" none */
	const char *default_effort; /* NULL none */
	bool adaptive_thinking;
	bool mid_system; /* accepts role "system" between messages */
};

/* Never NULL: an unknown id gets the last row, which assumes the dearest known price. */
const struct model_row *model_find(const char *id);
const struct model_row *model_at(size_t index); /* NULL past the last */

/* A count of tokens, or of web searches, in a `usage` object: absent, negative and absurd numbers are 0. */
int64_t model_tokens(const cJSON *usage, const char *name);
int64_t model_searches(const cJSON *usage);

/* List cost of one request's `usage` object (NULL: 0), in 1e-9 US dollars: the passes in
 * `iterations` when they are listed, each at the price of its own model, else the totals; speed, region
 * and web searches included.  Numbers that are absent, negative or absurd count as 0. */
int64_t model_cost_nano(const struct model_row *row, const cJSON *usage);
