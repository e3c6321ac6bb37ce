/* SPDX-License-Identifier: MIT */
/* The queue of queue.h; drafts are in draft.c. */
#include "store/queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "store/db.h"
#include "store/draft.h"
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
	return waiting + count > QUEUE_EVENTS_MAX ? -EAGAIN : 0;
}

static int add_one(struct store *store, int64_t session, const cJSON *event)
{
	const char *type = json_text(event, "type");
	assert(type && json_text(event, "id"));
	cleanup(free) char *line = json_to_text(event);
	bool urgent = strcmp(type, "user.interrupt") == 0;
	return db_run(store, SQL_QUEUE_ADD, ARGS(INT(session), INT(urgent), TEXT(line)));
}

static int add_all(struct store *store, int64_t session, const cJSON *events)
{
	int r = queue_room(store, session, cJSON_GetArraySize(events));
	const cJSON *event;
	cJSON_ArrayForEach(event, events)
		if (r >= 0)
			r = add_one(store, session, event);
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
