/* SPDX-License-Identifier: MIT */
/* What queue.c, queue_entry.c and draft.c share. */
#pragma once

#include "store/queue.h"

/* What the table keeps of an event. */
struct queue_row {
	bool urgent; /* comes before everything else */
	const char *answers; /* id of the call that it answers, lent from the event; NULL: none */
	char *line; /* owned */
};
struct queue_row queue_row_of(const cJSON *event);
void cleanup_queue_row(struct queue_row *row);

/* May `count` more events be queued?  0; -EAGAIN full, -EROFS archived or terminated, -ENOENT. */
int queue_room(struct store *store, int64_t session, int count);
