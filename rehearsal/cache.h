/* SPDX-License-Identifier: MIT */
/*
 * Prompt caching, as the API accounts for it.
 *
 * A breakpoint writes one entry: the hash of everything up to it.  A read looks
 * back from each breakpoint over at most 20 positions for an entry that an
 * earlier request wrote; common prefixes are not discovered by themselves.  A
 * hit refreshes the entry.  Nothing is stored but hashes and times.
 */
#pragma once

#include "rehearsal/prefix.h"

struct usage {
	int64_t input; /* tokens after the last breakpoint that was cached */
	int64_t cache_read;
	int64_t cache_5m, cache_1h; /* written */
	int64_t output, thinking; /* thinking is part of output */
};

struct cache;

struct cache *cache_new(void);
struct cache *cache_free(struct cache *cache);

/* Accounts for the input of one request that starts now (monotonic); output and thinking become 0.
 * `shortest`: prefixes of fewer tokens are silently not cached. */
void cache_account(struct cache *cache, const struct prefix *prefix, int64_t shortest,
	int64_t now_ms, struct usage *ret);
