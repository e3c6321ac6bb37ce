/* SPDX-License-Identifier: MIT */
/* The resource limits of every process in a sandbox, hard and soft alike. */
#pragma once

#include <sys/resource.h>

struct limit {
	int resource; /* RLIMIT_... */
	const char *name; /* NULL ends the table */
	rlim_t max;
};

extern const struct limit sandbox_limits[];
