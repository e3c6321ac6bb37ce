/* SPDX-License-Identifier: MIT */
/* Queue and drafts. */
#include "base/limits.h"
#include "tests/unit/store/fixture.h"

#define STOP "{\"type\":\"user.interrupt\"}"
#define HI   "{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}"

static void empty_queue(void)
{
	int64_t num;
	for (;;) {
		cleanup(json) cJSON *event = NULL;
		if (queue_next(store, session, 0, &num, &event) <= 0)
			break;
		CHECK_INT(queue_remove(store, session, num), 0);
	}
}

static void check_next(int64_t after, const char *text, int64_t *ret_num)
{
	cleanup(json) cJSON *event = NULL;
	cleanup(buf) struct buf got = BUF_INIT(0);
	CHECK_INT(queue_next(store, session, after, ret_num, &event), 1);
	CHECK_INT(event_content_text(json_get(event, "content"), &got), 0);
	CHECK_TEXT(buf_text(&got), text);
}

static void test_queue(void)
{
	cleanup(json) cJSON *events = cJSON_CreateArray(), *event = NULL;
	cJSON_AddItemToArray(events, fixture_message("one"));
	cJSON_AddItemToArray(events, fixture_message("two"));
	cJSON_AddItemToArray(events, event_new("user.interrupt"));
	CHECK_INT(queue_add(store, session, events), 0);
	int64_t one, two, stop, none = 0;
	check_next(0, "one", &one);
	check_next(one, "two", &two);
	CHECK(two > one);
	CHECK_INT(queue_interrupt(store, session, &stop, &event), 1);
	CHECK_TEXT(json_text(event, "type"), "user.interrupt");
	CHECK(stop > two);
	CHECK_INT(queue_remove(store, session, stop), 0);
	CHECK_INT(queue_remove(store, session, stop), -ENOENT);
	CHECK_INT(queue_interrupt(store, session, &none, &event), 0);
	CHECK_INT(queue_remove(store, session + 1, one), -ENOENT); /* another session's */
	CHECK_INT(queue_remove(store, session, one), 0);
	CHECK_INT(queue_remove(store, session, two), 0);
	CHECK_INT(queue_add(store, session, events), 0);
	check_next(two, "one", &one); /* numbers are never used again */
	CHECK_INT(queue_add(store, 999, events), -ENOENT);
	empty_queue();
}

static void test_full(void)
{
	cleanup(json) cJSON *events = cJSON_CreateArray(), *event = NULL;
	for (int i = 0; i < QUEUE_EVENTS_MAX; i++)
		cJSON_AddItemToArray(events, event_new("user.interrupt"));
	CHECK_INT(queue_add(store, session, events), 0);
	cleanup(json) cJSON *more = cJSON_CreateArray();
	cJSON_AddItemToArray(more, fixture_message("more"));
	CHECK_INT(queue_add(store, session, more), -EAGAIN);
	CHECK_INT(draft_write(store, session, 50, 1, "x", 1, &why), -EAGAIN);
	int64_t num;
	CHECK_INT(queue_next(store, session, 0, &num, &event), 1);
	CHECK_INT(queue_remove(store, session, num), 0);
	/* All or none: one place is free, two do not fit. */
	cJSON_AddItemToArray(more, fixture_message("more"));
	CHECK_INT(queue_add(store, session, more), -EAGAIN);
	struct session now;
	CHECK_INT(session_get(store, session, &now), 1);
	CHECK_INT(now.queued, QUEUE_EVENTS_MAX - 1);

	/* Full only when the message is complete: the draft is gone, and the writer is told. */
	CHECK_INT(draft_write(store, session, 51, 1, "x", 1, &why), 0);
	cJSON_DeleteItemFromArray(more, 1);
	CHECK_INT(queue_add(store, session, more), 0);
	CHECK_INT(draft_commit(store, session, 51, NULL, &why), -EAGAIN);
	CHECK(strstr(buf_text(&why), "waiting"));
	CHECK_INT(draft_handle_max(store), 0);
	empty_queue();
}

static int write_text(uint64_t handle, uint64_t request, const char *text)
{
	return draft_write(store, session, handle, request, text, strlen(text), &why);
}

static void test_draft(void)
{
	int count = -1;
	int64_t num;
	CHECK_INT(write_text(1, 1, "hel"), 0);
	CHECK_INT(write_text(1, 2, "lo\n"), 0);
	CHECK_INT(write_text(1, 2, "lo\n"), 0); /* sent again after a restart */
	CHECK_INT(write_text(2, 1, "other"), 0);
	CHECK_INT(draft_handle_max(store), 2);
	fixture_reopen();
	CHECK_INT(write_text(1, 3, "world\n"), 0);
	CHECK_INT(queue_next(store, session, 0, &num, NULL), 0); /* not before it is complete */
	CHECK_INT(draft_commit(store, session, 1, &count, &why), 0);
	CHECK_INT(count, 1);
	check_next(0, "hello\nworld", &num);
	CHECK_INT(draft_commit(store, session, 1, &count, &why), 0);
	CHECK_INT(count, 0);
	CHECK_INT(write_text(3, 1, "\n \n"), 0);
	CHECK_INT(draft_commit(store, session, 3, &count, &why), 0);
	CHECK_INT(count, 0);
	CHECK_INT(draft_commit_all(store), 0);
	check_next(num, "other", &num);
	CHECK_INT(draft_handle_max(store), 0);
	CHECK_INT(draft_write(store, 999, 1, 1, "x", 1, &why), -ENOENT);
	empty_queue();
}

/* Writes of a message and what the last of them, and the commit, say. */
static const struct {
	const char *parts[4];
	int written, committed, count;
} cases[] = {
	{ { HI "\n", STOP "\n" }, 0, 0, 2 },
	{ { "{\"type\":\"user.mess", "age\",\"content\":[{\"type\":\"text\",",
		  "\"text\":\"hi\"}]}" },
		0, 0, 1 },
	{ { HI "\n{\"type\"", ":\"user.interrupt\"}\n" HI }, 0, 0, 3 },
	{ { "{\"events\":[" HI, "," STOP "]", "}\n" }, 0, 0, 2 },
	{ { "{\"type\":\"user.message\",", "\"content\":[]}" }, -EINVAL, -EINVAL, 0 },
	{ { HI "\n", "{\"type\":\"user.interrupt\",\"a\":1}" }, -EINVAL, -EINVAL, 0 },
	{ { HI "\n", "then text" }, 0, 0, 1 },
	{ { "{\"type\"", ":" }, 0, 0, 1 },
	{ { "caf\xc3", "\xa9" }, 0, 0, 1 },
	{ { "caf\xc3", "e" }, -EILSEQ, -EILSEQ, 0 },
	{ { "caf\xc3" }, 0, -EILSEQ, 0 },
};

static void test_draft_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = 0, count = 0;
		for (uint64_t k = 0; k < ARRAY_LEN(cases[i].parts) && cases[i].parts[k] && r == 0;
			k++)
			r = write_text(7, k + 1, cases[i].parts[k]);
		CHECK_INT(r, cases[i].written);
		if (r < 0) { /* spoilt for good, also for the same request sent again */
			CHECK(why.size > 0);
			CHECK_INT(write_text(7, 99, "more"), r);
			CHECK_INT(write_text(7, 99, "more"), r);
		}
		buf_clear(&why);
		CHECK_INT(draft_commit(store, session, 7, &count, &why), cases[i].committed);
		CHECK((cases[i].committed < 0) == (why.size > 0));
		CHECK_INT(count, cases[i].count);
		CHECK_INT(draft_handle_max(store), 0);
		empty_queue();
	}
}

/* A large event in many writes costs what it is long, and arrives whole; too large a text is
 * stopped at the write that makes it so. */
static void test_large_draft(void)
{
	enum { PIECE = 128 << 10, PIECES = 64 };
	cleanup(free) char *piece = xmalloc(PIECE);
	memset(piece, 'x', PIECE);
	static const char head[] =
		"{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"";
	CHECK_INT(write_text(8, 1, head), 0);
	int r = 0, count = 0;
	for (uint64_t i = 0; i < PIECES && r == 0; i++)
		r = draft_write(store, session, 8, i + 2, piece, PIECE, &why);
	CHECK_INT(r, 0);
	CHECK_INT(write_text(8, 1000, "\"}]}"), 0);
	CHECK_INT(draft_commit(store, session, 8, &count, &why), 0);
	CHECK_INT(count, 1);
	cleanup(json) cJSON *event = NULL;
	int64_t num;
	CHECK_INT(queue_next(store, session, 0, &num, &event), 1);
	const cJSON *block = cJSON_GetArrayItem(json_get(event, "content"), 0);
	CHECK_INT(strlen(json_text(block, "text")), PIECE * PIECES);

	uint64_t i = 0;
	while ((r = draft_write(store, session, 9, i + 1, piece, PIECE, &why)) == 0 && i < 100)
		i++;
	CHECK_INT(r, -EFBIG);
	CHECK_INT(i, MESSAGE_BYTES_MAX / PIECE);
	CHECK_INT(draft_commit(store, session, 9, &count, &why), -EFBIG);
	empty_queue();
}

static void test_archived(void)
{
	CHECK_INT(write_text(10, 1, "too late"), 0);
	CHECK_INT(object_archive(store, session, true), 0);
	CHECK_INT(write_text(11, 1, "x"), -EROFS);
	CHECK_INT(draft_commit(store, session, 10, NULL, &why), -EROFS);
	CHECK_INT(write_text(11, 1, "x"), -EROFS);
	CHECK_INT(draft_commit_all(store), 0);
	CHECK_INT(draft_handle_max(store), 0);
}

int main(void)
{
	fixture_open();
	test_queue();
	test_full();
	test_draft();
	test_draft_cases();
	test_large_draft();
	test_archived();
	fixture_close();
	return test_done();
}
