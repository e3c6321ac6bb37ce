/* SPDX-License-Identifier: MIT */
/*
 * A store made by an older version keeps everything.  Its dump was taken from a
 * store that the old program made: two agents, an environment, sessions with
 * events, a queue, a draft, and one session in the archive.
 */
#include <fcntl.h>

#include "base/io.h"
#include "store/item.h"
#include "tests/unit/store/fixture.h"

/* A directory whose database is the dump. */
static void restore(const char *dump, const char *dir)
{
	cleanup(free) char *path = xprintf("%s/store.db", dir);
	cleanup(buf) struct buf sql = BUF_INIT(0);
	sqlite3 *raw = NULL;
	CHECK_INT(io_read_file(AT_FDCWD, dump, 1 << 20, &sql), 0);
	CHECK_INT(mkdir(dir, 0700), 0);
	CHECK_INT(sqlite3_open(path, &raw), SQLITE_OK);
	CHECK_INT(sqlite3_exec(raw, buf_text(&sql), NULL, NULL, NULL), SQLITE_OK);
	CHECK_INT(sqlite3_exec(raw, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
	CHECK_INT(chmod(path, 0600), 0);
}

static int64_t number_of(enum object_kind kind, bool archived, const char *name)
{
	struct object object = { 0 };
	CHECK_INT(object_find(store, kind, archived, name, &object), 1);
	return object.num;
}

static void check_queue(const char *name, const char *const *ids)
{
	int64_t num = 0, last = 0, talk = number_of(OBJECT_SESSION, false, name);
	for (int i = 0; ids[i]; i++) {
		cleanup(json) cJSON *event = NULL;
		CHECK_INT(queue_next(store, talk, num, &num, &event), 1);
		CHECK_TEXT(json_text(event, "id"), ids[i]);
		CHECK_INT(num, i + 1);
		last = num;
	}
	CHECK_INT(queue_last(store, talk), last);
	cleanup(json) cJSON *more = cJSON_CreateArray();
	cJSON_AddItemToArray(more, fixture_message("more"));
	CHECK_INT(queue_add(store, talk, more), 0);
	CHECK_INT(queue_last(store, talk), last + 1);
}

static void test_queue(void)
{
	check_queue("talk", (const char *[]){ "sevt_O1WMkK9loaxNh7uKkxZuyWCt",
				     "sevt_PUHgpTpoR4G4CtzcrLc1XeTq",
				     "sevt_ORQjVa82kl2EZ7FvjjMvoS1z", NULL });
	check_queue("other", (const char *[]){ "sevt_1iGthuF5ppw4BeXOt2QKzm1u", NULL });
	cleanup(json) cJSON *stop = NULL;
	int64_t num;
	CHECK_INT(queue_interrupt(
			  store, number_of(OBJECT_SESSION, false, "talk"), &num, &stop), 1);
	CHECK_INT(num, 3);
}

static void test_sessions(void)
{
	struct session talk, gone;
	struct fold anew;
	int64_t num = number_of(OBJECT_SESSION, false, "talk");
	CHECK_INT(session_get(store, num, &talk), 1);
	CHECK_INT(talk.fold.status, SESSION_RUNNING);
	CHECK_INT(talk.budget_cents, 0);
	CHECK_INT(fold_log(store, num, &anew), 0);
	CHECK(memcmp(&anew, &talk.fold, sizeof(anew)) == 0);
	CHECK_INT(anew.events, 3);
	int error = 0;
	cleanup(json) cJSON *body = session_body(store, num, &error);
	CHECK_TEXT(json_text(body, "title"), "Talk");
	CHECK_INT(json_int(json_get(body, "agent"), "version", 0), 1);
	CHECK_INT(session_get(store, number_of(OBJECT_SESSION, true, "gone"), &gone), 1);
	CHECK_INT(gone.fold.events, 1);

	/* The draft goes on where it was. */
	int64_t other = number_of(OBJECT_SESSION, false, "other");
	CHECK_INT(draft_write(store, other, 7, 2, "age", 3, &why), 0);
	int count = 0;
	CHECK_INT(draft_commit(store, other, 7, &count, &why), 0);
	CHECK_INT(count, 1);
}

static const struct {
	enum object_kind kind;
	const char *object;
	enum item_kind item;
	const char *name;
	int num;
} items[] = {
	{ OBJECT_AGENT, "coder", ITEM_METADATA, "team", 1 }, /* of version 1 */
	{ OBJECT_AGENT, "coder", ITEM_METADATA, "owner", 2 }, /* of version 2 */
	{ OBJECT_AGENT, "coder", ITEM_TOOL, "get_weather", 1 },
	{ OBJECT_AGENT, "coder", ITEM_MCP, "docs", 1 },
	{ OBJECT_AGENT, "coder", ITEM_SKILL, "pdf", 1 },
	{ OBJECT_ENVIRONMENT, "local", ITEM_PACKAGES, "apt", 1 },
	{ OBJECT_ENVIRONMENT, "local", ITEM_PACKAGES, "pip", 6 },
};

static void test_items(void)
{
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		int num = 0;
		int64_t object = number_of(items[i].kind, false, items[i].object);
		CHECK_INT(item_find(store, object, items[i].item, items[i].name, &num), 1);
		CHECK_INT(num, items[i].num);
	}
}

static void test_agents(void)
{
	int64_t version = 0, coder = number_of(OBJECT_AGENT, false, "coder");
	int error = 0;
	cleanup(json) cJSON *first = object_body(store, coder, 1, &error);
	CHECK_TEXT(json_text(first, "name"), "coder");
	cleanup(json) cJSON *now = object_body(store, coder, 0, &error);
	CHECK_INT(json_int(now, "version", 0), 2);
	CHECK_INT(object_save(store, coder, now, &version, &why), 0);
	CHECK_INT(version, 2); /* what was saved then is still its own full form */
}

int main(int argc, char **argv)
{
	fixture_open();
	cleanup(free) char *dir = xprintf("%s/old", fixture_dir);
	restore(argc > 1 ? argv[1] : "version-1.sql", dir);
	store = store_close(store);
	CHECK_INT(store_open(dir, &store, &why), 0);
	test_queue();
	test_sessions();
	test_items();
	test_agents();
	store = store_close(store);
	CHECK_INT(store_open(dir, &store, &why), 0); /* once is enough */
	CHECK_INT(object_count(store, OBJECT_AGENT, false), 2);
	fixture_close();
	return test_done();
}
