/* SPDX-License-Identifier: MIT */
/*
 * Child processes: made, reaped, ended.
 *
 * As pid 1 of a sandbox we are everybody's parent in the end: orphans are reaped
 * here, and what runs besides us can be ended with one call, which is also the
 * answer to a fork bomb.  Outside of a sandbox (tests) only process groups are
 * signalled.
 */
#pragma once

#include <sys/types.h>

#include "base/list.h"

struct process {
	pid_t pid;
	void (*on_exit)(void *data, int status); /* as waitpid(2); only marks, see process_fork */
	void *data;
	struct list link; /* processes.running; in no list: it has ended */
};

struct processes {
	struct list running; /* struct process.link */
	bool is_init;
	void (*on_reaped)(void *data); /* some process ended, known or not; should only mark */
	void *data;
};

/* Makes this process the reaper of all its descendants; `all` gets its first values. */
void process_setup(struct processes *all);

/* As fork(2): 0 in the child, where signals are as a program expects them; the pid, or -errno. When
 * the limit on processes is reached, everything else in the sandbox is ended and the fork tried
 * again, so on_exit of others may be called from here. */
pid_t process_fork(struct processes *all, struct process *p /* lent until on_exit was called */);

/* Calls on_exit for each known process that ended, and reaps the unknown. */
void process_reap(struct processes *all);

/* Signals the group (0: there is none) and, inside of a sandbox when nothing else is known to run,
 * all that left it. */
void process_signal(struct processes *all, pid_t group, int signal);
bool process_any_left(const struct processes *all, pid_t group); /* of those it reaches */

/* Whether a fork would fail now. */
bool process_limit_reached(void);
