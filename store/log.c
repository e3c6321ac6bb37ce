/* SPDX-License-Identifier: MIT */
#include "store/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/db.h"
#include "store/event.h"
#include "store/open_calls.h"
#include "store/session.h"

/* Lines above this are read in part, through SQLite's blob interface; below it, fetching the whole
 * row is cheaper. */
enum { WHOLE_ROW_BYTES = 64 << 10 };

/* Gives the event its time and applies it: 0 and the line, or -errno. */
static int stamp(struct fold *fold, cJSON *event, struct buf *line)
{
	char time[CLOCK_TEXT_SIZE];
	int64_t now = clock_wall_us();
	clock_text(now > fold->last_us ? now : fold->last_us, time);
	cJSON_DeleteItemFromObjectCaseSensitive(event, "processed_at");
	cJSON_AddStringToObject(event, "processed_at", time);
	int r = json_print(line, event);
	if (r < 0)
		return r;
	if (fold->events + 1 >= UINT32_MAX)
		return -EFBIG; /* the number would run into the next session's */
	fold_event(fold, event, fold->events + 1, line->size + 1);
	return 0;
}

static int append(struct store *store, int64_t session, cJSON *event, struct log_place *ret)
{
	struct log_state state;
	int r = log_state_get(store, session, &state);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = log_state_open(&state);
	if (r < 0)
		return r;
	uint64_t start = state.fold.bytes;
	cleanup(buf) struct buf line = BUF_INIT(LINE_BYTES_MAX - 1);
	r = stamp(&state.fold, event, &line);
	if (r == 0 && state.fold.events == 1)
		r = session_pin(store, session);
	struct log_place place = { state.fold.events, start, line.size + 1 };
	if (r == 0)
		r = db_run(store, SQL_EVENT_ADD,
			ARGS(INT(event_pos(session, place.seq)), INT(start), INT(place.size),
				TEXT_SIZED(line.data, line.size)));
	if (r >= 0)
		r = log_state_set(store, session, &state.fold);
	if (r >= 0)
		r = open_calls_event(store, session, event, place.seq);
	if (r < 0)
		return r;
	if (ret)
		*ret = place;
	return 0;
}

int log_append(struct store *store, int64_t session, cJSON *event, struct log_place *ret)
{
	int r = event_check(event, NULL);
	if (r < 0)
		return r;
	struct scope scope = scope_open(store);
	r = scope.error;
	if (r == 0)
		r = append(store, session, event, ret);
	return scope_close(&scope, r);
}

/* Number of the last event that starts at or before `offset`: 1, 0 when there is none, -errno. */
static int find_offset(struct store *store, int64_t session, uint64_t offset, uint64_t *ret_seq)
{
	struct log_state state;
	int r = log_state_get(store, session, &state);
	if (r <= 0 || offset >= state.fold.bytes)
		return r < 0 ? r : 0;
	uint64_t low = 1, high = state.fold.events;
	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;
		int64_t start = 0;
		r = db_int(store, SQL_EVENT_START, ARGS(INT(event_pos(session, middle))), &start);
		if (r <= 0)
			return r < 0 ? r : -EIO;
		if ((uint64_t)start <= offset)
			low = middle;
		else
			high = middle - 1;
	}
	*ret_seq = low;
	return 1;
}

/* Bytes of a line that is not fetched whole.  The row's newline is not stored. */
static int read_part(struct store *store, int64_t pos, uint64_t skip, char *to, size_t size)
{
	sqlite3_blob *blob = NULL;
	int code = sqlite3_blob_open(store->db, "main", "event", "line", pos, 0, &blob);
	if (code == SQLITE_OK)
		code = sqlite3_blob_read(blob, to, (int)size, (int)skip);
	(void)sqlite3_blob_close(blob);
	return code == SQLITE_OK ? 0 : db_error(store, code);
}

/* One stored line, as log_read sees it. */
struct row {
	int64_t pos;
	uint64_t start, size; /* size with the newline */
	struct slice line; /* size 0: too large to fetch whole */
};

/* Copies what of the line, with its newline, lies at `offset`: how many bytes, or -errno. */
static ssize_t copy_row(
	struct store *store, const struct row *row, uint64_t offset, char *to, size_t size)
{
	uint64_t skip = offset - row->start, text = row->size - 1;
	size_t n = row->size - skip < size ? (size_t)(row->size - skip) : size;
	size_t letters = skip + n > text ? n - 1 : n;
	if (letters && row->line.size)
		memcpy(to, row->line.at + skip, letters);
	else if (letters) {
		int r = read_part(store, row->pos, skip, to, letters);
		if (r < 0)
			return r;
	}
	if (letters < n)
		to[letters] = '\n';
	return (ssize_t)n;
}

/* Reads on from event `seq`.  *ret_stale: it lies behind the offset, so the guess was wrong. */
static ssize_t read_from(struct store *store, int64_t session, uint64_t seq, uint64_t offset,
	struct slice room, bool *ret_stale)
{
	cleanup(query) struct query q = db_query(store, SQL_EVENT_RANGE,
		ARGS(INT(event_pos(session, seq)), INT(event_pos(session + 1, 0) - 1),
			INT(WHOLE_ROW_BYTES)));
	char *to = (char *)room.at;
	size_t done = 0;
	int r = 0;
	while (done < room.size && (r = query_next(&q)) > 0) {
		struct row row = { query_int(&q, 0), (uint64_t)query_int(&q, 1),
			(uint64_t)query_int(&q, 2), query_text(&q, 3) };
		uint64_t at = offset + done;
		*ret_stale = row.start > at;
		if (*ret_stale)
			return 0;
		if (row.start + row.size <= at)
			continue;
		ssize_t n = copy_row(store, &row, at, to + done, room.size - done);
		if (n < 0)
			return n;
		done += (size_t)n;
		store->memo.seq = (uint64_t)row.pos & UINT32_MAX;
	}
	store->memo.session = session;
	store->memo.offset = offset + done;
	return r < 0 ? r : (ssize_t)done;
}

ssize_t log_read(struct store *store, int64_t session, uint64_t offset, char *to, size_t size)
{
	struct slice room = { to, size };
	bool stale = true;
	if (size == 0)
		return 0;
	if (store->memo.session == session && store->memo.offset == offset && store->memo.seq) {
		ssize_t n = read_from(store, session, store->memo.seq, offset, room, &stale);
		if (n != 0 || !stale)
			return n;
	}
	store->memo.session = 0;
	uint64_t seq = 0;
	int r = find_offset(store, session, offset, &seq);
	return r <= 0 ? r : read_from(store, session, seq, offset, room, &stale);
}

int log_line(struct store *store, int64_t session, uint64_t seq, struct buf *ret,
	struct log_place *place)
{
	cleanup(query) struct query q =
		db_query(store, SQL_EVENT_GET, ARGS(INT(event_pos(session, seq))));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	struct slice line = query_text(&q, 2);
	r = buf_add(ret, line.at, line.size);
	if (r < 0)
		return r;
	if (place)
		*place = (struct log_place){ seq, (uint64_t)query_int(&q, 0),
			(uint64_t)query_int(&q, 1) };
	return 1;
}

cJSON *log_event(struct store *store, int64_t session, uint64_t seq)
{
	cleanup(query) struct query q =
		db_query(store, SQL_EVENT_GET, ARGS(INT(event_pos(session, seq))));
	if (query_next(&q) <= 0)
		return NULL;
	struct slice line = query_text(&q, 2);
	return json_parse(line.at, line.size, NULL);
}
