/* SPDX-License-Identifier: MIT */
/*
 * Work that may hang, such as touching a file system whose server is stuck, done
 * in a short-lived child so that nobody waits longer than he wants.
 *
 * A process that waits for a stuck FUSE server may not even die of SIGKILL; it is
 * then left behind, with nothing open, and ends when the server does.
 */
#pragma once

#include "base/buf.h"

/* Runs in the child, which has no descriptors but the standard ones and `out`, where it may write.
 * Returns 0 or -errno. */
typedef int bounded_work(void *data, int out);

struct bounded {
	pid_t pid;
	int out; /* what the child writes; its end is the end of the work */
};

int bounded_start(bounded_work *work, void *data, struct bounded *ret); /* 0 or -errno */
int bounded_result(int wait_status); /* what the work returned; -EIO when it was killed */

/* Starts it and waits: what the work returned, or -ETIMEDOUT.  Up to `max` bytes of what it
 * wrote are added to `ret_out`, the rest is dropped. */
int bounded_run(bounded_work *work, void *data, int timeout_ms, size_t max, struct buf *ret_out);
