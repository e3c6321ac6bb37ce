/* SPDX-License-Identifier: MIT */
/*
 * Event types: one row per type of reference section "Events", with who may send
 * it, its fields, and its part in the fold.
 */
#pragma once

#include "base/json.h"
#include "store/fold.h"

enum event_sender {
	SENDER_HARNESS, /* agent.*, session.*, span.*: only our own programs */
	SENDER_CLIENT, /* user.*, system.message: may be written to `input` */
};

struct event_type {
	const char *name;
	enum event_sender sender;
	const char *fields; /* "name:type" words, types as in event.c; ?: may be absent or null */
	/* What it changes of the state; NULL: nothing. */
	void (*fold)(struct fold *fold, const cJSON *event, uint64_t seq);
	const char *help; /* one line */
};

const struct event_type *event_type_find(const char *name); /* NULL if unknown */
const struct event_type *event_type_at(size_t index); /* NULL past the last: to list them */

/* {"id":"sevt_…","type":type}; given.  The type must be in the table. */
cJSON *event_new(const char *type);

/* Checks an event against its row: 0, or -EINVAL with a sentence naming the field.  Content blocks
 * are checked by kind (text non-empty, images and documents with a source). */
int event_check(const cJSON *event, struct buf *why);

/* What a person wrote to `input`, made into client events:
 *  - one JSON object {"events":[…]}, or lines that are each an object whose type is a client type
 *    (one may span lines, as jq prints it): these, checked, all or none (-EINVAL with a sentence);
 *  - anything else is text: one user.message without the trailing newlines; blank text gives no
 *    events.
 * `complete` false asks only whether more bytes can still make this good: returns 0 and leaves
 * *ret_events alone if so.  A malformed client event cannot be made good any more.
 * Returns 0 and a cJSON array (given; each with id and type, no processed_at), -EINVAL, -EILSEQ (not
 * UTF-8; an unfinished character at the end is fine while not complete), -EFBIG (text over
 * MESSAGE_BYTES_MAX, JSON events over EVENTS_BYTES_MAX). */
int event_parse_input(const char *data, size_t size, bool complete, cJSON **ret_events,
	struct buf *why);

/* Joins the text blocks of a content array, one after another.  0 or -EFBIG. */
int event_content_text(const cJSON *content, struct buf *out);
