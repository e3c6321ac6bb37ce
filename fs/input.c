/* SPDX-License-Identifier: MIT */
/* What a session is told: `input` and `ctl`. */
#include <errno.h>
#include <string.h>

#include "fs/errors.h"
#include "fs/transport.h"
#include "fs/verbs.h"
#include "store/event.h"
#include "store/queue.h"

int input_open(struct fs *fs, struct handle *h, struct buf *why)
{
	const struct session *s;
	int r = fs_session(fs, h->at.object, &s);
	if (r < 0 || !h->writing)
		return r;
	if (s->object.archived_us || s->fold.status == SESSION_TERMINATED)
		return fail(why, EROFS, "%s has ended and takes nothing more; make a new session",
			s->object.name);
	return 0;
}

int input_show(struct fs *fs, struct place at, struct buf *out)
{
	return 0;
}

int input_accept(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why)
{
	uint64_t request = transport_request_id(fs->transport);
	int r = draft_write(fs->store, h->at.object, h->number, request, bytes.at, bytes.size, why);
	if (r == 0)
		handle_set_pending(h, true);
	return r;
}

int input_commit(struct fs *fs, struct handle *h, struct buf *why)
{
	int count = 0;
	handle_set_pending(h, false);
	int r = draft_commit(fs->store, h->at.object, h->number, &count, why);
	fs_forget_known(fs);
	if (r < 0 || count == 0)
		return r;
	errors_clear(fs->errors, h->at.object);
	fs_wake_harness(fs, h->at.object);
	return 0;
}

/*
 * ctl: a write is parsed whole, then all of it or none of it happens.
 */

struct verb {
	const char *name, *help;
	int (*add)(cJSON *events); /* adds the client events that do it */
};

static int add_interrupt(cJSON *events)
{
	cJSON_AddItemToArray(events, event_new("user.interrupt"));
	return 0;
}

static int add_nothing(cJSON *events)
{
	return 0;
}

static const struct verb verbs[] = {
	{ "help", "does nothing; reading this file shows the verbs", add_nothing },
	{ "interrupt", "end the running turn; what it has done stays done", add_interrupt },
};

int ctl_show(struct fs *fs, struct place at, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		buf_printf(out, "%-10s %s\n", verbs[i].name, verbs[i].help);
	return 0;
}

static int parse_verb(struct slice line, cJSON *events, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (slice_is(line, verbs[i].name))
			return verbs[i].add(events);
	int shown = line.size < 40 ? (int)line.size : 40;
	return fail(why, EINVAL, "`%.*s` is not a verb; reading this file shows them", shown,
		line.at);
}

static int parse_verbs(struct slice text, cJSON *events, struct buf *why)
{
	while (text.size) {
		const char *end = memchr(text.at, '\n', text.size);
		size_t size = end ? (size_t)(end - text.at) : text.size;
		int r = size ? parse_verb((struct slice){ text.at, size }, events, why) : 0;
		if (r < 0)
			return r;
		size += end != NULL;
		text.at += size;
		text.size -= size;
	}
	return 0;
}

int ctl_accept(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why)
{
	cleanup(json) cJSON *events = cJSON_CreateArray();
	int r = parse_verbs(bytes, events, why);
	if (r < 0 || cJSON_GetArraySize(events) == 0)
		return r;
	r = queue_add(fs->store, h->at.object, events);
	if (r == 0)
		fs_wake_harness(fs, h->at.object);
	return r;
}
