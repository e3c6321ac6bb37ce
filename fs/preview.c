/* SPDX-License-Identifier: MIT */
#include "fs/preview.h"

#include <stdio.h>
#include <string.h>

#include "store/log.h"

struct previews {
	struct list all; /* struct preview.link, oldest first */
	size_t count;
	uint64_t given; /* bytes of lines of all previews, past ones too */
};

struct previews *previews_new(void)
{
	struct previews *previews = xcalloc(1, sizeof(*previews));
	list_init(&previews->all);
	return previews;
}

static void forget(struct previews *previews, struct preview *p)
{
	list_remove(&p->link);
	previews->count--;
	buf_done(&p->text);
	buf_done(&p->lines);
	free(p);
}

struct previews *previews_free(struct previews *previews)
{
	if (!previews)
		return NULL;
	struct preview *p;
	list_each (&previews->all, p, struct preview, link)
		forget(previews, p);
	free(previews);
	return NULL;
}

static struct preview *find(const struct previews *previews, int64_t session)
{
	struct preview *p;
	list_each (&previews->all, p, struct preview, link)
		if (p->session == session)
			return p;
	return NULL;
}

const struct preview *previews_find(const struct previews *previews, int64_t session)
{
	return find(previews, session);
}

static struct preview *begin(struct previews *previews, int64_t session, const char *id,
	uint64_t after)
{
	struct preview *p = find(previews, session);
	if (p)
		forget(previews, p);
	if (previews->count >= PREVIEWS_MAX)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->session = session;
	(void)snprintf(p->id, sizeof(p->id), "%s", id);
	buf_init(&p->text, PREVIEW_BYTES_MAX);
	buf_init(&p->lines, PREVIEW_BYTES_MAX);
	p->start = previews->given;
	p->checked = after;
	list_add(&previews->all, &p->link);
	previews->count++;
	return p;
}

/* After one piece did not fit no later one may be shown, or the text would have a hole. */
static void add_piece(struct preview *p, const cJSON *event)
{
	const char *id = json_text(event, "event_id");
	const cJSON *text = json_path(event, "delta.content.text");
	if (!id || strcmp(id, p->id) != 0 || !cJSON_IsString(text) || p->text.overflow)
		return;
	(void)buf_add_text(&p->text, text->valuestring);
}

static void take_line(struct previews *previews, int64_t session, uint64_t after, struct slice line)
{
	cleanup(json) cJSON *event = json_parse(line.at, line.size, NULL);
	const char *type = event ? json_text(event, "type") : NULL;
	struct preview *p = find(previews, session);
	if (!type)
		return;
	if (strcmp(type, "event_start") == 0) {
		const cJSON *started = json_get(event, "event");
		const char *id = started ? json_text(started, "id") : NULL;
		p = id ? begin(previews, session, id, after) : NULL;
	}
	if (!p || p->lines.overflow || buf_add(&p->lines, line.at, line.size) < 0)
		return;
	(void)buf_add_char(&p->lines, '\n');
	previews->given += line.size + 1;
	if (strcmp(type, "event_delta") == 0)
		add_piece(p, event);
}

void previews_take(struct previews *previews, int64_t session, uint64_t after, struct slice lines)
{
	while (lines.size) {
		const char *end = memchr(lines.at, '\n', lines.size);
		size_t size = end ? (size_t)(end - lines.at) : lines.size;
		take_line(previews, session, after, (struct slice){ lines.at, size });
		size_t used = end ? size + 1 : size;
		lines.at += used;
		lines.size -= used;
	}
}

static bool ends(const struct preview *p, const cJSON *event)
{
	static const char *const closing[] = { "span.model_request_end", "session.status_idle",
		"session.status_terminated" };
	const char *type = json_text(event, "type"), *id = json_text(event, "id");
	if (id && strcmp(id, p->id) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(closing); i++)
		if (type && strcmp(type, closing[i]) == 0)
			return true;
	return false;
}

int previews_settle(struct previews *previews, struct store *store, const struct session *session)
{
	struct preview *p = find(previews, session->object.num);
	while (p && p->checked < session->fold.events) {
		cleanup(json) cJSON *event = log_event(store, p->session, ++p->checked);
		if (!event || ends(p, event)) {
			forget(previews, p);
			p = NULL;
		}
	}
	return 0;
}
