/* SPDX-License-Identifier: MIT */
/* The models that the rehearsal pretends to be: one row each, with what the API accepts for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum model_flag {
	MODEL_ADAPTIVE = 1 << 0, /* accepts thinking {"type":"adaptive"} */
	MODEL_BUDGET = 1 << 1, /* accepts thinking {"type":"enabled","budget_tokens":N} */
	MODEL_NO_THINKING = 1 << 2, /* accepts thinking {"type":"disabled"} */
	MODEL_CALM_ONLY = 1 << 3, /* … but not together with effort xhigh or max */
	MODEL_HIDES = 1 << 4, /* thinking text is omitted unless display asks for it */
	MODEL_MID_SYSTEM = 1 << 5, /* accepts role "system" between messages */
	MODEL_FIXED_SAMPLING = 1 << 6, /* refuses temperature, top_p, top_k */
	MODEL_PREFILL = 1 << 7, /* the last message may be the assistant's */
};

struct model {
	const char *id;
	const char *alias; /* accepted too; NULL none */
	const char *name;
	const char *created_at;
	int64_t window, max_output; /* tokens */
	int64_t cache_min; /* tokens of the shortest prefix that is cached */
	const char *efforts; /* space-separated; "" none */
	unsigned flags; /* enum model_flag */
};

const struct model *models_find(const char *id); /* by id or alias; NULL if unknown */
const struct model *models_at(size_t index); /* newest first; NULL past the last */

/* The API's ModelInfo; given. */
cJSON *models_info(const struct model *model);
/* The answer of GET /v1/models with at most `limit` rows after (or before) the given ids (NULL:
 * none); given.  NULL when such an id is unknown. */
cJSON *models_list(int64_t limit, const char *after, const char *before);
