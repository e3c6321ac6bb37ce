/* SPDX-License-Identifier: MIT */
/*
 * The harness on a stage, where time and faults are the test's: what comes at the
 * wrong moment, a store that fails, sessions that cannot be used.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/event.h"
#include "store/log.h"
#include "store/queue.h"
#include "tests/unit/harness/stage.h"
#include "tests/unit/test.h"

#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
#define DATA(json) "data: " json "\n\n"
#define BEGIN                                                                                     \
	DATA("{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[]," \
		"\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}")
#define CALL(index, id)                                                                           \
	DATA("{\"type\":\"content_block_start\",\"index\":" #index ",\"content_block\":{\"type\":\"tool_use\"," \
		"\"id\":\"" id "\",\"name\":\"bash\",\"input\":{}}}")                             \
	DATA("{\"type\":\"content_block_delta\",\"index\":" #index ",\"delta\":{\"type\":\"input_json_delta\"," \
		"\"partial_json\":\"{\\\"command\\\":\\\"x\\\"}\"}}")                             \
	DATA("{\"type\":\"content_block_stop\",\"index\":" #index "}")
#define TEXT_START                                                                                \
	DATA("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}")
#define TEXT(text)                                                                                \
	DATA("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}}")
#define TEXT_STOP DATA("{\"type\":\"content_block_stop\",\"index\":0}")
#define END(reason)                                                                               \
	DATA("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason "\"},\"usage\":{\"output_tokens\":7}}") \
	DATA("{\"type\":\"message_stop\"}")

#define ANSWER(body_) { .head = HEAD, .body = BEGIN body_, .framing = BY_LENGTH }
#define WORDS ANSWER(TEXT_START TEXT("fine") TEXT_STOP END("end_turn"))
#define ONE_CALL ANSWER(CALL(0, "c1") END("tool_use"))
#define TWO_CALLS ANSWER(CALL(0, "c1") CALL(1, "c2") END("tool_use"))
#define HELD { .head = HEAD, .body = BEGIN TEXT_START TEXT("half"), .framing = BY_LENGTH, .ending = HOLD }

static void check_story(struct stage *s, int64_t num, const char *want)
{
	cleanup(free) char *story = stage_story(s, num);
	CHECK_TEXT(story, want);
}

static void finish(struct stage *s)
{
	stage_close(s);
	stage_free(s);
}

static void check_request(struct stage *s)
{
	const char *wrong = stage_wrong_request(s->report.body);
	CHECK_TEXT(wrong ? wrong : "", "");
}

static bool two_calls_run(struct stage *s, int64_t num)
{
	return s->call_count >= 2;
}

static bool one_call_runs(struct stage *s, int64_t num)
{
	return s->call_count >= 1;
}

static bool is_asking(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *last = stage_last(s, num, "span.model_request_start");
	return last && strstr(buf_text(&s->previews), "half");
}

static bool has_asked(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *last = stage_last(s, num, "span.model_request_start");
	return last != NULL;
}

static bool has_result(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *last = stage_last(s, num, "agent.tool_result");
	return last != NULL;
}

static bool is_heard(struct stage *s, const char *letters)
{
	return strstr(buf_text(&s->heard), letters) != NULL;
}

static bool has_acknowledged(struct stage *s, int64_t num)
{
	return is_heard(s, "a");
}

static bool has_discarded(struct stage *s, int64_t num)
{
	return is_heard(s, "d");
}

/* While it is so, nothing can be written to files: the nearest to a full disk that needs no rights. */
static void set_disk_full(bool full)
{
	struct rlimit limit;
	(void)getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

/* --- the wrong moment --- */

static void test_interrupt_without_hint(void)
{
	static const struct script answers[] = { ONE_CALL, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# an interrupt whose hint is lost still comes before what follows a result\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, one_call_runs));
	stage_queue(s, num, event_new("user.interrupt"));
	stage_answer(s, 0, slice_of("r"));
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[c]oij$I");
	finish(s);
}

static void test_interrupt_and_message(void)
{
	static const struct script answers[] = { HELD, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# a message behind an interrupt starts the next turn; what the cut answer cost is counted\n");
	stage_say(s, num, "one");
	CHECK(stage_until(s, num, is_asking));
	stage_queue(s, num, event_new("user.interrupt"));
	stage_say(s, num, "two");
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[]ij$IRru[m]j$I");
	CHECK_INT(stage_look(s, num).fold.usage.input_tokens, 10);
	stage_close(s);
	check_request(s);
	stage_free(s);
}

static void test_interrupt_found(void)
{
	static const struct script answers[] = { ONE_CALL, HELD, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# interrupts that a new harness finds: during a call, and during a request\n");
	s->hold = true;
	stage_say(s, num, "one");
	CHECK(stage_until(s, num, one_call_runs));
	stage_kill(s);
	stage_queue(s, num, event_new("user.interrupt"));
	stage_start(s);
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[c]oij$I");
	CHECK(stage_until(s, num, has_discarded)); /* nothing else ends what an earlier harness began */
	stage_say(s, num, "two");
	CHECK(stage_until(s, num, is_asking));
	stage_kill(s);
	stage_queue(s, num, event_new("user.interrupt"));
	stage_start(s);
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[c]oij$IRru[]ij$I");
	finish(s);
}

static void test_late_result(void)
{
	static const struct script answers[] = { ONE_CALL, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# the result of an interrupted call is acknowledged and not told\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, one_call_runs));
	stage_queue(s, num, event_new("user.interrupt"));
	stage_wake(s, num);
	CHECK(stage_until(s, num, stage_at_rest));
	CHECK(!is_heard(s, "a"));
	stage_answer(s, 0, slice_of("late"));
	CHECK(stage_until(s, num, has_acknowledged));
	CHECK_TEXT(buf_text(&s->heard), "oxia");
	check_story(s, num, "Rru[c]oij$I");
	finish(s);
}

/* What happens beside the calls must not keep a silent sandbox alive. */
static void test_patience(void)
{
	static const struct script answers[] = { TWO_CALLS, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# the time that a sandbox has begins anew with each result, and with nothing else\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, two_calls_run));
	struct session session = stage_look(s, num);
	const struct active *a = harness_find(s->harness, session.object.id);
	int64_t due_ms = a->calls_timer.due_ms;
	CHECK(a->calls_timer.index > 0 && due_ms > clock_now_ms());
	stage_run(s, 20);
	stage_wake(s, num);
	stage_run(s, 20);
	CHECK_INT(a->calls_timer.due_ms, due_ms);
	stage_answer(s, 0, slice_of("r"));
	CHECK(stage_until(s, num, has_result));
	CHECK(a->calls_timer.due_ms > due_ms);
	stage_answer(s, 1, slice_of("r"));
	CHECK(stage_until(s, num, stage_at_rest));
	CHECK_INT(a->calls_timer.index, 0); /* its memory is kept for the next turn */
	finish(s);
}

/* --- results --- */

static void test_result_bytes(void)
{
	static const struct script answers[] = { TWO_CALLS, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# results of NUL bytes and of white space\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, two_calls_run));
	stage_answer(s, 0, (struct slice){ "\0a\0", 3 });
	stage_answer(s, 1, slice_of(" \n"));
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[cc]oo[m]j$I");
	stage_close(s);
	CHECK(strstr(s->report.body, "\xef\xbf\xbd" "a\xef\xbf\xbd") != NULL);
	check_request(s);
	stage_free(s);
}

/* The first result cannot be logged, the second comes while the session is out of memory: neither may be
 * acknowledged, so that asking again finds them. */
static void test_full_disk(void)
{
	static const struct script answers[] = { TWO_CALLS, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# the disk is full when results come\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, two_calls_run));
	set_disk_full(true);
	stage_answer(s, 0, slice_of("one"));
	stage_run(s, 100);
	stage_answer(s, 1, slice_of("two"));
	stage_run(s, 100);
	set_disk_full(false);
	CHECK(s->harness->failures > 0);
	CHECK(!is_heard(s, "a"));
	s->hold = false; /* asked again, the hands say what they remember */
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[cc]oo[m]j$I");
	CHECK_INT(s->harness->failures, 0);
	CHECK_INT(s->call_count, 4);
	CHECK_TEXT(s->calls[2], s->calls[0]);
	CHECK_TEXT(s->calls[3], s->calls[1]);
	finish(s);
}

static void test_full_disk_while_asking(void)
{
	static const struct script answers[] = { WORDS, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# the disk is full when the answer comes: it is asked for again\n");
	stage_queue(s, num, event_new("user.interrupt")); /* so that the log exists */
	stage_wake(s, num);
	stage_run(s, 50);
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, has_asked));
	set_disk_full(true);
	stage_run(s, 200);
	set_disk_full(false);
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "iRru[][m]j$I");
	finish(s);
}

/* A new sandbox may be noted as the one that has the calls only when the old one's are answered: the harness may
 * die between. */
static void test_lost_sandbox(void)
{
	static const struct script answers[] = { ONE_CALL, ONE_CALL, WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	char before[ID_SIZE], after[ID_SIZE];
	printf("# harness and sandbox are lost during a call: it is never run again\n");
	s->hold = true;
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, one_call_runs));
	CHECK_INT(session_sandbox(s->store, num, before), 0);
	stage_kill(s);
	stage_lose_sandbox(s);
	stage_start(s);
	set_disk_full(true);
	stage_run(s, 200);
	set_disk_full(false);
	stage_kill(s);
	CHECK_INT(session_sandbox(s->store, num, after), 0);
	CHECK_TEXT(after, before);
	stage_start(s);
	CHECK(stage_until(s, num, has_result));
	CHECK_INT(s->call_count, 1);
	CHECK_INT(session_sandbox(s->store, num, after), 0);
	CHECK_TEXT(after, before); /* the new one has been given no call yet */
	s->hold = false;
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "Rru[c]o[c]o[m]j$I");
	CHECK_INT(s->call_count, 2); /* the second is another call */
	CHECK(strcmp(s->calls[0], s->calls[1]) != 0);
	finish(s);
}

/* --- sessions that cannot go on --- */

/* An event that the log took and that cannot be read back, as a damaged one. */
static void damage(struct stage *s, int64_t num)
{
	cleanup(json) cJSON *event = event_new("agent.thinking");
	cJSON *at = cJSON_AddObjectToObject(event, "x_agentdirs");
	for (int i = 0; i < 2 * JSON_DEPTH_MAX; i++)
		at = cJSON_AddObjectToObject(at, "x");
	CHECK_INT(log_append(s->store, num, event, NULL), 0);
}

static void test_unusable(void)
{
	static const struct script answers[] = { WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	printf("# a session whose log is damaged says so once for each message, and nothing else\n");
	damage(s, num);
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, stage_at_rest));
	check_story(s, num, "?Rruej$I");
	cleanup(json) cJSON *error = stage_last(s, num, "session.error");
	CHECK_TEXT(cJSON_GetStringValue(json_path(error, "error.message")), "event 1 of the session's log cannot be read");
	uint64_t events = stage_look(s, num).fold.events;
	int64_t other = stage_session(s, "y"); /* the store changes, so the harness looks */
	stage_run(s, 2500);
	CHECK_INT(stage_look(s, num).fold.events, events);
	stage_say(s, other, "hello");
	CHECK(stage_until(s, other, stage_at_rest));
	check_story(s, other, "Rru[m]j$I");
	finish(s);
}

static bool is_gone(struct stage *s, int64_t num)
{
	return s->harness->active_count == 0;
}

static void test_archived(void)
{
	static const struct script answers[] = { WORDS };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x"), other = stage_session(s, "y");
	printf("# a session that is archived just before its round does no harm to the others in it\n");
	stage_say(s, num, "hello");
	stage_say(s, other, "hello");
	harness_wake(s->harness, num);
	harness_wake(s->harness, other);
	CHECK_INT(object_archive(s->store, num, true), 0);
	stage_run(s, 100); /* far less than until a round that failed is tried again */
	CHECK(has_asked(s, other));
	CHECK(stage_until(s, other, stage_at_rest));
	CHECK(stage_until(s, num, is_gone));
	check_story(s, num, "");
	check_story(s, other, "Rru[m]j$I");
	CHECK_INT(s->harness->failures, 0);
	CHECK_INT(object_archive(s->store, num, false), 0); /* what it had queued is still there */
	CHECK_INT(stage_look(s, num).queued, 1);
	finish(s);
}

static bool all_at_rest(struct stage *s, int64_t num)
{
	for (int64_t i = num; i < num + 6; i++)
		if (!stage_at_rest(s, i))
			return false;
	return true;
}

static void test_few_places(void)
{
	struct script answers[] = { WORDS, WORDS, WORDS, WORDS, WORDS, WORDS };
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		answers[i].ending = CLOSE; /* the server has time for one connection only */
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t first = 0;
	printf("# six sessions and two places\n");
	s->harness->running_max = 2;
	for (int i = 0; i < 6; i++) {
		cleanup(free) char *name = xprintf("x%d", i);
		int64_t num = stage_session(s, name);
		first = first ? first : num;
		stage_say(s, num, "hello");
	}
	CHECK(stage_until(s, first, all_at_rest));
	CHECK(s->harness->active_count <= 2);
	finish(s);
}

/* --- previews --- */

/* The texts of all deltas, one after another. */
static char *preview_text(struct stage *s)
{
	struct buf text = BUF_INIT(0);
	for (const char *at = buf_text(&s->previews); *at; at += strcspn(at, "\n") + 1) {
		cleanup(json) cJSON *line = json_parse(at, strcspn(at, "\n"), NULL);
		const char *part = cJSON_GetStringValue(json_path(line, "delta.content.text"));
		CHECK(line != NULL);
		if (part)
			(void)buf_add_text(&text, part);
	}
	return buf_take(&text);
}

/* A watcher that reads too slowly gets the beginning of a text, never one with a gap. */
static void test_lost_previews(void)
{
	static const struct script answers[] = { HELD };
	struct stage *s = stage_open(answers, ARRAY_LEN(answers));
	int64_t num = stage_session(s, "x");
	cleanup(buf) struct buf whole = BUF_INIT(0);
	printf("# previews that nobody reads\n");
	stage_say(s, num, "hello");
	CHECK(stage_until(s, num, is_asking));
	struct session session = stage_look(s, num);
	struct active *a = harness_find(s->harness, session.object.id);
	buf_add_text(&whole, "half");
	for (int i = 0; i < 100000; i++) {
		char word[20];
		int n = snprintf(word, sizeof(word), "word%d ", i);
		buf_add(&whole, word, (size_t)n);
		preview_piece(a, &(struct model_piece){ .kind = PIECE_TEXT, .type = "text", .text = { word, (size_t)n } });
		if (i % 1000 == 0)
			preview_send(a);
		if (i == 90000)
			stage_read_hints(s); /* there is room again */
	}
	preview_send(a);
	CHECK(a->preview_lost);
	stage_read_hints(s);
	cleanup(free) char *seen = preview_text(s);
	CHECK(strlen(seen) > 1000 && strlen(seen) < whole.size);
	CHECK(strncmp(buf_text(&whole), seen, strlen(seen)) == 0);
	finish(s);
}

int main(void)
{
	json_setup();
	(void)signal(SIGXFSZ, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_interrupt_without_hint();
	test_interrupt_and_message();
	test_interrupt_found();
	test_late_result();
	test_patience();
	test_result_bytes();
	test_full_disk();
	test_full_disk_while_asking();
	test_lost_sandbox();
	test_unusable();
	test_archived();
	test_few_places();
	test_lost_previews();
	return test_done();
}
