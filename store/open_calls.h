/* SPDX-License-Identifier: MIT */
/* How the log and the queue keep the table of open calls (call.h). */
#pragma once

#include "store/call.h"

/* What an event that has just been logged does to it.  0 or -errno. */
int open_calls_event(struct store *store, int64_t session, const cJSON *event, uint64_t seq);

/* The id of the call that a client event answers, and its kind (may be NULL); NULL: none. */
const char *open_calls_answered(const cJSON *event, enum call_kind *ret_kind);

/* May the event be queued?  0, also for one that answers nothing; -ENOENT no call waits for it;
 * -ESTALE another answer is queued. */
int open_calls_check(struct store *store, int64_t session, const cJSON *event);
