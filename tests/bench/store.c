/* SPDX-License-Identifier: MIT */
/*
 * Speed of the store, on the disk of the directory given (default /tmp).  Each
 * line is a name, a number and its unit; run by `meson test --benchmark`.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/call.h"
#include "store/event.h"
#include "store/hint.h"
#include "store/log.h"
#include "store/part.h"
#include "store/queue.h"
#include "store/session.h"

static struct store *store;
static int64_t session;

static void need(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static cJSON *message(size_t size)
{
	cleanup(free) char *text = xmalloc(size + 1);
	memset(text, 'x', size);
	text[size] = '\0';
	cJSON *event = event_new("agent.message"), *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	return event;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static void say(const char *name, double value, const char *unit)
{
	printf("%-34s %12.1f %s\n", name, value, unit);
	fflush(stdout);
}

/* The disk itself: append 500 bytes and wait for it. */
static void bench_disk(const char *dir)
{
	enum { RUNS = 2000 };
	static int64_t took[RUNS];
	char block[500] = { 0 };
	cleanup(free) char *path = xprintf("%s/plain", dir);
	cleanup(fd) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (int i = 0; i < RUNS; i++) {
		int64_t start = clock_now_us();
		if (write(fd, block, sizeof(block)) < 0 || fdatasync(fd) < 0)
			need(-5, path);
		took[i] = clock_now_us() - start;
	}
	qsort(took, RUNS, sizeof(*took), compare);
	say("write + fdatasync p50", (double)took[RUNS / 2], "us");
}

static void say_times(const char *name, int64_t *took, int runs)
{
	qsort(took, (size_t)runs, sizeof(*took), compare);
	cleanup(free) char *p50 = xprintf("%s p50", name), *p99 = xprintf("%s p99", name);
	say(p50, (double)took[runs / 2], "us");
	say(p99, (double)took[runs * 99 / 100], "us");
}

static void bench_append(const char *name, size_t size)
{
	enum { RUNS = 5000 };
	static int64_t took[RUNS];
	int64_t begin = clock_now_us();
	for (int i = 0; i < RUNS; i++) {
		cleanup(json) cJSON *event = message(size);
		int64_t start = clock_now_us();
		need(store_begin(store), "begin");
		need(log_append(store, session, event, NULL), "append");
		need(store_commit(store, STORE_DURABLE), "commit");
		took[i] = clock_now_us() - start;
	}
	int64_t all = clock_now_us() - begin;
	say_times(name, took, RUNS);
	say(name, RUNS * 1e6 / (double)all, "/s");
}

/* What one write(2) to `input` costs: merely safe. */
static void bench_draft(void)
{
	enum { RUNS = 3000 };
	static int64_t took[RUNS];
	char words[300];
	memset(words, 'x', sizeof(words));
	for (int i = 0; i < RUNS; i++) {
		int64_t start = clock_now_us();
		need(draft_write(store, session, 9, 1 + (uint64_t)i, words, sizeof(words), NULL),
			"draft");
		took[i] = clock_now_us() - start;
	}
	say_times("draft of 300 bytes", took, RUNS);
	need(draft_commit(store, session, 9, NULL, NULL), "commit");
	int64_t num;
	cleanup(json) cJSON *event = NULL;
	need(queue_next(store, session, 0, &num, &event), "queue");
	need(queue_remove(store, session, num), "remove");
}

static void bench_group(void)
{
	enum { RUNS = 500, GROUP = 16 };
	int64_t begin = clock_now_us();
	for (int i = 0; i < RUNS; i++) {
		need(store_begin(store), "begin");
		for (int k = 0; k < GROUP; k++) {
			cleanup(json) cJSON *event = message(300);
			need(log_append(store, session, event, NULL), "append");
		}
		need(store_commit(store, STORE_DURABLE), "commit");
	}
	say("durable append, 16 to a commit", RUNS * GROUP * 1e6 / (double)(clock_now_us() - begin),
		"/s");
}

/* What `echo > input` costs in the store. */
static void bench_message(void)
{
	enum { RUNS = 1000 };
	static int64_t took[RUNS];
	for (int i = 0; i < RUNS; i++) {
		int64_t start = clock_now_us(), num;
		cJSON *event = NULL;
		need(draft_write(store, session, 1, (uint64_t)i, "hello\n", 6, NULL), "draft");
		need(draft_commit(store, session, 1, NULL, NULL), "commit");
		took[i] = clock_now_us() - start;
		need(queue_next(store, session, 0, &num, &event), "queue");
		need(queue_remove(store, session, num), "remove");
		cJSON_Delete(event);
	}
	qsort(took, RUNS, sizeof(*took), compare);
	say("draft written and committed p50", (double)took[RUNS / 2], "us");
}

/* A second process appends as fast as it can; what waiting for it costs. */
static void bench_together(const char *dir)
{
	enum { RUNS = 1000 };
	static int64_t took[RUNS];
	fflush(stdout);
	store = store_close(store); /* SQLite must not be carried over a fork */
	pid_t pid = fork();
	need(pid < 0 ? -errno : 0, "fork");
	need(store_open(dir, &store, NULL), "open");
	if (pid == 0) {
		for (;;) {
			cleanup(json) cJSON *event = message(300);
			need(log_append(store, session, event, NULL), "append");
		}
	}
	for (int i = 0; i < RUNS; i++) {
		int64_t start = clock_now_us();
		need(draft_write(store, session, 1, (uint64_t)i, "hello\n", 6, NULL), "draft");
		took[i] = clock_now_us() - start;
		need(draft_commit(store, session, 1, NULL, NULL), "commit");
		int64_t num;
		cJSON *event = NULL;
		need(queue_next(store, session, 0, &num, &event), "queue");
		need(queue_remove(store, session, num), "remove");
		cJSON_Delete(event);
	}
	need(kill(pid, SIGKILL) < 0 ? -errno : 0, "kill");
	need(waitpid(pid, NULL, 0) < 0 ? -errno : 0, "wait");
	say_times("draft beside an appender", took, RUNS);
}

static void bench_read(void)
{
	enum { PIECE = 128 << 10 };
	static char to[PIECE];
	for (int round = 0; round < 2; round++) {
		uint64_t at = 0;
		ssize_t n;
		int64_t start = clock_now_us();
		while ((n = log_read(store, session, at, to, sizeof(to))) > 0)
			at += (uint64_t)n;
		need((int)n, "read");
		say(round ? "log_read in 128 KiB, again" : "log_read in 128 KiB",
			(double)at / (double)(clock_now_us() - start), "MB/s");
	}
	int64_t start = clock_now_us();
	for (uint64_t i = 0; i < 1000; i++)
		need((int)log_read(store, session, i * 7919 * 100 % 3000000, to, 4096), "read");
	say("log_read of 4 KiB anywhere", (double)(clock_now_us() - start) / 1000, "us");
}

static void bench_input(void)
{
	size_t size = 8 << 20, lines = 0;
	cleanup(buf) struct buf events = BUF_INIT(32 << 20), text = BUF_INIT(32 << 20);
	while (events.size < size) {
		cleanup(json) cJSON *event = message(10000); /* 1000 at most */
		cJSON_ReplaceItemInObject(event, "type", cJSON_CreateString("user.message"));
		need(json_print(&events, event), "print");
		(void)buf_add_char(&events, '\n');
		lines++;
	}
	while (text.size < 1 << 20)
		(void)buf_add_text(
			&text, text.size % 3 ? "some words of text\n" : "and caf\xc3\xa9s\n");
	cleanup(json) cJSON *a = NULL, *b = NULL;
	int64_t start = clock_now_us();
	need(event_parse_input(events.data, events.size, true, &a, NULL), "parse");
	say("event_parse_input, JSON lines", (double)events.size / (double)(clock_now_us() - start),
		"MB/s");
	start = clock_now_us();
	need(event_parse_input(text.data, 1 << 20, true, &b, NULL), "parse");
	say("event_parse_input, text", (double)(1 << 20) / (double)(clock_now_us() - start),
		"MB/s");
	start = clock_now_us();
	need(event_parse_input(events.data, events.size, false, NULL, NULL), "parse");
	say("event_parse_input, judged only",
		(double)events.size / (double)(clock_now_us() - start), "MB/s");
}

static void bench_sessions(void)
{
	enum { SESSIONS = 10000, PAGE = 64 };
	static struct session page[PAGE];
	int64_t start = clock_now_us(), after = 0;
	need(store_begin(store), "begin");
	for (int i = 0; i < SESSIONS; i++) {
		cleanup(free) char *name = xprintf("n%d", i);
		need(session_make(store, name, NULL, NULL), "make");
	}
	need(store_commit(store, STORE_DURABLE), "commit");
	say("session_make, in one commit", (double)(clock_now_us() - start) / SESSIONS, "us");
	start = clock_now_us();
	int n, seen = 0;
	while ((n = session_page(store, false, after, page, PAGE)) > 0) {
		after = page[n - 1].object.num;
		seen += n;
	}
	say("session_page, each session", (double)(clock_now_us() - start) / seen, "us");
	struct object found;
	start = clock_now_us();
	for (int i = 0; i < SESSIONS; i++)
		need(object_find(store, OBJECT_SESSION, false, "n5000", &found), "find");
	say("object_find", (double)(clock_now_us() - start) / SESSIONS, "us");
	struct session_counts counts;
	start = clock_now_us();
	need(session_count(store, &counts), "count");
	say("session_count of 10,000", (double)(clock_now_us() - start), "us");
	start = clock_now_us();
	need(session_last(store, &found), "last");
	int64_t due[8];
	need(session_due(store, 0, due, 8), "due");
	say("session_last and session_due", (double)(clock_now_us() - start), "us");
	start = clock_now_us();
	for (int i = 0; i < 10000; i++)
		(void)store_data_version(store);
	say("store_data_version", (double)(clock_now_us() - start) / 10000, "us");
}

/* What listing and reading the files of an agent costs, and a save that changes nothing. */
static void bench_parts(void)
{
	enum { RUNS = 2000, KEYS = 16 };
	struct object agent;
	struct item page[KEYS];
	struct call open_call;
	need(object_default(store, OBJECT_AGENT, &agent), "default");
	for (int i = 0; i < KEYS; i++) {
		cleanup(free) char *key = xprintf("key%d", i);
		cleanup(json) cJSON *value = cJSON_CreateString("value");
		need(part_set(store, agent.num, ITEM_METADATA, key, value, NULL, NULL), "set");
	}
	int64_t start = clock_now_us();
	for (int i = 0; i < RUNS; i++)
		need(part_page(store, agent.num, 0, ITEM_METADATA, 0, page, KEYS), "page");
	say("part_page of 16 keys", (double)(clock_now_us() - start) / RUNS, "us");
	cleanup(json) cJSON *same = cJSON_CreateString("value");
	start = clock_now_us();
	for (int i = 0; i < RUNS; i++)
		need(part_set(store, agent.num, ITEM_METADATA, "key7", same, NULL, NULL), "set");
	say("part_set that changes nothing", (double)(clock_now_us() - start) / RUNS, "us");
	start = clock_now_us();
	for (int i = 0; i < RUNS; i++)
		need(call_page(store, session, 0, 0, &open_call, 1), "calls");
	say("call_page of none", (double)(clock_now_us() - start) / RUNS, "us");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

int main(int argc, char **argv)
{
	json_setup();
	cleanup(buf) struct buf why = BUF_INIT(1000);
	cleanup(free) char *dir = xprintf("%s/bench-store-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (!mkdtemp(dir) || store_open(dir, &store, &why) < 0 ||
		store_prepare(store, "m", &why) < 0) {
		fprintf(stderr, "%s: %s\n", dir, buf_text(&why));
		return 1;
	}
	struct session made;
	need(session_make(store, "s", &made, &why), "make");
	session = made.object.num;
	bench_disk(dir);
	bench_append("durable append of 300 bytes", 300);
	bench_append("durable append of 20 kB", 20000);
	bench_draft();
	bench_group();
	bench_message();
	bench_together(dir);
	bench_read();
	bench_input();
	bench_sessions();
	bench_parts();
	store = store_close(store);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
