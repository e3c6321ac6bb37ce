/* SPDX-License-Identifier: MIT */
#include "fs/stream.h"

#include <errno.h>
#include <string.h>

#include "fs/live.h"
#include "fs/news.h"
#include "fs/preview.h"
#include "fs/verbs.h"
#include "store/event.h"
#include "store/log.h"
#include "store/queue.h"

enum { FOLLOW_CHUNK = 128 << 10 }; /* the largest read that the kernel makes of it by default */

int stream_look(struct fs *fs, struct handle *h, uint64_t offset)
{
	if (offset != h->offset) {
		buf_clear(&h->text);
		h->ended = false;
		int r = h->at.node->seek(fs, h, offset);
		if (r < 0)
			return r;
		h->offset = offset;
	}
	if (!h->text.size && !h->ended) {
		news_take(fs->news);
		int r = h->at.node->follow(fs, h);
		if (r < 0)
			return r;
	}
	return h->text.size || h->ended;
}

/* Where the source stands once `taken` bytes of the text are read. */
static uint64_t source_after(const struct handle *h, size_t taken)
{
	return h->verbatim ? h->source - (h->text.size - taken) : h->source;
}

struct slice stream_take(struct handle *h, size_t size, struct buf *out)
{
	size_t taken = size < h->text.size ? size : h->text.size;
	if (h->kept) {
		h->kept->offset[0] = h->offset;
		h->kept->source[0] = source_after(h, 0);
		h->kept->offset[1] = h->offset + taken;
		h->kept->source[1] = source_after(h, taken);
	}
	buf_clear(out);
	(void)buf_add(out, buf_text(&h->text), taken);
	buf_consume(&h->text, taken);
	h->offset += taken;
	return buf_slice(out);
}

int64_t stream_resume(const struct handle *h, uint64_t offset)
{
	for (int i = 0; h->kept && i < 2; i++)
		if (h->kept->offset[i] == offset)
			return (int64_t)h->kept->source[i];
	return -1;
}

int stream_open(struct fs *fs, struct handle *h, int64_t start, int64_t goal)
{
	h->kept = keep_take(fs->keep, h->number);
	if (!h->kept)
		return -ENFILE;
	h->kept->start = start;
	h->kept->goal = goal;
	return 0;
}

int64_t stream_goal(struct fs *fs, int64_t session)
{
	int64_t goal = 0;
	for (;;) {
		cleanup(json) cJSON *event = NULL;
		if (queue_next(fs->store, session, goal, &goal, &event) <= 0)
			return goal;
	}
}

/* Events that answer what a session waits for; a message does not, it stays queued until then. */
static bool is_answer(const cJSON *event)
{
	static const char *const answers[] = { "user.tool_confirmation", "user.custom_tool_result",
		"user.tool_result", "user.interrupt" };
	const char *type = json_text(event, "type");
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (type && strcmp(type, answers[i]) == 0)
			return true;
	return false;
}

static int has_answer(struct fs *fs, int64_t session, int64_t goal)
{
	int64_t num = 0;
	for (;;) {
		cleanup(json) cJSON *event = NULL;
		int r = queue_next(fs->store, session, num, &num, &event);
		if (r <= 0 || num > goal)
			return r < 0 ? r : 0;
		if (is_answer(event))
			return 1;
	}
}

/* Of a session that is not running, with or without something queued. */
static bool is_settled(const struct session *s, bool has_queued, bool has_answer)
{
	if (s->object.archived_us || s->fold.status == SESSION_TERMINATED)
		return true;
	if (s->fold.status != SESSION_IDLE)
		return false;
	bool needs_somebody =
		s->fold.stop == STOP_REQUIRES_ACTION || s->fold.stop == STOP_BUDGET_REACHED;
	return !has_queued || (needs_somebody && !has_answer);
}

/* The queue is read before the session: whoever takes an entry from the queue makes the session run
 * in the same step, so an entry that is gone by now shows as running.  The other way round it could
 * show as idle. */
int stream_settled(struct fs *fs, int64_t session, int64_t goal)
{
	int64_t num = 0;
	cleanup(json) cJSON *first = NULL;
	int queued = queue_next(fs->store, session, 0, &num, &first);
	int answer = queued > 0 && num <= goal ? has_answer(fs, session, goal) : 0;
	if (queued < 0 || answer < 0)
		return queued < 0 ? queued : answer;
	const struct session *s;
	fs_forget_known(fs);
	int r = fs_session(fs, session, &s);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	return is_settled(s, queued && num <= goal, answer);
}

/*
 * wait
 */

int wait_open(struct fs *fs, struct handle *h, struct buf *why)
{
	return stream_open(fs, h, 0, stream_goal(fs, h->at.object));
}

int wait_seek(struct fs *fs, struct handle *h, uint64_t offset)
{
	if (offset)
		h->ended = true; /* one line, and that was read */
	return 0;
}

int wait_follow(struct fs *fs, struct handle *h)
{
	int r = stream_settled(fs, h->at.object, h->kept ? h->kept->goal : 0);
	if (r <= 0)
		return r;
	h->ended = true;
	r = session_status(fs, h->at, &h->text);
	return r == -ENOENT ? 0 : r;
}

/*
 * follow
 */

int follow_open(struct fs *fs, struct handle *h, struct buf *why)
{
	const struct session *session;
	int r = fs_session(fs, h->at.object, &session);
	if (r < 0)
		return r;
	h->source = session->fold.bytes;
	r = stream_open(fs, h, 0, 0);
	if (r == 0)
		h->kept->source[0] = h->kept->source[1] = h->source;
	return r;
}

/* Elsewhere than where the reader stands, an offset is an address in the log, as in `events`. */
int follow_seek(struct fs *fs, struct handle *h, uint64_t offset)
{
	int64_t source = stream_resume(h, offset);
	h->source = source >= 0 ? (uint64_t)source : offset;
	h->verbatim = false;
	return 0;
}

/* What is in the log comes first: a preview always belongs behind the newest event. */
static int follow_log(struct fs *fs, struct handle *h)
{
	char *to = buf_reserve(&h->text, FOLLOW_CHUNK);
	ssize_t n = log_read(fs->store, h->at.object, h->source, to, FOLLOW_CHUNK);
	if (n <= 0)
		return (int)n;
	h->text.size += (size_t)n;
	h->text.data[h->text.size] = '\0';
	h->source += (uint64_t)n;
	h->verbatim = true;
	return 1;
}

static void follow_preview(struct fs *fs, struct handle *h)
{
	const struct preview *p = previews_find(fs->previews, h->at.object);
	if (!p)
		return;
	size_t skip = h->preview > p->start ? (size_t)(h->preview - p->start) : 0;
	buf_add(&h->text, buf_text(&p->lines) + skip, p->lines.size - skip);
	h->preview = p->start + p->lines.size;
	h->verbatim = false;
}

/* Mostly somebody waits for the next event and it has come: then nothing else needs to be read. */
int follow_follow(struct fs *fs, struct handle *h)
{
	const struct session *session;
	int r = follow_log(fs, h);
	if (r != 0)
		return r < 0 ? r : 0;
	r = fs_session(fs, h->at.object, &session);
	if (r == -ENOENT) {
		h->ended = true;
		return 0;
	}
	if (r == 0)
		r = previews_settle(fs->previews, fs->store, session);
	if (r == 0 && h->source < session->fold.bytes)
		r = follow_log(fs, h);
	if (r != 0)
		return r < 0 ? r : 0;
	follow_preview(fs, h);
	h->ended = !h->text.size && session->object.archived_us;
	return 0;
}

/*
 * live
 */

/* The first event of the turn that is shown: of the running one, of the one that the queue will
 * begin, or else of the last. */
static uint64_t live_start(const struct session *session)
{
	bool runs = session->fold.status == SESSION_RUNNING ||
		session->fold.status == SESSION_RESCHEDULING;
	return !runs && session->queued ? session->fold.events + 1 : session->fold.turn_seq;
}

int live_open(struct fs *fs, struct handle *h, struct buf *why)
{
	const struct session *session;
	int r = fs_session(fs, h->at.object, &session);
	if (r < 0)
		return r;
	h->live = xcalloc(1, sizeof(*h->live));
	h->source = live_start(session);
	return stream_open(fs, h, (int64_t)h->source, stream_goal(fs, h->at.object));
}

static int live_add_event(struct fs *fs, struct handle *h, uint64_t seq)
{
	cleanup(json) cJSON *event = log_event(fs->store, h->at.object, seq);
	const char *type = event ? json_text(event, "type") : NULL;
	if (!type)
		return 0;
	if (strcmp(type, "span.model_request_end") == 0)
		live_abandon(h->live, &h->text);
	if (strcmp(type, "agent.message") != 0)
		return 0;
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX);
	int r = event_content_text(json_get(event, "content"), &text);
	live_message(h->live, json_text(event, "id"), buf_slice(&text), &h->text);
	return r;
}

static void live_add_preview(struct fs *fs, struct handle *h)
{
	const struct preview *p = previews_find(fs->previews, h->at.object);
	if (p && p->text.size)
		live_piece(h->live, p->id, buf_slice(&p->text), &h->text);
}

static void live_note(struct handle *h)
{
	if (h->kept)
		h->kept->loose = h->live->abandoned;
}

int live_follow(struct fs *fs, struct handle *h)
{
	const struct session *session;
	int settled = stream_settled(fs, h->at.object, h->kept ? h->kept->goal : 0);
	int r = settled < 0 ? settled : fs_session(fs, h->at.object, &session);
	if (r < 0) {
		h->ended = r == -ENOENT;
		return h->ended ? 0 : r;
	}
	r = previews_settle(fs->previews, fs->store, session);
	while (r == 0 && h->source && h->source <= session->fold.events)
		r = live_add_event(fs, h, h->source++);
	if (r < 0)
		return r;
	if (h->source)
		live_add_preview(fs, h);
	live_note(h);
	h->ended = settled;
	return 0;
}

/* The text is made again from its beginning, and what lies before `offset` is dropped.  Words that
 * a failed request had already shown are not in the log; they count as read. */
int live_seek(struct fs *fs, struct handle *h, uint64_t offset)
{
	uint64_t gone = h->kept ? h->kept->loose : 0;
	free(h->live);
	h->live = xcalloc(1, sizeof(*h->live));
	h->live->abandoned = gone;
	h->source = h->kept ? (uint64_t)h->kept->start : 0;
	if (!offset)
		return 0;
	int r = live_follow(fs, h);
	uint64_t drop = offset > gone ? offset - gone : 0;
	buf_consume(&h->text, drop < h->text.size ? (size_t)drop : h->text.size);
	return r;
}
