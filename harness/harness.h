/* SPDX-License-Identifier: MIT */
/* The harness process: drives every session that has something to do, on one loop. */
#pragma once

#include "harness/active.h"
#include "sandbox/sandbox.h"
#include "store/hint.h"
#include "store/store.h"

enum { HARNESS_BUCKETS = 256 }; /* a thousand sessions may be active */

struct harness {
	struct loop *loop;
	struct store *store;
	struct model *model;
	struct sandboxes *sandboxes;
	int hints; /* socket to the fs */
	struct loop_io hint_io;
	struct hint_reader hint_reader;
	struct loop_timer look_timer; /* once a second: was a hint lost? */
	int64_t seen_version; /* store_data_version at the last look */
	int64_t worked_ms; /* when there was last something to do; 0: memory was given back since */
	struct list actives; /* struct active.link */
	struct list kept; /* struct active.link, oldest first: see kept.h */
	struct list by_num[HARNESS_BUCKETS], by_id[HARNESS_BUCKETS]; /* struct active.by_num and .by_id */
	size_t active_count, running_max;
	bool starved; /* sessions were not loaded because running_max was reached */
	int64_t starved_from; /* the first of them */
	int failures; /* rounds in a row that the store did not take */
	int64_t resume_ms; /* not before then another, unless somebody asks for it */
	struct list marked; /* actives of this round */
	struct loop_later round;
	struct list rests; /* struct rest.link, oldest first: see rest.h */
	bool stopping;
	int64_t stop_deadline_ms;
	struct loop_timer stop_timer;
};

struct harness_config {
	const char *store_dir;
	int hints, spawner; /* sockets, lent */
	struct model_config model;
	size_t running_max;
};

/* 0, or -errno with a sentence: the store, the URL, the key or a socket cannot be used. */
int harness_new(struct loop *loop, const struct harness_config *config, struct harness **ret,
	struct buf *why);
struct harness *harness_free(struct harness *h);

/* Takes no new turns; stops the loop when running tool calls have ended and are logged, or at
 * `deadline_ms` (monotonic). */
void harness_stop(struct harness *h, int64_t deadline_ms);

/* Looks at the session: something is queued, or it was left unfinished. */
void harness_wake(struct harness *h, int64_t session);
struct active *harness_find(struct harness *h, const char *session_id); /* NULL: not active */

/* Adds a session to the active ones, and takes it out again. */
void harness_enter(struct harness *h, struct active *a);
void harness_leave(struct harness *h, struct active *a);