/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-standin: does what a test says that the harness does, so that the
 * tree can be tested without a model.
 *
 * One command a line on standard input, each answered by a line "ok" or "error …":
 *
 *	append SESSION JSON       logs an event (its id is kept) and hints APPENDED
 *	quiet SESSION JSON        the same without a hint
 *	take SESSION              begins a turn and moves what is queued to the log, in one transaction
 *	delta SESSION ID TEXT     hints that TEXT, a JSON string, was added to agent.message ID ("" starts it)
 *	queued SESSION            answers the queue as one JSON array
 *	archive SESSION           archives it and hints
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/args.h"
#include "base/json.h"
#include "store/event.h"
#include "store/hint.h"
#include "store/log.h"
#include "store/queue.h"
#include "store/session.h"

enum { LINE_MAX_BYTES = 4 << 20 };

struct standin {
	struct store *store;
	int hints;
};

static int append(struct standin *s, int64_t session, const char *json)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	cleanup(json) cJSON *event = json_parse(json, strlen(json), &why);
	const char *type = event ? json_text(event, "type") : NULL;
	if (!type)
		return -EINVAL;
	if (!json_text(event, "id")) {
		cleanup(json) cJSON *fresh = event_new(type);
		cJSON_AddStringToObject(event, "id", json_text(fresh, "id"));
	}
	int r = store_begin(s->store);
	if (r == 0)
		r = log_append(s->store, session, event, NULL);
	if (r < 0) {
		store_rollback(s->store);
		return r;
	}
	return store_commit(s->store, STORE_DURABLE);
}

static int hint(struct standin *s, enum hint_kind kind, int64_t session, struct slice text)
{
	struct hint h = { .kind = kind, .session = session, .text = text };
	return hint_send(s->hints, &h);
}

static int do_append(struct standin *s, int64_t session, const char *rest)
{
	int r = append(s, session, rest);
	return r < 0 ? r : hint(s, HINT_APPENDED, session, (struct slice){ 0 });
}

static int do_quiet(struct standin *s, int64_t session, const char *rest)
{
	return append(s, session, rest);
}

static int take_one(struct standin *s, int64_t session, int64_t *num)
{
	cleanup(json) cJSON *event = NULL;
	int r = queue_next(s->store, session, *num, num, &event);
	if (r == 1)
		r = log_append(s->store, session, event, NULL);
	if (r < 0 || !event)
		return r;
	r = queue_remove(s->store, session, *num);
	return r < 0 ? r : 1;
}

static int do_take(struct standin *s, int64_t session, const char *rest)
{
	int64_t num = 0;
	int r = store_begin(s->store);
	cleanup(json) cJSON *running = event_new("session.status_running");
	if (r == 0)
		r = session_pin(s->store, session);
	if (r == 0)
		r = log_append(s->store, session, running, NULL);
	while (r >= 0 && (r = take_one(s, session, &num)) == 1)
		;
	if (r == 0)
		r = store_commit(s->store, STORE_DURABLE);
	if (r < 0) {
		store_rollback(s->store);
		return r;
	}
	return hint(s, HINT_APPENDED, session, (struct slice){ 0 });
}

static int do_delta(struct standin *s, int64_t session, const char *rest)
{
	char id[ID_SIZE];
	int end = 0;
	if (sscanf(rest, "%39s %n", id, &end) < 1)
		return -EINVAL;
	cleanup(buf) struct buf line = BUF_INIT(HINT_BYTES_MAX);
	if (strcmp(rest + end, "\"\"") == 0)
		buf_printf(&line,
			"{\"type\":\"event_start\",\"event\":{\"type\":\"agent.message\",\"id\":\"%"
			"s\"}}\n",
			id);
	else
		buf_printf(&line,
			"{\"type\":\"event_delta\",\"event_id\":\"%s\",\"delta\":{\"type\":"
			"\"content_delta\",\"index\":0,\"content\":{\"type\":\"text\",\"text\":%s}}"
			"}\n",
			id, rest + end);
	return hint(s, HINT_DELTA, session, buf_slice(&line));
}

static int do_queued(struct standin *s, int64_t session, const char *rest)
{
	cleanup(json) cJSON *all = cJSON_CreateArray();
	int64_t num = 0;
	for (;;) {
		cJSON *event = NULL;
		int r = queue_next(s->store, session, num, &num, &event);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		cJSON_AddItemToArray(all, event);
	}
	cleanup(free) char *text = json_to_text(all);
	return printf("%s\n", text) < 0 ? -EIO : 1;
}

static int do_archive(struct standin *s, int64_t session, const char *rest)
{
	int r = object_archive(s->store, session, true);
	return r < 0 ? r : hint(s, HINT_APPENDED, session, (struct slice){ 0 });
}

static const struct command {
	const char *name;
	int (*run)(struct standin *s, int64_t session, const char *rest); /* 1: has answered */
} commands[] = {
	{ "append", do_append },
	{ "quiet", do_quiet },
	{ "take", do_take },
	{ "delta", do_delta },
	{ "queued", do_queued },
	{ "archive", do_archive },
};

static int run_line(struct standin *s, char *line)
{
	char name[16], session[NAME_BYTES_MAX + 1];
	int end = 0;
	struct object object;
	if (sscanf(line, "%15s %64s %n", name, session, &end) < 2)
		return -EINVAL;
	int r = object_find(s->store, OBJECT_SESSION, false, session, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(s, object.num, line + end);
	return -ENOSYS;
}

int main(int argc, char **argv)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	struct standin s = { .hints = args_need_fd(argc, argv, "hints") };
	json_setup();
	if (store_open(args_need(argc, argv, "store"), &s.store, &why) < 0) {
		(void)fprintf(stderr, "standin: %s\n", buf_text(&why));
		return 1;
	}
	cleanup(free) char *line = xmalloc(LINE_MAX_BYTES);
	while (fgets(line, LINE_MAX_BYTES, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		int r = run_line(&s, line);
		if (r <= 0)
			printf(r < 0 ? "error %s\n" : "ok\n", strerror(-r));
		(void)fflush(stdout);
	}
	store_close(s.store);
	return 0;
}
