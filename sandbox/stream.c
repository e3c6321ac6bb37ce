/* SPDX-License-Identifier: MIT */
#include "sandbox/stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

enum {
	READ_BYTES = 64 << 10,
	READS_PER_ROUND = 16, /* a stream that never pauses must not starve the others */
};

static void end(struct stream *s, const char *why)
{
	stream_close(s);
	s->on_end(s->data, why);
}

static void on_ended(void *data)
{
	struct stream *s = data;
	end(s, s->why);
}

static void end_soon(struct stream *s, const char *why)
{
	s->why = why;
	loop_later(s->io.loop, &s->ended);
	loop_remove(&s->io);
}

/* Whoever is gone may have left a last word, so a send that fails only drops what was to be sent:
 * the end is found by reading.  Sent bytes are counted, not moved away, until all are out. */
static void flush(struct stream *s)
{
	ssize_t n = 0;
	while (s->sent < s->out.size && (n >= 0 || errno == EINTR)) {
		n = send(s->io.fd, s->out.data + s->sent, s->out.size - s->sent, MSG_NOSIGNAL);
		s->sent += n > 0 ? (size_t)n : 0;
	}
	bool waits = n < 0 && errno == EAGAIN;
	if (!waits) {
		buf_done(&s->out);
		s->sent = 0;
	}
	(void)loop_set_events(&s->io, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void stream_send(struct stream *s, struct slice list)
{
	if (!s->io.loop)
		return;
	if (frame_add(&s->out, list) < 0)
		end_soon(s, "it does not take what is sent to it");
	else
		flush(s);
}

/* 1: bytes came, 0: none now, -1: the end. */
static int fill(struct stream *s)
{
	char *to = buf_reserve(&s->in, READ_BYTES);
	assert(to);
	ssize_t n = read(s->io.fd, to, READ_BYTES);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	s->in.size += (size_t)n;
	s->in.data[s->in.size] = '\0';
	return 1;
}

/* False when the stream is no longer open. */
static bool hand_on(struct stream *s)
{
	struct slice list;
	int r;
	while ((r = frame_peek(&s->in, s->frame_max, &list)) > 0) {
		s->on_frame(s->data, list);
		if (!s->io.loop)
			return false;
		frame_drop(&s->in, list);
	}
	if (r < 0)
		end(s, "it sent more than a message may hold");
	return r == 0;
}

static void on_ready(void *data, uint32_t events)
{
	struct stream *s = data;
	if (events & EPOLLOUT)
		flush(s);
	int r = 1;
	for (int i = 0; i < READS_PER_ROUND && r > 0; i++) {
		r = fill(s);
		if (r > 0 && !hand_on(s))
			return;
	}
	if (r < 0)
		end(s, NULL);
	else if (!s->in.size)
		buf_done(&s->in);
}

int stream_open(struct stream *s, struct loop *loop, int fd)
{
	assert(!s->io.loop && s->frame_max > 0);
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .on_ready = on_ready, .data = s };
	s->ended = (struct loop_later){ .on_later = on_ended, .data = s };
	buf_init(&s->in, s->frame_max + READ_BYTES + 4);
	buf_init(&s->out, STREAM_OUT_MAX);
	int r = io_set_nonblock(fd);
	if (r == 0)
		r = loop_add(loop, &s->io);
	if (r < 0)
		close(fd);
	return r;
}

void stream_close(struct stream *s)
{
	loop_forget(&s->ended);
	if (!s->io.on_ready)
		return;
	loop_remove(&s->io);
	close(s->io.fd);
	buf_done(&s->in);
	buf_done(&s->out);
	s->io.on_ready = NULL;
}
