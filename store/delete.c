/* SPDX-License-Identifier: MIT */
/* object_delete: an object and everything that hangs on it. */
#include <errno.h>
#include <string.h>

#include "store/db.h"

/* Rows that belong to an object of each kind, in an order that never leaves one without its owner. */
static const enum sql session_rows[] = { SQL_DRAFT_PARTS_OF_SESSION, SQL_DRAFT_OF_SESSION,
	SQL_QUEUE_DELETE, SQL_CALL_DELETE, SQL_SESSION_DELETE, SQL_ITEM_DELETE, SQL_OBJECT_DELETE };
static const enum sql definition_rows[] = { SQL_CHOSEN_DELETE, SQL_DEFINITION_DELETE,
	SQL_ITEM_DELETE, SQL_OBJECT_DELETE };

static int delete_rows(struct store *store, int64_t num, const enum sql *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = db_run(store, steps[i], ARGS(INT(num)));
		if (r < 0)
			return r;
	}
	return 0;
}

/* Something was said in it, even if nobody has taken it up: 1, 0, -errno. */
static int has_history(struct store *store, int64_t num)
{
	struct log_state state;
	int64_t queued = 0;
	int r = log_state_get(store, num, &state);
	if (r > 0)
		r = db_int(store, SQL_QUEUE_COUNT, ARGS(INT(num)), &queued);
	return r < 0 ? r : state.fold.events > 0 || queued > 0;
}

/* The events go last, as a trigger keeps those of a session. */
static int delete_session(struct store *store, const struct object *object)
{
	int r = object->archived_us ? 0 : has_history(store, object->num);
	if (r != 0)
		return r < 0 ? r : -EBUSY;
	r = delete_rows(store, object->num, session_rows, ARRAY_LEN(session_rows));
	if (r == 0)
		r = db_run(store, SQL_EVENT_DELETE, ARGS(INT(event_pos(object->num, 0)),
			INT(event_pos(object->num + 1, 0) - 1)));
	if (r < 0)
		return r;
	(void)buf_add(&store->doomed, object->id, strlen(object->id) + 1);
	return 0;
}

static int delete_definition(struct store *store, const struct object *object)
{
	int64_t used = 0;
	int r = db_int(store, SQL_OBJECT_USED, ARGS(INT(object->num)), &used);
	if (r < 0)
		return r;
	if (used || !object->archived_us)
		return -EBUSY;
	return delete_rows(store, object->num, definition_rows, ARRAY_LEN(definition_rows));
}

static int delete_object(struct store *store, int64_t num)
{
	struct object object;
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return object.kind == OBJECT_SESSION ? delete_session(store, &object) :
		delete_definition(store, &object);
}

int object_delete(struct store *store, int64_t num)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = delete_object(store, num);
	return scope_close(&scope, r);
}
