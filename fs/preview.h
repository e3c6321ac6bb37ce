/* SPDX-License-Identifier: MIT */
/*
 * Messages that are being written right now, as the harness hints at them.
 *
 * One at most for each session: the text so far (for `live`) and the lines
 * event_start and event_delta (for `follow`).  Nothing here is stored; it ends
 * when the log has the finished message, or the end of its model request.
 */
#pragma once

#include "base/id.h"
#include "base/list.h"
#include "store/session.h"

enum {
	PREVIEWS_MAX = 1024, /* messages being written at one time; more are shown when done */
	PREVIEW_BYTES_MAX = 1 << 20, /* of one; the rest is shown when the message is done */
};

struct preview {
	struct list link; /* previews.all */
	int64_t session;
	char id[ID_SIZE]; /* of the agent.message to come; "" for an event without text */
	struct buf text; /* so far */
	struct buf lines; /* complete JSON lines */
	uint64_t start; /* position of the lines' first byte, counting all previews */
	uint64_t checked; /* log events up to this one did not end it */
};

struct previews *previews_new(void);
struct previews *previews_free(struct previews *previews);

/* Takes the text of a hint.  `after` is an event of the session's log that it follows: later ones
 * may end it. */
void previews_take(struct previews *previews, int64_t session, uint64_t after, struct slice lines);

/* Forgets the session's preview if the log has ended it.  0 or -errno. */
int previews_settle(struct previews *previews, struct store *store, const struct session *session);

const struct preview *previews_find(const struct previews *previews, int64_t session); /* or NULL */
