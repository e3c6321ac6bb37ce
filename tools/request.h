/* SPDX-License-Identifier: MIT */
/* What the harness says, read from its bytes.  Pure; the bytes are trusted with nothing. */
#pragma once

#include "base/fields.h"
#include "base/limits.h"

enum {
	REQUEST_BYTES_MAX = TOOL_INPUT_BYTES_MAX + (64 << 10), /* an input and its fields */
};

enum request_kind {
	REQUEST_EXECUTE,
	REQUEST_ACKNOWLEDGE,
	REQUEST_INTERRUPT,
	REQUEST_PING,
	REQUEST_UNKNOWN, /* of a newer protocol: ignored */
};

struct request {
	enum request_kind kind;
	struct slice call; /* 1..CALL_ID_MAX bytes, except for ping and unknown */
	struct slice tool, input; /* execute; never absent */
	int64_t timeout_ms; /* 1..TOOL_TIMEOUT_MS_MAX */
};

/* Takes the next request off the front of `in`: 1 and what it says, lent until request_drop; 0 when
 * more bytes are needed; -EPROTO for bytes after which the stream cannot be understood any more. */
int request_next(const struct buf *in, struct request *ret, struct slice *ret_frame);
void request_drop(struct buf *in, struct slice frame);
