/* SPDX-License-Identifier: MIT */
/*
 * The program itself, over its socket: `test-serve PROGRAM`.
 *
 * Started as the supervisor starts it.  All waits are bounded; one process and
 * one thread play a thousand clients.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/control.h"
#include "base/io.h"
#include "base/json.h"
#include "tests/unit/test.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1 /* memory means nothing then */
#else
#define SANITIZED 0
#endif

enum { WAIT_MS = 20000, CLIENTS = 1000 };

static char directory[] = "/tmp/rehearsal-XXXXXX";
static char socket_path[64], recording_path[64], pipe_path[64];
static pid_t server;
static int control = -1;

/* ---- the server ---- */

static int listen_here(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(address.sun_path, socket_path);
	(void)unlink(socket_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
		return -1;
	return fd;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	return poll(&poll_fd, 1, WAIT_MS) == 1;
}

static void start_server(const char *program)
{
	int listen_fd = listen_here(), ends[2];
	CHECK(listen_fd >= 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	cleanup(free) char *listen_word = xprintf("listen=%d", listen_fd);
	cleanup(free) char *control_word = xprintf("control=%d", ends[1]);
	(void)fflush(stdout);
	server = fork();
	if (server == 0) {
		close(ends[0]);
		(void)execl(program, program, listen_word, control_word, NULL);
		_exit(127);
	}
	close(listen_fd);
	close(ends[1]);
	control = ends[0];
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX);
	int fds[IO_FDS_MAX];
	size_t fd_count;
	CHECK(is_readable(control));
	CHECK_INT(io_recv_packet(control, CONTROL_PACKET_MAX, &packet, fds, &fd_count), 1);
	CHECK(slice_is(fields_find(buf_slice(&packet), "say"), "ready"));
}

/* Waits until the program has ended: its exit status, or -1 when it does not. */
static int wait_for_end(void)
{
	int status;
	for (int64_t end = clock_now_ms() + WAIT_MS; clock_now_ms() < end; (void)poll(NULL, 0, 5))
		if (waitpid(server, &status, WNOHANG) == server)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, &status, 0);
	return -1;
}

static long pss_kib(void)
{
	cleanup(free) char *path = xprintf("/proc/%d/smaps_rollup", (int)server);
	cleanup(buf) struct buf text = BUF_INIT(1 << 16);
	if (io_read_file(AT_FDCWD, path, 1 << 16, &text) < 0)
		return 0;
	const char *at = strstr(buf_text(&text), "Pss:");
	return at ? atol(at + 4) : 0;
}

/* ---- clients ---- */

struct client {
	int fd;
	struct buf in;
	bool failed; /* the connection broke */
};

static void client_open(struct client *c)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	*c = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.in = BUF_INIT(64 << 20) };
	strcpy(address.sun_path, socket_path);
	c->failed = connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0;
}

static void client_close(struct client *c)
{
	close(c->fd);
	buf_done(&c->in);
}

/* Reads what is there; false at the end. */
static bool client_read(struct client *c)
{
	char *to = buf_reserve(&c->in, 65536);
	*to = '\0';
	ssize_t n = read(c->fd, to, 65536);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	c->failed = c->failed || n < 0;
	if (n <= 0)
		return false;
	c->in.size += (size_t)n;
	c->in.data[c->in.size] = '\0';
	return true;
}

static void client_read_all(struct client *c)
{
	while (is_readable(c->fd))
		if (!client_read(c))
			return;
	c->failed = true;
	CHECK(!"the server is silent for too long");
}

static void client_send(struct client *c, const char *method, const char *path, const char *headers,
	struct slice body)
{
	cleanup(free) char *head =
		xprintf("%s %s HTTP/1.1\r\nhost: rehearsal\r\nconnection: close\r\n%s"
			"content-length: %zu\r\n\r\n",
			method, path, headers, body.size);
	(void)io_write_all(c->fd, head, strlen(head));
	(void)io_write_all(c->fd, body.at, body.size);
}

#define HEADERS "anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n"

static void client_ask(struct client *c, const char *body)
{
	client_send(c, "POST", "/v1/messages", HEADERS, slice_of(body));
}

/* Takes the chunks off the body; the text that was sent, given.  An unfinished last chunk is kept. */
static char *client_body(const struct client *c)
{
	struct buf out = BUF_INIT(64 << 20);
	const char *end = buf_text(&c->in) + c->in.size, *at = strstr(buf_text(&c->in), "\r\n\r\n");
	bool chunked = strcasestr(buf_text(&c->in), "\r\ntransfer-encoding: chunked");
	at = at ? at + 4 : end;
	if (!chunked)
		(void)buf_add(&out, at, (size_t)(end - at));
	while (chunked && at < end) {
		char *data = NULL;
		size_t size = strtoul(at, &data, 16);
		data += 2;
		if (size > (size_t)(end - data))
			size = (size_t)(end - data);
		(void)buf_add(&out, data, size);
		at = data + size + 2;
		if (!size)
			break;
	}
	return buf_take(&out);
}

static bool is_complete(const struct client *c)
{
	return c->in.size > 7 && strcmp(c->in.data + c->in.size - 7, "\r\n0\r\n\r\n") == 0;
}

struct got {
	int status;
	char *body;
	bool broke; /* the connection ended before the answer did */
};

static struct got exchange(
	const char *method, const char *path, const char *headers, struct slice body)
{
	struct client c;
	client_open(&c);
	client_send(&c, method, path, headers, body);
	client_read_all(&c);
	struct got got = { .body = client_body(&c) };
	(void)sscanf(buf_text(&c.in), "HTTP/1.1 %d", &got.status);
	bool chunked = strcasestr(buf_text(&c.in), "\r\ntransfer-encoding: chunked");
	got.broke = !got.status || (chunked && !is_complete(&c));
	client_close(&c);
	return got;
}

static char *request_of(const char *text, bool stream)
{
	struct buf out = BUF_INIT(64 << 20);
	(void)buf_printf(&out,
		"{\"model\":\"claude-opus-5\",\"max_tokens\":1000,\"stream\":%s,\"messages\":[{"
		"\"role\":\"user\",\"content\":",
		stream ? "true" : "false");
	(void)json_quote(&out, text, strlen(text));
	(void)buf_add_text(&out, "}]}");
	return buf_take(&out);
}

static struct got say(const char *text, bool stream)
{
	cleanup(free) char *body = request_of(text, stream);
	return exchange("POST", "/v1/messages", HEADERS, slice_of(body));
}

static void check_got(struct got got, int status, const char *piece)
{
	CHECK_INT(got.status, status);
	CHECK(strstr(got.body, piece));
	if (!strstr(got.body, piece))
		printf("#   in   %s\n#   want %s\n", got.body, piece);
	free(got.body);
}

/* ---- tests ---- */

static void test_answers(void)
{
	check_got(say("say hi", true), 200, "\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}");
	check_got(say("say hi", true), 200,
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
	check_got(say("say hi", false), 200, "\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]");
	check_got(say("hello", false), 200, "This is the rehearsal model, not Claude");
	check_got(exchange("POST", "/v1/messages/count_tokens", HEADERS,
			  slice_of("{\"model\":\"claude-opus-5\","
				   "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}")),
		200, "{\"input_tokens\":5}");
	check_got(exchange("GET", "/v1/models", "", slice_of("")), 200, "\"id\":\"claude-opus-5\"");
	check_got(exchange("GET", "/v1/models?limit=1&after_id=claude-opus-5", "", slice_of("")),
		200,
		"\"first_id\":\"claude-sonnet-5\",\"last_id\":\"claude-sonnet-5\",\"has_more\":true");
	check_got(exchange("GET", "/v1/models/claude-haiku-4-5", "", slice_of("")), 200,
		"\"id\":\"claude-haiku-4-5-20251001\"");
}

static void test_refusals(void)
{
	cleanup(free) char *big = xcalloc(1, 33 << 20);
	memset(big, ' ', 33 << 20);
	check_got(
		exchange("POST", "/v1/messages", HEADERS, slice_of("{")), 400, "is not valid JSON");
	check_got(exchange("POST", "/v1/messages", HEADERS, slice_of("{}")), 400,
		"model: Field required");
	check_got(exchange("POST", "/v1/messages", "", slice_of("{}")), 400,
		"anthropic-version: header");
	check_got(exchange("POST", "/v1/messages", "anthropic-version: 2023-06-01\r\n",
			  slice_of("{}")),
		400, "Content-Type: must be");
	check_got(exchange("POST", "/v1/messages", HEADERS "anthropic-beta: x\r\n", slice_of("{}")),
		400, "Unexpected value(s) `x`");
	check_got(exchange("GET", "/v1/messages", "", slice_of("")), 405, "invalid_request_error");
	check_got(exchange("GET", "/v1/models/gpt", "", slice_of("")), 404, "model: gpt");
	check_got(exchange("GET", "/", "", slice_of("")), 404, "not_found_error");
	check_got(exchange("POST", "/v1/messages", HEADERS, (struct slice){ big, 33 << 20 }), 413,
		"request_too_large");
}

static void test_faults(void)
{
	check_got(say("%overload 2\nsay ok", true), 529, "overloaded_error");
	check_got(say("%overload 2\nsay ok", true), 529, "overloaded_error");
	check_got(say("%overload 2\nsay ok", true), 200, "message_stop");
	check_got(say("%rate_limit 1 7\nsay ok", true), 429, "rate_limit_error");
	check_got(say("%error 1 402\nsay ok", true), 402, "billing_error");
	static const char *const breaks[] = { "%cut\nsay 0123456789", "%cut 1 tool\n! ls",
		"%cut 1 start\nsay a", "%silence 1 100ms\nsay a" };
	for (size_t i = 0; i < ARRAY_LEN(breaks); i++)
		for (int stream = 0; stream < 2; stream++) {
			struct got got = say(breaks[i], stream);
			CHECK(got.broke && !strstr(got.body, "message_stop"));
			free(got.body);
			got = say(breaks[i], stream);
			CHECK(!got.broke && got.status == 200);
			free(got.body);
		}
	check_got(say("%stream_error\nsay 0123456789", true), 200, "event: error\n");
	check_got(say("%garbage\nsay 0123456789", true), 200, "\"text\":\"01234\"");
	check_got(say("%garbage\nsay 0", false), 200, "<html>");
}

static void test_retry_after(void)
{
	struct client c;
	cleanup(free) char *body = request_of("%rate_limit 1 9\nsay x", true);
	client_open(&c);
	client_ask(&c, body);
	client_read_all(&c);
	CHECK(strcasestr(buf_text(&c.in), "\r\nretry-after: 9\r\n"));
	CHECK(strcasestr(buf_text(&c.in), "\r\nrequest-id: req_"));
	client_close(&c);
}

static int64_t usage_of(const char *body, const char *field)
{
	cleanup(json) cJSON *json = json_parse(body, strlen(body), NULL);
	return json_int(json_get(json, "usage"), field, -1);
}

static void test_cache(void)
{
	cleanup(buf) struct buf body = BUF_INIT(1 << 16);
	buf_add_text(&body,
		"{\"model\":\"claude-opus-5\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"");
	for (int i = 0; i < 1000; i++)
		buf_add_text(&body, "word");
	buf_add_text(&body,
		"\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":\"user\","
		"\"content\":\"say x\"}]}");
	struct got first = exchange("POST", "/v1/messages", HEADERS, buf_slice(&body));
	struct got second = exchange("POST", "/v1/messages", HEADERS, buf_slice(&body));
	CHECK_INT(usage_of(first.body, "cache_creation_input_tokens"), 1003);
	CHECK_INT(usage_of(first.body, "cache_read_input_tokens"), 0);
	CHECK_INT(usage_of(second.body, "cache_creation_input_tokens"), 0);
	CHECK_INT(usage_of(second.body, "cache_read_input_tokens"), 1003);
	CHECK_INT(usage_of(second.body, "input_tokens"), 5);
	free(first.body);
	free(second.body);
}

static void test_replay(void)
{
	static const char log[] =
		"{\"type\":\"span.model_request_start\"}\n"
		"{\"type\":\"agent.tool_use\",\"name\":\"bash\",\"input\":{\"command\":\"recorded\"}}\n"
		"{\"type\":\"span.model_request_end\"}\n";
	CHECK_INT(io_write_file(AT_FDCWD, recording_path, log, strlen(log), 0600), 0);
	CHECK_INT(mkfifo(pipe_path, 0600), 0);
	cleanup(free) char *good = xprintf("replay: %s", recording_path);
	cleanup(free) char *pipe = xprintf("replay: %s", pipe_path);
	check_got(say(good, true), 200, "\"partial_json\":\"{\\\"command\\\":\\\"recorded\\\"}\"");
	check_got(say(good, false), 200, "\"stop_reason\":\"tool_use\"");
	check_got(say("replay: /nowhere/at/all", false), 200, "No such file or directory");
	check_got(say(pipe, false), 200, "is not a file of at most 1 GiB");
	check_got(say("replay: /proc/self/comm", false), 200, "I cannot replay /proc/self/comm");
	cleanup(free) char *later = xprintf(
		"{\"model\":\"claude-opus-5\",\"max_tokens\":100,\"messages\":["
		"{\"role\":\"user\",\"content\":\"replay: %s\"},{\"role\":\"assistant\",\"content\":\"x\"},"
		"{\"role\":\"user\",\"content\":\"go on\"}]}",
		recording_path);
	check_got(exchange("POST", "/v1/messages", HEADERS, slice_of(later)), 200,
		"it holds 1 answers and they have all been given");
}

static void test_journal(void)
{
	cleanup(free) char *body = request_of("say \xc3\xa4 \"quoted\"", false);
	int64_t before = clock_wall_us();
	struct got got = exchange("POST", "/v1/messages",
		HEADERS "X-Api-Key: sk-secret\r\nanthropic-beta: "
			"compact-2026-01-12\r\nAuthorization: Bearer secret\r\n",
		slice_of(body));
	CHECK_INT(got.status, 200);
	free(got.body);
	got = exchange("GET", "/_rehearsal/log", "", slice_of(""));
	const char *last = strrchr(got.body, '{') ? got.body : "";
	for (const char *at = last; (at = strstr(at, "\n{\"seq\":")); at++)
		last = at + 1;
	cleanup(json) cJSON *entry = json_parse(last, strlen(last), NULL);
	CHECK_TEXT(json_text(entry, "body"), body);
	CHECK_INT(json_int(entry, "bytes", 0), (int64_t)strlen(body));
	CHECK_INT(json_int(entry, "status", 0), 200);
	CHECK(json_bool(entry, "key", false) && !json_bool(entry, "clipped", true));
	CHECK_TEXT(json_text(json_get(entry, "headers"), "anthropic-beta"), "compact-2026-01-12");
	CHECK(!strcasestr(got.body, "secret"));
	int64_t at = clock_parse(json_text(entry, "at"));
	CHECK(at >= before && at <= clock_wall_us());
	int lines = 0;
	for (const char *c = got.body; *c; c++)
		lines += *c == '\n';
	CHECK(lines > 10 && lines <= 64);
	free(got.body);
}

/* A client that leaves in the middle of a long silence is noticed, and nobody else suffers. */
static void test_leaving(void)
{
	struct client c;
	cleanup(free) char *body = request_of("%silence 1 10m", true);
	client_open(&c);
	client_ask(&c, body);
	CHECK_INT(poll(&(struct pollfd){ .fd = c.fd, .events = POLLIN }, 1, 100), 0);
	client_close(&c);
	check_got(say("say still here", false), 200, "still here");
}

static void read_round(struct client *clients, struct pollfd *fds, int *left)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (!(fds[i].revents & (POLLIN | POLLHUP | POLLERR)) || client_read(&clients[i]))
			continue;
		fds[i].fd = -1;
		(*left)--;
	}
}

/* 1,000 streams that pause five times for 300 ms: one after another they would take 25 minutes. */
static void test_many(void)
{
	static struct client clients[CLIENTS];
	static struct pollfd fds[CLIENTS];
	cleanup(free) char *body = request_of(
		"%slow 300ms\nsay one two three four five six seven eight nine ten, and then some more",
		true);
	long idle = pss_kib(), busy = 0;
	int64_t begin = clock_now_ms();
	for (int i = 0; i < CLIENTS; i++) {
		client_open(&clients[i]);
		client_ask(&clients[i], body);
		fds[i] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
	}
	int left = CLIENTS;
	while (left && clock_now_ms() < begin + 60000) {
		if (poll(fds, CLIENTS, 1000) > 0)
			read_round(clients, fds, &left);
		if (!busy && clock_now_ms() > begin + 600)
			busy = pss_kib();
	}
	int complete = 0;
	for (int i = 0; i < CLIENTS; i++) {
		cleanup(free) char *text = client_body(&clients[i]);
		complete += is_complete(&clients[i]) && strstr(text, "event: message_stop");
		client_close(&clients[i]);
	}
	CHECK_INT(complete, CLIENTS);
	printf("# PSS %ld KiB before, %ld KiB with %d streams, %lld ms\n", idle, busy, CLIENTS,
		(long long)(clock_now_ms() - begin));
	CHECK(busy < 30 * 1024 || SANITIZED);
}

/* SIGTERM ends the program although streams are open. */
static void test_end_by_signal(void)
{
	struct client c;
	cleanup(free) char *body = request_of("%slow 1m\nsay one two three", true);
	client_open(&c);
	client_ask(&c, body);
	CHECK(is_readable(c.fd));
	(void)client_read(&c);
	CHECK_INT(kill(server, SIGTERM), 0);
	CHECK_INT(wait_for_end(), 0);
	client_read_all(&c);
	CHECK(!is_complete(&c));
	client_close(&c);
	close(control);
}

static void test_end_by_control(const char *program)
{
	start_server(program);
	check_got(say("say hi", false), 200, "hi");
	close(control);
	CHECK_INT(wait_for_end(), 0);
}

int main(int argc, char **argv)
{
	struct rlimit files = { .rlim_cur = CLIENTS + 100, .rlim_max = CLIENTS + 100 };
	json_setup();
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc != 2 || !mkdtemp(directory))
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
	(void)snprintf(recording_path, sizeof(recording_path), "%s/events", directory);
	(void)snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", directory);
	start_server(argv[1]);
	test_answers();
	test_refusals();
	test_faults();
	test_retry_after();
	test_cache();
	test_replay();
	test_journal();
	test_leaving();
	test_many();
	test_end_by_signal();
	test_end_by_control(argv[1]);
	(void)unlink(socket_path);
	(void)unlink(recording_path);
	(void)unlink(pipe_path);
	CHECK_INT(rmdir(directory), 0);
	return test_done();
}
