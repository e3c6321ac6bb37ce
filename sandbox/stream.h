/* SPDX-License-Identifier: MIT */
/*
 * A byte stream that carries frames, on the loop: what is sent waits for the other side
 * within a bound, what comes in is handed on a frame at a time, within another.
 */
#pragma once

#include "base/fields.h"
#include "base/loop.h"

struct stream {
	struct loop_io io;
	struct buf in, out;
	size_t sent; /* of out, from its front */
	size_t frame_max; /* of an incoming frame */
	/* A frame has come.  May close the stream. */
	void (*on_frame)(void *data, struct slice list);
	/* It has ended; closed already.  `why` is NULL when the other side simply went away. */
	void (*on_end)(void *data, const char *why);
	void *data;
	struct loop_later ended; /* ends what a send found full, from the loop */
	const char *why;
};

enum { STREAM_OUT_MAX = 64 << 20 }; /* one full TOOL_INPUT_BYTES_MAX and what queued behind it */

/* `s` has frame_max and the callbacks set.  0 or -errno. */
int stream_open(struct stream *s, struct loop *loop, int fd /* taken in any case */);
void stream_close(struct stream *s); /* no callback follows; fine when closed or all zero */

/* Sends or queues one frame.  A stream that is full or broken ends later, from the loop. */
void stream_send(struct stream *s, struct slice list);
