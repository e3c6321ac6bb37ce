/* SPDX-License-Identifier: MIT */
/*
 * A bounded table of numbers under 64-bit keys.
 *
 * A key may lie in one of a few neighbouring slots; when these are full, the one
 * with the lowest stamp gives way.  What a stamp means is the user's: a time of
 * expiry, a time of last use.  Nothing is ever allocated after slots_new.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot {
	uint64_t key; /* 0: free */
	int64_t stamp;
	int64_t value;
};

struct slots;

struct slots *slots_new(size_t count /* a power of two */);
struct slots *slots_free(struct slots *slots);

struct slot *slots_find(
	struct slots *slots, uint64_t key); /* NULL if absent; valid until the next put */
struct slot *slots_put(
	struct slots *slots, uint64_t key); /* found, or made with stamp and value 0 */
