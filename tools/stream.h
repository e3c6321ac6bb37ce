/* SPDX-License-Identifier: MIT */
/*
 * One harness's byte stream: frames in, frames out, nothing unbounded.  A stream
 * that does not read its answers is not read either.
 */
#pragma once

#include "base/loop.h"
#include "tools/calls.h"
#include "tools/request.h"

struct stream;

struct stream_handler {
	void (*on_request)(void *data, struct stream *stream, const struct request *request);
	void (*on_end)(void *data, struct stream *stream); /* the stream is gone afterwards */
	void *data;
};

/* 0, or -errno; then the descriptor is closed. */
int stream_new(struct loop *loop, int fd /* taken */, uint64_t number,
	const struct stream_handler *handler, struct stream **ret);
struct stream *stream_free(struct stream *s); /* closes it, without on_end; NULL is fine */

uint64_t stream_number(const struct stream *s);

void stream_say_hello(struct stream *s, const char *instance, const struct calls *calls);
void stream_say_result(struct stream *s, const struct call *call);
void stream_say_pong(struct stream *s);
