/* SPDX-License-Identifier: MIT */
/*
 * What must outlive this process while the mount lives on: a memory file that
 * the supervisor holds and gives to each successor.
 *
 * It has the kernel's FUSE_INIT request (sent once in a mount's life), a count
 * of starts, and one record for each open file whose state is neither in the
 * store nor in the inode number: how far a stream was read, and whether an
 * edited document has bytes that were never saved.
 */
#pragma once

#include "base/util.h"

enum {
	KEEP_INIT_MAX = 4096, /* FUSE_INIT is 104 bytes today */
	KEEP_RECORDS = 4096, /* open streams and edited documents at one time */
};

struct kept {
	uint64_t handle; /* 0: free */
	uint64_t poll_key; /* how the kernel names a poll(2) that waits for this file; 0: none */
	int64_t start; /* first event that concerns the stream */
	int64_t goal; /* last queue entry that it waits for */
	/* Stream offset and place in the source before [0] and after [1] the last answered read: a
	 * read that is sent again after a crash finds its own beginning. */
	uint64_t offset[2], source[2];
	/* Bytes that are nowhere else: of a document since its last save, or of words that `live` has
	 * shown and that are in no event. */
	uint64_t loose;
};

struct keep;

/* Maps the memory file (lent).  `fresh`: begins a new mount, what was in it is forgotten.  0;
 * -EPROTO when it was written by another version of this layout; -errno. */
int keep_open(int memory, bool fresh, struct keep **ret);
struct keep *keep_close(struct keep *keep); /* NULL is fine; the memory file keeps the contents */

uint64_t keep_generation(const struct keep *keep); /* 1 for who made the mount, then 2, 3 … */

int keep_set_init(struct keep *keep, struct slice request); /* 0 or -EFBIG */
struct slice keep_init(const struct keep *keep); /* empty before keep_set_init; lent */

struct kept *keep_take(struct keep *keep, uint64_t handle); /* zeroed; NULL when all are in use */
struct kept *keep_find(struct keep *keep, uint64_t handle); /* NULL if absent */
void keep_release(struct kept *record); /* NULL is fine */

/* The records in use, one after another; start with NULL, NULL at the end. */
struct kept *keep_next(struct keep *keep, struct kept *after);
