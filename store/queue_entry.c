/* SPDX-License-Identifier: MIT */
/* Entries of the queue as people see them: listed, read, replaced, and put into another order. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/db.h"
#include "store/event.h"
#include "store/open_calls.h"
#include "store/queue_row.h"

int queue_page(struct store *store, int64_t session, int64_t after, struct queue_entry *ret,
	int max)
{
	cleanup(query) struct query q =
		db_query(store, SQL_QUEUE_PAGE, ARGS(INT(session), INT(after), INT(max)));
	int count = 0, r;
	while ((r = query_next(&q)) > 0)
		ret[count++] = (struct queue_entry){ query_int(&q, 0), query_int(&q, 1) };
	return r < 0 ? r : count;
}

int queue_read(struct store *store, int64_t session, int64_t num, struct queue_entry *ret,
	cJSON **ret_event)
{
	cleanup(query) struct query q =
		db_query(store, SQL_QUEUE_GET, ARGS(INT(session), INT(num)));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	struct slice line = query_text(&q, 1);
	cJSON *event = ret_event ? json_parse(line.at, line.size, NULL) : NULL;
	if (ret_event && !event)
		return -EIO;
	if (ret_event)
		*ret_event = event;
	if (ret)
		*ret = (struct queue_entry){ num, query_int(&q, 2) };
	return 1;
}

/* Why an entry is not there: it was, or it never was. */
static int entry_gone(struct store *store, int64_t session, int64_t num)
{
	int64_t given = 0;
	int r = db_int(store, SQL_QUEUE_GIVEN, ARGS(INT(session)), &given);
	if (r < 0)
		return r;
	return num >= 1 && num <= given ? -ESTALE : -ENOENT;
}

/* The one event that a text makes, with the id that the entry has already. */
static int parse_entry(struct slice text, const char *id, cJSON **ret_events, struct buf *why)
{
	cleanup(json) cJSON *events = NULL;
	int r = event_parse_input(text.at, text.size, true, &events, why);
	if (r < 0)
		return r;
	if (cJSON_GetArraySize(events) != 1)
		return fail(why, EINVAL, "an entry of the queue is one message; rm removes it");
	cJSON_ReplaceItemInObjectCaseSensitive(events->child, "id", cJSON_CreateString(id));
	*ret_events = steal(events);
	return 0;
}

static int set_entry(struct store *store, int64_t session, int64_t num, const cJSON *event)
{
	cleanup(queue_row) struct queue_row row = queue_row_of(event);
	return db_run(store, SQL_QUEUE_SET, ARGS(INT(session), INT(num), INT(row.urgent),
		TEXT(row.answers), INT(clock_wall_us()), TEXT(row.line)));
}

/* The old answer, if it was one, does not stand in the way of the new one. */
static int check_entry(struct store *store, int64_t session, const cJSON *old, const cJSON *now)
{
	const char *was = open_calls_answered(old, NULL), *is = open_calls_answered(now, NULL);
	int r = open_calls_check(store, session, now);
	return r == -ESTALE && was && is && strcmp(was, is) == 0 ? 0 : r;
}

static int replace(struct store *store, int64_t session, int64_t num, struct slice text,
	struct buf *why)
{
	cleanup(json) cJSON *old = NULL, *events = NULL;
	int r = queue_read(store, session, num, NULL, &old);
	if (r <= 0)
		return r < 0 ? r : entry_gone(store, session, num);
	r = parse_entry(text, json_text(old, "id"), &events, why);
	if (r == 0)
		r = check_entry(store, session, old, events->child);
	return r < 0 ? r : set_entry(store, session, num, events->child);
}

int queue_replace(struct store *store, int64_t session, int64_t num, struct slice text,
	struct buf *why)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = replace(store, session, num, text, why);
	r = scope_close(&scope, r < 0 ? r : 0);
	return r == -ESTALE ? fail(why, ESTALE, "the message was taken up already") : r;
}

/* The first number from `from` on that no other entry than `num` has. */
static int find_gap(struct store *store, int64_t session, int64_t from, int64_t num, int64_t *ret)
{
	cleanup(query) struct query q =
		db_query(store, SQL_QUEUE_NUMS, ARGS(INT(session), INT(from)));
	int64_t gap = from;
	int r;
	while ((r = query_next(&q)) > 0 && query_int(&q, 0) == gap && gap != num)
		gap++;
	*ret = gap;
	return r < 0 ? r : 0;
}

/* The entries from `to` up to the gap move up by one; then there is a place. */
static int make_place(struct store *store, int64_t session, int64_t to, int64_t gap)
{
	return gap == to ? 0 : db_run(store, SQL_QUEUE_LIFT,
		ARGS(INT(session), INT(to), INT(gap - 1), INT(1)));
}

static int move(struct store *store, int64_t session, int64_t num, int64_t to)
{
	int64_t given = 0, gap = 0;
	int r = db_int(store, SQL_QUEUE_GIVEN, ARGS(INT(session)), &given);
	if (r >= 0)
		r = find_gap(store, session, to, num, &gap);
	if (r < 0)
		return r;
	if (to > given + QUEUE_EVENTS_MAX) /* numbers are not to be used up by one mv */
		return -EINVAL;
	if (gap > QUEUE_NUM_MAX)
		return -EAGAIN;
	r = db_run(store, SQL_QUEUE_LIFT, ARGS(INT(session), INT(num), INT(num), INT(to - num)));
	if (r >= 0)
		r = make_place(store, session, to, gap);
	if (r >= 0)
		r = db_run(store, SQL_QUEUE_LAND, ARGS(INT(session)));
	if (r >= 0 && gap > given)
		r = db_run(store, SQL_QUEUE_SET_GIVEN, ARGS(INT(session), INT(gap)));
	return r;
}

static int move_entry(struct store *store, int64_t session, int64_t num, int64_t to)
{
	int r = queue_read(store, session, num, NULL, NULL);
	if (r <= 0)
		return r < 0 ? r : entry_gone(store, session, num);
	if (to < 1 || to > QUEUE_NUM_MAX)
		return -EINVAL;
	return num == to ? 0 : move(store, session, num, to);
}

int queue_move(struct store *store, int64_t session, int64_t num, int64_t to)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = move_entry(store, session, num, to);
	return scope_close(&scope, r < 0 ? r : 0);
}
