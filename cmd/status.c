/* SPDX-License-Identifier: MIT */
/*
 * `agentdirs status`: one screen from what the tree shows, read in a child that
 * may take a bounded time, since a tree can hang.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/wrap.h"
#include "cmd/bounded.h"
#include "cmd/checks.h"
#include "cmd/command.h"
#include "cmd/flat.h"
#include "cmd/mountpoint.h"
#include "cmd/mounts.h"
#include "cmd/record.h"
#include "cmd/say.h"

enum {
	READ_MS = 15 * 1000, /* three small files of each session, some 100 us together */
	FILE_MAX = 64 << 10, /* status, usage, cost: a few lines each */
	SCREEN_MAX = 1 << 20,
	REASON_INDENT = 4,
	LISTED_MAX = 20, /* sessions named one by one under each heading; the rest is counted */
};

/* The first word of a session's status, and whether such sessions are named one by one. */
static const struct state {
	const char *word;
	const char *heading; /* NULL: only counted */
	bool has_reason; /* in the session's `error` */
} states[] = {
	{ "waiting", "waiting for you", false },
	{ "running", "running", false },
	{ "rescheduling", "trying the model again", true },
	{ "idle", NULL, false },
	{ "terminated", NULL, false },
};

/* Idle for a reason that needs somebody. */
static const char *const troubles[] = { "budget_reached", "retries_exhausted", "refusal" };

struct tally {
	int count[ARRAY_LEN(states)];
	struct buf named[ARRAY_LEN(states)], trouble;
	int listed[ARRAY_LEN(states)], troubled, sessions;
	int64_t tokens_in, tokens_out;
	double dollars;
};

static char *read_small(int dir, const char *path)
{
	cleanup(buf) struct buf text = BUF_INIT(FILE_MAX + 1);
	return io_read_file(dir, path, FILE_MAX, &text) < 0 ? xstrdup("") : buf_take(&text);
}

/* Whoever serves the tree must not steer the terminal. */
static void disarm(char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			*text = '?';
}

/* The sentence of a session's `error`, without the time and the place before it. */
static void add_reason(struct buf *out, int session)
{
	cleanup(free) char *error = read_small(session, "error");
	error[strcspn(error, "\n")] = '\0';
	const char *sentence = strstr(error, ": ");
	if (!sentence)
		return;
	disarm(error);
	(void)buf_printf(out, "%*s", REASON_INDENT, "");
	wrap_text(out, REASON_INDENT, REASON_INDENT, sentence + 2);
}

static void add_session(struct buf *out, const char *name, const char *status, int session,
	bool has_reason)
{
	cleanup(free) char *line =
		xprintf("  %-24s %.*s", name, (int)strcspn(status, "\n"), status);
	disarm(line);
	(void)buf_printf(out, "%s\n", line);
	if (has_reason)
		add_reason(out, session);
}

static void count_state(struct tally *t, const char *name, const char *status, int session)
{
	size_t word = strcspn(status, " \n");
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (strlen(states[i].word) != word || strncmp(states[i].word, status, word) != 0)
			continue;
		t->count[i]++;
		if (states[i].heading && t->listed[i]++ < LISTED_MAX)
			add_session(&t->named[i], name, status, session, states[i].has_reason);
	}
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++)
		if (strstr(status, troubles[i]) && t->troubled++ < LISTED_MAX)
			add_session(&t->trouble, name, status, session, true);
}

static void count_session(struct tally *t, int dir, const char *name)
{
	cleanup(fd) int session = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (session < 0)
		return;
	cleanup(free) char *status = read_small(session, "status");
	cleanup(free) char *usage = read_small(session, "usage");
	cleanup(free) char *cost = read_small(session, "cost");
	struct slice u = slice_of(usage);
	t->sessions++;
	t->tokens_in += flat_find_int(u, "input_tokens", 0) +
		flat_find_int(u, "cache_read_input_tokens", 0) +
		flat_find_int(u, "cache_creation_input_tokens", 0);
	t->tokens_out += flat_find_int(u, "output_tokens", 0);
	t->dollars += strtod(cost, NULL);
	count_state(t, name, status, session);
}

static int count_sessions(struct tally *t, const char *mountpoint)
{
	cleanup(free) char *path = xprintf("%s/sessions", mountpoint);
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	const struct dirent *entry;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			count_session(t, dirfd(dir), entry->d_name);
	(void)closedir(dir);
	return 0;
}

static void add_line(struct buf *out, const char *name, const char *text)
{
	size_t before = out->size;
	(void)buf_printf(out, "%-9s ", name);
	wrap_text(out, out->size - before, out->size - before, text);
}

/* A fact as far as `end`; "?" when the tree does not give it.  Given. */
static char *fact(struct slice facts, const char *name, const char *end)
{
	char *value = flat_find_text(facts, name);
	if (!value)
		return xstrdup("?");
	value[strcspn(value, end)] = '\0';
	disarm(value);
	return value;
}

static void add_store(struct buf *out, const char *store)
{
	struct statvfs disk;
	uint64_t mib = UINT64_MAX;
	if (statvfs(store, &disk) == 0)
		mib = (uint64_t)disk.f_bavail * disk.f_frsize >> 20;
	(void)buf_printf(out, "%-9s %s", "store", store);
	if (mib < CHECKS_DISK_MIB_MIN)
		(void)buf_printf(out, ", only %llu MiB free", (unsigned long long)mib);
	(void)buf_add_char(out, '\n');
}

static void add_facts(struct buf *out, const char *mountpoint)
{
	cleanup(free) char *path = xprintf("%s/status", mountpoint);
	cleanup(free) char *text = read_small(AT_FDCWD, path);
	struct slice facts = slice_of(text);
	cleanup(free) char *store = fact(facts, "store", ""), *model = fact(facts, "model", "");
	cleanup(free) char *version = fact(facts, "version", ""), *since = fact(facts, "started", ".Z");
	cleanup(free) char *server = fact(facts, "base_url", "");
	cleanup(free) char *isolation = fact(facts, "isolation", "");
	bool offline = strcmp(server, "rehearsal") == 0;
	cleanup(free) char *who = offline ?
		xprintf("%s, played by the rehearsal model (--offline)", model) :
		xprintf("%s at %s", model, server);
	cleanup(free) char *running = xprintf("%s, since %sZ", version, since);
	(void)buf_printf(out, "%-9s %s\n", "mounted", mountpoint);
	add_store(out, store);
	add_line(out, "version", running);
	add_line(out, "model", who);
	add_line(out, "isolation", isolation);
}

static void add_heading(struct buf *out, const char *heading, const struct buf *names, int count)
{
	if (!count)
		return;
	(void)buf_printf(out, "\n%s\n%s", heading, buf_text(names));
	if (count > LISTED_MAX)
		(void)buf_printf(out, "  and %d more\n", count - LISTED_MAX);
}

static void add_tally(struct buf *out, const struct tally *t)
{
	(void)buf_printf(out, "%-9s %d", "sessions", t->sessions);
	const char *before = ": ";
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (t->count[i]) {
			(void)buf_printf(out, "%s%d %s", before, t->count[i], states[i].word);
			before = ", ";
		}
	(void)buf_printf(out, "\n%-9s %lld in, %lld out\n%-9s $%.4f\n", "tokens",
		(long long)t->tokens_in, (long long)t->tokens_out, "cost", t->dollars);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		add_heading(out, states[i].heading, &t->named[i], t->listed[i]);
	add_heading(out, "stopped, and in need of somebody", &t->trouble, t->troubled);
}

static int print_screen(void *mountpoint, int out)
{
	cleanup(buf) struct buf screen = BUF_INIT(SCREEN_MAX);
	struct tally t = { 0 };
	int r = count_sessions(&t, mountpoint);
	if (r < 0)
		return r;
	add_facts(&screen, mountpoint);
	add_tally(&screen, &t);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		buf_done(&t.named[i]);
	buf_done(&t.trouble);
	return io_write_all(out, screen.data, screen.size);
}

static int find_mountpoint(const char *operand, const struct settings *settings, char **ret,
	struct buf *why)
{
	if (operand)
		return mountpoint_resolve(operand, ret, why);
	cleanup(record) struct record record = { 0 };
	cleanup(fd) int process = -1;
	if (record_read(settings->store, &record) == 0)
		process = record_open_process(&record);
	if (process < 0)
		return fail(why, ENOENT, "nothing serves the store %s; start it with `agentdirs "
			"mount MOUNTPOINT`, or name the mount point", settings->store);
	*ret = steal(record.mountpoint);
	return 0;
}

/* A sentence for each way in which a tree can fail to answer. */
static int say_silent(const char *mountpoint, int error, struct buf *why)
{
	if (error == -ENOTCONN || error == -ECONNABORTED)
		return fail(why, ENOTCONN, "%s is dead: its server has crashed; `agentdirs mount "
			"%s` makes it anew", mountpoint, mountpoint);
	return fail(why, -error, "%s does not answer (%s); `log` in its store may say why",
		mountpoint, strerror(-error));
}

static int show(const char *operand, const struct settings *settings, struct buf *why)
{
	cleanup(free) char *mountpoint = NULL;
	cleanup(buf) struct buf screen = BUF_INIT(SCREEN_MAX + 1);
	cleanup(mount) struct mount mount = { 0 };
	int r = find_mountpoint(operand, settings, &mountpoint, why);
	if (r < 0)
		return r;
	if (mounts_look(mountpoint, &mount) <= 0 || !mount_is_ours(&mount))
		return fail(why, ENOENT, "%s is not an agentdirs mount; start one with `agentdirs "
			"mount %s`", mountpoint, mountpoint);
	r = mountpoint_answers(mountpoint, MOUNTPOINT_ANSWER_MS);
	if (r == 0)
		r = bounded_run(print_screen, mountpoint, READ_MS, SCREEN_MAX, &screen);
	if (r < 0)
		return say_silent(mountpoint, r, why);
	(void)fwrite(screen.data, 1, screen.size, stdout);
	return 0;
}

int status_command(const struct settings *settings, char **operands)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	if (show(operands[0], settings, &why) == 0)
		return EXIT_DONE;
	say_error("%s", buf_text(&why));
	return EXIT_DID_NOT_WORK;
}
