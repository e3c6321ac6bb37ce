/* SPDX-License-Identifier: MIT */
/* What a failed request means: a pure function over one table. */
#pragma once

#include "harness/model.h"
#include "harness/reply.h"

struct verdict_facts {
	int status; /* of HTTP; 0 when no answer came */
	const char *type, *message, *code; /* error.type, .message and .details.error_code; NULL */
	enum reply_hint hint;
};

struct verdict {
	enum model_verdict verdict;
	const char *error_type; /* as in struct model_outcome */
	const char *what; /* "the model API is overloaded" */
};

struct verdict verdict_of(const struct verdict_facts *facts);
