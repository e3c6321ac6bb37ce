/* SPDX-License-Identifier: MIT */
/*
 * What takes long is done by a thread of its own, while the loop goes on
 * answering.  The size of the work is the sandbox's choice, so without this it
 * could stop the whole mount: with 600 MB of unwritten data in one file, on a
 * fast disk, fsync by a host program held up everybody's `stat` for 200 ms, and
 * freeing the blocks on rm for 114 ms.
 *
 * The thread sees descriptors and requests, never the tables.
 */
#pragma once

#include <stdbool.h>

#include "fs/workspace.h"

enum {
	SLOW_JOBS_MAX =
		256, /* beyond it the loop does the work itself, which slows down who asks */
	SLOW_CLOSE_BYTES = 32 << 20, /* freeing less than this takes less than about 5 ms */
};

/* Answers an FSYNC on a descriptor. */
void slow_sync(fuse_req_t req, int fd /* lent, for this call */, bool data_only);

/* Closes a descriptor, which may be the last thing that keeps a removed file's blocks. */
void slow_close(int fd /* taken */);

/* Finishes what was begun and ends the thread. */
void slow_done(void);
