/* SPDX-License-Identifier: MIT */
/*
 * Sessions whose turn is over, remembered for a while.
 *
 * Who has got an answer often asks on within seconds, and reading a long log
 * again costs more than everything else between a message and its request.  So a
 * session's memory outlives its turn, and is used again if the log says that it
 * still tells the truth: no event was added by anybody else, the agent is the
 * same.  Otherwise it is dropped, and made again from the log.  Number, size and
 * time are bounded: idle sessions cost disk, not memory.
 */
#pragma once

#include "harness/harness.h"

/* Keeps the memory of a session that is idle, or frees it. */
void kept_add(struct harness *h, struct active *a /* taken */);

/* The session's memory, active again; NULL when there is none that is still true. */
struct active *kept_take(struct harness *h, int64_t session);

bool kept_expire(struct harness *h); /* drops the old ones; whether there were any */
void kept_clear(struct harness *h);
