/* SPDX-License-Identifier: MIT */
/*
 * The sandboxes of a spawner.  One lives per session; each passes through these states:
 *
 *	ADOPTING   as root only: a child gives the workspace's files to the sandbox's uid
 *	STARTING   cloned, going through the steps of enter.c
 *	RUNNING    its hands are there; streams go to them over the control socket
 *	ENDING     killed or found broken, not yet reaped
 *
 * Requests for a session whose sandbox is in any other state than RUNNING wait with it.
 * A sandbox that has ended is forgotten, or made anew when somebody waits.
 */
#pragma once

#include "sandbox/outbox.h"

/* What all of them share. */
struct spawner {
	struct loop *loop;
	struct outbox out; /* replies; while there are any, no request is read */
	int hands; /* lent: the memfd that sandboxes run */
	bool is_root;
	struct list living; /* struct living.link, see living.c */
	size_t count;
};

void spawner_init(struct spawner *sp, struct loop *loop, struct loop_io *socket, int hands);

/* The requests of protocol.h, part 1.  `request` is at most SANDBOX_REQUEST_MAX bytes, `session` a
 * valid name, `workspace` an absolute path; what happens to an open is said in its reply. */
void living_open(
	struct spawner *sp, const char *request, const char *session, const char *workspace);
void living_discard(struct spawner *sp, const char *session);
void living_list(struct spawner *sp, const char *request);

void living_refuse(struct spawner *sp, const char *request, const char *error);

/* Kills all, waits for their ends and drops the replies. */
void living_end_all(struct spawner *sp);
