/* SPDX-License-Identifier: MIT */
/*
 * From the bytes of a request to what is to be sent back: the whole server but
 * its sockets.
 *
 * Deterministic: the same requests in the same order get the same answers.
 */
#pragma once

#include "rehearsal/failure.h"
#include "rehearsal/wire.h"

enum { BODY_BYTES_MAX = 32 << 20 }; /* the API's request limit */

struct desk; /* what is remembered between requests: caches, counts, the last requests */

struct ask {
	const char *method, *path; /* without the query */
	const char *limit, *after, *before; /* of the query; NULL absent */
	const char *version, *betas, *content_type; /* header values; NULL absent */
	const char *headers; /* a JSON object of those that may be shown */
	bool has_key;
	bool is_too_large; /* the body was longer than BODY_BYTES_MAX and was not kept */
	struct slice body;
	size_t body_size; /* as it arrived, also when it was not kept */
	int64_t at_us; /* wall clock at its arrival */
	int64_t now_ms; /* monotonic */
};

struct answer {
	int status; /* HTTP */
	const char *content_type; /* static */
	char request_id[ID_SIZE];
	int64_t retry_after_s; /* -1: no such header */
	int64_t delay_ms; /* nothing is sent before */
	bool breaks; /* and then the connection breaks without an answer */
	bool streams; /* `wire` makes the events; otherwise `body` is all */
	int64_t pace_ms; /* between two deltas */
	struct buf body;
	struct reply reply;
	struct wire wire;
	/* Set when the answer is in a recording: then answer_replayed completes it. */
	char *replay;
	size_t replay_index;
	uint64_t number; /* in the journal; 0 none */
	uint64_t seed;
	cJSON *json;
	struct request request;
	struct usage usage;
};

struct desk *desk_new(void);
struct desk *desk_free(struct desk *desk);

/* Always gives an answer.  `ask` is lent for the call; the body may go when it returns. */
void answer_init(struct answer *answer, struct desk *desk, const struct ask *ask);
void answer_done(struct answer *answer);

/* Completes an answer whose `replay` is set, with what reader.h found. */
void answer_replayed(struct answer *answer, const cJSON *blocks, const char *why);

/* Turns the answer into an error of this status, for what only the server can know. */
void answer_fail(struct answer *answer, int status, const char *message);
