/* SPDX-License-Identifier: MIT */
/* Models as data: windows, output limits and list prices, one row each. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct model_row {
	const char *id; /* an id equal to it, or beginning with it and "-", matches; the longest wins */
	int64_t window, max_output; /* tokens */
	/* 1e-9 US dollars per token, list price */
	int64_t input, output, cache_write_5m, cache_write_1h, cache_read;
	const char *efforts; /* effort levels it accepts, space-separated; "" none */
	const char *default_effort; /* NULL none */
	bool adaptive_thinking;
	bool mid_system; /* accepts role "system" between messages */
};

/* Never NULL: an unknown id gets the last row, which assumes the dearest known price. */
const struct model_row *model_find(const char *id);
const struct model_row *model_at(size_t index); /* NULL past the last */

/* List cost of one request's `usage` object, in 1e-9 US dollars; web searches included. */
int64_t model_cost_nano(const struct model_row *row, const cJSON *usage);
