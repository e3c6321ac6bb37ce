/* SPDX-License-Identifier: MIT */
/*
 * Sandboxes at rest: those of sessions whose turn is over.  They are kept for a
 * while, because the next message may want the shell as it is, and then discarded.
 * Number and time are bounded.
 */
#pragma once

#include "harness/harness.h"

/* The session's turn is over, or its sandbox became ready when nobody needed it any more.  Nothing happens when it
 * has no sandbox or this rests already. */
void rest_begin(struct harness *h, const char *session_id);

/* The sandbox is needed again, or gone.  Fine when it does not rest. */
void rest_end(struct harness *h, const char *session_id);

void rests_expire(struct harness *h); /* discards those that have rested for long */
void rests_clear(struct harness *h); /* forgets them; the sandboxes live on */
