/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events: push bytes in, step events out.
 *
 *	sse_push(&sse, bytes);
 *	while ((what = sse_step(&sse, &event)) != SSE_MORE)
 *		...
 *
 * An event whose lines lie whole within one push is lent from the pushed bytes;
 * only what is cut by a push's end is copied.  `id` and `retry` are ignored:
 * nobody here resumes a stream.
 */
#pragma once

#include "base/buf.h"

enum {
	SSE_EVENT_BYTES_MAX = 8 << 20, /* data of one event: a fetched page may be one block */
	SSE_LINE_BYTES_MAX = SSE_EVENT_BYTES_MAX + 16, /* and "data: " in front of it */
	SSE_NAME_SIZE = 64,
};

struct sse {
	struct slice in; /* pushed and not yet looked at; lent */
	struct buf line; /* the beginning of a line whose end has not come */
	struct slice view; /* data of the event while it is one line of `in`; lent */
	struct buf data; /* data of the event otherwise */
	size_t data_lines;
	char name[SSE_NAME_SIZE]; /* of the event; a longer name is cut */
	bool skip_lf; /* the last line ended with CR, so a LF now belongs to it */
	bool dispatched; /* the event's bytes were lent out by the last step */
	bool begun; /* a line was seen; only the first may begin with a byte order mark */
};

struct sse_event {
	const char *name; /* "" when none was given; lent until the next step */
	struct slice data; /* lent until the next step or push; no NUL behind it */
};

enum sse_what {
	SSE_MORE, /* everything pushed is used up; the pushed bytes need not live longer */
	SSE_EVENT, /* *ret_event is filled */
	SSE_GARBAGE, /* a line that is no part of an event stream; the next step passes it */
	SSE_TOO_BIG, /* a line or an event above the maximum; no further step is allowed */
};

void sse_init(struct sse *sse);
void sse_done(struct sse *sse);

/* Allowed after sse_init and whenever a step said SSE_MORE. */
void sse_push(struct sse *sse, struct slice bytes /* lent until a step says SSE_MORE */);
enum sse_what sse_step(struct sse *sse, struct sse_event *ret_event);
