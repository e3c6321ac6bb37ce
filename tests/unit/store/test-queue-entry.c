/* SPDX-License-Identifier: MIT */
/* Entries of the queue as files: listed, read, replaced, put into another order. */
#include "base/limits.h"
#include "tests/unit/store/fixture.h"

/* Queues one message for each letter. */
static void say(const char *letters)
{
	cleanup(json) cJSON *events = cJSON_CreateArray();
	for (; *letters; letters++)
		cJSON_AddItemToArray(events, fixture_message((char[]){ *letters, '\0' }));
	CHECK_INT(queue_add(store, session, events), 0);
}

static void empty_queue(void)
{
	CHECK(db_run(store, SQL_QUEUE_DELETE, ARGS(INT(session))) >= 0);
}

static void add_text(const cJSON *event, struct buf *out)
{
	(void)event_content_text(json_get(event, "content"), out);
}

/* The queue as the harness would take it: "3a 4b". */
static void check_queue(const char *want)
{
	cleanup(buf) struct buf got = BUF_INIT(0);
	int64_t num = 0;
	for (;;) {
		cleanup(json) cJSON *event = NULL;
		if (queue_next(store, session, num, &num, &event) <= 0)
			break;
		(void)buf_printf(&got, "%s%lld", got.size ? " " : "", (long long)num);
		add_text(event, &got);
	}
	CHECK_TEXT(buf_text(&got), want);
}

static void test_numbers(void)
{
	struct queue_entry page[2];
	CHECK_INT(queue_last(store, session), 0);
	CHECK_INT(queue_page(store, session, 0, page, 2), 0);
	say("abc");
	check_queue("1a 2b 3c");
	CHECK_INT(queue_last(store, session), 3);
	CHECK_INT(queue_page(store, session, 0, page, 2), 2);
	CHECK_INT(page[1].num, 2);
	CHECK(page[1].added_us > 0);
	CHECK_INT(queue_page(store, session, 2, page, 2), 1);
	CHECK_INT(queue_remove(store, session, 3), 0);
	CHECK_INT(queue_last(store, session), 2);
	say("d");
	check_queue("1a 2b 4d"); /* 3 is not given again */
	empty_queue();
	say("e");
	check_queue("5e");
	struct session other;
	CHECK_INT(session_make(store, "other", &other, &why), 0);
	CHECK_INT(queue_last(store, other.object.num), 0);
	empty_queue();
}

static void test_read(void)
{
	cleanup(json) cJSON *event = NULL;
	struct queue_entry entry;
	say("x");
	int64_t num = queue_last(store, session);
	CHECK_INT(queue_read(store, session, num, &entry, &event), 1);
	CHECK_INT(entry.num, num);
	CHECK_TEXT(json_text(event, "type"), "user.message");
	CHECK_INT(queue_read(store, session, num, NULL, NULL), 1);
	CHECK_INT(queue_read(store, session, num + 1, NULL, NULL), 0);
	CHECK_INT(queue_read(store, session + 99, num, NULL, NULL), 0);
	empty_queue();
}

#define HI "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}"

static const struct {
	const char *text;
	int want;
	const char *shown; /* the entry's text afterwards */
} replacements[] = {
	{ "new\n", 0, "new" },
	{ HI, 0, "hi" },
	{ "{\"events\":[" HI "]}", 0, "hi" },
	{ HI HI, -EINVAL, "hi" },
	{ "", -EINVAL, "hi" },
	{ " \n", -EINVAL, "hi" },
	{ "{\"type\":\"user.message\",\"content\":[]}", -EINVAL, "hi" },
	{ "\xff", -EILSEQ, "hi" },
	{ "{\"type\":\"user.tool_confirmation\",\"tool_use_id\":\"x\",\"result\":\"allow\"}",
		-ENOENT, "hi" },
	{ "{\"type\":\"agent.message\"}", 0, "{\"type\":\"agent.message\"}" },
};

/* Judged as `input` judges; number, place and id stay. */
static void test_replace(void)
{
	empty_queue();
	say("ab");
	int64_t num = queue_last(store, session) - 1;
	cleanup(json) cJSON *before = NULL;
	CHECK_INT(queue_read(store, session, num, NULL, &before), 1);
	for (size_t i = 0; i < ARRAY_LEN(replacements); i++) {
		cleanup(json) cJSON *event = NULL;
		cleanup(buf) struct buf text = BUF_INIT(0);
		int r = queue_replace(
			store, session, num, slice_of(replacements[i].text), &why);
		CHECK_INT(r, replacements[i].want);
		CHECK_INT(queue_read(store, session, num, NULL, &event), 1);
		CHECK_TEXT(json_text(event, "id"), json_text(before, "id"));
		add_text(event, &text);
		CHECK_TEXT(buf_text(&text), replacements[i].shown);
	}
	cleanup(free) char *text = xmalloc(MESSAGE_BYTES_MAX + 1);
	memset(text, 'x', MESSAGE_BYTES_MAX + 1);
	struct slice large = { text, MESSAGE_BYTES_MAX + 1 };
	CHECK_INT(queue_replace(store, session, num, large, &why), -EFBIG);

	/* What the text makes of it counts: an interrupt goes first now. */
	cleanup(json) cJSON *stop = NULL;
	int64_t found;
	CHECK_INT(queue_replace(store, session, num + 1,
		slice_of("{\"type\":\"user.interrupt\"}"), &why), 0);
	CHECK_INT(queue_interrupt(store, session, &found, &stop), 1);
	CHECK_INT(found, num + 1);

	CHECK_INT(queue_remove(store, session, num), 0); /* the harness takes it */
	CHECK_INT(queue_replace(store, session, num, slice_of("late"), &why), -ESTALE);
	CHECK_TEXT(buf_text(&why), "the message was taken up already");
	CHECK_INT(queue_replace(store, session, num + 50, slice_of("x"), &why), -ENOENT);
	CHECK_INT(queue_replace(store, 999, 1, slice_of("x"), &why), -ENOENT);
	empty_queue();
}

/* Each on a fresh queue of a to e with the numbers 1, 2, 3, 5, 6. */
static const struct {
	int64_t num, to;
	int want;
	const char *shown;
} moves[] = {
	{ 3, 3, 0, "1a 2b 3c 5d 6e" },
	{ 3, 4, 0, "1a 2b 4c 5d 6e" },
	{ 6, 4, 0, "1a 2b 3c 4e 5d" },
	{ 6, 1, 0, "1e 2a 3b 4c 5d" },
	{ 5, 1, 0, "1d 2a 3b 4c 6e" },
	{ 3, 1, 0, "1c 2a 3b 5d 6e" },
	{ 1, 3, 0, "2b 3a 4c 5d 6e" },
	{ 1, 5, 0, "2b 3c 5a 6d 7e" },
	{ 1, 6, 0, "2b 3c 5d 6a 7e" },
	{ 1, 7, 0, "2b 3c 5d 6e 7a" },
	{ 1, 1006, 0, "2b 3c 5d 6e 1006a" },
	{ 1, 1007, -EINVAL, "1a 2b 3c 5d 6e" },
	{ 1, 0, -EINVAL, "1a 2b 3c 5d 6e" },
	{ 1, -1, -EINVAL, "1a 2b 3c 5d 6e" },
	{ 1, 65536, -EINVAL, "1a 2b 3c 5d 6e" },
	{ 4, 1, -ESTALE, "1a 2b 3c 5d 6e" },
	{ 7, 1, -ENOENT, "1a 2b 3c 5d 6e" },
};

static void begin_numbers(int64_t last)
{
	empty_queue();
	CHECK(db_run(store, SQL_QUEUE_SET_GIVEN, ARGS(INT(session), INT(last))) >= 0);
}

static void test_move(void)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		begin_numbers(0);
		say("abcxde");
		CHECK_INT(queue_remove(store, session, 4), 0);
		CHECK_INT(queue_move(store, session, moves[i].num, moves[i].to), moves[i].want);
		check_queue(moves[i].shown);
		int64_t last = queue_last(store, session);
		say("n");
		CHECK_INT(queue_last(store, session), last > 6 ? last + 1 : 7);
	}
}

/* Numbers begin anew when the queue is empty and they have grown long. */
static void test_wrap(void)
{
	begin_numbers(9999);
	say("a");
	check_queue("10000a");
	say("b");
	check_queue("10000a 10001b");
	empty_queue();
	say("c");
	check_queue("1c");
	begin_numbers(0);
	say("d");
	CHECK(db_run(store, SQL_QUEUE_SET_GIVEN, ARGS(INT(session), INT(QUEUE_NUM_MAX - 1))) >= 0);
	say("e");
	check_queue("1d 65535e");
	cleanup(json) cJSON *more = cJSON_CreateArray();
	cJSON_AddItemToArray(more, fixture_message("f"));
	CHECK_INT(queue_add(store, session, more), -EAGAIN);
	CHECK_INT(queue_move(store, session, 1, QUEUE_NUM_MAX), -EAGAIN);
	check_queue("1d 65535e");
	CHECK_INT(queue_move(store, session, QUEUE_NUM_MAX, 1), 0);
	check_queue("1e 2d");
	empty_queue();
}

/* Random moves against a plain array: the order is what the rule says, and nothing is lost. */
static void test_random(void)
{
	enum { ENTRIES = 12, MOVES = 300 };
	unsigned seed = 7;
	begin_numbers(0);
	say("abcdefghijkl");
	char at[64] = " abcdefghijkl"; /* by number; blank: free */
	for (int i = 0; i < MOVES; i++) {
		int from, to = 1 + rand_r(&seed) % 30;
		do
			from = 1 + rand_r(&seed) % 40;
		while (at[from] < 'a');
		CHECK_INT(queue_move(store, session, from, to), 0);
		char moved = at[from];
		at[from] = ' ';
		for (int k = to; moved >= 'a'; k++) {
			char next = at[k];
			at[k] = moved;
			moved = next;
		}
		cleanup(buf) struct buf want = BUF_INIT(0);
		for (int k = 1; k < (int)sizeof(at); k++)
			if (at[k] >= 'a')
				(void)buf_printf(&want, "%s%d%c", want.size ? " " : "", k, at[k]);
		check_queue(buf_text(&want));
	}
}

/* Takes entries as the harness does, until there are none: how many, or -1. */
static int take_all(void)
{
	int taken = 0;
	if (store_open(fixture_dir, &store, NULL) < 0)
		return -1;
	for (;;) {
		int64_t num = 0;
		cleanup(json) cJSON *event = NULL;
		if (queue_next(store, session, 0, &num, &event) <= 0)
			return taken;
		taken += queue_remove(store, session, num) == 0; /* not if it was moved meanwhile */
	}
}

static bool is_fine(int r)
{
	return r == 0 || r == -ESTALE || r == -ENOENT;
}

/* One process takes entries while another edits and reorders: no entry is lost or taken twice, and
 * a late hand is told. */
static void test_race(void)
{
	enum { ENTRIES = 200 };
	begin_numbers(0);
	for (int i = 0; i < ENTRIES / 4; i++)
		say("abcd");
	store = store_close(store);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		fixture_child_exit(take_all() == ENTRIES ? 0 : 1);
	fixture_reopen();
	int edited = 0, odd = 0;
	for (int64_t num = 1; queue_last(store, session) > 0; num = num % 300 + 1) {
		int r = queue_replace(store, session, num, slice_of("edited"), &why);
		edited += r == 0;
		odd += !is_fine(r) + !is_fine(queue_move(store, session, num, num % 7 + 1));
	}
	CHECK_INT(odd, 0);
	CHECK_INT(fixture_wait(pid), 0);
	printf("# %d edits in time\n", edited);
}

int main(void)
{
	fixture_open();
	test_numbers();
	test_read();
	test_replace();
	test_move();
	test_wrap();
	test_random();
	test_race();
	fixture_close();
	return test_done();
}
