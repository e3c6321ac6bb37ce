/* SPDX-License-Identifier: MIT */
/*
 * Reads that wait, as records.
 *
 * A READ of a stream that has nothing to give is parked: its request is kept,
 * the handler returns, and the answer is sent when somebody appends.  A parked
 * reader costs a few bytes and nobody else's time; libfuse's own way, a thread
 * for each, stops the mount at the tenth.
 *
 * The rules about interrupts, each learnt from a process that could not be
 * killed:
 *
 *  - Once the daemon has read a request, a killed caller waits for the answer
 *    uninterruptibly.  So every parked request has an interrupt function, and it
 *    answers at once with EINTR.
 *  - That function may run while it is being set, because the signal came first,
 *    and libfuse then holds the request's lock: answering there would free the
 *    request under libfuse's feet.  So it is set while the request is in no list,
 *    where it finds nothing to do; then fuse_req_interrupted() is asked; only
 *    then the record is linked in.
 *  - It finds its record by comparing requests, so it cannot touch one that was
 *    answered before.
 *  - A file opened with O_NONBLOCK is never parked: EAGAIN, and poll(2) tells
 *    when to come again.
 *  - The kernel may be set to abort a connection on which any request stays
 *    unanswered too long (sysctl fs.fuse.*_request_timeout).  It cannot tell a
 *    waiting reader from a hanging daemon, so each is answered with EINTR before
 *    half of that time; programs that read repeat the call.
 *  - Everybody is answered before the mount goes.
 *
 * This file knows no libfuse: requests are pointers, and fuse.c gives the
 * functions that answer them.
 */
#pragma once

#include "fs/handle.h"

enum { WAITERS_MAX = KEEP_RECORDS }; /* parked at one time; more are told EAGAIN */

struct wait_door {
	void (*answer)(void *request, struct slice bytes);
	void (*refuse)(void *request, int error);
	/* Makes the request's interruption call waiting_interrupted; true when it was interrupted
	 * already. */
	bool (*watch)(void *request, struct waiting *waiting);
	void (*wake_poll)(void *data, uint64_t poll_key);
	void *data;
};

/* `timeout_ms`: the longest that a request may stay unanswered, 0 for ever (waiting_timeout_ms). */
struct waiting *waiting_new(struct fs *fs, const struct wait_door *door, int64_t timeout_ms);
struct waiting *waiting_free(struct waiting *waiting); /* nobody may be parked; NULL is fine */

/* What the kernel's settings allow; 0: no limit. */
int64_t waiting_timeout_ms(void);

/* Answers the request with the stream's bytes at `offset`, now or later. */
void waiting_read(struct waiting *waiting, void *request /* taken */, struct handle *h,
	uint64_t offset, size_t size, bool nonblock);

/* Whether a read would be answered now; if not, `poll_key` (when not 0) is woken once it would. */
int waiting_poll(struct waiting *waiting, struct handle *h, uint64_t poll_key);

/* The session's streams may have more to give; 0: those of all sessions. */
void waiting_wake(struct waiting *waiting, int64_t session);

void waiting_interrupted(struct waiting *waiting, void *request);

/* Wakes everybody who polls, also those who asked an earlier process. */
void waiting_wake_polls(struct waiting *waiting);

/* Forgets a handle that is about to be closed. */
void waiting_forget(struct waiting *waiting, struct handle *h);

/* Refuses all that are parked, or would be later. */
void waiting_end(struct waiting *waiting, int error);
