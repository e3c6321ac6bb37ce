/* SPDX-License-Identifier: MIT */
/*
 * A request's life: http.c hands on what arrives, reply.c keeps the head, sse.c
 * and message.c make a message of the body, and verdict.c says what a failure
 * means.  The first thing that settles the request wins (settle); the outcome is
 * delivered at the end of the loop's round, when nothing of all that is on the
 * stack.
 *
 * The key lives in one string here, as the header that carries it.  It goes into
 * each request's header list, which http.c wipes, and nowhere else.
 */
#include "harness/model.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "harness/http.h"
#include "harness/message.h"
#include "harness/sse.h"
#include "harness/verdict.h"

enum {
	KEY_BYTES_MAX = 16 << 10, /* of a key or token; a signed token may have a few KiB */
	ERROR_BODY_MAX = 64 << 10, /* of an answer that is no stream; the rest is not read */
	REASON_MAX = 2 << 10,
	QUOTE_MAX = 600, /* bytes of the server's own words in a reason */
	KEY_PIECE_MIN = 12, /* bytes in a row that are the key's and no accident */
	/* The events of a message have fewer with all that belongs to them; more is comments and
	 * blank lines. */
	STREAM_BYTES_MAX = 4 * MESSAGE_MEMORY_MAX,
	RETRY_BASE_MS = 500,
	RETRY_MAX_MS = 60 * 1000,
	RETRY_AFTER_MAX_MS = 10 * 60 * 1000, /* who asks for more is not believed */
};

struct model {
	struct loop *loop;
	struct http *http;
	char *url;
	char *where; /* for sentences: the socket or the URL */
	char *auth; /* the header with the key, or NULL; wiped */
	const char *secret; /* the key within auth */
	int64_t stall_timeout_ms;
	struct list requests; /* struct model_request.link */
};

struct model_request {
	struct model *model;
	struct list link; /* model.requests */
	struct http_request *http; /* NULL once it has ended */
	struct model_handler handler;
	void *data;
	struct reply reply;
	struct sse sse;
	struct message *message;
	size_t received; /* bytes of the stream */
	struct buf body; /* of an answer that is no stream */
	struct loop_timer stall;
	int64_t last_event_ms;
	struct loop_later later; /* delivers the outcome */
	struct model_outcome outcome;
	struct buf reason;
	bool settled; /* the outcome is decided */
	bool busy; /* a callback is on the stack: a cancel must not free yet */
	bool cancelled;
};

static struct model_request *request_free(struct model_request *request)
{
	struct loop *loop = request->model->loop;
	if (request->http)
		http_cancel(request->http);
	loop_disarm(loop, &request->stall);
	loop_forget(&request->later);
	list_remove(&request->link);
	reply_done(&request->reply);
	sse_done(&request->sse);
	message_free(request->message);
	buf_done(&request->body);
	buf_done(&request->reason);
	free(request);
	return NULL;
}

/* The bytes at `at` that stand in the secret, too, in one piece. */
static size_t secret_run(const char *at, size_t size, const char *secret, size_t secret_size)
{
	size_t run = secret_size < KEY_PIECE_MIN ? secret_size : KEY_PIECE_MIN;
	if (!run || size < run || !memmem(secret, secret_size, at, run))
		return 0;
	while (run < size && memmem(secret, secret_size, at, run + 1))
		run++;
	return run;
}

/* A server may quote the key in its error, whole or in part; people copy error messages into
 * mails. */
static void hide(struct buf *text, const char *secret)
{
	size_t secret_size = secret ? strlen(secret) : 0;
	for (size_t i = 0; i < text->size; i++) {
		size_t run = secret_run(text->data + i, text->size - i, secret, secret_size);
		if (run) {
			memset(text->data + i, '*', run);
			i += run - 1;
		}
	}
}

/* Controls move a terminal's cursor and more, those of one byte and those of two (U+0080 to U+009F)
 * alike. */
static void one_line(struct buf *text)
{
	for (size_t i = 0; i < text->size; i++) {
		unsigned char c = (unsigned char)text->data[i];
		unsigned char next = i + 1 < text->size ? (unsigned char)text->data[i + 1] : 0;
		if (c < 0x20 || c == 0x7f)
			text->data[i] = ' ';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			text->data[i] = text->data[i + 1] = ' ';
	}
}

/* What servers and certificates say need not be text, and a precision may have cut a character. */
static void make_text(struct buf *reason)
{
	cleanup(buf) struct buf text = BUF_INIT(3 * REASON_MAX);
	utf8_repair(&text, buf_text(reason), reason->size);
	buf_clear(reason);
	(void)buf_add(reason, buf_text(&text), text.size > REASON_MAX ? utf8_clip(text.data, REASON_MAX) : text.size);
}

/* Decides the outcome; `reason` was filled before. */
static void settle(struct model_request *request, enum model_verdict verdict,
	const char *error_type)
{
	if (request->settled)
		return;
	one_line(&request->reason);
	hide(&request->reason, request->model->secret);
	make_text(&request->reason);
	request->settled = true;
	request->outcome.verdict = verdict;
	request->outcome.error_type = error_type;
	loop_disarm(request->model->loop, &request->stall);
	loop_later(request->model->loop, &request->later);
}

/* A failure on the way: asking again may help. */
static void settle_retry(struct model_request *request, const char *format, ...) print_like(2, 3);
static void settle_retry(struct model_request *request, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!request->settled)
		(void)buf_vprintf(&request->reason, format, args);
	va_end(args);
	settle(request, MODEL_RETRY, "model_request_failed_error");
}

static void add_quote(struct model_request *request, struct slice words)
{
	cleanup(buf) struct buf text = BUF_INIT(SSE_EVENT_BYTES_MAX);
	utf8_repair(&text, words.at, words.size);
	while (text.size && (unsigned char)text.data[text.size - 1] <= ' ')
		buf_cut(&text, text.size - 1);
	size_t part = utf8_clip(buf_text(&text), text.size < QUOTE_MAX ? text.size : QUOTE_MAX);
	(void)buf_printf(&request->reason, ": %.*s%s", (int)part, buf_text(&text),
		part < text.size ? " …" : "");
}

/* The server's own words: the API's, those of servers that nearly speak its format, or plain text;
 * not the page of some gateway. */
static struct slice words_of(const struct model_request *request, const cJSON *json)
{
	const cJSON *error = json_get(json, "error");
	const char *words = cJSON_GetStringValue(error);
	if (!words)
		words = json_text(error, "message");
	if (json || !request->body.size || *request->body.data == '<')
		return slice_of(words ? words : "");
	return buf_slice(&request->body);
}

/* The server said what is wrong, as an error's body or as an event of the stream. */
static void settle_error(struct model_request *request, const cJSON *json)
{
	struct slice words = words_of(request, json);
	struct verdict_facts facts = {
		.status = request->reply.status,
		.type = cJSON_GetStringValue(json_path(json, "error.type")),
		.message = words.at,
		.code = cJSON_GetStringValue(json_path(json, "error.details.error_code")),
		.hint = request->reply.hint,
	};
	struct verdict verdict = verdict_of(&facts);
	struct buf *reason = &request->reason;
	(void)buf_printf(reason, "%s (HTTP %d", verdict.what, facts.status);
	if (facts.type)
		(void)buf_printf(reason, ", %.60s", facts.type);
	if (*request->reply.request_id)
		(void)buf_printf(reason, ", %s", request->reply.request_id);
	(void)buf_add_char(reason, ')');
	if (words.size)
		add_quote(request, words);
	settle(request, verdict.verdict, verdict.error_type);
}

/* An answer that is no stream has ended: a refusal, or a server that is none of ours. */
static void settle_body(struct model_request *request)
{
	cleanup(json) cJSON *json = json_parse(buf_text(&request->body), request->body.size, NULL);
	if (request->reply.status >= 300 || json_get(json, "error")) {
		settle_error(request, json);
		return;
	}
	(void)buf_printf(&request->reason, "%s answered, but not with a stream of events: "
		"is it a server of the Messages API?", request->model->where);
	settle(request, MODEL_FAILED, "model_request_failed_error");
}

static void tell(struct model_request *request, const struct model_piece *piece)
{
	request->handler.on_piece(request->data, piece);
	if (piece->kind == PIECE_BLOCK_START && piece->text.size && !request->cancelled) {
		struct model_piece text = *piece;
		text.kind = PIECE_TEXT;
		request->handler.on_piece(request->data, &text);
	}
}

static void take_event(struct model_request *request, struct slice data)
{
	struct model_piece piece;
	cleanup(buf) struct buf why = BUF_INIT(REASON_MAX);
	enum message_what what = message_push(request->message, data, &piece, &why);
	if (what != MESSAGE_LIFE)
		request->last_event_ms = clock_now_ms();
	switch (what) {
	case MESSAGE_NOTHING:
	case MESSAGE_LIFE:
		return;
	case MESSAGE_PIECE:
		tell(request, &piece);
		return;
	case MESSAGE_COMPLETE:
		settle(request, MODEL_DONE, NULL);
		return;
	case MESSAGE_ERROR:
		settle_error(request, message_error(request->message));
		return;
	case MESSAGE_GARBAGE:
		settle_retry(request, "the model's stream is damaged: %s", buf_text(&why));
		return;
	case MESSAGE_TOO_BIG:
		settle_retry(request, "the model's message is larger than %d MiB",
			MESSAGE_MEMORY_MAX >> 20);
		return;
	}
}

static void take_stream(struct model_request *request, struct slice bytes)
{
	struct sse_event event;
	enum sse_what what;
	request->received += bytes.size;
	if (request->received > STREAM_BYTES_MAX) {
		settle_retry(request, "the model's stream does not end: more than %d MiB",
			STREAM_BYTES_MAX >> 20);
		return;
	}
	sse_push(&request->sse, bytes);
	while (!request->settled && !request->cancelled &&
		(what = sse_step(&request->sse, &event)) != SSE_MORE) {
		if (what == SSE_EVENT)
			take_event(request, event.data);
		else if (what == SSE_GARBAGE)
			settle_retry(request, "the model's stream is damaged: %s",
				"a line that is no event");
		else
			settle_retry(request, "the model's stream has an event larger than %d MiB",
				SSE_EVENT_BYTES_MAX >> 20);
	}
}

static void take_body(struct model_request *request, struct slice bytes)
{
	if (buf_add(&request->body, bytes.at, bytes.size) < 0)
		settle_body(request);
}

static void on_status(void *data, int status)
{
	struct model_request *request = data;
	reply_begin(&request->reply, status);
}

static void on_header(void *data, struct slice name, struct slice value)
{
	struct model_request *request = data;
	reply_header(&request->reply, name, value, clock_wall_us());
}

static void on_body(void *data, struct slice bytes)
{
	struct model_request *request = data;
	if (request->settled)
		return;
	request->busy = true;
	if (reply_is_stream(&request->reply))
		take_stream(request, bytes);
	else
		take_body(request, bytes);
	request->busy = false;
	if (request->cancelled)
		request_free(request);
}

static void settle_transport(struct model_request *request, const struct http_end *end)
{
	struct verdict verdict = verdict_of(&(struct verdict_facts){ 0 });
	(void)buf_printf(&request->reason, "no answer from %s: %s", request->model->where,
		end->reason);
	settle(request, end->error == -EINVAL ? MODEL_FAILED : verdict.verdict, verdict.error_type);
}

static void on_end(void *data, const struct http_end *end)
{
	struct model_request *request = data;
	request->http = NULL;
	if (request->settled)
		return;
	if (!request->reply.status)
		settle_transport(request, end);
	else if (!reply_is_stream(&request->reply))
		settle_body(request);
	else if (end->error)
		settle_retry(request, "the model's answer broke off: %s", end->reason);
	else
		settle_retry(request, "the model's answer ended before the message did");
}

static const struct http_handler http_handler = {
	.on_status = on_status,
	.on_header = on_header,
	.on_body = on_body,
	.on_end = on_end,
};

static void on_stall(void *data)
{
	struct model_request *request = data;
	struct model *model = request->model;
	int64_t due_ms = request->last_event_ms + model->stall_timeout_ms;
	const struct reply *reply = &request->reply;
	if (due_ms > clock_now_ms())
		loop_arm(model->loop, &request->stall, due_ms);
	else if (reply->status && !reply_is_stream(reply))
		settle_body(request); /* an error that does not end; what came will do */
	else
		settle_retry(request, "the model said nothing for %.3g s, though its server lives",
			(double)model->stall_timeout_ms / 1e3);
}

static void fill_outcome(struct model_request *request)
{
	struct model_outcome *outcome = &request->outcome;
	const struct reply *reply = &request->reply;
	outcome->message = outcome->verdict == MODEL_DONE ? message_json(request->message) : NULL;
	outcome->usage = message_usage(request->message);
	outcome->reason = buf_text(&request->reason);
	outcome->http_status = reply->status;
	outcome->retry_after_ms = reply->retry_after_ms;
	outcome->request_id = reply->request_id;
	outcome->limits = buf_text(&reply->limits);
}

static void deliver(void *data)
{
	struct model_request *request = data;
	struct http_request *http = steal(request->http);
	if (http && request->outcome.verdict == MODEL_DONE)
		http_finish(http);
	else if (http)
		http_cancel(http);
	fill_outcome(request);
	request->busy = true;
	request->handler.on_outcome(request->data, &request->outcome);
	request_free(request);
}

/* Printable and without blanks, so that it cannot end the header and begin another. */
static bool key_is_valid(const char *key)
{
	size_t size = strnlen(key, KEY_BYTES_MAX);
	for (size_t i = 0; i < size; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return false;
	return size > 0 && size < KEY_BYTES_MAX;
}

static bool url_is_valid(const char *url)
{
	return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static void set_auth(struct model *model, const char *header, const char *key)
{
	model->auth = xprintf("%s%s", header, key);
	model->secret = model->auth + strlen(header);
}

static void set_url(struct model *model, const struct model_config *config)
{
	size_t size = strlen(config->base_url);
	while (size && config->base_url[size - 1] == '/')
		size--;
	model->url = xprintf("%.*s/v1/messages", (int)size, config->base_url);
	model->where = xstrdup(config->socket_path ? config->socket_path : model->url);
}

int model_new(struct loop *loop, const struct model_config *config, struct model **ret)
{
	const char *key = config->key ? config->key : config->auth_token;
	assert(!config->key || !config->auth_token);
	if (!url_is_valid(config->base_url) || (key && !key_is_valid(key)))
		return -EINVAL;
	struct http *http = NULL;
	struct http_config http_config = {
		.socket_path = config->socket_path,
		.connect_timeout_ms = config->connect_timeout_ms,
		.silence_timeout_ms = config->silence_timeout_ms,
	};
	int r = http_new(loop, &http_config, &http);
	if (r < 0)
		return r;
	struct model *model = xcalloc(1, sizeof(*model));
	model->loop = loop;
	model->http = http;
	model->stall_timeout_ms = config->stall_timeout_ms;
	list_init(&model->requests);
	set_url(model, config);
	if (key)
		set_auth(model, config->key ? "x-api-key: " : "authorization: Bearer ", key);
	*ret = model;
	return 0;
}

struct model *model_free(struct model *model)
{
	if (!model)
		return NULL;
	struct model_request *request;
	list_each(&model->requests, request, struct model_request, link)
		request_free(request);
	http_free(model->http);
	if (model->auth)
		explicit_bzero(model->auth, strlen(model->auth));
	free(model->auth);
	free(model->url);
	free(model->where);
	free(model);
	return NULL;
}

static struct http_request *post(struct model_request *request, const struct slice *parts,
	size_t part_count)
{
	struct model *model = request->model;
	const char *headers[] = {
		"content-type: application/json",
		"accept: text/event-stream",
		"anthropic-version: 2023-06-01",
		"user-agent: agentdirs/" AGENTDIRS_VERSION,
		model->auth,
	};
	struct http_post what = {
		.url = model->url,
		.headers = headers,
		.header_count = ARRAY_LEN(headers) - (model->auth ? 0 : 1),
		.parts = parts,
		.part_count = part_count,
	};
	return http_post(model->http, &what, &http_handler, request);
}

struct model_request *model_ask(struct model *model, const struct slice *parts, size_t part_count,
	const struct model_handler *handler, void *data)
{
	struct model_request *request = xcalloc(1, sizeof(*request));
	request->model = model;
	request->handler = *handler;
	request->data = data;
	reply_init(&request->reply);
	sse_init(&request->sse);
	request->message = message_new();
	buf_init(&request->body, ERROR_BODY_MAX);
	buf_init(&request->reason, REASON_MAX);
	request->later = (struct loop_later){ .on_later = deliver, .data = request };
	request->stall = (struct loop_timer){ .on_due = on_stall, .data = request };
	request->last_event_ms = clock_now_ms();
	loop_arm(model->loop, &request->stall, request->last_event_ms + model->stall_timeout_ms);
	list_add(&model->requests, &request->link);
	request->http = post(request, parts, part_count);
	return request;
}

const cJSON *model_usage(const struct model_request *request)
{
	return message_usage(request->message);
}

void model_cancel(struct model_request *request)
{
	request->cancelled = true;
	if (request->busy)
		return;
	request_free(request);
}

int64_t model_retry_delay_ms(int attempt, int64_t retry_after_ms, double random)
{
	if (retry_after_ms > 0 && retry_after_ms <= RETRY_AFTER_MAX_MS)
		return retry_after_ms + (int64_t)(0.1 * random * (double)retry_after_ms);
	int64_t delay_ms = attempt < 16 ? (int64_t)RETRY_BASE_MS << attempt : RETRY_MAX_MS;
	if (delay_ms > RETRY_MAX_MS)
		delay_ms = RETRY_MAX_MS;
	return delay_ms - (int64_t)(0.5 * random * (double)delay_ms);
}
