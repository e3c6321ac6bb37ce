/* SPDX-License-Identifier: MIT */
/*
 * Confinement: the steps by which a fresh process becomes the first process of a
 * sandbox, as one table in order (enter.c).  A step that the kernel refuses ends the
 * attempt with the step's name; there is no weaker sandbox.
 *
 * What the hands find when they run, and may rely on:
 *
 *	argv          hands control=3 instance=ID session=ID       (base/args.h)
 *	descriptors   0 1 2 are /dev/null, 3 the control socket, nothing else
 *	environment   PATH HOME=/root LANG=C.UTF-8 TERM=dumb, nothing else
 *	directory     /workspace, writable; umask 022
 *	process       1 in its own pid namespace, session leader without a terminal, signals
 *	              unblocked and default, killed when the spawner dies
 *	rights        none: no capability, no_new_privs, seccomp (and Landlock where known)
 *
 * On the control socket the spawner sends streams (protocol.h, part 3).  The hands make
 * themselves undumpable first (exec has reset it), check /proc/self/status, and refuse to
 * serve when anything of this is missing.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

enum { SANDBOX_CONTROL_FD = 3 };

/* What a sandbox is made from: data, complete, no secrets.  Every descriptor is lent. */
struct sandbox_spec {
	const char *session;
	const char *instance;
	int workspace; /* an open directory (O_PATH will do); becomes /workspace */
	int hands; /* sealed memfd with the static program; -1: none, for a probe */
	int control; /* hands' end of the control socket; -1: none */
	unsigned host_uid, host_gid; /* what uid and gid 0 inside are outside; never 0 */
};

/* Runs the steps in the new process (clone3 with all namespaces has happened, the working directory
 * is the workspace).  Does not return on success: it execs the hands; returns 0 when there are
 * none.  On failure returns -errno with `why` set and *ret_step naming the step. */
int sandbox_enter(const struct sandbox_spec *spec, const char **ret_step, struct buf *why);

/* The identity that a session's sandbox has outside: the caller's own for an ordinary user; for
 * root a private uid from 2^30 upwards that depends on the session alone, so that the files of its
 * workspace stay its own over restarts.  (Two sessions in some ten thousand share one; they still
 * share nothing else.) */
void sandbox_identity(const char *session, unsigned *ret_uid, unsigned *ret_gid);

/* A sandbox that is being made or lives. */
struct sandbox_process {
	pid_t pid;
	int pidfd; /* readable when it has ended; waitid(P_PIDFD) reaps it */
	int report; /* non-blocking; for sandbox_report */
};

/* Clones a process into new namespaces under the spec's identity, which then enters.  Returns at
 * once: 0, or -errno with `why`.  The caller must be single-threaded. */
int sandbox_start(const struct sandbox_spec *spec, struct sandbox_process *ret, struct buf *why);

/* What became of a start: 1 the hands run (or it died without a word, which the pidfd tells),
 * -EAGAIN not known yet, or -errno with the step and a sentence.  Ask again whenever `report` is
 * readable. */
int sandbox_report(int report, struct buf *ret_step, struct buf *why);

/* Checks whether this machine can make a sandbox at all by making one and letting it exit: 0, or
 * -errno with a sentence and the step.  For doctor and for the first start. */
int sandbox_probe(const char **ret_step, struct buf *why);

/* The version of Landlock that sandboxes get in this kernel, 0 where there is none: the one wall
 * that may be missing, so `status` and `doctor` show it. */
int sandbox_landlock_version(void);
