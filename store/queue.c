/* SPDX-License-Identifier: MIT */
/* The queue of queue.h: what comes in, and what the harness takes.  Drafts are in draft.c, and what
 * people do with entries is in queue_entry.c. */
#include "store/queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/db.h"
#include "store/open_calls.h"
#include "store/queue_row.h"
#include "store/session.h"

int queue_room(struct store *store, int64_t session, int count)
{
	struct log_state state;
	int64_t waiting = 0;
	int r = log_state_get(store, session, &state);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = log_state_open(&state);
	if (r == 0)
		r = db_int(store, SQL_QUEUE_COUNT, ARGS(INT(session)), &waiting);
	if (r < 0)
		return r;
	return count && waiting + count > QUEUE_EVENTS_MAX ? -EAGAIN : 0;
}

void cleanup_queue_row(struct queue_row *row)
{
	free(row->line);
}

struct queue_row queue_row_of(const cJSON *event)
{
	const char *type = json_text(event, "type");
	assert(type && json_text(event, "id"));
	return (struct queue_row){ .urgent = strcmp(type, "user.interrupt") == 0,
		.answers = open_calls_answered(event, NULL),
		.line = json_to_text(event) };
}

static bool is_answered_again(const cJSON *event)
{
	const char *id = open_calls_answered(event, NULL);
	for (const cJSON *other = event->next; id && other; other = other->next) {
		const char *other_id = open_calls_answered(other, NULL);
		if (other_id && strcmp(id, other_id) == 0)
			return true;
	}
	return false;
}

/* Before any is added: all or none. */
static int check_answers(struct store *store, int64_t session, const cJSON *events)
{
	const cJSON *event;
	cJSON_ArrayForEach(event, events) {
		int r = open_calls_check(store, session, event);
		if (r < 0 || is_answered_again(event))
			return r < 0 ? r : -ESTALE;
	}
	return 0;
}

static int add_one(struct store *store, int64_t session, int64_t num, const cJSON *event)
{
	cleanup(queue_row) struct queue_row row = queue_row_of(event);
	return db_run(store, SQL_QUEUE_ADD, ARGS(INT(session), INT(num), INT(row.urgent),
		TEXT(row.answers), INT(clock_wall_us()), TEXT(row.line)));
}

/* How many of the events need room: a session that waits for an answer takes nothing else. */
static int count_others(const cJSON *events)
{
	int count = 0;
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		count += !open_calls_answered(event, NULL);
	return count;
}

/* The last number that was given.  Counting starts again when nobody can hold an old number. */
static int last_given(struct store *store, int64_t session, int64_t *ret)
{
	enum { NUMBERS_APART = 10000 };
	int64_t given = 0, last = queue_last(store, session);
	int r = last < 0 ? (int)last : db_int(store, SQL_QUEUE_GIVEN, ARGS(INT(session)), &given);
	if (r < 0)
		return r;
	*ret = last == 0 && given >= NUMBERS_APART ? 0 : given;
	return 0;
}

static int add_all(struct store *store, int64_t session, const cJSON *events)
{
	int64_t num = 0;
	int r = queue_room(store, session, count_others(events));
	if (r == 0)
		r = check_answers(store, session, events);
	if (r == 0)
		r = last_given(store, session, &num);
	if (r == 0 && num + cJSON_GetArraySize(events) > QUEUE_NUM_MAX)
		r = -EAGAIN;
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		if (r >= 0)
			r = add_one(store, session, ++num, event);
	if (r >= 0)
		r = db_run(store, SQL_QUEUE_SET_GIVEN, ARGS(INT(session), INT(num)));
	if (r >= 0)
		r = session_pin(store, session); /* what was said was said to this agent */
	return r < 0 ? r : 0;
}

int queue_add(struct store *store, int64_t session, const cJSON *events)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = add_all(store, session, events);
	return scope_close(&scope, r);
}

static int take_entry(struct query q, int64_t *ret_num, cJSON **ret_event)
{
	cleanup(query) struct query one = q;
	int r = query_next(&one);
	if (r <= 0)
		return r;
	struct slice line = query_text(&one, 1);
	cJSON *event = json_parse(line.at, line.size, NULL);
	if (!event)
		return -EIO;
	*ret_num = query_int(&one, 0);
	*ret_event = event;
	return 1;
}

int queue_next(
	struct store *store, int64_t session, int64_t after, int64_t *ret_num, cJSON **ret_event)
{
	return take_entry(db_query(store, SQL_QUEUE_NEXT, ARGS(INT(session), INT(after))), ret_num,
		ret_event);
}

int queue_interrupt(struct store *store, int64_t session, int64_t *ret_num, cJSON **ret_event)
{
	return take_entry(
		db_query(store, SQL_QUEUE_INTERRUPT, ARGS(INT(session))), ret_num, ret_event);
}

int queue_remove(struct store *store, int64_t session, int64_t num)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = db_run(store, SQL_QUEUE_REMOVE, ARGS(INT(num), INT(session)));
	if (r == 0)
		r = -ENOENT;
	return scope_close(&scope, r < 0 ? r : 0);
}

int64_t queue_last(struct store *store, int64_t session)
{
	int64_t last = 0;
	int r = db_int(store, SQL_QUEUE_LAST, ARGS(INT(session)), &last);
	return r < 0 ? r : last;
}
