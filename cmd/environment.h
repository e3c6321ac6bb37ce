/* SPDX-License-Identifier: MIT */
/* The children's environment: built from nothing, a short list of names that pass. */
#pragma once

#include "base/util.h"

enum environment_for {
	ENVIRONMENT_PLAIN, /* paths and language */
	/* and proxies and certificates, which may carry passwords: the harness only */
	ENVIRONMENT_NETWORK,
};

/* An array for execve, with its strings one allocation: given, free() it. */
char **environment_make(enum environment_for use, char *const *from /* NULL-terminated */);
