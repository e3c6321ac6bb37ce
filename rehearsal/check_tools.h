/* SPDX-License-Identifier: MIT */
/* The rules about tools: their definitions, and how calls and results belong together. */
#pragma once

#include "rehearsal/request.h"

/* Each: 0, or -EINVAL with the API's sentence. */
int check_tools(const struct request *r, struct buf *why);
int check_tool_choice(const struct request *r, struct buf *why);
int check_ids(const struct request *r, struct buf *why);
int check_results(const struct request *r, struct buf *why);
