/* SPDX-License-Identifier: MIT */
/* Content blocks (reference section 6.2): which kinds there are and where each may stand. */
#pragma once

#include "base/json.h"

/* Checks an array of blocks by the rule of that name: "message", "reply", "result", "thread",
 * "system". 0, or -EINVAL with a sentence that begins with `field`. */
int content_check(const char *rule, const char *field, const cJSON *blocks, struct buf *why);

bool content_rule_exists(const char *rule);
