/* SPDX-License-Identifier: MIT */
/* Opening, refusing, transactions, and what becomes of the files of deleted sessions. */
#include <fcntl.h>

#include "tests/unit/store/fixture.h"

static int read_version(void)
{
	sqlite3_stmt *stmt = NULL;
	int version = -1;
	if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return version;
}

static void test_refusals(void)
{
	struct store *other = NULL;
	store = store_close(store);
	CHECK_INT(chmod(fixture_dir, 0750), 0);
	CHECK_INT(store_open(fixture_dir, &other, &why), -EPERM);
	CHECK(strstr(buf_text(&why), "chmod 700"));
	CHECK_INT(chmod(fixture_dir, 0700), 0);

	cleanup(free) char *db = xprintf("%s/store.db", fixture_dir);
	struct stat st;
	CHECK_INT(stat(db, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(chmod(db, 0640), 0);
	CHECK_INT(store_open(fixture_dir, &other, &why), -EPERM);
	CHECK_INT(chmod(db, 0600), 0);

	CHECK_INT(store_open(fixture_dir, &store, &why), 0);
	cleanup(free) char *restore = xprintf("PRAGMA user_version = %d", read_version());
	CHECK_INT(db_exec(store, "PRAGMA user_version = 99"), 0);
	CHECK_INT(store_open(fixture_dir, &other, &why), -EPROTO);
	CHECK(strstr(buf_text(&why), "newer version"));
	CHECK(!other);
	CHECK_INT(db_exec(store, restore), 0);
	fixture_reopen();
	CHECK_INT(object_find(store, OBJECT_SESSION, false, "s", NULL), 1);
}

static void test_foreign_file(void)
{
	cleanup(free) char *dir = xprintf("%s/foreign", fixture_dir);
	cleanup(free) char *db = xprintf("%s/store.db", dir);
	struct store *other = NULL;
	CHECK_INT(mkdir(dir, 0700), 0);
	sqlite3 *raw = NULL;
	CHECK_INT(sqlite3_open(db, &raw), SQLITE_OK);
	CHECK_INT(sqlite3_exec(raw, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
	CHECK_INT(chmod(db, 0600), 0);
	CHECK_INT(store_open(dir, &other, &why), -EPROTO);

	int fd = open(db, O_WRONLY | O_TRUNC);
	CHECK(fd >= 0 && write(fd, "this is not a database, it is a long text", 41) == 41);
	close(fd);
	CHECK_INT(store_open(dir, &other, &why), -EIO);
	CHECK(!other);
}

static void test_parents_and_prepare(void)
{
	cleanup(free) char *dir = xprintf("%s/new/deep/store", fixture_dir);
	struct store *other = NULL;
	struct object agent, environment;
	CHECK_INT(store_open(dir, &other, &why), 0);
	CHECK_TEXT(store_dir(other), dir);
	CHECK_INT(object_default(other, OBJECT_AGENT, &agent), 0);
	CHECK_INT(session_make(other, "x", NULL, &why), -ENOENT);
	for (int i = 0; i < 2; i++)
		CHECK_INT(store_prepare(other, "claude-sonnet-5-5", &why), 0);
	CHECK_INT(object_default(other, OBJECT_AGENT, &agent), 1);
	CHECK_INT(object_default(other, OBJECT_ENVIRONMENT, &environment), 1);
	CHECK_TEXT(agent.name, "assistant");
	CHECK_TEXT(environment.name, "local");
	CHECK_INT(object_count(other, OBJECT_AGENT, false), 1);

	/* Somebody who did away with the first agent does not get it back. */
	CHECK_INT(object_archive(other, agent.num, true), 0);
	CHECK_INT(store_prepare(other, "claude-sonnet-5-5", &why), 0);
	CHECK_INT(object_count(other, OBJECT_AGENT, false), 0);
	CHECK_INT(object_default(other, OBJECT_AGENT, &agent), 0);
	other = store_close(other);
}

static void test_transactions(void)
{
	struct object made;
	CHECK_INT(store_begin(store), 0);
	CHECK(store_in_transaction(store));
	CHECK_INT(object_make(store, OBJECT_AGENT, "gone", NULL, "m", &made, &why), 0);
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "gone", NULL), 1);
	store_rollback(store);
	CHECK(!store_in_transaction(store));
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "gone", NULL), 0);

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(object_make(store, OBJECT_AGENT, "kept", NULL, "m", &made, &why), 0);
	CHECK_INT(fixture_append(session, "agent.thinking", "{}"), 0);
	CHECK_INT(store_commit(store, STORE_SAFE), 0);
	fixture_reopen();
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "kept", NULL), 1);
	store_rollback(store);
}

static void test_data_version(void)
{
	struct store *other = NULL;
	CHECK_INT(store_open(fixture_dir, &other, &why), 0);
	int64_t before = store_data_version(store);
	CHECK_INT(store_data_version(store), before);
	CHECK_INT(object_make(other, OBJECT_AGENT, "elsewhere", NULL, "m", NULL, &why), 0);
	CHECK(store_data_version(store) != before);
	other = store_close(other);
}

/* Nothing acknowledged is lost when the disk is full, and the store works again afterwards. */
static void test_full(void)
{
	cleanup(free) char *text = xmalloc(1 << 20);
	memset(text, 'x', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	CHECK_INT(db_exec(store, "PRAGMA max_page_count = 300"), 0);
	int appended = 0, r;
	do {
		cleanup(json) cJSON *event = fixture_message(text);
		r = log_append(store, session, event, NULL);
		appended += r == 0;
	} while (r == 0 && appended < 10);
	CHECK_INT(r, -ENOSPC);
	CHECK(!store_in_transaction(store));
	CHECK_INT(db_exec(store, "PRAGMA max_page_count = 1000000"), 0);
	cleanup(json) cJSON *event = fixture_message("again");
	CHECK_INT(log_append(store, session, event, NULL), 0);
	struct session now;
	CHECK_INT(session_get(store, session, &now), 1);
	struct fold fold;
	CHECK_INT(fold_log(store, session, &fold), 0);
	CHECK_INT(fold.events, now.fold.events);
}

/* After an error took a transaction back, what follows in it must not slip out on its own. */
static void test_broken_transaction(void)
{
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(db_exec(store, "ROLLBACK"), 0);
	CHECK_INT(object_make(store, OBJECT_AGENT, "slipped", NULL, "m", NULL, &why), -EIO);
	CHECK_INT(store_commit(store, STORE_SAFE), -EIO);
	CHECK(!store_in_transaction(store));
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "slipped", NULL), 0);
}

static int write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	return fd < 0 ? -1 : close(fd);
}

/* A tree as an agent might leave it: deep, without permissions, with a link that leads out. */
static void plant(const char *workspace, const char *outside)
{
	cleanup(free) char *link = xprintf("%s/link", workspace),
			   *closed = xprintf("%s/closed", workspace);
	cleanup(free) char *inner = xprintf("%s/inner", closed);
	CHECK_INT(symlink(outside, link), 0);
	CHECK_INT(mkdir(closed, 0700) + mkdir(inner, 0700), 0);
	CHECK_INT(chmod(closed, 0), 0);
	int dir = open(workspace, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3000 && dir >= 0; i++) {
		int next = mkdirat(dir, "d", 0700) < 0 ? -1 :
							 openat(dir, "d", O_RDONLY | O_DIRECTORY);
		close(dir);
		dir = next;
	}
	CHECK(dir >= 0);
	close(dir);
}

static int count_entries(const char *folder)
{
	cleanup(free) char *command = xprintf(
		"ls -A %s/%s 2>/dev/null | wc -l", fixture_dir, folder);
	FILE *pipe = popen(command, "r");
	int count = -1;
	if (!pipe || fscanf(pipe, "%d", &count) != 1)
		count = -1;
	if (pipe)
		pclose(pipe);
	return count;
}

static void test_delete_files(void)
{
	cleanup(free) char *outside = xprintf("%s/outside", fixture_dir);
	cleanup(free) char *precious = xprintf("%s/precious", outside);
	CHECK_INT(mkdir(outside, 0700) + write_file(precious), 0);
	struct session made;
	CHECK_INT(session_make(store, "doomed", &made, &why), 0);
	cleanup(free) char *workspace = session_workspace(store, &made.object);
	CHECK_INT(access(workspace, W_OK), 0);
	plant(workspace, outside);
	int before = count_entries("sessions");
	CHECK_INT(object_delete(store, made.object.num), 0);
	CHECK_INT(count_entries("sessions"), before - 1);
	CHECK_INT(count_entries("trash"), 0);
	CHECK_INT(access(precious, F_OK), 0);
}

/* A directory that no session owns is what a crash between commit and removal leaves. */
static void test_sweep(void)
{
	cleanup(free) char *orphan = xprintf("%s/sessions/sesn_nobody", fixture_dir);
	cleanup(free) char *foreign = xprintf("%s/sessions/notes", fixture_dir);
	CHECK_INT(mkdir(orphan, 0700) + mkdir(foreign, 0700), 0);
	int before = count_entries("sessions");
	CHECK_INT(store_prepare(store, "m", &why), 0);
	CHECK_INT(count_entries("sessions"), before - 1);
	CHECK_INT(count_entries("trash"), 0);
	CHECK_INT(access(foreign, F_OK), 0);
}

/* Several processes open an empty directory at once: each gets the same, whole store. */
static void test_open_together(void)
{
	enum { PROCESSES = 4 };
	cleanup(free) char *dir = xprintf("%s/together", fixture_dir);
	pid_t pids[PROCESSES];
	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct store *own = NULL;
			int r = store_open(dir, &own, &why);
			r = r < 0 ? r : store_prepare(own, "m", &why);
			own = store_close(own);
			fixture_child_exit(r < 0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		CHECK_INT(fixture_wait(pids[i]), 0);
	struct store *own = NULL;
	CHECK_INT(store_open(dir, &own, &why), 0);
	CHECK_INT(object_count(own, OBJECT_AGENT, false), 1);
	CHECK_INT(object_count(own, OBJECT_ENVIRONMENT, false), 1);
	own = store_close(own);
}

int main(void)
{
	fixture_open();
	test_refusals();
	test_foreign_file();
	test_parents_and_prepare();
	test_transactions();
	test_data_version();
	test_full();
	test_broken_transaction();
	test_delete_files();
	test_sweep();
	test_open_together();
	fixture_close();
	return test_done();
}
