/* SPDX-License-Identifier: MIT */
/* The model client against a real server on a Unix socket, with every way an answer can go wrong. */
#include <errno.h>
#include <unistd.h>

#include "harness/model.h"
#include "tests/unit/harness/server.h"
#include "tests/unit/test.h"

enum { WAIT_MS = 20000 }; /* for anything that must happen; only a failing test takes so long */

#define KEY "sk-test-0123456789"
#define OK "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_7\r\n"
#define JSON(status) "HTTP/1.1 " status "\r\ncontent-type: application/json\r\n"
#define ERROR(type, words) \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" words "\"}}"
#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define BEGIN                                                                                     \
	EVENT("message_start", ",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\",\"model\":\"m\"," \
		"\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}") \
	EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
#define PING EVENT("ping", "")
#define TEXT(text) \
	EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}")
#define END                                                                                       \
	EVENT("content_block_stop", ",\"index\":0")                                               \
	EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":7}") \
	EVENT("message_stop", "")
#define STREAM BEGIN TEXT("Hel") PING TEXT("lo") END

/* What the callbacks saw, copied. */
struct seen {
	struct model_request *request;
	bool cancel_at_text;
	struct buf pieces;
	int outcomes;
	struct model_outcome outcome;
	char *message, *usage, *reason, *limits;
	char request_id[80];
};

static struct loop *loop;

static void on_piece(void *data, const struct model_piece *piece)
{
	struct seen *seen = data;
	static const char *const marks[] = { [PIECE_BLOCK_START] = "+", [PIECE_TEXT] = "",
		[PIECE_BLOCK_STOP] = "-" };
	buf_add_text(&seen->pieces, marks[piece->kind]);
	buf_add(&seen->pieces, piece->text.at, piece->text.size);
	if (seen->cancel_at_text && piece->kind == PIECE_TEXT)
		model_cancel(steal(seen->request));
}

static void on_outcome(void *data, const struct model_outcome *outcome)
{
	struct seen *seen = data;
	seen->outcomes++;
	seen->request = NULL;
	seen->outcome = *outcome;
	seen->message = outcome->message ? json_to_text(outcome->message) : NULL;
	seen->usage = outcome->usage ? json_to_text(outcome->usage) : NULL;
	seen->reason = xstrdup(outcome->reason);
	seen->limits = xstrdup(outcome->limits);
	strncpy(seen->request_id, outcome->request_id, sizeof(seen->request_id) - 1);
}

static const struct model_handler handler = { on_piece, on_outcome };

static void seen_done(struct seen *seen)
{
	buf_done(&seen->pieces);
	free(seen->message);
	free(seen->usage);
	free(seen->reason);
	free(seen->limits);
	*seen = (struct seen){ 0 };
}

static void wait_for_outcome(struct seen *seen)
{
	int64_t until = clock_now_ms() + WAIT_MS;
	while (seen->request && clock_now_ms() < until)
		loop_round(loop, 100);
}

static struct model *connect_to(const char *path, int64_t silence_timeout_ms, int64_t stall_timeout_ms)
{
	struct model *model = NULL;
	struct model_config config = { .base_url = "http://model/", .socket_path = path, .key = KEY,
		.connect_timeout_ms = WAIT_MS, .silence_timeout_ms = silence_timeout_ms,
		.stall_timeout_ms = stall_timeout_ms };
	CHECK_INT(model_new(loop, &config, &model), 0);
	return model;
}

static void ask(struct model *model, struct seen *seen)
{
	static const struct slice parts[] = { { "{\"model\":", 9 }, { "", 0 }, { "\"m\"}", 4 } };
	seen->request = model_ask(model, parts, ARRAY_LEN(parts), &handler, seen);
	CHECK_INT(seen->outcomes + (int)seen->pieces.size, 0); /* nothing from within the call */
}

#define PARTIAL "{\"input_tokens\":5,\"output_tokens\":1}"

static const struct {
	const char *name;
	struct script answer;
	enum model_verdict verdict;
	const char *pieces, *error_type;
	const char *reason; /* is in it */
	const char *usage;
	int http_status;
	int64_t retry_after_ms;
	int64_t silence_ms, stall_ms; /* 0: long */
} cases[] = {
	{ "success in chunks", { OK, STREAM }, MODEL_DONE, "+Hello-", NULL, "",
		"{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "success byte by byte", { OK, STREAM, .bytewise = true }, MODEL_DONE, "+Hello-", NULL, "",
		"{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "success of known length", { OK, STREAM, BY_LENGTH }, MODEL_DONE, "+Hello-", NULL, "",
		"{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "success until the connection closes", { OK, STREAM, BY_CLOSE, CLOSE }, MODEL_DONE, "+Hello-", NULL, "",
		"{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "the outcome does not wait for the end of the answer", { OK, STREAM, BY_CHUNKS, HOLD }, MODEL_DONE,
		"+Hello-", NULL, "", "{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "headers before the headers",
		{ "HTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n" OK, STREAM }, MODEL_DONE, "+Hello-", NULL, "",
		"{\"input_tokens\":5,\"output_tokens\":7}", 200, -1 },
	{ "429 with retry-after",
		{ JSON("429 Too Many Requests") "retry-after: 3\r\n", ERROR("rate_limit_error", "slow\\ndown"), BY_LENGTH },
		MODEL_RETRY, "", "model_rate_limited_error", "(HTTP 429, rate_limit_error): slow down", NULL, 429, 3000 },
	{ "529", { JSON("529 Overloaded"), ERROR("overloaded_error", "Overloaded"), BY_LENGTH }, MODEL_RETRY, "",
		"model_overloaded_error", "Overloaded", NULL, 529, -1 },
	{ "529 cut in the body", { JSON("529 Overloaded"), "{\"type\":", BY_LENGTH, CUT }, MODEL_RETRY, "",
		"model_overloaded_error", "529", NULL, 529, -1 },
	{ "500 with a page", { "HTTP/1.1 500 Oops\r\n", "<html>secret plans</html>", BY_CLOSE, CLOSE }, MODEL_RETRY,
		"", "model_request_failed_error", "the model API failed (HTTP 500)", NULL, 500, -1 },
	{ "404 with plain text", { "HTTP/1.1 404 Not Found\r\n", "404 page not found\n", BY_LENGTH }, MODEL_FAILED, "",
		"model_request_failed_error", "404 page not found", NULL, 404, -1 },
	{ "the server quotes the key",
		{ JSON("401 Unauthorized"), ERROR("authentication_error", "bad key " KEY "!"), BY_LENGTH }, MODEL_FAILED,
		"", "model_request_failed_error", "bad key ******************!", NULL, 401, -1 },
	{ "the server calls its error by the key", { JSON("401 Unauthorized"), ERROR(KEY, "no"), BY_LENGTH },
		MODEL_FAILED, "", "model_request_failed_error", "(HTTP 401, ******************", NULL, 401, -1 },
	{ "the server quotes the key in pieces",
		{ JSON("401 Unauthorized"), ERROR("authentication_error", "sk-test-0123 and st-0123456789?"), BY_LENGTH },
		MODEL_FAILED, "", "model_request_failed_error", ": ************ and *************?", NULL, 401, -1 },
	{ "the server writes to terminals",
		{ JSON("401 Unauthorized"), ERROR("authentication_error", "\\u001b[2J\\u009b2J\xc2\x9b!"), BY_LENGTH },
		MODEL_FAILED, "", "model_request_failed_error", ":  [2J  2J  !", NULL, 401, -1 },
	{ "a prompt too long",
		{ JSON("400 Bad Request"), ERROR("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
			BY_LENGTH },
		MODEL_TOO_LONG, "", "model_request_failed_error", "9 tokens > 8", NULL, 400, -1 },
	{ "x-should-retry",
		{ JSON("500 Oops") "x-should-retry: false\r\n", ERROR("api_error", "no"), BY_LENGTH }, MODEL_FAILED, "",
		"model_request_failed_error", "no", NULL, 500, -1 },
	{ "a redirect is not followed", { "HTTP/1.1 307 Elsewhere\r\nlocation: http://evil/\r\n", "", BY_LENGTH },
		MODEL_FAILED, "", "model_request_failed_error", "moved", NULL, 307, -1 },
	{ "another kind of server", { "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n", "<html>", BY_LENGTH },
		MODEL_FAILED, "", "model_request_failed_error", "not with a stream", NULL, 200, -1 },
	{ "an error in the stream",
		{ OK, BEGIN TEXT("Hel") EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy\"}") },
		MODEL_RETRY, "+Hel", "model_overloaded_error", "(HTTP 200, overloaded_error, req_7): Busy", PARTIAL, 200,
		-1 },
	{ "cut in the middle", { OK, BEGIN TEXT("Hel"), BY_CHUNKS, CUT }, MODEL_RETRY, "+Hel",
		"model_request_failed_error", "broke off", PARTIAL, 200, -1 },
	{ "ended in the middle", { OK, BEGIN TEXT("Hel"), BY_CHUNKS, CLOSE }, MODEL_RETRY, "+Hel",
		"model_request_failed_error", "ended before the message did", PARTIAL, 200, -1 },
	{ "cut before the end of the last event", { OK, BEGIN "event: message_stop\ndata: {\"type\"", BY_CLOSE, CLOSE },
		MODEL_RETRY, "+", "model_request_failed_error", "ended before the message did", PARTIAL, 200, -1 },
	{ "closed without a byte", { .ending = CUT }, MODEL_RETRY, "", "model_request_failed_error", "no answer from",
		NULL, 0, -1 },
	{ "no HTTP", { "SSH-2.0-OpenSSH_9.2\r\n", NULL, BY_CLOSE, CLOSE }, MODEL_RETRY, "",
		"model_request_failed_error", "no answer from", NULL, 0, -1 },
	{ "garbage for an event", { OK, BEGIN TEXT("Hel") "data: \x01\x02{{{\n\n" END }, MODEL_RETRY, "+Hel",
		"model_request_failed_error", "damaged", PARTIAL, 200, -1 },
	{ "garbage between events", { OK, BEGIN "\x7f" "ELF\x02\n" END }, MODEL_RETRY, "+",
		"model_request_failed_error", "a line that is no event", PARTIAL, 200, -1 },
	{ "silence in the middle", { OK, BEGIN, BY_CHUNKS, HOLD }, MODEL_RETRY, "+", "model_request_failed_error",
		"broke off: not one byte for 0.05 s", PARTIAL, 200, -1, .silence_ms = 50 },
	{ "silence from the beginning", { .ending = HOLD }, MODEL_RETRY, "", "model_request_failed_error",
		"not one byte for 0.05 s", NULL, 0, -1, .silence_ms = 50 },
	{ "only pings", { OK, BEGIN PING PING, BY_CHUNKS, HOLD }, MODEL_RETRY, "+", "model_request_failed_error",
		"said nothing for 0.05 s", PARTIAL, 200, -1, .stall_ms = 50 },
};

static void check_text_or_null(const char *got, const char *want)
{
	CHECK_TEXT(got ? got : "(null)", want ? want : "(null)");
}

static void test_case(size_t i)
{
	struct server *server = server_start(&cases[i].answer, 1);
	struct model *model = connect_to(server_path(server),
		cases[i].silence_ms ? cases[i].silence_ms : WAIT_MS,
		cases[i].stall_ms ? cases[i].stall_ms : WAIT_MS);
	struct seen seen = { 0 };
	printf("# %s\n", cases[i].name);
	ask(model, &seen);
	wait_for_outcome(&seen);
	CHECK_INT(seen.outcomes, 1);
	CHECK_INT(seen.outcome.verdict, cases[i].verdict);
	CHECK((seen.message != NULL) == (cases[i].verdict == MODEL_DONE));
	CHECK_TEXT(buf_text(&seen.pieces), cases[i].pieces);
	check_text_or_null(seen.outcome.error_type, cases[i].error_type);
	CHECK(seen.reason && strstr(seen.reason, cases[i].reason));
	CHECK(seen.reason && !strstr(seen.reason, KEY));
	printf("# %s\n", seen.reason ? seen.reason : "");
	check_text_or_null(seen.usage, cases[i].usage);
	CHECK_INT(seen.outcome.http_status, cases[i].http_status);
	CHECK_INT(seen.outcome.retry_after_ms, cases[i].retry_after_ms);
	model_free(model);
	struct server_report report = server_stop(server);
	CHECK_INT(report.requests, report.connections);
	free(report.head);
	free(report.body);
	seen_done(&seen);
}

static void test_request_bytes(void)
{
	static const struct script answers[] = { { OK "anthropic-ratelimit-requests-remaining: 12\r\n", STREAM } };
	static const char *const lines[] = { "POST /v1/messages HTTP/1.1\r\n", "\r\nx-api-key: " KEY "\r\n",
		"\r\nanthropic-version: 2023-06-01\r\n", "\r\ncontent-type: application/json\r\n",
		"\r\ncontent-length: 13\r\n", "\r\nhost: model\r\n" };
	static const char *const absent[] = { "expect", "accept-encoding", "authorization", "transfer-encoding" };
	struct server *server = server_start(answers, 1);
	struct model *model = connect_to(server_path(server), WAIT_MS, WAIT_MS);
	struct seen seen = { 0 };
	ask(model, &seen);
	wait_for_outcome(&seen);
	CHECK_TEXT(seen.message, "{\"id\":\"msg_1\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\","
		"\"text\":\"Hello\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}");
	CHECK_TEXT(seen.request_id, "req_7");
	CHECK_TEXT(seen.limits, "requests-remaining: 12\n");
	model_free(model);
	struct server_report report = server_stop(server);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		CHECK(strcasestr(report.head, lines[i]));
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		CHECK(!strcasestr(report.head, absent[i]));
	CHECK_TEXT(report.body, "{\"model\":\"m\"}");
	free(report.head);
	free(report.body);
	seen_done(&seen);
}

/* Several requests one after another; how many connections the server saw. */
static int ask_again_and_again(const struct script *answers, size_t count)
{
	struct server *server = server_start(answers, count);
	struct model *model = connect_to(server_path(server), WAIT_MS, WAIT_MS);
	for (size_t i = 0; i < count; i++) {
		struct seen seen = { 0 };
		ask(model, &seen);
		wait_for_outcome(&seen);
		CHECK_INT(seen.outcome.verdict, answers[i].body ? MODEL_DONE : MODEL_RETRY);
		seen_done(&seen);
	}
	model_free(model);
	struct server_report report = server_stop(server);
	CHECK_INT(report.requests, count);
	CHECK_TEXT(report.body, "{\"model\":\"m\"}");
	free(report.head);
	free(report.body);
	return report.connections;
}

static void test_connections(void)
{
	static const struct script kept[] = { { OK, STREAM }, { OK, STREAM, BY_LENGTH }, { OK, STREAM } };
	static const struct script closed[] = { { OK, STREAM, BY_CHUNKS, CLOSE }, { OK, STREAM } };
	CHECK_INT(ask_again_and_again(kept, ARRAY_LEN(kept)), 1);
	CHECK_INT(ask_again_and_again(closed, ARRAY_LEN(closed)), 2);
}

static void test_no_server(void)
{
	struct server *server = server_start(NULL, 0);
	cleanup(free) char *path = xstrdup(server_path(server));
	struct server_report report = server_stop(server);
	struct model *model = connect_to(path, WAIT_MS, WAIT_MS);
	struct seen seen = { 0 };
	ask(model, &seen);
	wait_for_outcome(&seen);
	CHECK_INT(seen.outcome.verdict, MODEL_RETRY);
	CHECK_INT(seen.outcome.http_status, 0);
	CHECK(strstr(seen.reason, path));
	printf("# %s\n", seen.reason);
	model_free(model);
	free(report.head);
	free(report.body);
	seen_done(&seen);
}

enum cancel_from { FROM_PIECE, FROM_OUTSIDE, FROM_FREE, AT_ONCE };

static void test_cancel(enum cancel_from from)
{
	static const struct script answers[] = { { OK, BEGIN TEXT("a") TEXT("b") TEXT("c"), BY_CHUNKS, HOLD } };
	struct server *server = server_start(answers, 1);
	struct model *model = connect_to(server_path(server), WAIT_MS, WAIT_MS);
	struct seen seen = { .cancel_at_text = from == FROM_PIECE };
	int64_t until = clock_now_ms() + WAIT_MS;
	ask(model, &seen);
	while (from != AT_ONCE && seen.pieces.size < 2 && clock_now_ms() < until)
		loop_round(loop, 100);
	CHECK(from == AT_ONCE || strncmp(buf_text(&seen.pieces), "+a", 2) == 0);
	if (from == FROM_PIECE)
		CHECK_TEXT(buf_text(&seen.pieces), "+a"); /* nothing after the cancel */
	if (from == FROM_OUTSIDE || from == AT_ONCE)
		model_cancel(steal(seen.request));
	loop_round(loop, 0);
	CHECK_INT(seen.outcomes, 0);
	model_free(model);
	struct server_report report = server_stop(server); /* returns because the connection was closed */
	CHECK_INT(seen.outcomes, 0);
	free(report.head);
	free(report.body);
	seen_done(&seen);
}

/* 5 MiB in parts of all sizes. */
static void make_large(struct buf *text, struct slice *parts, size_t count)
{
	size_t size = 5 << 20;
	char *at = buf_reserve(text, size);
	for (size_t i = 0; i < size; i++)
		at[i] = (char)('a' + i * 2654435761u % 26);
	text->size = size;
	for (size_t i = 0; i < count; i++) {
		size_t n = i + 1 == count ? size : size * i / (count * count);
		parts[i] = (struct slice){ at, n };
		at += n;
		size -= n;
	}
}

static struct server_report ask_large(const struct script *answer, const struct buf *text,
	const struct slice *parts, size_t count, struct seen *seen)
{
	struct server *server = server_start(answer, 1);
	struct model *model = connect_to(server_path(server), WAIT_MS, WAIT_MS);
	seen->request = model_ask(model, parts, count, &handler, seen);
	wait_for_outcome(seen);
	model_free(model);
	return server_stop(server);
}

static void test_large_body(void)
{
	static const struct script whole = { OK, STREAM };
	static const struct script early = { JSON("413 Too Large"), ERROR("request_too_large", "too large"), BY_LENGTH,
		.early = true };
	cleanup(buf) struct buf text = BUF_INIT(8 << 20);
	struct slice parts[40];
	struct seen seen = { 0 };
	make_large(&text, parts, ARRAY_LEN(parts));
	struct server_report report = ask_large(&whole, &text, parts, ARRAY_LEN(parts), &seen);
	CHECK_INT(seen.outcome.verdict, MODEL_DONE);
	CHECK(report.body_size == text.size && memcmp(report.body, text.data, text.size) == 0);
	CHECK(strcasestr(report.head, "content-length: 5242880\r\n"));
	free(report.head);
	free(report.body);
	seen_done(&seen);
	report = ask_large(&early, &text, parts, ARRAY_LEN(parts), &seen);
	printf("# %s\n", seen.reason);
	CHECK_INT(seen.outcome.http_status, 413);
	CHECK_INT(seen.outcome.verdict, MODEL_FAILED);
	free(report.head);
	free(report.body);
	seen_done(&seen);
}

/* The outcome of a request may ask for the next, as every tool turn does. */
struct chain {
	struct model *model;
	int pieces, outcomes;
};

static void count_piece(void *data, const struct model_piece *piece)
{
	struct chain *chain = data;
	chain->pieces++;
}

static void ask_next(void *data, const struct model_outcome *outcome);
static const struct model_handler chain_handler = { count_piece, ask_next };
static const struct slice chain_body = { "{}", 2 };

static void ask_next(void *data, const struct model_outcome *outcome)
{
	struct chain *chain = data;
	if (++chain->outcomes < 3)
		model_ask(chain->model, &chain_body, 1, &chain_handler, chain);
}

static void test_ask_from_outcome(void)
{
	static const struct script answers[] = { { OK, STREAM }, { OK, STREAM }, { OK, STREAM } };
	struct server *server = server_start(answers, ARRAY_LEN(answers));
	struct chain chain = { .model = connect_to(server_path(server), WAIT_MS, WAIT_MS) };
	int64_t until = clock_now_ms() + WAIT_MS;
	model_ask(chain.model, &chain_body, 1, &chain_handler, &chain);
	while (chain.outcomes < 3 && clock_now_ms() < until)
		loop_round(loop, 100);
	CHECK_INT(chain.outcomes, 3);
	CHECK_INT(chain.pieces, 3 * 4); /* start, two texts, stop */
	model_free(chain.model);
	struct server_report report = server_stop(server);
	free(report.head);
	free(report.body);
}

static void test_config(void)
{
	static const struct {
		const char *url, *key;
		int want;
	} configs[] = {
		{ "ftp://x", NULL, -EINVAL },
		{ "", NULL, -EINVAL },
		{ "http://x", "a\r\nx-evil: 1", -EINVAL },
		{ "http://x", "", -EINVAL },
		{ "http://x", "a b", -EINVAL },
		{ "https://x/", "abc", 0 },
		{ "http://x", NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		struct model *model = NULL;
		struct model_config config = { .base_url = configs[i].url, .key = configs[i].key };
		CHECK_INT(model_new(loop, &config, &model), configs[i].want);
		CHECK((model != NULL) == (configs[i].want == 0));
		model_free(model);
	}
}

int main(void)
{
	json_setup();
	alarm(120);
	CHECK_INT(loop_new(&loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_case(i);
	test_request_bytes();
	test_connections();
	test_no_server();
	for (enum cancel_from from = FROM_PIECE; from <= AT_ONCE; from++)
		test_cancel(from);
	test_large_body();
	test_ask_from_outcome();
	test_config();
	loop_free(loop);
	return test_done();
}
