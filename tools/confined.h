/* SPDX-License-Identifier: MIT */
/* Whether this process is confined as the program that runs a model's commands has to be. */
#pragma once

#include "base/buf.h"

/* Judges the text of /proc/self/status: 0, or -EPERM with a sentence that names the first thing
 * amiss. */
int confined_judge(const char *status, struct buf *why);

/* The same for this process; also -errno when it cannot be told. */
int confined_check(struct buf *why);
