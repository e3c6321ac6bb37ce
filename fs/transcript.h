/* SPDX-License-Identifier: MIT */
/*
 * The conversation as Markdown for people: a fold over the log whose pieces
 * (piece.h) are put in an order that reads well.
 *
 * The agent's words and calls stand under one heading until somebody else
 * speaks.  A call's result stands with its call, also when several ran at once:
 * what belongs to a later call is held back until the calls before it have their
 * results.  Nothing that was shown ever changes, so the whole only grows at its
 * end, `tail -f` follows it, and its size is known without making it again.
 */
#pragma once

#include "base/json.h"
#include "base/list.h"
#include "store/session.h"

enum { TRANSCRIPT_CALLS_MAX = 256 }; /* held back at once; then they are shown as they are */

/* Where the fold stands between two events. */
struct transcript {
	bool agent_speaks; /* its heading stands already */
	struct list calls; /* struct call.link, without results, in the log's order */
	size_t call_count;
};

void transcript_init(struct transcript *t);
void transcript_done(struct transcript *t);

/* Adds to `out` what can be shown after this event; often nothing.  0 or -EFBIG. */
int transcript_event(struct transcript *t, const cJSON *event, struct buf *out);

struct transcripts; /* sizes that are known */

struct transcripts *transcripts_new(void);
struct transcripts *transcripts_free(struct transcripts *transcripts);

/* The session's whole transcript.  0, -EFBIG, or -errno. */
int transcript_show(struct store *store, const struct session *session, struct buf *out);

/* How many bytes transcript_show would add; looks only at events that came since the last call. */
int transcript_size(struct transcripts *transcripts, struct store *store,
	const struct session *session, uint64_t *ret);
