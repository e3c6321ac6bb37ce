/* SPDX-License-Identifier: MIT */
/*
 * The confinement steps, each a function that changes the calling process and returns 0, or
 * -errno with a sentence.  Only enter.c puts them in order; tests and benchmarks walk the
 * same table.
 */
#pragma once

#include "sandbox/enter.h"

struct step {
	const char *name; /* what a failure is reported under */
	int (*run)(const struct sandbox_spec *spec, struct buf *why);
};

extern const struct step sandbox_steps[]; /* ends with a NULL name */

/* identity.c: uid 0 inside is host_uid outside */
int step_identity(const struct sandbox_spec *spec, struct buf *why);

/* root.c: what is mounted here is not seen outside; the tree is built, with the working
 * directory at its top; it becomes the only one */
int step_mounts(const struct sandbox_spec *spec, struct buf *why);
int step_root(const struct sandbox_spec *spec, struct buf *why);
int step_pivot(const struct sandbox_spec *spec, struct buf *why);

/* limits.c */
int step_limits(const struct sandbox_spec *spec, struct buf *why);

/* own.c: what a process has besides a root */
int step_signals(const struct sandbox_spec *spec, struct buf *why);
int step_loopback(const struct sandbox_spec *spec, struct buf *why);
int step_hostname(const struct sandbox_spec *spec, struct buf *why);
int step_session(const struct sandbox_spec *spec, struct buf *why);
int step_descriptors(const struct sandbox_spec *spec, struct buf *why);

/* rights.c: what it may do; in this order, at the end */
int step_capabilities(const struct sandbox_spec *spec, struct buf *why);
int step_no_new_privs(const struct sandbox_spec *spec, struct buf *why);
int step_landlock(const struct sandbox_spec *spec, struct buf *why);
int step_seccomp(const struct sandbox_spec *spec, struct buf *why);
