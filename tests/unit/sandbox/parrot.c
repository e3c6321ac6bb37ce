/* SPDX-License-Identifier: MIT */
/*
 * Stands for the hands in test-spawner.c: static, says hello on each stream that the
 * spawner sends, and answers a call with its tool's name; the tool `die` ends it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/args.h"
#include "base/fields.h"
#include "base/io.h"
#include "sandbox/protocol.h"

enum { STREAMS_MAX = 16 };

static const char *instance;

static void send_list(int fd, struct buf *list)
{
	cleanup(buf) struct buf frame = BUF_INIT(1 << 16);
	(void)frame_add(&frame, buf_slice(list));
	(void)send(fd, frame.data, frame.size, MSG_NOSIGNAL);
}

static void say_hello(int fd)
{
	cleanup(buf) struct buf list = BUF_INIT(1 << 12);
	(void)fields_add_text(&list, "say", "hello");
	(void)fields_add_int(&list, "protocol", SANDBOX_PROTOCOL);
	(void)fields_add_text(&list, "instance", instance);
	send_list(fd, &list);
}

static void answer(int fd, struct slice list)
{
	struct slice tool = fields_find(list, "tool");
	cleanup(buf) struct buf reply = BUF_INIT(1 << 12);
	if (slice_is(tool, "die"))
		_exit(0);
	if (!slice_is(fields_find(list, "do"), "execute"))
		return;
	(void)fields_add_text(&reply, "say", "result");
	(void)fields_add_text(&reply, "call", fields_find(list, "call").at);
	(void)fields_add_int(&reply, "is_error", 0);
	(void)fields_add_text(&reply, "text", tool.at);
	send_list(fd, &reply);
}

/* One frame a read is enough here: the test waits for each answer.  False at the end. */
static bool serve(int fd)
{
	cleanup(buf) struct buf in = BUF_INIT(1 << 16);
	struct slice list;
	char *to = buf_reserve(&in, 1 << 15);
	ssize_t n = read(fd, to, 1 << 15);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	in.size = (size_t)n;
	while (frame_peek(&in, 1 << 15, &list) > 0) {
		answer(fd, list);
		frame_drop(&in, list);
	}
	return true;
}

static int take_stream(int control)
{
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t count;
	int r = io_recv_packet(control, SANDBOX_PACKET_MAX, &packet, fds, &count);
	if (r == -EAGAIN)
		return -1;
	if (r <= 0 || count != 1 || !slice_is(fields_find(buf_slice(&packet), "do"), "stream"))
		_exit(0);
	say_hello(fds[0]);
	return fds[0];
}

int main(int argc, char **argv)
{
	struct pollfd polled[1 + STREAMS_MAX] = { { .fd = args_need_fd(argc, argv, "control"),
		.events = POLLIN } };
	nfds_t count = 1;
	instance = args_need(argc, argv, "instance");
	for (;;) {
		if (poll(polled, count, -1) < 0)
			_exit(1);
		for (nfds_t i = 1; i < count; i++)
			if (polled[i].revents && !serve(polled[i].fd))
				polled[i].fd = -1;
		int fd = polled[0].revents && count <= STREAMS_MAX ? take_stream(polled[0].fd) : -1;
		if (fd >= 0)
			polled[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}
