/* SPDX-License-Identifier: MIT */
/* The API's HTTP errors: which type belongs to which status, and the body that carries it. */
#pragma once

#include "base/buf.h"

enum { FAILURE_TEXT_MAX = 4 << 10 }; /* of the message */

struct failure {
	int status; /* HTTP; 0: none */
	int64_t retry_after_s; /* -1: no such header */
	struct buf why; /* the message */
};

#define FAILURE_INIT ((struct failure){ .retry_after_s = -1, .why = BUF_INIT(FAILURE_TEXT_MAX) })

void failure_done(struct failure *failure);

/* NULL when the API has no such status. */
const char *failure_type(int status);
const char *failure_message(int status); /* what the API says when it says nothing special */

/* {"type":"error","error":{"type":…,"message":…},"request_id":…}.  The message may be NULL. */
void failure_body(struct buf *out, int status, const char *message, const char *request_id);
