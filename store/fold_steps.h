/* SPDX-License-Identifier: MIT */
/* The functions of the event table's `fold` column. */
#pragma once

#include "store/fold.h"

void fold_running(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_idle(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_rescheduled(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_terminated(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_error(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_reply(struct fold *fold, const cJSON *event, uint64_t seq);
void fold_request_end(struct fold *fold, const cJSON *event, uint64_t seq);

/* The reason that the API spells so, or STOP_REASONS. */
enum stop_reason stop_reason_find(const char *name);
