/* SPDX-License-Identifier: MIT */
#include "tests/bench/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "tests/bench/measure.h"

enum {
	REQUEST_BYTES_MAX = 32 << 20,
	PATIENCE_MS = 20 * 1000,
	PIECE = 64 << 10,
};

/* --- connections --- */

static void serve(struct server *s, int listener)
{
	*s = (struct server){ .listener = listener, .request = BUF_INIT(REQUEST_BYTES_MAX) };
	s->current = -1;
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		s->connections[i] = -1;
	(void)need_call(listen(listener, 64), "listen");
}

void server_listen_at(struct server *s, const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	int fd = need_call(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	(void)need_call(bind(fd, (struct sockaddr *)&address, sizeof(address)), socket_path);
	serve(s, fd);
}

int server_listen_anywhere(struct server *s)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = need_call(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	(void)need_call(bind(fd, (struct sockaddr *)&address, size), "bind");
	serve(s, fd);
	(void)need_call(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
	return ntohs(address.sin_port);
}

void server_done(struct server *s)
{
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		cleanup_fd(&s->connections[i]);
	cleanup_fd(&s->listener);
	buf_done(&s->request);
}

static void take_connection(struct server *s)
{
	int one = 1, fd = need_call(accept4(s->listener, NULL, NULL, SOCK_CLOEXEC), "accept");
	/* Fails where it means nothing. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		if (s->connections[i] < 0) {
			s->connections[i] = fd;
			return;
		}
	(void)need(-EMFILE, "more connections than expected");
}

/* False when the peer closed. */
static bool read_some(struct server *s, int fd)
{
	char *to = buf_reserve(&s->request, PIECE);
	ssize_t n = to ? read(fd, to, PIECE) : -1;
	if (n <= 0)
		return false;
	s->request.size += (size_t)n;
	s->request.data[s->request.size] = '\0';
	return true;
}

static bool is_whole(const struct server *s)
{
	const char *text = buf_text(&s->request), *end = strstr(text, "\r\n\r\n");
	const char *length = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
	return length &&
	       s->request.size >= (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
}

/* The first bytes of a request on one of the connections: its time, or 0 to go on waiting. */
static int64_t look(struct server *s, struct pollfd *fds)
{
	int64_t now = now_ns();
	if (fds[SERVER_CONNECTIONS_MAX].revents)
		take_connection(s);
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		if (!fds[i].revents)
			continue;
		if (read_some(s, fds[i].fd)) {
			s->current = fds[i].fd;
			return now;
		}
		cleanup_fd(&s->connections[i]);
		s->connections[i] = -1;
	}
	return 0;
}

int64_t server_receive(struct server *s)
{
	int64_t at = 0;
	buf_clear(&s->request);
	while (!at) {
		struct pollfd fds[SERVER_CONNECTIONS_MAX + 1];
		for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
			fds[i] = (struct pollfd){ .fd = s->connections[i], .events = POLLIN };
		fds[SERVER_CONNECTIONS_MAX] =
			(struct pollfd){ .fd = s->listener, .events = POLLIN };
		if (need_call(poll(fds, ARRAY_LEN(fds), PATIENCE_MS), "poll") == 0)
			(void)need(-ETIMEDOUT, "waiting for a request");
		at = look(s, fds);
	}
	while (!is_whole(s))
		if (!read_some(s, s->current))
			(void)need(-ECONNRESET, "in the middle of a request");
	return at;
}

/* --- answers --- */

static void send_chunk(struct server *s, const char *head, struct slice events, const char *tail)
{
	cleanup(buf) struct buf out = BUF_INIT(0);
	(void)buf_printf(&out, "%s%zx\r\n%s\r\n%s", head, events.size, events.at, tail);
	(void)need(io_write_all(s->current, out.data, out.size), "sending an answer");
}

static void add_event(struct buf *to, const char *type, const char *format, ...) print_like(3, 4);
static void add_event(struct buf *to, const char *type, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)buf_printf(to, "event: %s\ndata: {\"type\":\"%s\"", type, type);
	(void)buf_vprintf(to, format, args);
	(void)buf_add_text(to, "}\n\n");
	va_end(args);
}

static void add_call(struct buf *to, unsigned number, const char *command)
{
	cleanup(buf) struct buf input = BUF_INIT(0), quoted = BUF_INIT(0);
	(void)buf_add_text(&input, "{\"command\":");
	(void)json_quote(&input, command, strlen(command));
	(void)buf_add_char(&input, '}');
	(void)json_quote(&quoted, input.data, input.size);
	add_event(to, "content_block_start",
		",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
		"\"id\":\"toolu_%u\",\"name\":\"bash\",\"input\":{}}",
		number);
	add_event(to, "content_block_delta",
		",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":%s}",
		buf_text(&quoted));
}

static void add_words(struct buf *to)
{
	add_event(to, "content_block_start",
		",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
	add_event(to, "content_block_delta",
		",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"All done.\"}");
}

int64_t server_answer(struct server *s, const char *command, unsigned pause_us)
{
	static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
				   "transfer-encoding: chunked\r\n\r\n";
	cleanup(buf) struct buf events = BUF_INIT(0);
	unsigned number = ++s->answers;
	add_event(&events, "message_start",
		",\"message\":{\"id\":\"msg_%u\",\"type\":\"message\","
		"\"role\":\"assistant\",\"model\":\"claude-sonnet-5\",\"content\":[],"
		"\"stop_reason\":null,\"stop_sequence\":null,"
		"\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}",
		number);
	if (command)
		add_call(&events, number, command);
	else
		add_words(&events);
	send_chunk(s, head, buf_slice(&events), "");
	(void)usleep(pause_us);
	buf_clear(&events);
	add_event(&events, "content_block_stop", ",\"index\":0");
	add_event(&events, "message_delta",
		",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
		"\"usage\":{\"output_tokens\":20}",
		command ? "tool_use" : "end_turn");
	add_event(&events, "message_stop", "%s", "");
	int64_t at = now_ns();
	send_chunk(s, "", buf_slice(&events), "0\r\n\r\n");
	return at;
}
