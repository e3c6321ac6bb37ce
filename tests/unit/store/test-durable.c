/* SPDX-License-Identifier: MIT */
/*
 * Durable, then visible: how often a commit waits for the disk, what others see
 * meanwhile, and that nothing has happened when the disk refuses.
 *
 * SQLite's fdatasync lands here, so a test can count, look around while the
 * "disk" works, and fail.
 */
#include <sys/syscall.h>

#include "tests/unit/store/fixture.h"

static int flushes; /* since they were last asked for */
static int flush_error; /* errno of the next flushes; 0: they work */
static struct store *watcher; /* another process's view of the same store */
static uint64_t seen_meanwhile; /* events that the watcher saw during the last flush */

static uint64_t events_seen(struct store *by)
{
	struct session now;
	return session_get(by, session, &now) == 1 ? now.fold.events : UINT64_MAX;
}

int fdatasync(int fd)
{
	flushes++;
	if (watcher)
		seen_meanwhile = events_seen(watcher);
	errno = flush_error;
	return flush_error ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static int take_flushes(void)
{
	int n = flushes;
	flushes = 0;
	return n;
}

static int append(void)
{
	return fixture_append(session, "agent.thinking", "{}");
}

static void test_counts(void)
{
	CHECK_INT(append(), 0); /* the log's header and directory are on the disk from here on */
	(void)take_flushes();
	for (int i = 0; i < 5; i++) {
		CHECK_INT(append(), 0);
		CHECK_INT(take_flushes(), 1);
	}
	CHECK_INT(store_begin(store), 0);
	for (int i = 0; i < 16; i++)
		CHECK_INT(append(), 0);
	CHECK_INT(store_commit(store, STORE_DURABLE), 0);
	CHECK_INT(take_flushes(), 1);

	for (int i = 1; i < 10; i++)
		CHECK_INT(draft_write(store, session, 1, (uint64_t)i, "hello", 5, &why), 0);
	CHECK_INT(take_flushes(), 0);
	CHECK_INT(append(), 0); /* a connection goes back to waiting */
	CHECK_INT(take_flushes(), 1);
	CHECK_INT(draft_commit(store, session, 1, NULL, &why), 0);
	CHECK_INT(take_flushes(), 1);
}

static void test_nothing_to_flush(void)
{
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_commit(store, STORE_DURABLE), 0);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(append(), 0);
	store_rollback(store);
	CHECK_INT(draft_write(store, session, 2, 1, "\xff", 1, &why), -EILSEQ);
	CHECK_INT(draft_write(store, 999, 3, 1, "x", 1, &why), -ENOENT);
	CHECK_INT(take_flushes(), 0);
	CHECK_INT(append(), 0);
	CHECK_INT(take_flushes(), 1);
}

static void test_visible_after(void)
{
	CHECK_INT(store_open(fixture_dir, &watcher, &why), 0);
	uint64_t before = events_seen(store);
	for (uint64_t i = 1; i <= 5; i++) {
		seen_meanwhile = 0;
		CHECK_INT(append(), 0);
		CHECK_INT(seen_meanwhile, before + i - 1);
		CHECK_INT(events_seen(watcher), before + i);
	}
}

/* The disk fails under a commit: it is reported, and neither we nor others see any of it. */
static void test_failed_flush(void)
{
	uint64_t before = events_seen(store);
	flush_error = EIO;
	CHECK_INT(append(), -EIO);
	CHECK(!store_in_transaction(store));
	CHECK_INT(events_seen(store), before);
	CHECK_INT(events_seen(watcher), before);
	CHECK_INT(draft_write(store, session, 4, 1, "kept", 4, &why), 0); /* asks no disk */
	flush_error = 0;
	CHECK_INT(append(), 0);
	CHECK_INT(events_seen(watcher), before + 1);
	watcher = store_close(watcher);
	fixture_reopen();
	CHECK_INT(events_seen(store), before + 1);
	CHECK_INT(draft_commit(store, session, 4, NULL, &why), 0);
}

int main(void)
{
	fixture_open();
	test_counts();
	test_nothing_to_flush();
	test_visible_after();
	test_failed_flush();
	fixture_close();
	return test_done();
}
