/* SPDX-License-Identifier: MIT */
#include "tests/unit/harness/stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "sandbox/stream.h"
#include "store/event.h"
#include "store/log.h"
#include "store/queue.h"

enum { PATIENCE_MS = 30 * 1000 };

static void must(bool done)
{
	if (!done)
		abort();
}

/* --- the sandbox --- */

static void send_words(struct stage *s, const char *const *fields)
{
	cleanup(buf) struct buf list = BUF_INIT(FRAME_MAX);
	for (; fields[0]; fields += 2)
		(void)fields_add_text(&list, fields[0], fields[1]);
	stream_send(s->hands, buf_slice(&list));
}

static void answer_call(struct stage *s, const char *id, struct slice text)
{
	cleanup(buf) struct buf list = BUF_INIT(FRAME_MAX);
	(void)fields_add_text(&list, "say", "result");
	(void)fields_add_text(&list, "call", id);
	(void)fields_add_int(&list, "is_error", 0);
	(void)fields_add(&list, "text", text.at, text.size);
	stream_send(s->hands, buf_slice(&list));
}

void stage_answer(struct stage *s, size_t call, struct slice text)
{
	must(call < s->call_count && s->hands);
	answer_call(s, s->calls[call], text);
}

static void on_frame(void *data, struct slice list)
{
	static const struct {
		const char *word;
		char letter;
	} words[] = { { "execute", 'x' }, { "acknowledge", 'a' }, { "interrupt", 'i' } };
	struct stage *s = data;
	struct slice what = fields_find(list, "do"), call = fields_find(list, "call");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_is(what, words[i].word))
			(void)buf_add_char(&s->heard, words[i].letter);
	if (!slice_is(what, "execute"))
		return;
	must(s->call_count < STAGE_CALLS_MAX);
	s->calls[s->call_count++] = xstrndup(call.at, call.size);
	if (!s->hold)
		answer_call(s, s->calls[s->call_count - 1], s->result);
}

static void on_stream_end(void *data, const char *why)
{
	struct stage *s = data;
	free(steal(s->hands));
}

static void close_stream(struct stage *s)
{
	if (!s->hands)
		return;
	stream_close(s->hands);
	free(steal(s->hands));
}

void stage_lose_sandbox(struct stage *s)
{
	close_stream(s);
	s->alive = false;
}

/* One stream at a time is enough: a new harness takes the place of the old one. */
static void open_sandbox(struct stage *s, struct slice request)
{
	int pair[2];
	bool fresh = !s->alive;
	s->instances += fresh;
	s->alive = true;
	cleanup(free) char *instance = xprintf("instance_%d", s->instances);
	cleanup(buf) struct buf packet = BUF_INIT(1000);
	close_stream(s);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	s->hands = xcalloc(1, sizeof(*s->hands));
	*s->hands = (struct stream){ .frame_max = FRAME_MAX, .on_frame = on_frame, .on_end = on_stream_end,
		.data = s };
	must(stream_open(s->hands, s->loop, pair[0]) == 0);
	(void)fields_add(&packet, "request", request.at, request.size);
	(void)fields_add_text(&packet, "instance", instance);
	(void)fields_add_int(&packet, "fresh", fresh);
	must(io_send_packet(s->spawner[0], packet.data, packet.size, &pair[1], 1) == 0);
	close(pair[1]);
	send_words(s, (const char *[]){ "say", "hello", "protocol", "1", "instance", instance, NULL });
}

static void on_spawner(void *data, uint32_t events)
{
	struct stage *s = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX);
	int fds[IO_FDS_MAX];
	size_t count;
	while (io_recv_packet(s->spawner[0], SANDBOX_PACKET_MAX, &packet, fds, &count) > 0) {
		struct slice list = buf_slice(&packet), what = fields_find(list, "do");
		if (slice_is(what, "discard")) {
			(void)buf_add_char(&s->heard, 'd');
			stage_lose_sandbox(s);
		} else if (slice_is(what, "open")) {
			(void)buf_add_char(&s->heard, 'o');
			open_sandbox(s, fields_find(list, "request"));
		}
	}
}

/* --- life --- */

void stage_start(struct stage *s)
{
	struct harness_config config = { .store_dir = s->dir, .hints = s->hints[1], .spawner = s->spawner[1],
		.running_max = s->running_max,
		.model = { .base_url = "http://model", .socket_path = server_path(s->server),
			.connect_timeout_ms = 5000, .silence_timeout_ms = 10000, .stall_timeout_ms = 10000 } };
	cleanup(buf) struct buf why = BUF_INIT(1000);
	if (harness_new(s->loop, &config, &s->harness, &why) < 0)
		printf("Bail out! %s\n", buf_text(&why));
	must(s->harness);
}

void stage_kill(struct stage *s)
{
	s->harness = harness_free(s->harness);
}

struct stage *stage_open(const struct script *answers, size_t count)
{
	cleanup(buf) struct buf why = BUF_INIT(1000);
	struct stage *s = xcalloc(1, sizeof(*s));
	char place[] = "/tmp/test-harness.XXXXXX";
	must(mkdtemp(place) != NULL);
	s->dir = xstrdup(place);
	s->running_max = 100;
	s->result = slice_of("done");
	s->heard = BUF_INIT(10000);
	must(loop_new(&s->loop) == 0);
	must(store_open(s->dir, &s->store, &why) == 0 && store_prepare(s->store, "claude-sonnet-5", &why) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s->hints) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s->spawner) == 0);
	s->spawner_io = (struct loop_io){ .fd = s->spawner[0], .events = EPOLLIN, .on_ready = on_spawner,
		.data = s };
	must(loop_add(s->loop, &s->spawner_io) == 0);
	s->server = server_start(answers, count);
	stage_start(s);
	return s;
}

void stage_close(struct stage *s)
{
	cleanup(free) char *command = xprintf("rm -rf %s", s->dir);
	stage_kill(s);
	s->report = server_stop(s->server);
	stage_lose_sandbox(s);
	loop_remove(&s->spawner_io);
	s->store = store_close(s->store);
	s->loop = loop_free(s->loop);
	for (int i = 0; i < 2; i++) {
		close(s->hints[i]);
		close(s->spawner[i]);
	}
	must(system(command) == 0);
}

void stage_free(struct stage *s)
{
	for (size_t i = 0; i < s->call_count; i++)
		free(s->calls[i]);
	buf_done(&s->heard);
	buf_done(&s->previews);
	free(s->report.head);
	free(s->report.body);
	free(s->dir);
	free(s);
}

/* --- sessions --- */

int64_t stage_session(struct stage *s, const char *name)
{
	struct session session;
	must(session_make(s->store, name, &session, NULL) == 0);
	return session.object.num;
}

void stage_queue(struct stage *s, int64_t num, cJSON *event)
{
	cJSON *events = cJSON_CreateArray();
	cJSON_AddItemToArray(events, event);
	must(queue_add(s->store, num, events) == 0);
	cJSON_Delete(events);
}

void stage_wake(struct stage *s, int64_t num)
{
	struct hint hint = { .kind = HINT_WAKE, .session = num };
	(void)hint_send(s->hints[0], &hint);
}

void stage_say(struct stage *s, int64_t num, const char *text)
{
	cJSON *event = event_new("user.message"), *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	stage_queue(s, num, event);
	stage_wake(s, num);
}

void stage_read_hints(struct stage *s)
{
	struct hint_reader reader = { 0 };
	struct hint hint;
	while (hint_receive(s->hints[0], &reader, &hint) > 0)
		if (hint.kind == HINT_DELTA)
			(void)buf_add(&s->previews, hint.text.at, hint.text.size);
	hint_reader_done(&reader);
}

bool stage_until(struct stage *s, int64_t num, bool (*is_so)(struct stage *s, int64_t num))
{
	int64_t deadline = clock_now_ms() + PATIENCE_MS;
	while (!is_so(s, num)) {
		if (clock_now_ms() > deadline)
			return false;
		must(loop_round(s->loop, 20) == 0);
		stage_read_hints(s);
	}
	return true;
}

void stage_run(struct stage *s, int64_t ms)
{
	for (int64_t end = clock_now_ms() + ms; clock_now_ms() < end; stage_read_hints(s))
		must(loop_round(s->loop, 20) == 0);
}

struct session stage_look(struct stage *s, int64_t num)
{
	struct session session = { 0 };
	must(session_get(s->store, num, &session) >= 0);
	return session;
}

bool stage_at_rest(struct stage *s, int64_t num)
{
	struct session session = stage_look(s, num);
	return !session.queued && session.fold.status == SESSION_IDLE && session.fold.stop != STOP_NEW;
}

static const struct {
	const char *type, *letter;
} letters[] = {
	{ "session.status_running", "R" }, { "session.thread_status_running", "r" }, { "user.message", "u" },
	{ "user.interrupt", "i" }, { "span.model_request_start", "[" }, { "span.model_request_end", "]" },
	{ "agent.message", "m" }, { "agent.thinking", "t" }, { "agent.tool_use", "c" },
	{ "agent.tool_result", "o" }, { "session.usage", "$" }, { "session.status_idle", "I" },
	{ "session.thread_status_idle", "j" }, { "session.error", "e" }, { "session.status_rescheduled", "S" },
	{ "session.thread_status_rescheduled", "s" },
};

static const char *letter_of(const cJSON *event)
{
	const char *type = json_text(event, "type");
	for (size_t i = 0; type && i < ARRAY_LEN(letters); i++)
		if (strcmp(type, letters[i].type) == 0)
			return letters[i].letter;
	return "?";
}

char *stage_story(struct stage *s, int64_t num)
{
	struct buf text = BUF_INIT(100000);
	uint64_t events = stage_look(s, num).fold.events;
	for (uint64_t seq = 1; seq <= events; seq++) {
		cleanup(json) cJSON *event = log_event(s->store, num, seq);
		(void)buf_add_text(&text, letter_of(event));
	}
	return buf_take(&text);
}

cJSON *stage_last(struct stage *s, int64_t num, const char *type)
{
	for (uint64_t seq = stage_look(s, num).fold.events; seq > 0; seq--) {
		cJSON *event = log_event(s->store, num, seq);
		const char *is = json_text(event, "type");
		if (is && strcmp(is, type) == 0)
			return event;
		cJSON_Delete(event);
	}
	return NULL;
}

/* --- the API's rules for a conversation --- */

static bool is_of_form(const char *text)
{
	size_t n = text ? strspn(text, PROMPT_NAME_LETTERS) : 0;
	return n > 0 && n <= 64 && !text[n];
}

static bool type_is(const cJSON *block, const char *type)
{
	const char *is = json_text(block, "type");
	return is && strcmp(is, type) == 0;
}

static int count_id(const cJSON *messages, const char *type, const char *member, const char *id)
{
	const cJSON *message, *block;
	int count = 0;
	cJSON_ArrayForEach(message, messages)
		cJSON_ArrayForEach(block, json_get(message, "content")) {
			const char *is = json_text(block, member);
			count += type_is(block, type) && is && strcmp(is, id) == 0;
		}
	return count;
}

static const char *wrong_text(const cJSON *block)
{
	const char *text = json_text(block, "text");
	bool wrong = type_is(block, "text") && (!text || utf8_is_blank(text));
	return wrong ? "text content blocks must contain non-whitespace text" : NULL;
}

static const char *wrong_block(const cJSON *messages, const cJSON *block)
{
	const char *id = json_text(block, "id"), *wrong = wrong_text(block);
	const cJSON *part;
	cJSON_ArrayForEach(part, json_get(block, "content"))
		wrong = wrong ? wrong : wrong_text(part);
	if (wrong)
		return wrong;
	if (!type_is(block, "tool_use"))
		return NULL;
	if (!is_of_form(id) || !is_of_form(json_text(block, "name")))
		return "tool_use: String should match pattern";
	if (json_get(block, "x_invalid_input") || !cJSON_IsObject(json_get(block, "input")))
		return "tool_use: Extra inputs are not permitted";
	if (count_id(messages, "tool_use", "id", id) != 1)
		return "tool_use ids must be unique";
	return count_id(messages, "tool_result", "tool_use_id", id) == 1 ? NULL :
		"tool_use ids were found without tool_result blocks immediately after";
}

const char *stage_wrong_request(const char *body)
{
	cleanup(json) cJSON *request = json_parse(body, strlen(body), NULL);
	const cJSON *messages = json_get(request, "messages"), *message, *block;
	const char *wrong = NULL;
	if (!cJSON_GetArraySize(messages))
		return "at least one message is required";
	cJSON_ArrayForEach(message, messages)
		cJSON_ArrayForEach(block, json_get(message, "content"))
			wrong = wrong ? wrong : wrong_block(messages, block);
	message = cJSON_GetArrayItem(messages, cJSON_GetArraySize(messages) - 1);
	if (!wrong && strcmp(json_text(message, "role"), "user") != 0)
		return "the conversation must end with a user message";
	return wrong;
}
