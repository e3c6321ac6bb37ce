/* SPDX-License-Identifier: MIT */
/*
 * libcurl's multi interface asks for two things: to be told when one of its
 * sockets is ready or its one timer is due (act), and then to be asked which
 * transfers have ended (collect).
 *
 * libcurl may not be re-entered from its own callbacks, so a cancel from within
 * one only marks the request DEAD; collect removes it.
 */
#include "harness/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <string.h>

#include "base/trim.h"

enum {
	FINISH_MS = 1000, /* how long the rest of an answer that nobody reads may take */
	HEAD_BYTES_MAX = 512 << 10, /* libcurl stops at 300 KiB before the body, and nowhere behind it */
	KEEPALIVE_SECONDS = 60,
};

struct http {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer; /* libcurl's own */
	struct list requests; /* struct http_request.link */
	char *socket_path; /* owned; NULL for TCP */
	int64_t connect_timeout_ms, silence_timeout_ms;
	bool inside; /* within libcurl */
	bool any_dead; /* a request is DEAD: collect looks for it */
	bool hashed; /* certificates can be looked up one by one */
};

enum request_state {
	RUNNING,
	FINISHING, /* given away; the answer's rest is thrown away */
	DEAD, /* cancelled from within libcurl; collect frees it */
};

struct http_request {
	struct http *http;
	struct list link; /* http.requests */
	enum request_state state;
	CURL *easy;
	struct curl_slist *headers;
	struct slice *parts; /* owned array, lent bytes */
	size_t part_count, part, offset; /* the next byte to send is parts[part].at[offset] */
	int64_t size;
	bool sent; /* the whole body */
	size_t head_size; /* bytes of all headers, those behind the body included */
	bool head_open; /* the headers of the real answer are coming, not those of a 1xx one */
	const struct http_handler *handler;
	void *data;
	struct loop_timer silence;
	int64_t last_byte_ms;
	char error[CURL_ERROR_SIZE];
};

struct socket_source {
	struct http *http;
	struct loop_io io;
};

static void act(struct http *http, curl_socket_t fd, int what);

static void on_timer(void *data)
{
	act(data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *data)
{
	struct http *http = data;
	if (timeout_ms < 0)
		loop_disarm(http->loop, &http->timer);
	else
		loop_arm(http->loop, &http->timer, clock_now_ms() + timeout_ms);
	return 0;
}

static void on_socket(void *data, uint32_t events)
{
	struct socket_source *source = data;
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		(events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		(events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	act(source->http, source->io.fd, what);
}

static void source_free(struct http *http, struct socket_source *source)
{
	if (!source)
		return;
	loop_remove(&source->io);
	curl_multi_assign(http->multi, source->io.fd, NULL);
	free(source);
}

static struct socket_source *source_new(struct http *http, curl_socket_t fd)
{
	struct socket_source *source = xcalloc(1, sizeof(*source));
	source->http = http;
	source->io = (struct loop_io){ .fd = fd, .on_ready = on_socket, .data = source };
	curl_multi_assign(http->multi, fd, source);
	return source;
}

/* Events of CURL_POLL_IN, _OUT and _INOUT. */
static const uint32_t poll_events[] = {
	[CURL_POLL_IN] = EPOLLIN,
	[CURL_POLL_OUT] = EPOLLOUT,
	[CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
};

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct http *http = data;
	struct socket_source *source = socket_data;
	if (what == CURL_POLL_REMOVE) {
		source_free(http, source);
		return 0;
	}
	if (!source)
		source = source_new(http, fd);
	uint32_t events = (size_t)what < ARRAY_LEN(poll_events) ? poll_events[what] : 0;
	if (source->io.loop)
		return loop_set_events(&source->io, events);
	source->io.events = events;
	return loop_add(http->loop, &source->io);
}

static bool is_running(const struct http_request *request)
{
	return request->state == RUNNING;
}

static void note_life(struct http_request *request)
{
	if (is_running(request))
		request->last_byte_ms = clock_now_ms();
}

static size_t on_read(char *to, size_t one, size_t room, void *data)
{
	struct http_request *request = data;
	size_t done = 0;
	if (!is_running(request))
		return CURL_READFUNC_ABORT;
	note_life(request);
	while (done < room && request->part < request->part_count) {
		struct slice part = request->parts[request->part];
		size_t n = part.size - request->offset;
		if (n > room - done)
			n = room - done;
		if (n)
			memcpy(to + done, part.at + request->offset, n);
		done += n;
		request->offset += n;
		if (request->offset == part.size) {
			request->part++;
			request->offset = 0;
		}
	}
	request->sent = request->part == request->part_count;
	return done;
}

/* libcurl goes back to the start when a kept connection turned out to be closed. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
	struct http_request *request = data;
	if (offset != 0 || origin != SEEK_SET || !is_running(request))
		return CURL_SEEKFUNC_FAIL;
	request->part = request->offset = 0;
	request->sent = false;
	return CURL_SEEKFUNC_OK;
}

static struct slice trim(struct slice s)
{
	while (s.size && strchr(" \t\r\n", s.at[s.size - 1]))
		s.size--;
	while (s.size && strchr(" \t", *s.at))
		s = (struct slice){ s.at + 1, s.size - 1 };
	return s;
}

static void take_header(struct http_request *request, struct slice line)
{
	const char *colon = memchr(line.at, ':', line.size);
	if (!colon || !request->head_open)
		return;
	struct slice name = { line.at, (size_t)(colon - line.at) };
	struct slice value = { colon + 1, line.size - name.size - 1 };
	request->handler->on_header(request->data, trim(name), trim(value));
}

static void take_status(struct http_request *request)
{
	long status = 0;
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	request->head_open = status >= 200;
	if (request->head_open)
		request->handler->on_status(request->data, (int)status);
}

static size_t on_header(char *at, size_t one, size_t size, void *data)
{
	struct http_request *request = data;
	note_life(request);
	request->head_size += size;
	if (request->head_size > HEAD_BYTES_MAX)
		return 0;
	if (is_running(request) && size >= 5 && memcmp(at, "HTTP/", 5) == 0)
		take_status(request);
	else if (is_running(request))
		take_header(request, (struct slice){ at, size });
	return request->state == DEAD ? 0 : size;
}

static size_t on_write(char *at, size_t one, size_t size, void *data)
{
	struct http_request *request = data;
	note_life(request);
	if (is_running(request))
		request->handler->on_body(request->data, (struct slice){ at, size });
	return request->state == DEAD ? CURL_WRITEFUNC_ERROR : size;
}

static void headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(headers);
}

static void request_free(struct http_request *request)
{
	struct http *http = request->http;
	assert(!http->inside);
	loop_disarm(http->loop, &request->silence);
	list_remove(&request->link);
	curl_multi_remove_handle(http->multi, request->easy);
	curl_easy_cleanup(request->easy);
	headers_free(request->headers);
	free(request->parts);
	free(request);
}

static void request_end(struct http_request *request, int error, const char *reason)
{
	const struct http_handler *handler = request->handler;
	void *data = request->data;
	bool running = is_running(request);
	cleanup(free) char *words = xstrdup(reason);
	request_free(request);
	if (running)
		handler->on_end(data, &(struct http_end){ .error = error, .reason = words });
}

static void on_silence(void *data)
{
	struct http_request *request = data;
	struct http *http = request->http;
	int64_t limit_ms = http->silence_timeout_ms, due_ms = request->last_byte_ms + limit_ms;
	if (is_running(request) && due_ms > clock_now_ms()) {
		loop_arm(http->loop, &request->silence, due_ms);
		return;
	}
	cleanup(free) char *reason = xprintf("not one byte for %.3g s", (double)limit_ms / 1e3);
	request_end(request, -ETIMEDOUT, reason);
}

/* A certificate that does not fit and a TLS that does not start read the same to us. */
static const struct {
	CURLcode code;
	int error;
} errors[] = {
	{ CURLE_URL_MALFORMAT, EINVAL },
	{ CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH },
	{ CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH },
	{ CURLE_COULDNT_CONNECT, ECONNREFUSED },
	{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT },
	{ CURLE_SEND_ERROR, ECONNRESET },
	{ CURLE_RECV_ERROR, ECONNRESET },
	{ CURLE_PARTIAL_FILE, ECONNRESET },
	{ CURLE_GOT_NOTHING, ECONNRESET },
	{ CURLE_PEER_FAILED_VERIFICATION, EKEYREJECTED },
	{ CURLE_SSL_CONNECT_ERROR, EKEYREJECTED },
	{ CURLE_WEIRD_SERVER_REPLY, EPROTO },
	{ CURLE_WRITE_ERROR, EPROTO }, /* too much for us */
	{ CURLE_UNSUPPORTED_PROTOCOL, EPROTO }, /* said of an answer that is not HTTP/1 */
};

static int error_of(CURLcode code)
{
	if (code == CURLE_OK)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].code == code)
			return -errors[i].error;
	return -EIO;
}

static void finished(struct http_request *request, CURLcode code)
{
	const char *words = *request->error ? request->error : curl_easy_strerror(code);
	if (request->head_size > HEAD_BYTES_MAX)
		words = "its headers do not end";
	request_end(request, error_of(code), code == CURLE_OK ? "" : words);
}

static void collect(struct http *http)
{
	const CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct http_request *request = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
		if (message->msg == CURLMSG_DONE)
			finished(request, message->data.result);
	}
	struct http_request *request;
	if (!http->any_dead)
		return;
	http->any_dead = false;
	list_each(&http->requests, request, struct http_request, link)
		if (request->state == DEAD)
			request_free(request);
}

static void act(struct http *http, curl_socket_t fd, int what)
{
	int running;
	http->inside = true;
	(void)curl_multi_socket_action(http->multi, fd, what, &running);
	http->inside = false;
	collect(http);
}

/* Whether libcurl's directory of certificates has the links by which OpenSSL finds one. */
static bool has_hashed_certificates(void)
{
	const char *dir = curl_version_info(CURLVERSION_NOW)->capath;
	cleanup(free) char *pattern = xprintf("%s/????????.0", dir ? dir : "");
	glob_t found;
	bool any = dir && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	if (any)
		globfree(&found);
	return any;
}

int http_new(struct loop *loop, const struct http_config *config, struct http **ret)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -EIO;
	trim_code();
	(void)signal(SIGPIPE, SIG_IGN);
	struct http *http = xcalloc(1, sizeof(*http));
	http->loop = loop;
	http->socket_path = config->socket_path ? xstrdup(config->socket_path) : NULL;
	http->connect_timeout_ms = config->connect_timeout_ms;
	http->silence_timeout_ms = config->silence_timeout_ms;
	http->hashed = !config->socket_path && has_hashed_certificates();
	http->timer = (struct loop_timer){ .on_due = on_timer, .data = http };
	list_init(&http->requests);
	http->multi = curl_multi_init();
	if (!http->multi)
		abort();
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_CONNECTIONS_MAX);
	*ret = http;
	return 0;
}

struct http *http_free(struct http *http)
{
	if (!http)
		return NULL;
	struct http_request *request;
	list_each(&http->requests, request, struct http_request, link)
		request_free(request);
	curl_multi_cleanup(http->multi);
	loop_disarm(http->loop, &http->timer);
	curl_global_cleanup();
	free(http->socket_path);
	free(http);
	return NULL;
}

static void set_body(struct http_request *request, const struct http_post *post)
{
	request->parts = xmalloc(post->part_count * sizeof(struct slice));
	request->part_count = post->part_count;
	for (size_t i = 0; i < post->part_count; i++) {
		request->parts[i] = post->parts[i];
		request->size += (int64_t)post->parts[i].size;
	}
}

static void add_header(struct http_request *request, const char *line)
{
	struct curl_slist *longer = curl_slist_append(request->headers, line);
	if (!longer)
		abort();
	request->headers = longer;
}

/* A body of known size is sent at once instead of after a "100 Continue". */
static void set_headers(struct http_request *request, const struct http_post *post)
{
	for (size_t i = 0; i < post->header_count; i++)
		add_header(request, post->headers[i]);
	add_header(request, "Expect:");
	curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers);
}

static void set_callbacks(struct http_request *request)
{
	CURL *easy = request->easy;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, request);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, request);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
}

/* Without the bundle of all certificates the first connection takes 15 ms and 0.9 MB less. */
static void set_authorities(struct http_request *request)
{
	const char *file = getenv("SSL_CERT_FILE");
	if (file && *file)
		curl_easy_setopt(request->easy, CURLOPT_CAINFO, file);
	else if (request->http->hashed)
		curl_easy_setopt(request->easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(request->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(request->easy, CURLOPT_SSL_VERIFYHOST, 2L);
}

/* HTTP/1.1: one answer per connection, so that a cut or a cancel takes no other answer with it. */
static void set_transport(struct http_request *request)
{
	struct http *http = request->http;
	CURL *easy = request->easy;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
	if (http->socket_path) {
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->socket_path);
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	}
}

struct http_request *http_post(struct http *http, const struct http_post *post,
	const struct http_handler *handler, void *data)
{
	assert(!http->inside);
	struct http_request *request = xcalloc(1, sizeof(*request));
	request->http = http;
	request->handler = handler;
	request->data = data;
	request->easy = curl_easy_init();
	if (!request->easy)
		abort();
	set_callbacks(request);
	set_transport(request);
	set_authorities(request);
	set_headers(request, post);
	set_body(request, post);
	curl_easy_setopt(request->easy, CURLOPT_URL, post->url);
	curl_easy_setopt(request->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
	request->silence = (struct loop_timer){ .on_due = on_silence, .data = request };
	request->last_byte_ms = clock_now_ms();
	loop_arm(http->loop, &request->silence, request->last_byte_ms + http->silence_timeout_ms);
	list_add(&http->requests, &request->link);
	(void)curl_multi_add_handle(http->multi, request->easy);
	return request;
}

void http_cancel(struct http_request *request)
{
	request->state = DEAD;
	if (request->http->inside)
		request->http->any_dead = true;
	else
		request_free(request);
}

void http_finish(struct http_request *request)
{
	if (!request->sent) {
		http_cancel(request);
		return;
	}
	request->state = FINISHING;
	loop_arm(request->http->loop, &request->silence, clock_now_ms() + FINISH_MS);
}
