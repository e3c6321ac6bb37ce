/* SPDX-License-Identifier: MIT */
/* What a session's files say: each is a view of its fold or its log. */
#include <errno.h>
#include <string.h>

#include "fs/errors.h"
#include "fs/transcript.h"
#include "fs/verbs.h"
#include "store/event.h"
#include "store/log.h"

int session_events_size(struct fs *fs, struct place at, uint64_t *ret)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r == 0)
		*ret = s->fold.bytes;
	return r;
}

int session_events_bytes(struct fs *fs, struct place at, uint64_t offset, size_t size,
	struct buf *out)
{
	char *to = buf_reserve(out, size);
	if (!to)
		return -EFBIG;
	ssize_t n = log_read(fs->store, at.object, offset, to, size);
	if (n < 0)
		return (int)n;
	out->size += (size_t)n;
	out->data[out->size] = '\0';
	return 0;
}

static void end_line(struct buf *out)
{
	if (out->size && out->data[out->size - 1] != '\n')
		buf_add_char(out, '\n');
}

int session_reply(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0 || !s->fold.reply_seq)
		return r;
	cleanup(json) cJSON *event = log_event(fs->store, at.object, s->fold.reply_seq);
	r = event ? event_content_text(json_get(event, "content"), out) : -EIO;
	end_line(out);
	return r;
}

static bool is_listed(const cJSON *ids, const char *id)
{
	const cJSON *one;
	cJSON_ArrayForEach (one, ids)
		if (id && cJSON_IsString(one) && strcmp(one->valuestring, id) == 0)
			return true;
	return false;
}

/* Names the calls that wait for a person, "12-bash 14-write": the event's number in the log and the
 * tool. */
static void add_waiting(struct fs *fs, const struct session *s, struct buf *out)
{
	cleanup(json) cJSON *idle = log_event(fs->store, s->object.num, s->fold.idle_seq);
	const cJSON *ids = idle ? json_path(idle, "stop_reason.event_ids") : NULL;
	int left = cJSON_GetArraySize(ids);
	cleanup(buf) struct buf names = BUF_INIT(4096);
	for (uint64_t seq = s->fold.turn_seq; left > 0 && seq && seq < s->fold.idle_seq; seq++) {
		cleanup(json) cJSON *event = log_event(fs->store, s->object.num, seq);
		const char *tool = event ? json_text(event, "name") : NULL;
		if (!event || !is_listed(ids, json_text(event, "id")))
			continue;
		buf_printf(&names, " %llu-%s", (unsigned long long)seq, tool ? tool : "call");
		left--;
	}
	buf_add(out, buf_text(&names), names.size);
}

int session_status(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	bool waits = s->fold.status == SESSION_IDLE && s->fold.stop == STOP_REQUIRES_ACTION;
	buf_add_text(out, waits ? "waiting" : session_status_name(s->fold.status));
	if (waits)
		add_waiting(fs, s, out);
	else if (s->fold.status == SESSION_IDLE)
		buf_printf(out, " %s", stop_reason_name(s->fold.stop));
	return buf_add_char(out, '\n');
}

int session_usage(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	const struct usage *u = &s->fold.usage;
	const struct {
		const char *name;
		int64_t value;
	} lines[] = {
		{ "input_tokens", u->input_tokens },
		{ "output_tokens", u->output_tokens },
		{ "cache_read_input_tokens", u->cache_read_input_tokens },
		{ "cache_creation_input_tokens", u->cache_creation_input_tokens },
		{ "cache_creation_1h_input_tokens", u->cache_creation_1h_tokens },
		{ "web_search_requests", u->web_search_requests },
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		buf_printf(out, "%s %lld\n", lines[i].name, (long long)lines[i].value);
	return buf_printf(out, "active_seconds %.3f\n", (double)u->active_us / 1e6);
}

int session_cost(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	return r < 0 ? r : buf_printf(out, "%.6f\n", (double)s->fold.usage.cost_nano / 1e9);
}

int session_show_title(struct fs *fs, struct place at, struct buf *out)
{
	int r = session_title(fs->store, at.object, out);
	if (r >= 0)
		end_line(out);
	return r < 0 ? r : 0;
}

int session_save_title(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	size_t size = text.size;
	while (size && text.at[size - 1] == '\n')
		size--;
	return session_set_title(fs->store, at.object, text.at, size, why);
}

/* Only an error of the running or the last turn counts: a turn that went well after it means all is
 * well. */
static int64_t add_logged_error(struct fs *fs, const struct session *s, struct buf *out)
{
	if (!s->fold.error_seq || s->fold.error_seq < s->fold.turn_seq)
		return 0;
	cleanup(json) cJSON *event = log_event(fs->store, s->object.num, s->fold.error_seq);
	if (!event)
		return 0;
	const char *when = json_text(event, "processed_at");
	const cJSON *type = json_path(event, "error.type"),
		    *message = json_path(event, "error.message");
	const cJSON *retry = json_path(event, "error.retry_status.type");
	buf_printf(out, "%s session: %s: %s; %s\n", when ? when : "-",
		cJSON_IsString(type) ? type->valuestring : "unknown_error",
		cJSON_IsString(message) ? message->valuestring : "no message",
		cJSON_IsString(retry) ? retry->valuestring : "exhausted");
	return when ? clock_parse(when) : 1;
}

int session_show_error(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	cleanup(buf) struct buf logged = BUF_INIT(64 << 10), refused = BUF_INIT(64 << 10);
	int64_t logged_us = add_logged_error(fs, s, &logged);
	int64_t refused_us = errors_last(fs->errors, at.object, &refused);
	const struct buf *last = refused_us > logged_us ? &refused : &logged;
	return buf_add(out, buf_text(last), last->size);
}

static void set_number(cJSON *body, const char *object, const char *name, double value)
{
	cJSON *in = cJSON_GetObjectItemCaseSensitive(body, object);
	cJSON *number = cJSON_GetObjectItemCaseSensitive(in, name);
	if (number)
		cJSON_SetNumberValue(number, value);
}

/* Times are as of the session's last change, not of now: a file whose size differs between stat and
 * read is cut by tar, and one that changes by itself is copied by every rsync. */
static void freeze_times(cJSON *body, const struct session *s)
{
	double active = (double)s->fold.usage.active_us / 1e6;
	double since = (double)(s->object.updated_us - s->object.created_us) / 1e6;
	set_number(body, "stats", "duration_seconds", since);
	set_number(body, "stats", "active_seconds", active);
	set_number(body, "usage", "active_seconds", active);
}

int session_json(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	cleanup(json) cJSON *body = session_body(fs->store, at.object, &r);
	if (!body)
		return r ? r : -EIO;
	freeze_times(body, s);
	cleanup(free) char *text = cJSON_Print(body);
	r = buf_add_text(out, text);
	end_line(out);
	return r;
}

char *session_host(struct fs *fs, struct place at)
{
	const struct session *s;
	return fs_session(fs, at.object, &s) < 0 ? NULL : session_workspace(fs->store, &s->object);
}

int session_workspace_path(struct fs *fs, struct place at, struct buf *out)
{
	cleanup(free) char *path = session_host(fs, at);
	return path ? buf_printf(out, "%s\n", path) : -ENOENT;
}

int session_transcript(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	return r < 0 ? r : transcript_show(fs->store, s, out);
}

int session_transcript_size(struct fs *fs, struct place at, uint64_t *ret)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	return r < 0 ? r : transcript_size(fs->transcripts, fs->store, s, ret);
}
