/* SPDX-License-Identifier: MIT */
#include "tests/unit/tools/hands-client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/io.h"

enum { HELLO_WAIT_MS = 20000 };

void hands_start(struct hands_client *c, const char *program, const char *workdir)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0)
		abort();
	cleanup(free) char *control = xprintf("control=%d", ends[1]);
	cleanup(free) char *directory = xprintf("workdir=%s", workdir);
	c->pid = fork();
	if (c->pid == 0) {
		close(ends[0]);
		execl(program, program, control, "instance=i-1", "session=s-1", "unconfined=1",
			directory, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	(void)io_set_cloexec(ends[0], true);
	c->control = ends[0];
}

int hands_stop(struct hands_client *c)
{
	int status = -1;
	close(c->control);
	(void)waitpid(c->pid, &status, 0);
	return status;
}

static bool readable(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return wait_ms >= 0 && poll(&p, 1, wait_ms) == 1;
}

static bool read_exactly(int fd, struct buf *to, size_t size, int64_t due_ms)
{
	while (to->size < size) {
		if (!readable(fd, (int)(due_ms - clock_now_ms())))
			return false;
		ssize_t n = recv(fd, buf_reserve(to, size - to->size), size - to->size, 0);
		if (n <= 0)
			return false;
		to->size += (size_t)n;
	}
	return true;
}

/* Reads one frame; the list is lent from `in`. */
static bool read_frame(int stream, int wait_ms, struct buf *in, struct slice *ret_list)
{
	int64_t due_ms = clock_now_ms() + wait_ms;
	if (!read_exactly(stream, in, 4, due_ms))
		return false;
	const unsigned char *p = (const unsigned char *)in->data;
	size_t size = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	return read_exactly(stream, in, 4 + size, due_ms) &&
	       frame_peek(in, FRAME_MAX, ret_list) == 1;
}

static bool take_hello(int stream, struct buf *ret_known)
{
	cleanup(buf) struct buf in = BUF_INIT(1 << 20);
	struct slice list, name, value;
	if (!read_frame(stream, HELLO_WAIT_MS, &in, &list) ||
		!slice_is(fields_find(list, "say"), "hello") ||
		fields_find_int(list, "protocol", 0) != 1 ||
		!slice_is(fields_find(list, "instance"), "i-1"))
		return false;
	struct fields f = fields_read(list);
	while (ret_known && fields_next(&f, &name, &value))
		if (slice_is(name, "call"))
			(void)buf_printf(ret_known, "%.*s ", (int)value.size, value.at);
	return true;
}

int hands_stream(struct hands_client *c, struct buf *ret_known)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	if (io_send_packet(c->control, "x", 1, &ends[1], 1) < 0 ||
		(close(ends[1]), !take_hello(ends[0], ret_known))) {
		(void)fprintf(stderr, "no hello from the hands\n");
		exit(1);
	}
	return ends[0];
}

static void send_list(int stream, const struct buf *list)
{
	cleanup(buf) struct buf frame = BUF_INIT(FRAME_MAX + 4);
	(void)frame_add(&frame, buf_slice(list));
	(void)io_write_all(stream, frame.data, frame.size);
}

void hands_execute(int stream, const char *call, const char *tool, struct slice input,
	int64_t timeout_ms)
{
	cleanup(buf) struct buf list = BUF_INIT(FRAME_MAX);
	(void)fields_add_text(&list, "do", "execute");
	(void)fields_add_text(&list, "call", call);
	(void)fields_add_text(&list, "tool", tool);
	(void)fields_add_int(&list, "timeout_ms", timeout_ms);
	(void)fields_add(&list, "input", input.at, input.size);
	send_list(stream, &list);
}

void hands_say(int stream, const char *what, const char *call)
{
	cleanup(buf) struct buf list = BUF_INIT(1000);
	(void)fields_add_text(&list, "do", what);
	(void)fields_add_text(&list, "call", call);
	send_list(stream, &list);
}

bool hands_result(int stream, int wait_ms, struct hands_result *ret)
{
	cleanup(buf) struct buf in = BUF_INIT(0);
	struct slice list;
	*ret = (struct hands_result){ .text = BUF_INIT(0) };
	if (!read_frame(stream, wait_ms, &in, &list) ||
		!slice_is(fields_find(list, "say"), "result"))
		return false;
	struct slice text = fields_find(list, "text");
	(void)snprintf(ret->call, sizeof(ret->call), "%s", fields_find(list, "call").at);
	(void)buf_add(&ret->text, text.at, text.size);
	ret->is_error = fields_find_int(list, "is_error", -1) != 0;
	ret->started_us = fields_find_int(list, "started_us", 0);
	ret->ended_us = fields_find_int(list, "ended_us", 0);
	return true;
}

void hands_result_done(struct hands_result *r)
{
	buf_done(&r->text);
}

bool hands_expect(int stream, const char *what, int wait_ms)
{
	cleanup(buf) struct buf in = BUF_INIT(0);
	struct slice list;
	return read_frame(stream, wait_ms, &in, &list) && slice_is(fields_find(list, "say"), what);
}

bool hands_bash(int stream, const char *call, const char *command, int64_t timeout_ms,
	struct hands_result *ret)
{
	enum { BEYOND_MS = 15000 };
	cleanup(buf) struct buf input = BUF_INIT(FRAME_MAX);
	(void)fields_add_text(&input, "command", command);
	hands_execute(stream, call, "bash", buf_slice(&input), timeout_ms);
	bool ok = hands_result(stream, (int)timeout_ms + BEYOND_MS, ret);
	hands_say(stream, "acknowledge", call);
	return ok;
}
