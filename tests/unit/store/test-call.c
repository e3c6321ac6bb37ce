/* SPDX-License-Identifier: MIT */
/* Calls that wait for an answer: listed, answered once, and gone when the session goes on. */
#include "base/limits.h"
#include "store/call.h"
#include "tests/unit/store/fixture.h"

/* Appends a call and returns its number; its id goes to ret_id. */
static uint64_t call(const char *type, const char *fields, char ret_id[static ID_SIZE])
{
	cleanup(json) cJSON *event = event_new(type), *given = cJSON_Parse(fields);
	fixture_move_fields(event, given);
	struct log_place place = { 0 };
	CHECK_INT(log_append(store, session, event, &place), 0);
	memcpy(ret_id, json_text(event, "id"), strlen(json_text(event, "id")) + 1);
	return place.seq;
}

static uint64_t ask(const char *tool, char ret_id[static ID_SIZE])
{
	cleanup(free) char *fields = xprintf(
		"{\"name\":\"%s\",\"input\":{},\"evaluated_permission\":\"ask\"}", tool);
	return call("agent.tool_use", fields, ret_id);
}

static uint64_t ask_custom(const char *tool, char ret_id[static ID_SIZE])
{
	cleanup(free) char *fields = xprintf("{\"name\":\"%s\",\"input\":{}}", tool);
	return call("agent.custom_tool_use", fields, ret_id);
}

static void wait_for(const char *a, const char *b)
{
	cleanup(free) char *fields = xprintf("{\"stop_reason\":{\"type\":\"requires_action\","
		"\"event_ids\":[\"%s\",\"%s\"]}}", a, b);
	CHECK_INT(fixture_append(session, "session.status_idle", fields), 0);
}

static void end_turn(void)
{
	CHECK_INT(fixture_append(session, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"end_turn\"}}"), 0);
}

static int open_calls(enum call_kind kind)
{
	struct call page[8];
	return call_page(store, session, kind, 0, page, 8);
}

static int answer(uint64_t seq, const char *text)
{
	return call_answer(store, session, seq, slice_of(text), &why);
}

/* Does what the harness does: takes the first entry into the log. */
static cJSON *take(void)
{
	int64_t num;
	cJSON *event = NULL;
	CHECK_INT(queue_next(store, session, 0, &num, &event), 1);
	CHECK_INT(queue_remove(store, session, num), 0);
	CHECK_INT(log_append(store, session, event, NULL), 0);
	return event;
}

static void test_listing(void)
{
	char bash[ID_SIZE], weather[ID_SIZE], quick[ID_SIZE];
	struct call got, page[4];
	CHECK_INT(fixture_append(session, "session.status_running", "{}"), 0);
	(void)call("agent.tool_use", "{\"name\":\"read\",\"input\":{},\"evaluated_permission\":"
		"\"allow\"}", quick);
	uint64_t one = ask("bash", bash), two = ask_custom("get_weather", weather);
	CHECK_INT(open_calls(0), 0); /* it runs; nobody is asked yet */
	wait_for(bash, weather);
	CHECK_INT(open_calls(0), 2);
	CHECK_INT(open_calls(CALL_CONFIRM), 1);
	CHECK_INT(open_calls(CALL_RESULT), 1);
	CHECK_INT(call_page(store, session, 0, one, page, 4), 1);
	CHECK_INT(page[0].seq, two);
	CHECK_INT(call_get(store, session, one, &got), 1);
	CHECK_TEXT(got.id, bash);
	CHECK_TEXT(got.tool, "bash");
	CHECK_INT(got.kind, CALL_CONFIRM);
	CHECK(got.asked_us > 0);
	CHECK_INT(call_get(store, session, two, NULL), 1);
	CHECK_INT(call_get(store, session, one - 1, NULL), 0);
	CHECK_INT(call_get(store, session, 0, NULL), 0);
	struct session waiting[2];
	CHECK_INT(session_waiting(store, 0, waiting, 2), 1);
	CHECK_INT(waiting[0].object.num, session);

	/* Going on without an answer closes them. */
	end_turn();
	CHECK_INT(open_calls(0), 0);
	CHECK_INT(answer(one, "allow"), -ESTALE);
	CHECK_INT(answer(one - 1, "allow"), -ESTALE); /* a call too, though it asked nobody */
	CHECK_INT(answer(1, "allow"), -ENOENT); /* no call */
	CHECK_INT(answer(9999, "allow"), -ENOENT);
	CHECK_INT(session_waiting(store, 0, waiting, 2), 0);
}

/* One answer for each call; what is left is asked for again. */
static void test_answers(void)
{
	char bash[ID_SIZE], weather[ID_SIZE];
	uint64_t one = ask("bash", bash), two = ask_custom("get_weather", weather);
	wait_for(bash, weather);
	CHECK_INT(answer(one, "perhaps"), -EINVAL);
	CHECK_INT(answer(one, ""), -EINVAL);
	CHECK_INT(open_calls(0), 2);
	CHECK_INT(answer(one, "deny not today\n"), 0);
	CHECK_INT(open_calls(CALL_CONFIRM), 0); /* at once, though nobody has taken it */
	CHECK_INT(open_calls(CALL_RESULT), 1);
	CHECK_INT(answer(one, "allow"), -ESTALE);
	fixture_reopen();
	CHECK_INT(answer(one, "allow"), -ESTALE);
	cleanup(json) cJSON *denied = take();
	CHECK_TEXT(json_text(denied, "tool_use_id"), bash);
	CHECK_TEXT(json_text(denied, "deny_message"), "not today");
	CHECK_INT(answer(one, "allow"), -ESTALE);
	wait_for(weather, "sevt_other");
	CHECK_INT(open_calls(0), 1);
	CHECK_INT(answer(two, "sunny\n"), 0);
	cleanup(json) cJSON *result = take();
	CHECK_TEXT(json_text(result, "custom_tool_use_id"), weather);
	CHECK_INT(open_calls(0), 0);
	end_turn();
}

#define ALLOW                                                        \
	"{\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"%s\"," \
	"\"result\":\"allow\"}\n"

/* The same through `input`, and against it: whoever is first. */
static void test_input(void)
{
	char bash[ID_SIZE], weather[ID_SIZE];
	uint64_t one = ask("bash", bash), two = ask_custom("get_weather", weather);
	wait_for(bash, weather);
	cleanup(free) char *yes = xprintf(ALLOW, bash), *wrong = xprintf(ALLOW, weather);
	cleanup(free) char *twice = xprintf("%s%s", yes, yes);
	int count = 0;
	CHECK_INT(draft_write(store, session, 1, 1, wrong, strlen(wrong), &why), -ENOENT);
	CHECK(strstr(buf_text(&why), "no call waits"));
	CHECK_INT(draft_commit(store, session, 1, &count, &why), -ENOENT);
	CHECK_INT(draft_write(store, session, 2, 1, twice, strlen(twice), &why), 0);
	CHECK_INT(draft_commit(store, session, 2, &count, &why), -ESTALE);
	CHECK_INT(queue_last(store, session), 0); /* all or none */
	CHECK_INT(draft_write(store, session, 3, 1, yes, strlen(yes), &why), 0);
	CHECK_INT(draft_write(store, session, 4, 1, yes, strlen(yes), &why), 0);
	CHECK_INT(draft_commit(store, session, 3, &count, &why), 0);
	CHECK_INT(count, 1);
	CHECK_INT(draft_commit(store, session, 4, &count, &why), -ESTALE);
	CHECK_INT(draft_write(store, session, 5, 1, yes, strlen(yes), &why), -ESTALE);
	CHECK_INT(draft_commit(store, session, 5, &count, &why), -ESTALE);
	CHECK_INT(draft_handle_max(store), 0);
	CHECK_INT(answer(one, "allow"), -ESTALE);
	CHECK_INT(answer(two, "x"), 0);
	cJSON_Delete(take());
	cJSON_Delete(take());
	end_turn();
	CHECK_INT(draft_write(store, session, 6, 1, yes, strlen(yes), &why), -ENOENT);
	CHECK_INT(draft_commit(store, session, 6, &count, &why), -ENOENT);
}

/* A queue that is full of messages still takes what the session waits for. */
static void test_full(void)
{
	char bash[ID_SIZE];
	uint64_t seq = ask("bash", bash);
	wait_for(bash, bash);
	cleanup(json) cJSON *events = cJSON_CreateArray();
	for (int i = 0; i < QUEUE_EVENTS_MAX; i++)
		cJSON_AddItemToArray(events, fixture_message("m"));
	CHECK_INT(queue_add(store, session, events), 0);
	CHECK_INT(answer(seq, "always"), 0);
	int64_t num = queue_last(store, session);
	cleanup(json) cJSON *event = NULL;
	CHECK_INT(queue_read(store, session, num, NULL, &event), 1);
	CHECK(json_bool(json_get(event, "x_agentdirs"), "always", false));
	CHECK_INT(queue_remove(store, session, num), 0);
	CHECK_INT(open_calls(0), 1); /* taken back before it was taken up */
	CHECK_INT(object_archive(store, session, true), 0);
	CHECK_INT(open_calls(0), 0);
	CHECK_INT(answer(seq, "allow"), -EROFS);
	CHECK_INT(object_archive(store, session, false), 0);
	CHECK_INT(open_calls(0), 1);
}

/* Many processes answer one call at the same time: one of them succeeds. */
static void test_race(void)
{
	enum { RACERS = 6 };
	struct session made;
	CHECK_INT(session_make(store, "race", &made, &why), 0);
	session = made.object.num;
	char bash[ID_SIZE];
	uint64_t seq = ask("bash", bash);
	wait_for(bash, bash);
	store = store_close(store);
	pid_t pids[RACERS];
	fflush(stdout);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct store *own = NULL;
			int r = store_open(fixture_dir, &own, NULL);
			r = r < 0 ? r : call_answer(own, session, seq, slice_of("allow"), NULL);
			own = store_close(own);
			fixture_child_exit(r == 0 ? 1 : r == -ESTALE ? 0 : 99);
		}
	}
	int won = 0;
	for (int i = 0; i < RACERS; i++)
		won += fixture_wait(pids[i]);
	CHECK_INT(won, 1);
	fixture_reopen();
	struct session now;
	CHECK_INT(session_get(store, session, &now), 1);
	CHECK_INT(now.queued, 1);
}

/* The table of open calls is a cache: after anything that may happen it says what a plain list kept
 * beside it says. */
static struct {
	char id[ID_SIZE];
	uint64_t seq;
	bool open, listed, queued;
} known[600];
static int known_count;

static void random_call(unsigned dice)
{
	if (known_count == ARRAY_LEN(known))
		return;
	known[known_count].seq = dice % 2 ? ask("t", known[known_count].id) :
		ask_custom("t", known[known_count].id);
	known[known_count++].open = true;
}

static void random_answer(unsigned dice)
{
	int i = known_count ? (int)(dice % (unsigned)known_count) : -1;
	if (i < 0)
		return;
	bool waits = known[i].open && known[i].listed && !known[i].queued &&
		call_get(store, session, known[i].seq, NULL) == 1;
	int r = answer(known[i].seq, "deny");
	if ((r == 0) != waits)
		CHECK_INT(r, waits ? 0 : -ESTALE);
	known[i].queued |= r == 0;
}

static void random_take(void)
{
	if (queue_last(store, session) == 0)
		return;
	cleanup(json) cJSON *event = take();
	const char *id = json_text(event, "tool_use_id");
	id = id ? id : json_text(event, "custom_tool_use_id");
	for (int i = 0; i < known_count; i++)
		if (strcmp(known[i].id, id) == 0)
			known[i].open = known[i].queued = false;
}

/* Lists the last two that are open, or ends the turn. */
static void random_idle(bool ends)
{
	int a = -1, b = -1;
	for (int i = 0; i < known_count; i++) {
		known[i].open &= !ends;
		known[i].listed = false;
		if (known[i].open) {
			a = b;
			b = i;
		}
	}
	if (ends) {
		end_turn();
		return;
	}
	wait_for(a < 0 ? "none" : known[a].id, b < 0 ? "none" : known[b].id);
	if (a >= 0)
		known[a].listed = true;
	if (b >= 0)
		known[b].listed = true;
}

/* Which calls should be listed now, against which are. */
static void check_known(bool waiting)
{
	int wrong = 0;
	for (int i = 0; i < known_count; i++) {
		bool want = waiting && known[i].open && known[i].listed && !known[i].queued;
		wrong += call_get(store, session, known[i].seq, NULL) != want;
	}
	if (wrong)
		CHECK_INT(wrong, 0);
}

static void test_random(void)
{
	enum { STEPS = 1500 };
	unsigned seed = 11;
	bool waiting = false;
	struct session made;
	CHECK_INT(session_make(store, "random", &made, &why), 0);
	session = made.object.num;
	CHECK_INT(store_begin(store), 0); /* one commit at the end is enough */
	for (int i = 0; i < STEPS; i++) {
		unsigned dice = (unsigned)rand_r(&seed);
		switch (dice % 8) {
		case 0:
		case 1:
			random_call(dice / 8);
			break;
		case 2:
		case 3:
			random_idle(false);
			waiting = true;
			break;
		case 4:
			random_take();
			break;
		case 5:
			if (dice / 8 % 8 == 0) {
				random_idle(true);
				waiting = false;
			}
			break;
		default:
			random_answer(dice / 8);
		}
		check_known(waiting);
	}
	CHECK_INT(store_commit(store, STORE_DURABLE), 0);
	CHECK(known_count > 100);
}

/* Names come from servers and models; files are named after them. */
static void test_names(void)
{
	char id[ID_SIZE];
	struct call got;
	struct session made;
	CHECK_INT(session_make(store, "names", &made, &why), 0);
	session = made.object.num;
	char fields[300], name[100];
	memset(name, 'n', sizeof(name));
	name[99] = '\0';
	(void)snprintf(fields, sizeof(fields),
		"{\"mcp_server_name\":\"s\",\"name\":\"../a b\\n%s\","
		"\"input\":{},\"evaluated_permission\":\"ask\"}", name);
	uint64_t seq = call("agent.mcp_tool_use", fields, id);
	wait_for(id, id);
	CHECK_INT(call_get(store, session, seq, &got), 1);
	CHECK(strncmp(got.tool, ".._a_b_nnn", 10) == 0);
	CHECK_INT(strlen(got.tool), CALL_TOOL_SIZE - 1);
	CHECK_INT(fixture_append(session, "session.status_terminated", "{}"), 0);
	CHECK_INT(open_calls(0), 0);
	CHECK_INT(answer(seq, "allow"), -EROFS);
	CHECK_INT(object_archive(store, session, true), 0);
	CHECK_INT(object_delete(store, session), 0); /* nothing of it stays behind */
}

#define CONFIRMED(rest) "{\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"i\"," rest "}"
#define RESULT(rest) \
	"{\"type\":\"user.custom_tool_result\",\"custom_tool_use_id\":\"i\"," rest "}"
#define TEXT_BLOCK(text) "\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]"

static const struct {
	enum call_kind kind;
	const char *text, *event; /* event NULL: refused */
} texts[] = {
	{ CALL_CONFIRM, "allow", CONFIRMED("\"result\":\"allow\"") },
	{ CALL_CONFIRM, "  allow\n\n", CONFIRMED("\"result\":\"allow\"") },
	{ CALL_CONFIRM, "always\n",
		CONFIRMED("\"result\":\"allow\",\"x_agentdirs\":{\"always\":true}") },
	{ CALL_CONFIRM, "deny", CONFIRMED("\"result\":\"deny\"") },
	{ CALL_CONFIRM, "deny  no,\nnot this  \n",
		CONFIRMED("\"result\":\"deny\",\"deny_message\":\"no,\\nnot this\"") },
	{ CALL_CONFIRM, "", NULL },
	{ CALL_CONFIRM, "\n", NULL },
	{ CALL_CONFIRM, "yes", NULL },
	{ CALL_CONFIRM, "Allow", NULL },
	{ CALL_CONFIRM, "allow it", NULL },
	{ CALL_CONFIRM, "allowed", NULL },
	{ CALL_CONFIRM, "denying", NULL },
	{ CALL_CONFIRM, "deny \xff", NULL },
	{ CALL_RESULT, "sunny\n", RESULT(TEXT_BLOCK("sunny")) },
	{ CALL_RESULT, "two\n\n", RESULT(TEXT_BLOCK("two\\n")) },
	{ CALL_RESULT, "\n", RESULT("\"content\":[]") },
	{ CALL_RESULT, "error: no such city\n",
		RESULT(TEXT_BLOCK("no such city") ",\"is_error\":true") },
	{ CALL_RESULT, "error:\nline\n", RESULT(TEXT_BLOCK("line") ",\"is_error\":true") },
	{ CALL_RESULT, "error:", RESULT("\"content\":[],\"is_error\":true") },
	{ CALL_RESULT, "errors: 0\n", RESULT(TEXT_BLOCK("errors: 0")) },
	{ CALL_RESULT, " [{\"type\":\"text\",\"text\":\"a\"}]\n", RESULT(TEXT_BLOCK("a")) },
	{ CALL_RESULT, "[{\"type\":\"text\",\"text\":\"\"}]", NULL },
	{ CALL_RESULT, "[{\"type\":\"tool_use\"}]", NULL },
	{ CALL_RESULT, "[1,2]\n", RESULT(TEXT_BLOCK("[1,2]")) },
	{ CALL_RESULT, "[{\"a\":1}]", RESULT(TEXT_BLOCK("[{\\\"a\\\":1}]")) },
	{ CALL_RESULT, "[]", RESULT(TEXT_BLOCK("[]")) },
	{ CALL_RESULT, "[broken", RESULT(TEXT_BLOCK("[broken")) },
	{ CALL_RESULT, "", NULL },
	{ CALL_RESULT, "\xc3", NULL },
};

/* What is good as a whole is good at every cut. */
static void check_cuts(enum call_kind kind, const char *text)
{
	int refused = 0;
	for (size_t n = 0; n <= strlen(text); n++)
		refused += call_check(kind, (struct slice){ text, n }, NULL) < 0;
	CHECK_INT(refused, 0);
}

static void test_texts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup(json) cJSON *event = NULL;
		buf_clear(&why);
		int r = call_parse(texts[i].kind, "i", slice_of(texts[i].text), &event, &why);
		CHECK_INT(r == 0, texts[i].event != NULL);
		CHECK((r < 0) == (why.size > 0));
		if (r < 0)
			continue;
		CHECK_INT(event_check(event, &why), 0);
		cJSON_DeleteItemFromObject(event, "id");
		cleanup(free) char *got = json_to_text(event);
		CHECK_TEXT(got, texts[i].event);
		check_cuts(texts[i].kind, texts[i].text);
	}
	CHECK_INT(call_check(CALL_CONFIRM, slice_of("al"), &why), 0);
	CHECK_INT(call_check(CALL_CONFIRM, slice_of("ax"), &why), -EINVAL);
	CHECK_INT(call_check(CALL_CONFIRM, slice_of("allow "), &why), 0);
	CHECK_INT(call_check(CALL_CONFIRM, slice_of("allow x"), &why), -EINVAL);
	CHECK_INT(call_check(CALL_RESULT, slice_of("a\xc3"), &why), 0);
	CHECK_INT(call_check(CALL_RESULT, slice_of("a\xc3x"), &why), -EILSEQ);
}

static void test_sizes(void)
{
	size_t size = TOOL_RESULT_BYTES_MAX + 1;
	cleanup(free) char *text = xmalloc(size);
	cleanup(json) cJSON *event = NULL, *long_reason = NULL;
	memset(text, 'x', size);
	CHECK_INT(call_parse(CALL_RESULT, "i", (struct slice){ text, size }, &event, &why), -EFBIG);
	CHECK(!event);
	CHECK_INT(call_parse(CALL_RESULT, "i", (struct slice){ text, size - 1 }, &event, &why), 0);
	memcpy(text, "deny ", 5);
	CHECK_INT(call_parse(CALL_CONFIRM, "i", (struct slice){ text, 10006 }, &long_reason, &why),
		-EINVAL);
	CHECK_INT(call_parse(CALL_CONFIRM, "i", (struct slice){ text, 10005 }, &long_reason, &why),
		0);
}

int main(void)
{
	fixture_open();
	test_listing();
	test_answers();
	test_input();
	test_full();
	test_race();
	test_random();
	test_names();
	test_texts();
	test_sizes();
	fixture_close();
	return test_done();
}
