/* SPDX-License-Identifier: MIT */
/* The JSON side of parameter tables, apart from param.h so that the hands need no JSON library. */
#pragma once

#include "base/json.h"
#include "base/param.h"

/* The JSON schema of the table: {"type":"object","properties":{...},"required":[...]}.  Given. */
cJSON *param_schema(const struct param *table);

/* Checks `input` (must be an object; unknown fields and null for an optional one are ignored) and packs it
 * for param_unpack.  0; -EINVAL with a sentence that names the field and what is wrong; -EFBIG. */
int param_pack(const struct param *table, const cJSON *input, struct buf *out, struct buf *why);
