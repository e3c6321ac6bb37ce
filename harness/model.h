/* SPDX-License-Identifier: MIT */
/*
 * The model client: one streamed request to the Messages API, from the bytes of
 * the request to the finished message or a classified failure.
 *
 * It knows HTTP, server-sent events and the API's error table; it does not know
 * sessions, never retries by itself and never looks into the request.
 */
#pragma once

#include "base/json.h"
#include "base/loop.h"

struct model; /* connections, on the loop */
struct model_request;

struct model_config {
	const char *base_url; /* "https://api.anthropic.com"; lent for the life of the model */
	const char *socket_path; /* connect to this Unix socket instead of the URL's host; NULL */
	const char *key, *auth_token; /* one of them or none; copied, wiped at free, never logged */
	int64_t connect_timeout_ms;
	int64_t silence_timeout_ms; /* no byte for so long ends the request */
	int64_t stall_timeout_ms; /* only pings for so long ends it too */
};

/* A piece of a streamed message, as it comes. */
struct model_piece {
	enum model_piece_kind {
		PIECE_BLOCK_START, /* type says "text", "thinking", "tool_use" … */
		PIECE_TEXT, /* text of a text block */
		PIECE_BLOCK_STOP,
	} kind;
	int index; /* of the content block */
	const char *type;
	struct slice text; /* PIECE_TEXT: what was added.  Else ignore it. */
};

enum model_verdict {
	MODEL_DONE, /* message_stop was seen; `message` is complete */
	MODEL_RETRY, /* may be asked again, after retry_after_ms if >= 0 */
	MODEL_FAILED, /* asking again will not help */
	MODEL_TOO_LONG, /* the prompt does not fit the window */
};

struct model_outcome {
	enum model_verdict verdict;
	const cJSON *message; /* MODEL_DONE: {"id","model","role","content":[…],"stop_reason",…,
			       * "usage"}; tool inputs are parsed into "input"; one that was no JSON
			       * object, or was cut, has "input":{} and "x_invalid_input": the raw
			       * text.  Lent. */
	const cJSON *usage; /* what was counted so far, also after a failure; may be NULL.  Lent. */
	const char *error_type; /* the API's session.error type: model_overloaded_error,
				 * model_rate_limited_error, model_request_failed_error,
				 * billing_error; NULL with MODEL_DONE */
	const char *reason; /* a sentence for people; no secrets */
	int http_status; /* 0: no answer */
	int64_t retry_after_ms; /* -1: not said */
	const char *request_id; /* the API's name of this request; "" when it gave none.  Lent. */
	const char *limits; /* rate limits, a "requests-remaining: 999" a line; "" when not said.
			     * Lent. */
};

struct model_handler {
	/* May cancel; may not ask. */
	void (*on_piece)(void *data, const struct model_piece *piece);
	/* The last call; the request is gone when it returns. */
	void (*on_outcome)(void *data, const struct model_outcome *outcome);
};

/* 0; -EINVAL when the URL is not http(s) or the key could not stand in a header (blanks, line
 * ends); -EIO.  The process ignores SIGPIPE from now on. */
int model_new(struct loop *loop, const struct model_config *config, struct model **ret);
struct model *model_free(struct model *model); /* cancels what runs; not from a callback */

/* Posts to /v1/messages.  The body is the parts one after another; their bytes are lent until the
 * outcome or the cancel.  Callbacks come from the loop, never from within this call. */
struct model_request *model_ask(struct model *model, const struct slice *parts, size_t part_count,
	const struct model_handler *handler, void *data);

/* What the API has counted so far; NULL nothing.  Lent until the next callback. */
const cJSON *model_usage(const struct model_request *request);
void model_cancel(struct model_request *request); /* no callback follows */

/* Delay before retry number `attempt` (0 first): what the server asked for when it is above 0 and
 * at most 10 minutes, prolonged by up to a tenth so that those who wait together do not come back
 * together; else from 0.5 s doubling to 60 s, shortened by up to a half.  `random` (0..1) says by
 * how much. */
int64_t model_retry_delay_ms(int attempt, int64_t retry_after_ms, double random);
