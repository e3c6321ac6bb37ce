/* SPDX-License-Identifier: MIT */
/*
 * How often each fault has happened, so that it happens N times and no more.
 *
 * Counts are kept per point of a conversation in a bounded table.  When a round
 * has had all its faults its counts are forgotten: the same message in another
 * conversation starts anew.
 */
#pragma once

#include "rehearsal/scene.h"

struct faults;

struct faults *faults_new(void);
struct faults *faults_free(struct faults *faults);

/* The fault that happens to this request, counted as having happened; NULL for none.  Lent from
 * the scene. */
const struct fault *faults_next(
	struct faults *faults, const struct scene *scene, const struct request *r);
