/* SPDX-License-Identifier: MIT */
/*
 * The event log: every fact about every session, in order, never changed.
 *
 * A row keeps the exact line that `cat events` prints, so a reader's file offset
 * is an address in the log and two readers never disagree.  Sequence numbers
 * count from 1 within a session; positions are assigned inside the append
 * transaction.
 */
#pragma once

#include "base/json.h"
#include "store/fold.h"
#include "store/store.h"

struct log_place {
	uint64_t seq;
	uint64_t start; /* byte offset of the line */
	uint64_t size; /* with its newline */
};

/* Appends one event made by event_new: adds processed_at (never less than the last one's), checks
 * it, folds it.  The object is changed so that it equals the stored line.  -EINVAL a malformed
 * event (our mistake), -EROFS a session that is archived or terminated, -EFBIG larger than
 * LINE_BYTES_MAX, -ENOENT.  ret may be NULL. */
int log_append(struct store *store, int64_t session, cJSON *event, struct log_place *ret);

/* Copies up to `size` bytes of the log from `offset`; returns how many (0: at or past the end) or
 * -errno. */
ssize_t log_read(struct store *store, int64_t session, uint64_t offset, char *to, size_t size);

/* The line of event `seq` (without its newline) into `ret`: 1, 0 absent, or -errno.  place may be
 * NULL. */
int log_line(struct store *store, int64_t session, uint64_t seq, struct buf *ret,
	struct log_place *place);

/* The same, parsed and given; NULL when absent or damaged. */
cJSON *log_event(struct store *store, int64_t session, uint64_t seq);
