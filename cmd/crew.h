/* SPDX-License-Identifier: MIT */
/*
 * The crew: the children of the supervisor as a table, in the order in which
 * they start, and the wires between them.
 *
 * The supervisor keeps both ends of every wire, so that a child can be killed and
 * started again without the other side seeing an end.
 */
#pragma once

#include "cmd/process.h"
#include "cmd/settings.h"

/* What the children are connected with.  Descriptors are owned by whoever filled them in; -1:
 * not there. */
struct wiring {
	const struct settings *settings; /* lent */
	const char *store, *mountpoint; /* absolute; lent */
	const char *model_socket; /* of the rehearsal model; NULL when not offline; lent */
	int key; /* memfd for the harness, see cmd/key.h */
	int hands; /* sealed memfd of agentdirs-hands, for the spawner */
	/* of the store; all that write to it hold it, so that it outlives a killed supervisor */
	int lock;
	int listen; /* of model_socket */
	int hints_fs, hints_harness; /* a pair */
	int tools_spawner, tools_harness; /* a pair, sandbox/protocol.h */
	int init; /* memfd in which fs keeps what was negotiated with the kernel */
	int device; /* /dev/fuse of the live mount, as soon as fs has said it */
};

#define WIRING_NULL                                                                              \
	((struct wiring){ .key = -1, .hands = -1, .lock = -1, .listen = -1, .hints_fs = -1,       \
		.hints_harness = -1, .tools_spawner = -1, .tools_harness = -1, .init = -1,         \
		.device = -1 })

struct wire_word;

struct crew_member {
	const char *name; /* in the log and in the facts: NAME_pid */
	const char *program;
	const char *folder; /* where the program stands in a build tree */
	const char *does; /* for the progress line */
	const struct wire_word *words;
	bool offline_only;
	bool needs_network; /* gets proxies and certificates in its environment */
	bool may_finish; /* exit code 0 by itself: its work is over, and with it that of all */
	int retries_max; /* starts in a row that may fail to get ready once it has served */
	int stop_rank; /* lowest stops first */
	int stop_ms; /* from SIGTERM to SIGKILL */
};

/* Keep in the order of starting. */
enum crew { CREW_SPAWNER, CREW_REHEARSAL, CREW_FS, CREW_HARNESS, CREW_SIZE };
extern const struct crew_member crew_table[CREW_SIZE];

/* Fills in the words and descriptors of one start; program, environment and output are the
 * caller's. */
void crew_words(const struct crew_member *member, const struct wiring *wiring, int control,
	struct process *ret);
