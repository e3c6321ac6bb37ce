/* SPDX-License-Identifier: MIT */
/*
 * What was said but not yet taken up: drafts (a message still being written) and
 * the queue (complete client events that the harness has not processed).
 *
 * A draft is kept for each open handle of `input`, written at each write(2) with
 * STORE_SAFE, so that a killed fs loses nothing, and turned into queued events
 * when the message is complete.
 */
#pragma once

#include "base/json.h"
#include "store/store.h"

/* Adds bytes to the draft `handle` of the session, making it when new.  `request` identifies the
 * write: a second call with the draft's latest request adds nothing (a re-sent write after a
 * restart).  The whole draft is judged (event_parse_input, not complete).  0; -EINVAL, -EILSEQ,
 * -EFBIG with a sentence: the draft is then spoilt and its commit fails with the same error.  The
 * first write of a draft also gives -EAGAIN queue full, -EROFS archived, -ENOENT. */
int draft_write(struct store *store, int64_t session, uint64_t handle, uint64_t request,
	const void *data, size_t size, struct buf *why);

/* The message is complete: queues its events durably and ends the draft.  *ret_count: events
 * queued, 0 for an absent draft or blank text.  Errors as draft_write and -EAGAIN queue full,
 * -EROFS archived; the draft is gone in any case. */
int draft_commit(struct store *store, int64_t session, uint64_t handle, int *ret_count,
	struct buf *why);

/* Commits every draft, for a mount that is gone for good.  Spoilt ones are dropped. */
int draft_commit_all(struct store *store);
uint64_t draft_handle_max(struct store *store); /* the largest handle in use, 0 when none */

/*
 * Entries have numbers, within their session: queue/0007 is number 7.  They are taken in the order
 * of their numbers.  A number changes only by queue_move, and is not given again before 10,000
 * others were, so it also tells an entry that is gone from one that never was.
 */
enum { QUEUE_NUM_MAX = 65535 /* 16 bits of an inode number */ };

/* Queues an array of client events, all or none; each must have id and type.  -EAGAIN, -EROFS as
 * above.  Answers to calls (call.h) always find room; -ENOENT when one answers a call that does not
 * wait (unknown, or answered in the log), -ESTALE when another answer to it is in the queue. */
int queue_add(struct store *store, int64_t session, const cJSON *events);

/* The first queued event with num > after in the session: 1 (its number and parsed event, given),
 * 0, -errno. user.interrupt comes before everything else: ask for those with queue_interrupt. */
int queue_next(struct store *store, int64_t session, int64_t after, int64_t *ret_num,
	cJSON **ret_event);
int queue_interrupt(struct store *store, int64_t session, int64_t *ret_num, cJSON **ret_event);

/* Removes an entry (the harness, in the transaction that logs the event).  -ENOENT. */
int queue_remove(struct store *store, int64_t session, int64_t num);

struct queue_entry {
	int64_t num;
	int64_t added_us; /* wall clock, of the last change */
};

/* The next `max` entries with num > after, in order: how many, or -errno. */
int queue_page(struct store *store, int64_t session, int64_t after, struct queue_entry *ret,
	int max);

/* One entry: 1, 0 absent, -errno.  Both results may be NULL; the event is given. */
int queue_read(struct store *store, int64_t session, int64_t num, struct queue_entry *ret,
	cJSON **ret_event);

int64_t queue_last(struct store *store, int64_t session); /* the last entry's; 0 none; -errno */

/* Replaces what an entry says, durably: text or one JSON event, judged as `input` judges it.  The
 * entry keeps its number, its place and its event's id.  -EINVAL (also for blank text and for
 * several events), -EILSEQ, -EFBIG with a sentence; -ESTALE the harness has taken it; -ENOENT
 * there was none. */
int queue_replace(struct store *store, int64_t session, int64_t num, struct slice text,
	struct buf *why);

/* Gives an entry the number `to`, and with it the place.  If that is taken, the entry goes before
 * the one that has it, which moves up by one, as do those directly behind it as far as the numbers
 * are taken.  -EINVAL `to` is not 1 .. QUEUE_NUM_MAX; -EAGAIN no number left behind `to`; -ESTALE,
 * -ENOENT as above. */
int queue_move(struct store *store, int64_t session, int64_t num, int64_t to);
