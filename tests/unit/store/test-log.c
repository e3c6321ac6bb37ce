/* SPDX-License-Identifier: MIT */
/* The log: reading at any place gives the lines that were written, and the fold agrees with
 * them. */
#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/store/fixture.h"

static struct buf expected; /* the whole log, as it must read */

static uint32_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

/* Appends and notes what the log must now contain. */
static void append(cJSON *event /* taken */)
{
	struct log_place place = { 0 };
	int r = log_append(store, session, event, &place);
	cleanup(free) char *line = json_to_text(event);
	bool placed = place.start == expected.size && place.size == strlen(line) + 1;
	if (r != 0 || !placed)
		CHECK_INT(r, 0);
	(void)buf_add_text(&expected, line);
	(void)buf_add_char(&expected, '\n');
	cJSON_Delete(event);
}

static void append_fields(const char *type, const char *fields)
{
	cJSON *event = event_new(type);
	cleanup(json) cJSON *given = cJSON_Parse(fields);
	fixture_move_fields(event, given);
	append(event);
}

static void append_text(size_t size)
{
	cleanup(free) char *text = xmalloc(size + 1);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + next_random(26));
	text[size] = '\0';
	append(fixture_message(text));
}

/* Reads the log in pieces of `piece` from `from`, and compares: how many bytes were right. */
static size_t read_pieces(size_t from, size_t piece)
{
	cleanup(free) char *to = xmalloc(piece);
	size_t at = from;
	for (;;) {
		ssize_t n = log_read(store, session, at, to, piece);
		if (n <= 0)
			return n < 0 ? 0 : at;
		size_t left = expected.size - at;
		if ((size_t)n != (left < piece ? left : piece) ||
			memcmp(to, expected.data + at, (size_t)n))
			return at;
		at += (size_t)n;
	}
}

static void test_read(void)
{
	static const size_t sizes[] = { 1, 10, 300, 65400, 65536, 200000, 5, 5, 70000, 1 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		append_text(sizes[i]);
	static const size_t pieces[] = { 997, 4096, 65536, 131072, 1 << 20 };
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		CHECK_INT(read_pieces(0, pieces[i]), expected.size);
	CHECK_INT(read_pieces(expected.size - 500, 1), expected.size);
	int wrong = 0;
	for (int i = 0; i < 2000; i++) {
		char to[700];
		size_t at = next_random((uint32_t)expected.size + 100),
		       size = next_random(sizeof(to)) + 1;
		size_t left = at < expected.size ? expected.size - at : 0,
		       want = left < size ? left : size;
		ssize_t n = log_read(store, session, at, to, size);
		wrong += n != (ssize_t)want || (want && memcmp(to, expected.data + at, want) != 0);
	}
	CHECK_INT(wrong, 0);
	char byte;
	CHECK_INT(log_read(store, session, expected.size, &byte, 1), 0);
	CHECK_INT(log_read(store, session, UINT64_MAX - 1, &byte, 1), 0);
	CHECK_INT(log_read(store, session, 0, &byte, 0), 0);
	CHECK_INT(log_read(store, 999, 0, &byte, 1), 0);
}

/* A remembered place that a rollback made wrong is noticed. */
static void test_stale_memo(void)
{
	struct session other;
	char to[4000];
	CHECK_INT(session_make(store, "memo", &other, &why), 0);
	int64_t num = other.object.num;
	CHECK_INT(store_begin(store), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(fixture_append(num, "agent.thinking", "{}"), 0);
	ssize_t size = log_read(store, num, 0, to, sizeof(to));
	CHECK(size > 0);
	CHECK_INT(log_read(store, num, (uint64_t)size - 5, to, 3), 3);
	store_rollback(store);
	CHECK_INT(fixture_append(
			  num, "session.status_idle", "{\"stop_reason\":{\"type\":\"end_turn\"}}"),
		0);
	CHECK_INT(fixture_append(
			  num, "session.status_idle", "{\"stop_reason\":{\"type\":\"end_turn\"}}"),
		0);
	CHECK_INT(fixture_append(
			  num, "session.status_idle", "{\"stop_reason\":{\"type\":\"end_turn\"}}"),
		0);
	char whole[4000], part[4000];
	ssize_t at = size - 2, n = log_read(store, num, (uint64_t)at, part, sizeof(part));
	ssize_t all = log_read(store, num, 0, whole, sizeof(whole));
	CHECK_INT(n, all - at);
	CHECK(memcmp(part, whole + at, (size_t)n) == 0);
}

static void test_lines(void)
{
	cleanup(buf) struct buf line = BUF_INIT(0);
	struct log_place place;
	CHECK_INT(log_line(store, session, 3, &line, &place), 1);
	CHECK_INT(place.seq, 3);
	CHECK_INT(place.size, line.size + 1);
	CHECK(memcmp(expected.data + place.start, line.data, line.size) == 0);
	CHECK_INT(expected.data[place.start + line.size], '\n');
	CHECK_INT(log_line(store, session, 0, &line, NULL), 0);
	CHECK_INT(log_line(store, session, 99999, &line, NULL), 0);
	cleanup(json) cJSON *event = log_event(store, session, 1);
	CHECK_TEXT(json_text(event, "type"), "user.message");
	CHECK(!log_event(store, session, 99999));
}

static void test_refusals(void)
{
	struct session other;
	CHECK_INT(fixture_append(999, "agent.thinking", "{}"), -ENOENT);
	CHECK_INT(fixture_append(session, "agent.message", "{}"), -EINVAL);
	CHECK_INT(session_make(store, "over", &other, &why), 0);
	CHECK_INT(fixture_append(other.object.num, "session.status_terminated", "{}"), 0);
	CHECK_INT(fixture_append(other.object.num, "agent.thinking", "{}"), -EROFS);

	cleanup(free) char *text = xmalloc(LINE_BYTES_MAX + 1);
	memset(text, 'x', LINE_BYTES_MAX);
	text[LINE_BYTES_MAX] = '\0';
	cleanup(json) cJSON *event = fixture_message(text);
	CHECK_INT(log_append(store, session, event, NULL), -EFBIG);
}

/* A long random log: what a session might go through, and more. */
static void append_random(void)
{
	static const struct {
		const char *type, *fields;
	} steps[] = {
		{ "session.status_running", "{}" },
		{ "session.status_idle", "{\"stop_reason\":{\"type\":\"end_turn\"}}" },
		{ "session.status_idle",
			"{\"stop_reason\":{\"type\":\"requires_action\",\"event_ids\":[\"e\"]}}" },
		{ "session.status_idle",
			"{\"stop_reason\":{\"type\":\"refusal\"},\"stop_details\":null}" },
		{ "session.status_rescheduled", "{}" },
		{ "session.error",
			"{\"error\":{\"type\":\"unknown_error\",\"message\":\"m\",\"retry_status\":"
			"{\"type\":\"retrying\"}}}" },
		{ "agent.message", "{\"content\":[{\"type\":\"text\",\"text\":\"t\"}]}" },
		{ "agent.thinking", "{}" },
		{ "span.model_request_end",
			"{\"model_request_start_id\":\"x\",\"is_error\":null,\"model_usage\":{"
			"\"input_tokens\":100000,\"output_tokens\":3,\"cache_read_input_tokens\":7,"
			"\"cache_creation_input_tokens\":5},\"x_agentdirs\":{\"cost_nano\":"
			"123456789,"
			"\"cache_creation_1h\":2,\"web_search_requests\":1}}" },
		{ "span.model_request_end",
			"{\"model_request_start_id\":\"x\",\"is_error\":true,\"model_usage\":{"
			"\"input_tokens\":11,\"output_tokens\":13}}" },
	};
	size_t i = next_random(ARRAY_LEN(steps));
	append_fields(steps[i].type, steps[i].fields);
}

static void check_fold(void)
{
	struct session now;
	struct fold anew;
	CHECK_INT(session_get(store, session, &now), 1);
	CHECK_INT(fold_log(store, session, &anew), 0);
	CHECK(memcmp(&anew, &now.fold, sizeof(anew)) == 0);
	CHECK_INT(anew.bytes, expected.size);
	CHECK(anew.usage.input_tokens > 0 && anew.usage.cost_nano > 0);
}

static void test_fold(void)
{
	for (int round = 0; round < 20; round++) {
		CHECK_INT(store_begin(store), 0);
		for (int i = 0; i < 100; i++)
			append_random();
		CHECK_INT(store_commit(store, STORE_SAFE), 0);
		check_fold();
	}
	CHECK_INT(read_pieces(0, 131072), expected.size);
}

/* processed_at never goes back, even when the clock does (here: the last event lies in the
 * future). */
static void test_time(void)
{
	struct log_state state;
	CHECK_INT(log_state_get(store, session, &state), 1);
	state.fold.last_us = clock_wall_us() + 3600 * 1000000LL;
	CHECK_INT(log_state_set(store, session, &state.fold), 0);
	append(event_new("agent.thinking"));
	append(event_new("agent.thinking"));
	struct session now;
	CHECK_INT(session_get(store, session, &now), 1);
	CHECK_INT(now.fold.last_us, state.fold.last_us);
	CHECK_INT(now.object.updated_us, state.fold.last_us);
	int64_t last = 0;
	int back = 0;
	for (uint64_t seq = 1; seq <= now.fold.events; seq++) {
		cleanup(json) cJSON *event = log_event(store, session, seq);
		int64_t at = clock_parse(json_text(event, "processed_at"));
		back += at < last;
		last = at;
	}
	CHECK_INT(back, 0);
}

static const struct {
	const char *type, *fields;
	enum session_status status;
	uint64_t turn_seq;
	bool runs;
} turn_steps[] = {
	{ "session.status_running", "{}", SESSION_RUNNING, 1, true },
	{ "session.status_rescheduled", "{}", SESSION_RESCHEDULING, 1, false },
	{ "session.status_running", "{}", SESSION_RUNNING, 1, true }, /* the same turn goes on */
	{ "session.status_idle", "{\"stop_reason\":{\"type\":\"end_turn\"}}", SESSION_IDLE, 1,
		false },
	{ "session.status_running", "{}", SESSION_RUNNING, 5, true },
	{ "session.status_terminated", "{}", SESSION_TERMINATED, 5, false },
};

static void test_turns(void)
{
	struct session turns;
	CHECK_INT(session_make(store, "turns", &turns, &why), 0);
	for (size_t i = 0; i < ARRAY_LEN(turn_steps); i++) {
		CHECK_INT(
			fixture_append(turns.object.num, turn_steps[i].type, turn_steps[i].fields),
			0);
		CHECK_INT(session_get(store, turns.object.num, &turns), 1);
		CHECK_INT(turns.fold.status, turn_steps[i].status);
		CHECK_INT(turns.fold.turn_seq, turn_steps[i].turn_seq);
		CHECK_INT(turns.fold.running_since_us != 0, turn_steps[i].runs);
	}
	CHECK_INT(turns.fold.stop, STOP_END_TURN);
	CHECK_INT(turns.fold.idle_seq, 4);
	CHECK_TEXT(session_status_name(turns.fold.status), "terminated");
	CHECK_TEXT(stop_reason_name(turns.fold.stop), "end_turn");
}

static void test_usage(void)
{
	struct usage usage = { .input_tokens = 10,
		.output_tokens = 20,
		.cache_read_input_tokens = 30,
		.cache_creation_input_tokens = 5,
		.cache_creation_1h_tokens = 2,
		.web_search_requests = 1,
		.cost_nano = 25000000,
		.active_us = 1500000 };
	cleanup(json) cJSON *body = usage_body(&usage, 250000);
	cleanup(free) char *text = json_to_text(body);
	CHECK_TEXT(text,
		"{\"input_tokens\":10,\"output_tokens\":20,\"cache_read_input_tokens\":30,"
		"\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":"
		"2},"
		"\"list_cost\":{\"amount\":\"3\",\"currency\":\"USD\"},\"active_seconds\":1.75,"
		"\"server_tool_use\":{\"web_search_requests\":1,\"web_fetch_requests\":0}}");
}

int main(void)
{
	fixture_open();
	buf_init(&expected, 64 << 20);
	test_read();
	test_stale_memo();
	test_lines();
	test_refusals();
	test_fold();
	test_time();
	test_turns();
	test_usage();
	buf_done(&expected);
	fixture_close();
	return test_done();
}
