/* SPDX-License-Identifier: MIT */
/*
 * Confinement: the steps by which a fresh process becomes the first process of a
 * sandbox, as one table in order.  A step that the kernel refuses ends the
 * attempt with the step's name; there is no weaker sandbox.
 */
#pragma once

#include "base/buf.h"

/* What a sandbox is made from: data, complete, no secrets. */
struct sandbox_spec {
	const char *session;
	const char *instance;
	const char *workspace; /* absolute; becomes /workspace */
	int hands_fd; /* sealed memfd with the static hands program */
	int control_fd; /* hands' end of the control socket; all other descriptors are closed */
	unsigned host_uid, host_gid; /* what uid 0 inside is outside; never 0 */
};

/* Runs in the new process (clone3 with all namespaces has happened).  Does not return on success: it execs
 * the hands.  On failure returns -errno with `why` set and *ret_step naming the step. */
int sandbox_enter(const struct sandbox_spec *spec, const char **ret_step, struct buf *why);

/* Checks whether this machine can make a sandbox at all by making one and letting it exit: 0, or -errno with
 * a sentence and the step.  For doctor and for the first start. */
int sandbox_probe(const char **ret_step, struct buf *why);
