/* SPDX-License-Identifier: MIT */
/* What object.c, part.c and session.c need of definition.c. */
#pragma once

#include "store/object.h"

/* Checks the body and stores it as the first version of a new object. */
int definition_first(struct store *store, const struct object *object, const cJSON *body,
	struct buf *why);

/* The body of a version (0: current) as it is stored: no id, no name.  Given; NULL with *ret_error
 * (-ENOENT no such version, also for a session). */
cJSON *definition_body(struct store *store, const struct object *object, int64_t version,
	int *ret_error);

/* Makes the full form of a body that does not come from the store: checked, defaults filled in, and
 * the members of a roster found.  0 (given), or -errno with a sentence. */
int definition_complete(struct store *store, const struct object *object, const cJSON *body,
	cJSON **ret, struct buf *why);

/* part.c: gives a number to every name in the body. */
int parts_register(struct store *store, int64_t object, const cJSON *body);

/* roster.c: finds the agents that the multiagent of a full body names and pins their versions.  0,
 * or -EINVAL with a sentence: no such agent, archived, listed twice, or with a roster itself. */
int roster_resolve(struct store *store, const struct object *owner, cJSON *body, struct buf *why);

/* roster.c: the entries of a roster, where part_set changes them; NULL without one. */
cJSON *roster_list(cJSON *body);
