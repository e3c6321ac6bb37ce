/* SPDX-License-Identifier: MIT */
/*
 * When a child that has ended is started again.
 *
 * At once the first times, so that a crash costs a millisecond; then with pauses
 * that double, so that a broken program costs nothing; from the beginning again
 * after a run that was long enough to be called good.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	RESTART_AT_ONCE = 3, /* ends in a row that are answered without a pause */
	RESTART_PAUSE_MIN_MS = 50,
	RESTART_PAUSE_MAX_MS = 5000,
	RESTART_GOOD_MS = 10 * 1000, /* a run of this length forgets what was before */
	RESTART_TRIES_MAX = 10, /* ends in a row without having got ready; then it is hopeless */
};

struct restart {
	int ends; /* in a row, each after less than RESTART_GOOD_MS */
	int unready; /* in a row, each before it was ready */
};

/* The child ended after it had lived for `life_ms`.  The pause in milliseconds before the next
 * start, or -1 when `tries_max` starts in a row did not get ready. */
int64_t restart_pause(struct restart *r, int64_t life_ms, bool was_ready, int tries_max);
