/* SPDX-License-Identifier: MIT */
/* The settings of a session that may change at any time, in one step: for session.h's functions. */
#pragma once

#include "store/session.h"

struct settings {
	const char *title; /* NULL: as it is; "": none */
	const cJSON *metadata; /* a merge patch; NULL: as it is */
	bool has_budget;
	int64_t budget_cents; /* 0: none */
};

/* Changes what differs and, if the session has events, appends one session.updated with that.
 * Errors as in session.h. */
int settings_change(struct store *store, int64_t session, const struct settings *wanted,
	struct buf *why);

/* One key; NULL removes it (-ENOENT when it is absent). */
int settings_set_metadata(struct store *store, int64_t session, const char *key,
	const cJSON *value, struct buf *why);
