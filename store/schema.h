/* SPDX-License-Identifier: MIT */
/* Agents and environments: what their definitions may contain (reference sections 2, 3 and 8). */
#pragma once

#include "store/object.h"

/* Checks a definition and builds its full form, without the fields that the server sets and without
 * the name, which is the folder's.  0 (given), or -EINVAL with a sentence that names the field. */
int schema_apply(enum object_kind kind, const cJSON *body, cJSON **ret, struct buf *why);

/* What the API calls an object of the kind ("agent") and the prefix of its ids. */
const char *schema_type(enum object_kind kind);
const char *schema_id_prefix(enum object_kind kind);
