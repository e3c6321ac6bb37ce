/* SPDX-License-Identifier: MIT */
/*
 * One child of the supervisor on its loop: started, listened to, started again
 * when it ends (cmd/restart.h), stopped.
 *
 * Its owner reaps: whoever sees that the pid has ended calls child_reaped.
 */
#pragma once

#include "base/loop.h"
#include "cmd/crew.h"
#include "cmd/journal.h"
#include "cmd/lines.h"
#include "cmd/restart.h"

enum child_state {
	CHILD_ABSENT, /* never started, or ended for good */
	CHILD_STARTING, /* runs and has not said that it is ready */
	CHILD_READY,
	CHILD_PAUSING, /* ended; will be started when the pause is over */
	CHILD_STOPPING, /* was told to end */
};

struct child;

/* What the owner hears.  A child never frees itself, so the owner may do anything with it in
 * these. */
struct child_handler {
	/* Its state or pid has changed: it has started, is ready, or has ended. */
	void (*on_change)(void *data, struct child *child);
	/* fs: the device of the live mount. */
	void (*on_mounted)(void *data, struct child *child, int device /* taken */);
	/* It has ended by itself with exit code 0, and its row says that it may. */
	void (*on_finished)(void *data, struct child *child);
	/* It cannot serve, and trying again will not help. */
	void (*on_failed)(void *data, struct child *child, const char *why);
	/* It has ended after child_stop; or will not, whatever one does. */
	void (*on_stopped)(void *data, struct child *child);
	void *data;
};

/* What all children of a supervisor share; everything is lent and outlives them. */
struct child_home {
	struct loop *loop;
	struct journal *journal;
	const struct wiring *wiring; /* read at each start */
	struct child_handler handler;
};

struct child {
	const struct crew_member *member;
	const struct child_home *home;
	char *program; /* absolute path; owned */
	enum child_state state;
	pid_t pid; /* 0 while there is no process */
	int tries_max; /* starts in a row that may fail before it is ready */
	int64_t started_ms;
	struct restart restart;
	struct loop_timer timer; /* by state: ready too late, pause over, did not stop */
	struct loop_io control, output;
	struct lines lines;
	struct buf failed_why; /* from say=failed, until the process has ended */
	bool killed; /* SIGKILL was sent */
};

void child_init(struct child *c, const struct crew_member *member, const struct child_home *home,
	char *program /* taken */);
void child_done(struct child *c); /* does not end the process */

void child_start(struct child *c, int tries_max); /* only when absent */
/* fine in any state; on_stopped follows, at once when there is none */
void child_stop(struct child *c);
void child_reaped(struct child *c, int wait_status);

/* Sends a packet on the control socket; a child that does not take it will get the next one. */
void child_tell(struct child *c, const struct buf *packet);
