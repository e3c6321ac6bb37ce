/* SPDX-License-Identifier: MIT */
/*
 * The prompt as the cache sees it: a row of positions (tools, then system, then
 * messages), each with the hash and the size of everything up to it.
 *
 * A token is four bytes here, rounded up once for the whole; a picture or a PDF
 * counts a fixed amount, as its base64 says nothing about its price.
 */
#pragma once

#include "rehearsal/request.h"

enum { TTL_SHORT_S = 300, TTL_LONG_S = 3600 };

struct spot {
	uint64_t hash; /* of the model, the settings and all positions up to here */
	int64_t tokens; /* up to here */
	int ttl_s; /* of a breakpoint that stands here; 0 none */
};

struct prefix {
	struct spot *spots;
	size_t count;
	int64_t tokens; /* of the whole prompt */
};

void prefix_init(struct prefix *prefix, const struct request *r);
void prefix_done(struct prefix *prefix);

int64_t prefix_tokens(const struct request *r); /* the same number without the hashes */

/* Tokens of so many bytes. */
int64_t tokens_of(size_t bytes);
