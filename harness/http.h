/* SPDX-License-Identifier: MIT */
/*
 * HTTP on the loop: requests whose bodies are streamed from where they lie and
 * whose answers are handed on as they come.
 *
 * This is the only door to libcurl.  It keeps connections open between requests,
 * follows no redirects, asks for no compression, verifies certificates (against
 * SSL_CERT_FILE if the environment names one), and has no time limit for a whole
 * answer, only one for silence.  Proxies come from the environment, as usual.  It
 * does not know what the bytes mean and never prints a header.
 */
#pragma once

#include "base/loop.h"

enum { HTTP_CONNECTIONS_MAX = 16 }; /* kept open while idle; more may be in use */

struct http; /* a set of connections */
struct http_request;

struct http_config {
	const char *socket_path; /* copied; connect to it instead of the URL's host; NULL */
	int64_t connect_timeout_ms, silence_timeout_ms;
};

/* 0, or -EIO when libcurl does not start.  The process ignores SIGPIPE from now on: TLS writes
 * raise it. */
int http_new(struct loop *loop, const struct http_config *config, struct http **ret);
struct http *http_free(struct http *http); /* cancels what runs; not allowed from a callback */

struct http_post {
	const char *url; /* copied; http or https */
	const char *const *headers; /* copied, and wiped when the request ends; "name: value" */
	size_t header_count;
	const struct slice *parts; /* the body; the array is copied, its bytes are lent */
	size_t part_count;
};

struct http_end {
	int error; /* 0: the answer is whole.  -EINVAL the URL is no good, -EHOSTUNREACH no such
		    * host, -ECONNREFUSED, -ETIMEDOUT not connected or silent, -ECONNRESET cut,
		    * -EKEYREJECTED certificate or TLS, -EPROTO no HTTP, -EIO other */
	const char *reason; /* a sentence part; "" when there is no error */
};

/* Called from the loop, never from within http_post.  In on_status, on_header and on_body the only
 * call allowed is http_cancel; in on_end any but http_free. */
struct http_handler {
	void (*on_status)(void *data, int status); /* forget earlier headers */
	void (*on_header)(void *data, struct slice name, struct slice value);
	void (*on_body)(void *data, struct slice bytes);
	void (*on_end)(void *data, const struct http_end *end); /* last; the request is gone */
};

struct http_request *http_post(struct http *http, const struct http_post *post,
	const struct http_handler *handler /* lent, outlives the request */, void *data);

/* No callback follows; the body is no longer needed. */
void http_cancel(struct http_request *request);

/* Gives the request away: no callback follows and the body is no longer needed, but what is left of
 * the answer is awaited for a moment so that the connection can be used again. */
void http_finish(struct http_request *request);
