/* SPDX-License-Identifier: MIT */
#include "tools/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

enum {
	READ_BYTES = 64 << 10,
	ANSWER_BYTES_MAX = TOOL_RESULT_BYTES_MAX + (4 << 10), /* a result and its fields */
	OUT_ENOUGH = 1 << 20, /* with more than this unsent, no further requests are read */
	OUT_BYTES_MAX = (SANDBOX_CALLS_MAX + 2) * ANSWER_BYTES_MAX, /* yet all calls may end */
};

struct stream {
	struct loop *loop;
	uint64_t number;
	struct stream_handler handler;
	struct loop_io io;
	struct loop_later work; /* everything but reading and marking happens here */
	struct buf in, out;
	bool ended; /* end of file, an error, or not understood */
};

uint64_t stream_number(const struct stream *s)
{
	return s->number;
}

static void read_some(struct stream *s)
{
	char *to = buf_reserve(&s->in, READ_BYTES);
	ssize_t n = to ? recv(s->io.fd, to, READ_BYTES, MSG_DONTWAIT) : 0;
	if (n > 0)
		s->in.size += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		s->ended = true;
}

static void on_ready(void *data, uint32_t events)
{
	struct stream *s = data;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_some(s);
	loop_later(s->loop, &s->work);
}

static void write_some(struct stream *s)
{
	while (s->out.size && !s->ended) {
		ssize_t n = send(s->io.fd, s->out.data, s->out.size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR)
			s->ended = true;
		if (n > 0)
			buf_consume(&s->out, (size_t)n);
	}
}

/* Hands on one request; false when there is none to be handed on now. */
static bool take_request(struct stream *s)
{
	struct request request;
	struct slice frame;
	if (s->ended || s->out.size > OUT_ENOUGH)
		return false;
	int r = request_next(&s->in, &request, &frame);
	s->ended |= r < 0;
	if (r <= 0)
		return false;
	s->handler.on_request(s->handler.data, s, &request);
	request_drop(&s->in, frame);
	return true;
}

/* Requests and answers, until both have to wait for the other side. */
static void exchange(struct stream *s)
{
	bool was_stalled;
	do {
		while (take_request(s))
			;
		was_stalled = s->out.size > OUT_ENOUGH;
		write_some(s);
	} while (was_stalled && s->out.size <= OUT_ENOUGH && !s->ended);
}

/* A large input or result was the exception: its memory goes back. */
static void trim(struct buf *b)
{
	if (!b->size && b->room > 2 * READ_BYTES)
		buf_done(b);
}

static void on_work(void *data)
{
	struct stream *s = data;
	exchange(s);
	trim(&s->in);
	trim(&s->out);
	s->ended |= s->out.overflow;
	if (s->ended) {
		s->handler.on_end(s->handler.data, s);
		stream_free(s);
		return;
	}
	bool stalled = s->out.size > OUT_ENOUGH;
	(void)loop_set_events(&s->io, (stalled ? 0U : EPOLLIN) | (s->out.size ? EPOLLOUT : 0U));
}

int stream_new(struct loop *loop, int fd, uint64_t number, const struct stream_handler *handler,
	struct stream **ret)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	*s = (struct stream){ .loop = loop, .number = number, .handler = *handler };
	buf_init(&s->in, REQUEST_BYTES_MAX + READ_BYTES + 4);
	buf_init(&s->out, OUT_BYTES_MAX);
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .on_ready = on_ready, .data = s };
	s->work = (struct loop_later){ .on_later = on_work, .data = s };
	int r = loop_add(loop, &s->io);
	if (r < 0)
		stream_free(s);
	else
		*ret = s;
	return r;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;
	loop_forget(&s->work);
	loop_remove(&s->io);
	close(s->io.fd);
	buf_done(&s->in);
	buf_done(&s->out);
	free(s);
	return NULL;
}

/* ---- words ---- */

static void send_list(struct stream *s, const struct buf *list)
{
	(void)frame_add(&s->out, buf_slice(list)); /* on_work ends a stream that has overflown */
	loop_later(s->loop, &s->work);
}

void stream_say_hello(struct stream *s, const char *instance, const struct calls *calls)
{
	cleanup(buf) struct buf list = BUF_INIT(ANSWER_BYTES_MAX);
	struct call *call;
	(void)fields_add_text(&list, "say", "hello");
	(void)fields_add_int(&list, "protocol", SANDBOX_PROTOCOL);
	(void)fields_add_text(&list, "instance", instance);
	list_each(&calls->all, call, struct call, link)
		(void)fields_add_text(&list, "call", call->id);
	send_list(s, &list);
}

void stream_say_result(struct stream *s, const struct call *call)
{
	cleanup(buf) struct buf list = BUF_INIT(ANSWER_BYTES_MAX);
	(void)fields_add_text(&list, "say", "result");
	(void)fields_add_text(&list, "call", call->id);
	(void)fields_add_int(&list, "is_error", call->is_error);
	(void)fields_add(&list, "text", buf_text(&call->text), call->text.size);
	(void)fields_add_int(&list, "started_us", call->started_us);
	(void)fields_add_int(&list, "ended_us", call->ended_us);
	send_list(s, &list);
}

void stream_say_pong(struct stream *s)
{
	cleanup(buf) struct buf list = BUF_INIT(ANSWER_BYTES_MAX);
	(void)fields_add_text(&list, "say", "pong");
	send_list(s, &list);
}
