/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: starts the crew, starts again whoever ends, stops all in order;
 * does nothing else.  It reads nothing that a model or a server has written, holds
 * nothing open on the mount and never touches it.
 */
#pragma once

#include "cmd/crew.h"

enum {
	/* from the first child to the usable tree; then it failed */
	SUPERVISE_START_MS_MAX = 60 * 1000,
	/* the sum of what the crew's table allows each to take */
	SUPERVISE_STOP_MS_MAX = 35 * 1000,
};

struct supervise_plan {
	const struct settings *settings; /* lent, as everything here */
	const char *store, *mountpoint; /* absolute */
	const char *model_socket; /* NULL when not offline */
	const char *isolation; /* what confines the sandboxes, in words, for `status` */
	char *programs[CREW_SIZE]; /* absolute paths; owned */
	int key, hands, lock, listen; /* descriptors; see struct wiring */
	int report; /* where the caller hears of progress (cmd/report.h); -1: nowhere */
};

/* Runs until it is told to stop (SIGTERM, SIGINT, SIGHUP), the mount is taken away, or somebody
 * of the crew cannot serve.  0 after a clean stop, else -errno with a sentence. */
int supervise(struct supervise_plan *plan, struct buf *why);
