/* SPDX-License-Identifier: MIT */
/* Budgets (reference section 12) as text, as JSON, and as cents; 0 cents is no budget. */
#pragma once

#include "base/json.h"

enum { NANO_PER_CENT = 10000000 /* of usage.cost_nano, 1e-9 dollars */ };

/* "2.50", "$2.50" or "max", with white space around it.  0, or -EINVAL with a sentence. */
int budget_parse(struct slice text, int64_t *ret_cents, struct buf *why);

/* "2.50\n" or "max\n". */
int budget_print(int64_t cents, struct buf *out);

/* {"type":"limit","max_list_cost":{"amount":"250","currency":"USD"}}, or null for none.  Given. */
cJSON *budget_body(int64_t cents);

/* Reads that.  0, or -EINVAL with a sentence. */
int budget_read(const cJSON *body, int64_t *ret_cents, struct buf *why);
