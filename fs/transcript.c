/* SPDX-License-Identifier: MIT */
#include "fs/transcript.h"

#include <errno.h>
#include <string.h>

#include "fs/piece.h"
#include "store/log.h"

/* A call without its result.  The first one is shown as it comes; the others are held. */
struct call {
	struct list link; /* transcript.calls */
	char *id; /* owned; NULL: nothing can belong to it */
	struct buf held;
	bool answered;
};

void transcript_init(struct transcript *t)
{
	*t = (struct transcript){ 0 };
	list_init(&t->calls);
}

static void drop(struct transcript *t, struct call *call)
{
	list_remove(&call->link);
	t->call_count--;
	buf_done(&call->held);
	free(call->id);
	free(call);
}

void transcript_done(struct transcript *t)
{
	struct call *call;
	list_each (&t->calls, call, struct call, link)
		drop(t, call);
}

static struct call *first(const struct transcript *t)
{
	return list_first(&t->calls, struct call, link);
}

static int add(struct buf *out, const struct buf *text)
{
	return buf_add(out, buf_text(text), text->size);
}

/* The first call has its result: the next one takes its place. */
static void advance(struct transcript *t, struct buf *out)
{
	for (struct call *call; (call = first(t)) && call->answered;) {
		drop(t, call);
		if ((call = first(t))) {
			(void)add(out, &call->held);
			buf_done(&call->held);
		}
	}
}

/* Somebody speaks: nothing is held back any longer. */
static void release(struct transcript *t, struct buf *out)
{
	for (struct call *call; (call = first(t));) {
		call->answered = true;
		advance(t, out);
	}
}

static void let_agent_speak(struct transcript *t, struct buf *out)
{
	if (!t->agent_speaks)
		(void)buf_add_text(out, "## agent\n\n");
	t->agent_speaks = true;
}

static void take_none(struct transcript *t, const char *id, const struct buf *text, struct buf *out)
{
}

static void take_word(struct transcript *t, const char *id, const struct buf *text, struct buf *out)
{
	release(t, out);
	t->agent_speaks = false;
	(void)add(out, text);
}

static void take_agent(struct transcript *t, const char *id, const struct buf *text,
	struct buf *out)
{
	release(t, out);
	let_agent_speak(t, out);
	(void)add(out, text);
}

/* Where the text about a call goes: one whose call was released, or is unknown, is shown at once. */
static struct buf *place_of(struct transcript *t, struct call *call, struct buf *out)
{
	return !call || call == first(t) ? out : &call->held;
}

static void take_call(struct transcript *t, const char *id, const struct buf *text, struct buf *out)
{
	if (t->call_count == TRANSCRIPT_CALLS_MAX)
		release(t, out);
	struct call *call = xcalloc(1, sizeof(*call));
	call->id = id ? xstrdup(id) : NULL;
	buf_init(&call->held, out->max);
	list_add(&t->calls, &call->link);
	t->call_count++;
	let_agent_speak(t, out);
	(void)add(place_of(t, call, out), text);
}

static struct call *find_call(struct transcript *t, const char *id)
{
	struct call *call;
	list_each (&t->calls, call, struct call, link)
		if (id && call->id && !call->answered && strcmp(call->id, id) == 0)
			return call;
	return NULL;
}

static void take_note(struct transcript *t, const char *id, const struct buf *text, struct buf *out)
{
	(void)add(place_of(t, find_call(t, id), out), text);
}

static void take_result(struct transcript *t, const char *id, const struct buf *text,
	struct buf *out)
{
	struct call *call = find_call(t, id);
	(void)add(place_of(t, call, out), text);
	if (call)
		call->answered = true;
	advance(t, out);
}

static void (*const take[])(struct transcript *t, const char *id, const struct buf *text,
	struct buf *out) = {
	[PIECE_NONE] = take_none,
	[PIECE_WORD] = take_word,
	[PIECE_AGENT] = take_agent,
	[PIECE_CALL] = take_call,
	[PIECE_NOTE] = take_note,
	[PIECE_RESULT] = take_result,
};

int transcript_event(struct transcript *t, const cJSON *event, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(out->max);
	struct piece piece = piece_show(event, &text);
	take[piece.kind](t, piece.call, &text, out);
	return out->overflow || text.overflow ? -EFBIG : 0;
}

enum { KNOWN_SIZES = 1024 }; /* sessions; two that share a slot only cost time */

struct transcripts {
	struct known {
		int64_t session;
		uint64_t seq, size; /* of the transcript up to and with event `seq` … */
		bool agent_speaks; /* … where no call is open, and that was the fold's state */
	} known[KNOWN_SIZES];
};

struct transcripts *transcripts_new(void)
{
	return xcalloc(1, sizeof(struct transcripts));
}

struct transcripts *transcripts_free(struct transcripts *transcripts)
{
	free(transcripts);
	return NULL;
}

static int add_event(struct store *store, int64_t session, uint64_t seq, struct transcript *t,
	struct buf *out)
{
	cleanup(json) cJSON *event = log_event(store, session, seq);
	return event ? transcript_event(t, event, out) : 0;
}

int transcript_show(struct store *store, const struct session *session, struct buf *out)
{
	struct transcript t;
	transcript_init(&t);
	int r = 0;
	for (uint64_t seq = 1; r == 0 && seq <= session->fold.events; seq++)
		r = add_event(store, session->object.num, seq, &t, out);
	transcript_done(&t);
	return r;
}

static void remember(struct known *known, uint64_t seq, uint64_t size, const struct transcript *t)
{
	if (t->call_count)
		return;
	known->seq = seq;
	known->size = size;
	known->agent_speaks = t->agent_speaks;
}

static int size_from(struct known *known, struct store *store, const struct session *session,
	struct transcript *t, uint64_t *ret)
{
	cleanup(buf) struct buf piece = BUF_INIT(0);
	uint64_t size = known->size;
	t->agent_speaks = known->agent_speaks;
	for (uint64_t seq = known->seq + 1; seq <= session->fold.events; seq++) {
		buf_clear(&piece);
		int r = add_event(store, session->object.num, seq, t, &piece);
		if (r < 0)
			return r;
		size += piece.size;
		remember(known, seq, size, t);
	}
	*ret = size;
	return 0;
}

int transcript_size(struct transcripts *transcripts, struct store *store,
	const struct session *session, uint64_t *ret)
{
	int64_t num = session->object.num;
	struct known *known = &transcripts->known[(uint64_t)num % KNOWN_SIZES];
	if (known->session != num)
		*known = (struct known){ .session = num };
	struct transcript t;
	transcript_init(&t);
	int r = size_from(known, store, session, &t, ret);
	transcript_done(&t);
	return r;
}
