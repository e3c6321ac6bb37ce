/* SPDX-License-Identifier: MIT */
/*
 * The conversation as Markdown for people.
 *
 * Each event gives its own piece of text, whatever came before it, so the whole
 * only ever grows at its end and its size is known without making it again.
 */
#pragma once

#include "base/json.h"
#include "store/session.h"

enum { TRANSCRIPT_RESULT_CHARS = 4000 }; /* of a tool's result; the rest is in `events` */

/* Adds what the event looks like; nothing for the many that a reader does not want to see.  0 or
 * -EFBIG. */
int transcript_event(const cJSON *event, struct buf *out);

struct transcripts; /* sizes that are known */

struct transcripts *transcripts_new(void);
struct transcripts *transcripts_free(struct transcripts *transcripts);

/* The session's whole transcript.  0, -EFBIG, or -errno. */
int transcript_show(struct store *store, const struct session *session, struct buf *out);

/* How many bytes transcript_show would add; looks only at events that came since the last call. */
int transcript_size(struct transcripts *transcripts, struct store *store,
	const struct session *session, uint64_t *ret);
