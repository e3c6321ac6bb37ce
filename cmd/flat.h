/* SPDX-License-Identifier: MIT */
/* Flat keys: `name value` lines, as in /proc and cgroup files; the root's `status` and the run
 * record. */
#pragma once

#include "base/buf.h"

/* The value of the first line of that name: lent from the text, NOT ended by a NUL; the absent
 * slice when there is none. */
struct slice flat_find(struct slice text, const char *name);
int64_t flat_find_int(struct slice text, const char *name, int64_t fallback);
char *flat_find_text(struct slice text, const char *name); /* given; NULL when absent */
