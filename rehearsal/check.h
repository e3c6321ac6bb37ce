/* SPDX-License-Identifier: MIT */
/*
 * What the API refuses, as a table of rules.
 *
 * The rehearsal is the model of our tests, so a request that the real API would
 * answer with 400 must not pass here.  Rules run in order and the first one that
 * is broken speaks; each may rely on those before it.
 */
#pragma once

#include "rehearsal/failure.h"
#include "rehearsal/request.h"

struct rule {
	const char *name;
	int status; /* HTTP, when it is broken */
	/* 0, or -errno with the API's sentence. */
	int (*check)(const struct request *r, struct buf *why);
	const char *help; /* what it enforces */
};

const struct rule *check_rule_at(size_t index); /* NULL past the last */

/* 0, or -EINVAL with status and sentence in *failure. */
int check_request(const struct request *r, struct failure *failure);
