/* SPDX-License-Identifier: MIT */
#include "tests/unit/store/fixture.h"

static void test_make(void)
{
	struct session got;
	CHECK_INT(session_make(store, "s", NULL, &why), -EEXIST);
	CHECK_TEXT(buf_text(&why), "there is already a session named s");
	CHECK_INT(session_make(store, "a b", NULL, &why), -EINVAL);
	CHECK_INT(session_get(store, session, &got), 1);
	CHECK(strncmp(got.object.id, "sesn_", 5) == 0);
	CHECK_INT(got.fold.status, SESSION_IDLE);
	CHECK_INT(got.fold.stop, STOP_NEW);
	CHECK_INT(got.agent_version, 0);
	CHECK_INT(session_get(store, 999, &got), 0);
	cleanup(free) char *workspace = session_workspace(store, &got.object);
	struct stat st;
	CHECK_INT(stat(workspace, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0700);
	CHECK_INT(rmdir(workspace), 0); /* as after a power cut */
	cleanup(free) char *again = session_workspace(store, &got.object);
	CHECK_INT(stat(again, &st), 0);
}

/* What a session is made of may change until something was said, and is fixed from then on. */
static void test_pin(void)
{
	struct object agent, environment;
	struct session made, got;
	int64_t version = 0;
	int error = 0;
	CHECK_INT(session_make(store, "pin", &made, &why), 0);
	CHECK_INT(object_make(store, OBJECT_AGENT, "coder", NULL, "m", &agent, &why), 0);
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "dev", NULL, NULL, &environment, &why), 0);
	cleanup(json) cJSON *body = object_body(store, agent.num, 0, &error);
	cJSON_ReplaceItemInObject(body, "system", cJSON_CreateString("second"));
	CHECK_INT(object_save(store, agent.num, body, &version, &why), 0);

	int64_t num = made.object.num;
	CHECK_INT(session_set_agent(store, num, agent.num, 3), -ENOENT);
	CHECK_INT(session_set_agent(store, num, environment.num, 0), -ENOENT);
	CHECK_INT(session_set_agent(store, num, agent.num, 1), 0);
	CHECK_INT(session_set_agent(store, num, agent.num, 0), 0);
	CHECK_INT(session_set_environment(store, num, agent.num), -ENOENT);
	CHECK_INT(session_set_environment(store, num, environment.num), 0);

	cleanup(json) cJSON *events = cJSON_CreateArray();
	cJSON_AddItemToArray(events, fixture_message("hi"));
	CHECK_INT(queue_add(store, num, events), 0);
	CHECK_INT(session_get(store, num, &got), 1);
	CHECK_INT(got.agent, agent.num);
	CHECK_INT(got.agent_version, 2);
	CHECK_INT(got.environment, environment.num);
	CHECK_INT(got.queued, 1);
	CHECK_INT(session_set_agent(store, num, agent.num, 1), -EBUSY);
	CHECK_INT(session_set_environment(store, num, environment.num), -EBUSY);

	cJSON_ReplaceItemInObject(body, "system", cJSON_CreateString("third"));
	CHECK_INT(object_save(store, agent.num, body, &version, &why), 0);
	CHECK_INT(session_pin(store, num), 0);
	cleanup(json) cJSON *shown = session_body(store, num, &error);
	CHECK_TEXT(cJSON_GetStringValue(json_path(shown, "agent.system")), "second");
	CHECK_INT(json_int(json_get(shown, "agent"), "version", 0), 2);
	CHECK_TEXT(json_text(shown, "environment_id"), environment.id);
	CHECK_TEXT(json_text(shown, "status"), "idle");
}

static void test_title(void)
{
	struct session got;
	cleanup(buf) struct buf title = BUF_INIT(4000);
	CHECK_INT(session_title(store, session, &title), 0);
	CHECK_INT(title.size, 0);
	CHECK_INT(session_set_title(store, session, "First\n", 6, &why), 0);
	CHECK_INT(session_title(store, session, &title), 0);
	CHECK_TEXT(buf_text(&title), "First");
	CHECK_INT(session_get(store, session, &got), 1);
	CHECK_INT(got.fold.events, 0); /* a session without events gets none by being named */

	cleanup(json) cJSON *event = fixture_message("hello");
	CHECK_INT(log_append(store, session, event, NULL), 0);
	CHECK_INT(session_set_title(store, session, "Second", 6, &why), 0);
	CHECK_INT(
		session_set_title(store, session, "Second", 6, &why), 0); /* no change, no event */
	CHECK_INT(session_get(store, session, &got), 1);
	CHECK_INT(got.fold.events, 2);
	cleanup(json) cJSON *updated = log_event(store, session, 2);
	CHECK_TEXT(json_text(updated, "type"), "session.updated");
	CHECK_TEXT(json_text(updated, "title"), "Second");
	CHECK_INT(session_set_title(store, session, "", 0, &why), 0);
	cleanup(json) cJSON *cleared = log_event(store, session, 3);
	CHECK(cJSON_IsNull(json_get(cleared, "title")));

	char text[501 * 2];
	memset(text, 'x', sizeof(text));
	CHECK_INT(session_set_title(store, session, text, 501, &why), -EINVAL);
	CHECK_INT(session_set_title(store, session, text, 500, &why), 0);
	CHECK_INT(session_set_title(store, session, "\xff", 1, &why), -EINVAL);
	CHECK_INT(session_set_title(store, 999, "x", 1, &why), -ENOENT);
}

static bool is_due(int64_t num)
{
	int64_t nums[16];
	int n = session_due(store, 0, nums, ARRAY_LEN(nums));
	for (int i = 0; i < n; i++)
		if (nums[i] == num)
			return true;
	return false;
}

static void test_due_and_counts(void)
{
	struct session a, b;
	struct session_counts counts;
	struct object last;
	int64_t num = 0;
	CHECK_INT(session_make(store, "due-a", &a, &why), 0);
	CHECK_INT(session_make(store, "due-b", &b, &why), 0);
	CHECK(!is_due(a.object.num));
	CHECK_INT(fixture_append(a.object.num, "session.status_running", "{}"), 0);
	CHECK(is_due(a.object.num) && !is_due(b.object.num));
	CHECK_INT(session_last(store, &last), 1);
	CHECK_INT(last.num, a.object.num);
	CHECK_INT(object_archive(store, a.object.num, true), -EBUSY);
	CHECK_INT(session_count(store, &counts), 0);
	CHECK_INT(counts.by_status[SESSION_RUNNING], 1);
	CHECK_INT(counts.waiting, 0);
	CHECK_INT(fixture_append(a.object.num, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"requires_action\",\"event_ids\":[]}}"), 0);
	CHECK(!is_due(a.object.num));
	CHECK_INT(session_count(store, &counts), 0);
	CHECK_INT(counts.by_status[SESSION_RUNNING], 0);
	CHECK_INT(counts.waiting, 1);

	cleanup(json) cJSON *events = cJSON_CreateArray(), *got = NULL;
	cJSON_AddItemToArray(events, fixture_message("hi"));
	CHECK_INT(queue_add(store, b.object.num, events), 0);
	CHECK(is_due(b.object.num));
	CHECK_INT(session_due(store, b.object.num, &num, 1), 0);
	CHECK_INT(queue_next(store, b.object.num, 0, &num, &got), 1);
	CHECK_INT(queue_remove(store, b.object.num, num), 0);
	CHECK(!is_due(b.object.num));

	/* An archived session is not due, not counted and not the last one. */
	CHECK_INT(fixture_append(b.object.num, "session.status_running", "{}"), 0);
	CHECK_INT(fixture_append(b.object.num, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"end_turn\"}}"), 0);
	CHECK_INT(session_last(store, &last), 1);
	CHECK_INT(last.num, b.object.num);
	CHECK_INT(queue_add(store, b.object.num, events), 0);
	CHECK_INT(object_archive(store, b.object.num, true), 0);
	CHECK(!is_due(b.object.num));
	CHECK_INT(session_last(store, &last), 1);
	CHECK_INT(last.num, a.object.num);
	CHECK_INT(fixture_append(b.object.num, "session.status_running", "{}"), -EROFS);
	CHECK_INT(queue_add(store, b.object.num, events), -EROFS);
	CHECK_INT(session_set_title(store, b.object.num, "x", 1, &why), -EROFS);
	int error = 0;
	cleanup(json) cJSON *shown = session_body(store, b.object.num, &error);
	CHECK_TEXT(json_text(shown, "status"), "terminated");
	CHECK_INT(object_archive(store, b.object.num, false), 0);
	CHECK(is_due(b.object.num));
}

static void test_pages(void)
{
	struct session page[3];
	int64_t after = 0;
	int seen = 0, n;
	while ((n = session_page(store, false, after, page, ARRAY_LEN(page))) > 0) {
		for (int i = 0; i < n; i++) {
			struct session one;
			CHECK_INT(session_get(store, page[i].object.num, &one), 1);
			CHECK(memcmp(&one.fold, &page[i].fold, sizeof(one.fold)) == 0);
			after = page[i].object.num;
		}
		seen += n;
	}
	CHECK_INT(seen, object_count(store, OBJECT_SESSION, false));
	CHECK(seen > (int)ARRAY_LEN(page));
}

static void test_sandbox(void)
{
	char instance[ID_SIZE];
	CHECK_INT(session_sandbox(store, session, instance), 0);
	CHECK_TEXT(instance, "");
	CHECK_INT(session_set_sandbox(store, session, "sbx_1"), 0);
	CHECK_INT(session_sandbox(store, session, instance), 0);
	CHECK_TEXT(instance, "sbx_1");
	CHECK_INT(session_set_sandbox(store, session, ""), 0);
	CHECK_INT(session_set_sandbox(store, 999, "x"), -ENOENT);
	CHECK_INT(session_sandbox(store, 999, instance), -ENOENT);
}

static void test_delete(void)
{
	struct session made;
	char byte;
	CHECK_INT(session_make(store, "victim", &made, &why), 0);
	CHECK_INT(fixture_append(made.object.num, "session.status_running", "{}"), 0);
	CHECK_INT(object_delete(store, made.object.num), -EBUSY);
	/* The log cannot be touched behind the session's back. */
	CHECK_INT(db_exec(store, "DELETE FROM event"), -EPERM);
	CHECK_INT(db_exec(store, "UPDATE event SET line = ''"), -EPERM);
	CHECK_INT(fixture_append(made.object.num, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"end_turn\"}}"), 0);
	CHECK_INT(object_archive(store, made.object.num, true), 0);
	CHECK_INT(log_read(store, made.object.num, 0, &byte, 1), 1);
	CHECK_INT(object_delete(store, made.object.num), 0);
	CHECK_INT(object_get(store, made.object.num, NULL), 0);
	CHECK_INT(log_read(store, made.object.num, 0, &byte, 1), 0);
	CHECK_INT(object_delete(store, made.object.num), -ENOENT);

	struct session next;
	CHECK_INT(session_make(store, "victim", &next, &why), 0);
	CHECK(next.object.num > made.object.num); /* numbers are never used again */
	CHECK_INT(object_delete(store, next.object.num), 0); /* it has no events */
}

/* Event numbers share a key with the session's number, which must not run over. */
static void test_last_number(void)
{
	CHECK_INT(db_exec(store, "UPDATE sqlite_sequence SET seq = 2147483645 WHERE name = 'object'"), 0);
	struct session made;
	CHECK_INT(session_make(store, "last", &made, &why), 0);
	CHECK_INT(made.object.num, INT32_MAX - 1);
	CHECK_INT(fixture_append(made.object.num, "agent.thinking", "{}"), 0);
	char byte;
	CHECK_INT(log_read(store, made.object.num, 0, &byte, 1), 1);
	CHECK_INT(session_make(store, "too-late", &made, &why), -ENOSPC);
	CHECK_INT(object_find(store, OBJECT_SESSION, false, "too-late", NULL), 0);
}

int main(void)
{
	fixture_open();
	test_make();
	test_pin();
	test_title();
	test_due_and_counts();
	test_pages();
	test_sandbox();
	test_delete();
	test_last_number();
	fixture_close();
	return test_done();
}
