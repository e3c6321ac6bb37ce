/* SPDX-License-Identifier: MIT */
#include "rehearsal/serve.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/utf8.h"
#include "rehearsal/answer.h"
#include "rehearsal/reader.h"

enum {
	CONNECTIONS_MAX = 4096,
	CONNECTION_BYTES = 12 << 10, /* the head of a request and what is being sent */
	STREAM_BLOCK = 1024, /* libmicrohttpd keeps a buffer of this size per answer */
	UPLOADS_BYTES_MAX = 256 << 20, /* bodies being received, of all connections together */
	WATCH_MS = 500, /* how often we look whether the client of a waiting answer is there */
	TIDY_MS = 1000, /* free memory goes back to the system after so long without work */
	HEADERS_BYTES_MAX = 64 << 10,
};

struct serve {
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct loop_io io; /* libmicrohttpd's epoll descriptor */
	struct loop_timer timeout; /* when libmicrohttpd wants to run without an event */
	struct loop_timer tidy;
	struct loop_later run;
	struct desk *desk;
	struct list exchanges; /* struct exchange.link */
	size_t uploads; /* bytes */
};

/* One request and its answer.  Lives from the request's head until libmicrohttpd says that it is
 * over. */
struct exchange {
	struct list link; /* serve.exchanges */
	struct serve *serve;
	struct MHD_Connection *connection;
	char *method, *path;
	int64_t at_us;
	struct buf body;
	size_t received; /* bytes of the body, kept or not */
	bool is_too_large, is_refused; /* above BODY_BYTES_MAX; above UPLOADS_BYTES_MAX */
	bool is_answered; /* `answer` is made */
	bool is_reading; /* `reader` is at work */
	bool is_suspended, is_gone; /* gone: the client closed the connection */
	struct answer answer;
	struct reader *reader;
	struct loop_timer timer;
	int64_t due_ms; /* nothing is sent before */
	struct buf pending; /* events that are made but not yet sent */
};

/* ---- waiting ---- */

static void run_soon(struct serve *serve)
{
	loop_later(serve->loop, &serve->run);
}

static void wake(struct exchange *x)
{
	loop_disarm(x->serve->loop, &x->timer);
	if (!x->is_suspended)
		return;
	x->is_suspended = false;
	MHD_resume_connection(x->connection);
	run_soon(x->serve);
}

static void watch(struct exchange *x)
{
	int64_t now = clock_now_ms(), next = now + WATCH_MS;
	loop_arm(x->serve->loop, &x->timer, !x->is_reading && x->due_ms < next ? x->due_ms : next);
}

static void suspend(struct exchange *x)
{
	assert(!x->is_suspended);
	x->is_suspended = true;
	MHD_suspend_connection(x->connection);
	watch(x);
}

/* A suspended connection is not polled, so we look for ourselves. */
static bool client_is_gone(struct exchange *x)
{
	char byte;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_timer(void *data)
{
	struct exchange *x = data;
	x->is_gone = client_is_gone(x);
	if (x->is_gone || (!x->is_reading && clock_now_ms() >= x->due_ms))
		wake(x);
	else
		watch(x);
}

/* ---- sending ---- */

static ssize_t send_pending(struct exchange *x, char *to, size_t max)
{
	size_t n = x->pending.size < max ? x->pending.size : max;
	memcpy(to, buf_text(&x->pending), n);
	buf_consume(&x->pending, n);
	return (ssize_t)n;
}

/* Makes events until there is enough to send, or a pause, or the end. */
static enum wire_step make_events(struct exchange *x, size_t enough)
{
	enum wire_step step = WIRE_EVENT;
	while (x->pending.size < enough && step == WIRE_EVENT) {
		step = wire_next(&x->answer.wire, &x->pending);
		if (step == WIRE_PAUSE && x->answer.pace_ms)
			x->due_ms = clock_now_ms() + x->answer.pace_ms;
		else if (step == WIRE_PAUSE)
			step = WIRE_EVENT;
	}
	return step;
}

/* libmicrohttpd asks for more of a stream. */
static ssize_t on_stream(void *cls, uint64_t position, char *to, size_t max)
{
	struct exchange *x = cls;
	(void)position;
	if (x->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (x->pending.size)
		return send_pending(x, to, max);
	if (clock_now_ms() < x->due_ms) {
		suspend(x);
		return 0;
	}
	enum wire_step step = make_events(x, max);
	if (x->pending.size)
		return send_pending(x, to, max);
	return step == WIRE_END ? MHD_CONTENT_READER_END_OF_STREAM
				: MHD_CONTENT_READER_END_WITH_ERROR;
}

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
	char seconds[24];
	(void)MHD_add_response_header(response, "content-type", answer->content_type);
	(void)MHD_add_response_header(response, "request-id", answer->request_id);
	(void)MHD_add_response_header(response, "server", "agentdirs-rehearsal/" AGENTDIRS_VERSION);
	if (answer->streams)
		(void)MHD_add_response_header(response, "cache-control", "no-cache");
	if (answer->retry_after_s < 0)
		return;
	(void)snprintf(seconds, sizeof(seconds), "%" PRId64, answer->retry_after_s);
	(void)MHD_add_response_header(response, "retry-after", seconds);
}

static enum MHD_Result send_answer(struct exchange *x)
{
	struct answer *answer = &x->answer;
	struct MHD_Response *response;
	if (answer->streams) {
		response = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream, x, NULL);
	} else {
		size_t size = answer->body.size;
		response = MHD_create_response_from_buffer(
			size, buf_take(&answer->body), MHD_RESPMEM_MUST_FREE);
	}
	if (!response)
		return MHD_NO;
	add_headers(response, answer);
	enum MHD_Result result =
		MHD_queue_response(x->connection, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- answering ---- */

static void on_read_recording(void *data, const cJSON *blocks, const char *why)
{
	struct exchange *x = data;
	x->reader = NULL;
	x->is_reading = false;
	answer_replayed(&x->answer, blocks, why);
	wake(x);
}

static void start_reading(struct exchange *x)
{
	struct answer *answer = &x->answer;
	int r = reader_start(x->serve->loop, answer->replay, answer->replay_index,
		on_read_recording, x, &x->reader);
	x->is_reading = r == 0;
	if (r < 0)
		answer_fail(answer, 529, NULL);
}

static bool is_showable(const char *name)
{
	static const char *const names[] = { "accept", "content-type", "content-length",
		"user-agent" };
	if (strncasecmp(name, "anthropic-", 10) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static enum MHD_Result add_header(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	cJSON *headers = cls;
	(void)kind;
	if (!is_showable(name) || json_get(headers, name))
		return MHD_YES;
	cleanup(buf) struct buf text = BUF_INIT(HEADERS_BYTES_MAX);
	utf8_repair(&text, value ? value : "", value ? strlen(value) : 0);
	cJSON_AddStringToObject(headers, name, buf_text(&text));
	return MHD_YES;
}

static const char *header(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static const char *argument(struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
}

static void free_body(struct exchange *x)
{
	x->serve->uploads -= x->body.size;
	buf_done(&x->body);
}

static void make_answer(struct exchange *x)
{
	cJSON *headers = cJSON_CreateObject();
	(void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, add_header, headers);
	cleanup(free) char *shown = json_to_text(headers);
	cJSON_Delete(headers);
	struct ask ask = { .method = x->method,
		.path = x->path,
		.limit = argument(x, "limit"),
		.after = argument(x, "after_id"),
		.before = argument(x, "before_id"),
		.version = header(x, "anthropic-version"),
		.betas = header(x, "anthropic-beta"),
		.content_type = header(x, "content-type"),
		.headers = shown,
		.has_key = header(x, "x-api-key") || header(x, "authorization"),
		.is_too_large = x->is_too_large,
		.body = buf_slice(&x->body),
		.body_size = x->received,
		.at_us = x->at_us,
		.now_ms = clock_now_ms() };
	answer_init(&x->answer, x->serve->desk, &ask);
	free_body(x);
	x->is_answered = true;
	if (x->is_refused)
		answer_fail(&x->answer, 529, NULL);
	else if (x->answer.replay)
		start_reading(x);
	x->due_ms = clock_now_ms() + x->answer.delay_ms;
}

static enum MHD_Result answer_now(struct exchange *x)
{
	if (!x->is_answered)
		make_answer(x);
	if (x->is_gone)
		return MHD_NO;
	if (x->is_reading || clock_now_ms() < x->due_ms) {
		suspend(x);
		return MHD_YES;
	}
	return x->answer.breaks ? MHD_NO : send_answer(x);
}

static struct exchange *exchange_new(
	struct serve *serve, struct MHD_Connection *connection, const char *url, const char *method)
{
	struct exchange *x = xcalloc(1, sizeof(*x));
	*x = (struct exchange){ .serve = serve,
		.connection = connection,
		.method = xstrdup(method),
		.path = xstrdup(url),
		.at_us = clock_wall_us(),
		.body = BUF_INIT(BODY_BYTES_MAX),
		.timer = { .on_due = on_timer, .data = x } };
	list_add(&serve->exchanges, &x->link);
	loop_disarm(serve->loop, &serve->tidy);
	return x;
}

/* Oversized bodies are read to their end and dropped, so that the client gets to see the answer. */
static void take_upload(struct exchange *x, const char *data, size_t size)
{
	x->received += size;
	if (x->is_too_large || x->is_refused)
		return;
	x->is_refused = x->serve->uploads + size > UPLOADS_BYTES_MAX;
	x->is_too_large = !x->is_refused && x->body.size + size > BODY_BYTES_MAX;
	if (x->is_refused || x->is_too_large) {
		free_body(x);
		return;
	}
	(void)buf_add(&x->body, data, size);
	x->serve->uploads += size;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct exchange *x = *state;
	(void)version;
	if (!x) {
		*state = exchange_new(cls, connection, url, method);
		return MHD_YES;
	}
	if (*size) {
		take_upload(x, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer_now(x);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode why)
{
	struct serve *serve = cls;
	struct exchange *x = *state;
	(void)connection;
	(void)why;
	if (!x)
		return;
	list_remove(&x->link);
	loop_disarm(serve->loop, &x->timer);
	reader_cancel(x->reader);
	free_body(x);
	answer_done(&x->answer);
	buf_done(&x->pending);
	free(x->method);
	free(x->path);
	free(x);
	*state = NULL;
	if (list_is_empty(&serve->exchanges))
		loop_arm(serve->loop, &serve->tidy, clock_now_ms() + TIDY_MS);
}

/* ---- running ---- */

/* libmicrohttpd may have more to do at once, or at a time; it does not say so through its
 * descriptor. */
static void run(void *data)
{
	struct serve *serve = data;
	unsigned long long wait_ms;
	(void)MHD_run(serve->daemon);
	loop_disarm(serve->loop, &serve->timeout);
	if (MHD_get_timeout(serve->daemon, &wait_ms) != MHD_YES)
		return;
	if (wait_ms == 0)
		run_soon(serve);
	else
		loop_arm(serve->loop, &serve->timeout, clock_now_ms() + (int64_t)wait_ms);
}

static void on_ready(void *data, uint32_t events)
{
	(void)events;
	run_soon(data);
}

static void on_timeout(void *data)
{
	run_soon(data);
}

static void on_tidy(void *data)
{
	(void)data;
	(void)malloc_trim(0);
}

static int start_daemon(struct serve *serve, int listen_fd)
{
	serve->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, serve, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_completed, serve,
		MHD_OPTION_END);
	if (!serve->daemon)
		return errno ? -errno : -EINVAL;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(serve->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	serve->io = (struct loop_io){
		.fd = info->epoll_fd, .events = EPOLLIN, .on_ready = on_ready, .data = serve
	};
	return loop_add(serve->loop, &serve->io);
}

int serve_new(struct loop *loop, int listen_fd, struct serve **ret)
{
	struct serve *serve = xcalloc(1, sizeof(*serve));
	*serve = (struct serve){ .loop = loop,
		.desk = desk_new(),
		.timeout = { .on_due = on_timeout, .data = serve },
		.tidy = { .on_due = on_tidy },
		.run = { .on_later = run, .data = serve } };
	list_init(&serve->exchanges);
	int r = start_daemon(serve, listen_fd);
	if (r < 0) {
		serve_free(serve);
		return r;
	}
	*ret = serve;
	return 0;
}

struct serve *serve_free(struct serve *serve)
{
	struct exchange *x;
	if (!serve)
		return NULL;
	loop_remove(&serve->io);
	/* libmicrohttpd cannot stop while a connection is suspended. */
	list_each(&serve->exchanges, x, struct exchange, link) {
		x->is_gone = true;
		wake(x);
	}
	if (serve->daemon)
		MHD_stop_daemon(serve->daemon);
	loop_disarm(serve->loop, &serve->timeout);
	loop_disarm(serve->loop, &serve->tidy);
	loop_forget(&serve->run);
	desk_free(serve->desk);
	free(serve);
	return NULL;
}
