/* SPDX-License-Identifier: MIT */
/*
 * Reads one answer of a recording in a child process.
 *
 * The file is wherever the user says: on a dead network mount, or in the very
 * tree that this program serves the model for.  A child may hang there without
 * stopping any stream; it is killed after a while.  It also keeps a big log out
 * of this process's memory, for only the one answer comes back.
 *
 * The process must ignore SIGCHLD, so that children leave nothing behind.
 */
#pragma once

#include "base/json.h"
#include "base/loop.h"

struct reader;

/* Called once: the blocks (see replay_take; lent), or NULL and a sentence that says why not. */
typedef void reader_done(void *data, const cJSON *blocks, const char *why);

/* Starts reading answer number `index` of the log at the absolute `path`.  0, -EBUSY when too
 * many are being read, or -errno.  on_done comes from the loop, never from within this call. */
int reader_start(struct loop *loop, const char *path, size_t index, reader_done *on_done,
	void *data, struct reader **ret);

/* Stops it; on_done is not called.  NULL is fine; a reader that called on_done is gone already. */
struct reader *reader_cancel(struct reader *reader);
