/* SPDX-License-Identifier: MIT */
/* The drafts of queue.h: messages that are still being written. */
#include "store/queue_row.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "store/db.h"
#include "store/event.h"
#include "store/input.h"
#include "store/open_calls.h"

struct draft {
	int64_t num; /* 0: not stored yet */
	int64_t session;
	uint64_t request; /* that added the last bytes */
	int error; /* -errno of a spoilt draft */
	struct buf reason; /* its sentence */
	struct input_scan scan;
};

static void cleanup_draft(struct draft *draft)
{
	buf_done(&draft->reason);
}

/* 1 found, 0 absent, -errno. */
static int draft_get(struct store *store, int64_t session, uint64_t handle, struct draft *ret)
{
	cleanup(query) struct query q = db_query(
		store, SQL_DRAFT_GET, ARGS(INT(handle), INT(session)));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	struct slice reason = query_text(&q, 3), scan = query_text(&q, 4);
	if (scan.size != sizeof(ret->scan))
		return -EIO;
	ret->num = query_int(&q, 0);
	ret->request = (uint64_t)query_int(&q, 1);
	ret->error = (int)query_int(&q, 2);
	(void)buf_add(&ret->reason, reason.at, reason.size);
	memcpy(&ret->scan, scan.at, scan.size);
	return 1;
}

static int draft_add(struct store *store, int64_t session, uint64_t handle, struct draft *draft)
{
	/* That the queue is full must be said now: after the last write nobody listens. */
	int r = queue_room(store, session, 1);
	if (r == 0)
		r = db_run(store, SQL_DRAFT_ADD, ARGS(INT(handle), INT(session), INT(0),
			BYTES(&draft->scan, sizeof(draft->scan))));
	if (r < 0)
		return r;
	draft->num = sqlite3_last_insert_rowid(store->db);
	return 0;
}

static int draft_set(struct store *store, const struct draft *draft)
{
	int r = db_run(store, SQL_DRAFT_SET, ARGS(INT(draft->num), INT(draft->request),
		INT(draft->error), TEXT(buf_text(&draft->reason)),
		BYTES(&draft->scan, sizeof(draft->scan))));
	return r < 0 ? r : 0;
}

static int draft_remove(struct store *store, int64_t num)
{
	int r = db_run(store, SQL_DRAFT_PARTS_DELETE, ARGS(INT(num)));
	if (r >= 0)
		r = db_run(store, SQL_DRAFT_DELETE, ARGS(INT(num)));
	return r < 0 ? r : 0;
}

/* The stored bytes from offset `from` on: 0 or -errno. */
static int draft_bytes(struct store *store, int64_t num, uint64_t from, struct buf *ret)
{
	cleanup(query) struct query q = db_query(store, SQL_DRAFT_PARTS, ARGS(INT(num), INT(from)));
	int r;
	while ((r = query_next(&q)) > 0) {
		struct slice part = query_text(&q, 1);
		uint64_t start = (uint64_t)query_int(&q, 0);
		size_t skip = from > start ? (size_t)(from - start) : 0;
		if (skip < part.size && buf_add(ret, part.at + skip, part.size - skip) < 0)
			return -EFBIG;
	}
	return r;
}

/* Refusals of a message; everything else is the store's own trouble. */
static bool is_verdict(int error)
{
	static const int verdicts[] = { EINVAL, EILSEQ, EFBIG, ENOENT, ESTALE };
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (error == -verdicts[i])
			return true;
	return false;
}

static int refuse_answer(int error, struct buf *why)
{
	return error == -ESTALE ? fail(why, ESTALE, "the call was answered by somebody else") :
		error == -ENOENT ?
			fail(why, ENOENT, "no call waits for this answer, or it was answered") :
			error;
}

/* Answers to calls that wait for none are refused while the writer still listens. */
static int check_answers(
	struct store *store, int64_t session, const cJSON *events, struct buf *why)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events) {
		int r = open_calls_check(store, session, event);
		if (r < 0)
			return refuse_answer(r, why);
	}
	return 0;
}

static int judge(struct store *store, struct draft *draft, struct slice object, struct buf *why)
{
	cleanup(json) cJSON *events = cJSON_CreateArray();
	int r = input_judge(&draft->scan, object, events, why);
	return r < 0 ? r : check_answers(store, draft->session, events, why);
}

/* Judges the object that has just ended; it may have begun in an earlier write.  `written` holds
 * the bytes of this write so far, which begin at offset `base`. */
static int judge_object(struct store *store, struct draft *draft, uint64_t base,
	struct slice written, struct buf *why)
{
	uint64_t start = draft->scan.object_start;
	if (start >= base) {
		struct slice object = { written.at + (start - base),
			written.size - (size_t)(start - base) };
		return judge(store, draft, object, why);
	}
	cleanup(buf) struct buf whole = BUF_INIT(EVENTS_BYTES_MAX + 1);
	int r = draft_bytes(store, draft->num, start, &whole);
	if (r == 0 && buf_add(&whole, written.at, written.size) < 0)
		return fail(why, EFBIG, "the message is too large");
	return r < 0 ? r : judge(store, draft, buf_slice(&whole), why);
}

/* Moves the judge over the bytes of this write: 0, a verdict with its sentence, or -errno. */
static int judge_write(
	struct store *store, struct draft *draft, struct slice bytes, struct buf *why)
{
	uint64_t base = draft->scan.size;
	for (size_t at = 0; at < bytes.size;) {
		enum input_found found;
		at += input_scan_push(&draft->scan, bytes.at + at, bytes.size - at, &found);
		if (found == INPUT_NOT_UTF8)
			return input_fail_utf8(&draft->scan, why);
		int r = found == INPUT_MORE ? 0 :
			judge_object(store, draft, base, (struct slice){ bytes.at, at }, why);
		if (r < 0)
			return r;
	}
	return input_limits(&draft->scan, why);
}


/* Judges and keeps the bytes.  A verdict goes into the draft; other errors are returned. */
static int extend(struct store *store, struct draft *draft, struct slice bytes)
{
	uint64_t base = draft->scan.size;
	int r = judge_write(store, draft, bytes, &draft->reason);
	if (is_verdict(r)) {
		draft->error = r;
		return db_run(store, SQL_DRAFT_PARTS_DELETE, ARGS(INT(draft->num)));
	}
	if (r < 0)
		return r;
	return db_run(store, SQL_DRAFT_PART_ADD,
		ARGS(INT(draft->num), INT(base), BYTES(bytes.at, bytes.size)));
}

static int write_draft(struct store *store, int64_t session, uint64_t handle, uint64_t request,
	struct slice bytes, struct draft *draft)
{
	int r = draft_get(store, session, handle, draft);
	if (r < 0)
		return r;
	draft->session = session;
	bool seen = r > 0 && draft->request == request;
	if (seen || draft->error)
		return 0;
	if (r == 0)
		r = draft_add(store, session, handle, draft);
	if (r < 0)
		return r;
	draft->request = request;
	buf_clear(&draft->reason);
	r = extend(store, draft, bytes);
	return r < 0 ? r : draft_set(store, draft);
}

/* Passes on the verdict over a spoilt draft. */
static int say_error(const struct draft *draft, struct buf *why)
{
	return draft->error ? fail(why, -draft->error, "%s", buf_text(&draft->reason)) : 0;
}

int draft_write(struct store *store, int64_t session, uint64_t handle, uint64_t request,
	const void *data, size_t size, struct buf *why)
{
	cleanup(draft) struct draft draft = { .reason = BUF_INIT(4000) };
	struct slice bytes = { size ? data : "", size };
	struct scope scope = scope_open_safe(store);
	int r = scope.error;
	if (r == 0)
		r = write_draft(store, session, handle, request, bytes, &draft);
	r = scope_close(&scope, r);
	return r < 0 ? r : say_error(&draft, why);
}

/* Queues what the draft says.  As in extend, a verdict goes into the draft: its removal must be
 * committed although the message is refused. */
static int send_draft(struct store *store, int64_t session, struct draft *draft, int *ret_count)
{
	cleanup(buf) struct buf text = BUF_INIT(EVENTS_BYTES_MAX + 1);
	cleanup(json) cJSON *events = NULL;
	int r = draft_bytes(store, draft->num, 0, &text);
	if (r < 0)
		return r;
	r = event_parse_input(buf_text(&text), text.size, true, &events, &draft->reason);
	int count = r < 0 ? 0 : cJSON_GetArraySize(events);
	if (count > 0)
		r = queue_add(store, session, events);
	if (r == -EAGAIN)
		(void)fail(&draft->reason, EAGAIN,
			"%d messages are waiting already; try again when some are taken",
			QUEUE_EVENTS_MAX);
	else if (r == -EROFS)
		(void)fail(&draft->reason, EROFS, "the session is archived or over");
	else if (r == -ENOENT || r == -ESTALE)
		(void)refuse_answer(r, &draft->reason);
	else if (r < 0 && !is_verdict(r))
		return r;
	draft->error = r;
	*ret_count = r < 0 ? 0 : count;
	return 0;
}

static int commit_draft(struct store *store, int64_t session, uint64_t handle, struct draft *draft,
	int *ret_count)
{
	int r = draft_get(store, session, handle, draft);
	if (r <= 0)
		return r;
	if (!draft->error)
		r = send_draft(store, session, draft, ret_count);
	return r < 0 ? r : draft_remove(store, draft->num);
}

int draft_commit(
	struct store *store, int64_t session, uint64_t handle, int *ret_count, struct buf *why)
{
	cleanup(draft) struct draft draft = { .reason = BUF_INIT(4000) };
	int count = 0;
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = commit_draft(store, session, handle, &draft, &count);
	r = scope_close(&scope, r);
	if (r == 0)
		r = say_error(&draft, why);
	if (r == 0 && ret_count)
		*ret_count = count;
	return r;
}

/* The first draft with num > after: 1, 0, -errno. */
static int next_draft(
	struct store *store, int64_t *after, int64_t *ret_session, uint64_t *ret_handle)
{
	cleanup(query) struct query q = db_query(store, SQL_DRAFT_NEXT, ARGS(INT(*after)));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	*after = query_int(&q, 0);
	*ret_session = query_int(&q, 1);
	*ret_handle = (uint64_t)query_int(&q, 2);
	return 1;
}

int draft_commit_all(struct store *store)
{
	int64_t after = 0, session;
	uint64_t handle;
	int r;
	while ((r = next_draft(store, &after, &session, &handle)) > 0) {
		r = draft_commit(store, session, handle, NULL, NULL);
		if (r < 0 && !is_verdict(r) && r != -EAGAIN && r != -EROFS)
			return r;
	}
	return r;
}

uint64_t draft_handle_max(struct store *store)
{
	int64_t max = 0;
	return db_int(store, SQL_DRAFT_MAX, NO_ARGS, &max) > 0 ? (uint64_t)max : 0;
}
