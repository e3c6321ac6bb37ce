/* SPDX-License-Identifier: MIT */
/* What queue.c and draft.c share. */
#pragma once

#include "store/store.h"

/* May `count` more events be queued?  0; -EAGAIN full, -EROFS archived or terminated, -ENOENT. */
int queue_room(struct store *store, int64_t session, int count);
