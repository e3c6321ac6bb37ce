/* SPDX-License-Identifier: MIT */
/*
 * Hints between fs and harness, over a SOCK_SEQPACKET pair that the supervisor
 * keeps open.  A hint says "look again"; losing one costs latency, never
 * correctness, so a full socket drops it and both sides also look at
 * store_data_version() once a second.
 */
#pragma once

#include "base/limits.h"
#include "base/util.h"

enum hint_kind {
	HINT_WAKE = 1, /* fs -> harness: the session has something queued */
	HINT_APPENDED, /* harness -> fs: the session's log grew */
	HINT_DELTA, /* harness -> fs: text = whole JSON lines of event_start and event_delta */
};

struct hint {
	enum hint_kind kind;
	int64_t session;
	struct slice text; /* at most HINT_BYTES_MAX */
	uint64_t after; /* HINT_DELTA: the log's event that the text follows, its request's start; 0: not said */
};

/* 0, or -EAGAIN dropped, or -errno. */
int hint_send(int socket, const struct hint *hint);

struct hint_reader {
	char *space; /* owned */
};
/* 1 and a hint (text lent until the next call), 0 nothing there, -errno. */
int hint_receive(int socket, struct hint_reader *reader, struct hint *ret);
void hint_reader_done(struct hint_reader *reader);
