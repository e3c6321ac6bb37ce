/* SPDX-License-Identifier: MIT */
/* What the head of an answer says: its status and the few headers that matter to us. */
#pragma once

#include "base/buf.h"

enum {
	REPLY_ID_SIZE = 80,
	REPLY_LIMITS_MAX = 4 << 10, /* the API sends 12 to 24 lines of about 60 bytes */
};

enum reply_hint {
	REPLY_SILENT, /* x-should-retry was not there */
	REPLY_RETRY,
	REPLY_STOP,
};

struct reply {
	int status; /* 0: none came */
	bool other_type; /* the content type is something else than an event stream */
	enum reply_hint hint;
	int64_t retry_after_ms; /* -1: not said */
	char request_id[REPLY_ID_SIZE]; /* "" when there is none */
	struct buf limits; /* "requests-remaining: 999\n…", the anthropic-ratelimit- headers */
};

void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/* The status line: forgets what was there. */
void reply_begin(struct reply *reply, int status);

/* One header; names are compared without case.  `wall_us` is the time now, for dates. */
void reply_header(struct reply *reply, struct slice name, struct slice value, int64_t wall_us);

/* Whether the body is an event stream; an error's body is JSON or anything. */
bool reply_is_stream(const struct reply *reply);
