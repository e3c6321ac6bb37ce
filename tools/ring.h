/* SPDX-License-Identifier: MIT */
/*
 * The last RING_BYTES of a stream of any length, and how much went before: a
 * flood costs its reader nothing but time.
 */
#pragma once

#include "base/buf.h"

enum { RING_BYTES = 100 << 10 }; /* what the official worker keeps of a command's output */

struct ring {
	char *data; /* owned; NULL until the first byte */
	size_t room; /* grows to RING_BYTES */
	size_t next; /* where the next byte goes, once room == RING_BYTES */
	uint64_t total; /* bytes ever added */
};

void ring_done(struct ring *r); /* empty again, and no memory held */
void ring_add(struct ring *r, const char *data, size_t size);
uint64_t ring_lost(const struct ring *r); /* bytes that are no longer there */

/* Moves the kept bytes to the end of `out` in order; the ring is empty afterwards. */
void ring_take(struct ring *r, struct buf *out);
