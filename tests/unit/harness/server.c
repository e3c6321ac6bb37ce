/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness/server.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct server {
	const struct script *answers;
	size_t count;
	int listener;
	char dir[32];
	struct sockaddr_un address;
	pthread_t thread;
	int connections, requests;
	struct buf head, body;
};

static bool read_some(int fd, struct buf *to)
{
	ssize_t n = read(fd, buf_reserve(to, 64 << 10), 64 << 10);
	if (n <= 0)
		return false;
	to->size += (size_t)n;
	to->data[to->size] = '\0';
	return true;
}

/* What was asked last stays until something else is asked. */
static bool read_head(struct server *server, int fd)
{
	cleanup(buf) struct buf head = BUF_INIT(0);
	const char *end;
	do {
		if (!read_some(fd, &head))
			return false;
	} while (!(end = strstr(head.data, "\r\n\r\n")));
	size_t size = (size_t)(end - head.data) + 4;
	buf_clear(&server->head);
	buf_clear(&server->body);
	buf_add(&server->head, head.data, size);
	buf_add(&server->body, head.data + size, head.size - size);
	server->requests++;
	return true;
}

static void read_body(struct server *server, int fd)
{
	const char *length = strcasestr(buf_text(&server->head), "\r\ncontent-length:");
	size_t size = length ? strtoul(length + 17, NULL, 10) : 0;
	while (server->body.size < size && read_some(fd, &server->body))
		;
}

static void send_bytes(int fd, const char *at, size_t size, bool bytewise)
{
	for (size_t i = 0; i < size;) {
		ssize_t n = send(fd, at + i, bytewise ? 1 : size - i, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		i += (size_t)n;
	}
}

static void frame(struct buf *out, const struct script *answer)
{
	const char *body = answer->body ? answer->body : "";
	bool broken = answer->ending == CUT || answer->ending == HOLD;
	if (answer->framing == BY_LENGTH)
		buf_printf(out, "content-length: %zu\r\n", strlen(body) + (broken ? 9 : 0));
	if (answer->framing == BY_CHUNKS)
		buf_add_text(out, "transfer-encoding: chunked\r\n");
	buf_add_text(out, "\r\n");
	if (answer->framing != BY_CHUNKS) {
		buf_add_text(out, body);
		return;
	}
	for (size_t n; *body; body += n) {
		n = strcspn(body, "\n");
		n += body[n] ? 1 : 0;
		buf_printf(out, "%zx\r\n%.*s\r\n", n, (int)n, body);
	}
	if (!broken)
		buf_add_text(out, "0\r\n\r\n");
}

static void wait_for_close(int fd)
{
	char bytes[4096];
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Whether the connection goes on. */
static bool give_answer(int fd, const struct script *answer)
{
	cleanup(buf) struct buf out = BUF_INIT(48 << 20);
	if (answer->head) {
		buf_add_text(&out, answer->head);
		frame(&out, answer);
		send_bytes(fd, out.data, out.size, answer->bytewise);
	}
	if (answer->ending == HOLD)
		wait_for_close(fd);
	return answer->ending == KEEP;
}

static void serve(struct server *server, int fd, size_t *next)
{
	while (*next < server->count && read_head(server, fd)) {
		const struct script *answer = &server->answers[(*next)++];
		if (!answer->early)
			read_body(server, fd);
		if (!give_answer(fd, answer))
			return;
	}
	wait_for_close(fd);
}

static void *server_run(void *data)
{
	struct server *server = data;
	size_t next = 0;
	while (next < server->count) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			break;
		server->connections++;
		serve(server, fd, &next);
		close(fd);
	}
	return NULL;
}

struct server *server_start(const struct script *answers, size_t count)
{
	struct server *server = xcalloc(1, sizeof(*server));
	server->answers = answers;
	server->count = count;
	strcpy(server->dir, "/tmp/test-model-XXXXXX");
	if (!mkdtemp(server->dir))
		abort();
	server->address.sun_family = AF_UNIX;
	strcat(strcpy(server->address.sun_path, server->dir), "/s");
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *address = (const struct sockaddr *)&server->address;
	int r = bind(server->listener, address, sizeof(server->address));
	assert(r == 0);
	r = listen(server->listener, 8);
	assert(r == 0);
	r = pthread_create(&server->thread, NULL, server_run, server);
	assert(r == 0);
	return server;
}

const char *server_path(const struct server *server)
{
	return server->address.sun_path;
}

struct server_report server_stop(struct server *server)
{
	(void)shutdown(server->listener, SHUT_RDWR); /* wakes an accept that nobody will answer */
	pthread_join(server->thread, NULL);
	struct server_report report = {
		.connections = server->connections,
		.requests = server->requests,
		.body_size = server->body.size,
	};
	report.head = buf_take(&server->head);
	report.body = buf_take(&server->body);
	close(server->listener);
	unlink(server->address.sun_path);
	rmdir(server->dir);
	free(server);
	return report;
}
