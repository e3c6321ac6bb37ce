/* SPDX-License-Identifier: MIT */
#include "store/object.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/name.h"
#include "store/db.h"
#include "store/definition.h"
#include "store/schema.h"

static int64_t folder_of(enum object_kind kind, bool archived)
{
	return kind * 2 + archived;
}

static void copy_text(char *to, size_t room, struct slice text)
{
	size_t n = text.size < room - 1 ? text.size : room - 1;
	memcpy(to, text.at, n);
	to[n] = '\0';
}

int object_read(const struct query *q, int column, struct object *ret)
{
	ret->num = query_int(q, column);
	ret->kind = (enum object_kind)query_int(q, column + 1);
	copy_text(ret->id, sizeof(ret->id), query_text(q, column + 2));
	copy_text(ret->name, sizeof(ret->name), query_text(q, column + 3));
	ret->version = query_int(q, column + 4);
	ret->created_us = query_int(q, column + 5);
	ret->updated_us = query_int(q, column + 6);
	ret->archived_us = query_int(q, column + 7);
	return column + 8;
}

static int read_one(struct query q, struct object *ret)
{
	cleanup(query) struct query one = q;
	int r = query_next(&one);
	if (r > 0 && ret)
		(void)object_read(&one, 0, ret);
	return r;
}

int object_find(struct store *store, enum object_kind kind, bool archived, const char *name,
	struct object *ret)
{
	return read_one(
		db_query(store, SQL_OBJECT_FIND, ARGS(INT(folder_of(kind, archived)), TEXT(name))),
		ret);
}

int object_get(struct store *store, int64_t num, struct object *ret)
{
	return read_one(db_query(store, SQL_OBJECT_GET, ARGS(INT(num))), ret);
}

int object_by_id(struct store *store, const char *id, struct object *ret)
{
	return read_one(db_query(store, SQL_OBJECT_BY_ID, ARGS(TEXT(id))), ret);
}

int object_need(struct store *store, int64_t num, enum object_kind kind, struct object *ret)
{
	int r = object_get(store, num, ret);
	if (r < 0)
		return r;
	return r > 0 && ret->kind == kind ? 0 : -ENOENT;
}

int object_page(struct store *store, enum object_kind kind, bool archived, int64_t after,
	struct object *ret, int max)
{
	cleanup(query) struct query q = db_query(store, SQL_OBJECT_PAGE,
		ARGS(INT(folder_of(kind, archived)), INT(after), INT(max)));
	int count = 0, r;
	while ((r = query_next(&q)) > 0)
		(void)object_read(&q, 0, &ret[count++]);
	return r < 0 ? r : count;
}

int64_t object_count(struct store *store, enum object_kind kind, bool archived)
{
	int64_t count = 0;
	int r = db_int(store, SQL_OBJECT_COUNT, ARGS(INT(folder_of(kind, archived))), &count);
	return r < 0 ? r : count;
}

int object_add(struct store *store, struct object *object)
{
	id_make(schema_id_prefix(object->kind), object->id);
	object->version = 1;
	object->created_us = object->updated_us = clock_wall_us();
	object->archived_us = 0;
	int r = db_run(store, SQL_OBJECT_ADD, ARGS(INT(object->kind), TEXT(object->id),
		TEXT(object->name), INT(object->version), INT(object->created_us)));
	if (r < 0)
		return r;
	object->num = sqlite3_last_insert_rowid(store->db);
	return 0;
}

static int make(struct store *store, struct object *object, const cJSON *body, struct buf *why)
{
	int r = object_add(store, object);
	if (r == -EEXIST)
		return fail(why, EEXIST, "there is already %s %s named %s",
			object->kind == OBJECT_AGENT ? "an" : "a", schema_type(object->kind),
			object->name);
	return r < 0 ? r : definition_first(store, object, body, why);
}

/* An absent body is the kind's defaults, and its absent model the default one. */
static cJSON *starting_body(enum object_kind kind, const cJSON *body, const char *default_model)
{
	cJSON *start = body ? cJSON_Duplicate(body, true) : cJSON_CreateObject();
	if (kind == OBJECT_AGENT && default_model && cJSON_IsObject(start) &&
		!json_get(start, "model"))
		cJSON_AddStringToObject(start, "model", default_model);
	return start;
}

int object_make(struct store *store, enum object_kind kind, const char *name, const cJSON *body,
	const char *default_model, struct object *ret, struct buf *why)
{
	assert(kind != OBJECT_SESSION);
	if (!name_is_valid(name))
		return fail(why, EINVAL, "%s", NAME_RULE);
	cleanup(json) cJSON *start = starting_body(kind, body, default_model);
	struct object object = { .kind = kind };
	copy_text(object.name, sizeof(object.name), slice_of(name));
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = make(store, &object, start, why);
	r = scope_close(&scope, r);
	if (r == 0 && ret)
		*ret = object;
	return r;
}

/* Changes exactly one row, or says that it is absent. */
static int change_one(struct store *store, enum sql sql, const struct arg *args)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = db_run(store, sql, args);
	if (r == 0)
		r = -ENOENT;
	return scope_close(&scope, r < 0 ? r : 0);
}

static int is_running(struct store *store, int64_t num)
{
	struct log_state state;
	int r = log_state_get(store, num, &state);
	if (r <= 0)
		return r;
	return state.fold.status == SESSION_RUNNING || state.fold.status == SESSION_RESCHEDULING;
}

/* The folder's name and the definition's are one: an agent gets a version with the new one. */
static int rename_definition(struct store *store, const struct object *object, const char *name)
{
	if (object->kind != OBJECT_AGENT)
		return 0;
	int64_t now = clock_wall_us(), version = object->version + 1;
	int r = db_run(store, SQL_DEFINITION_RENAME, ARGS(INT(object->num), INT(object->version),
		INT(version), INT(now), TEXT(name)));
	if (r >= 0)
		r = db_run(store, SQL_OBJECT_VERSION,
			ARGS(INT(object->num), INT(version), INT(now)));
	return r < 0 ? r : 0;
}

/* Where an object goes. */
struct target {
	bool archived;
	const char *name;
};

static int move(struct store *store, const struct object *object, struct target to)
{
	bool renamed = strcmp(object->name, to.name) != 0;
	bool archived = object->archived_us != 0;
	int r = is_running(store, object->num);
	if (r != 0)
		return r < 0 ? r : -EBUSY;
	if (renamed && archived && to.archived && object->kind == OBJECT_AGENT)
		return -EROFS;
	int64_t now = clock_wall_us();
	int64_t since = !to.archived ? 0 : archived ? object->archived_us : now;
	r = db_run(store, SQL_OBJECT_MOVE,
		ARGS(INT(object->num), TEXT(to.name), INT(since), INT(renamed ? now : 0)));
	return r < 0 || !renamed ? r : rename_definition(store, object, to.name);
}

/* NULL: as it is. */
static int move_object(struct store *store, int64_t num, const bool *archived, const char *name)
{
	struct object object;
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	struct target to = { .archived = archived ? *archived : object.archived_us != 0,
		.name = name ? name : object.name };
	if (to.archived == (object.archived_us != 0) && strcmp(to.name, object.name) == 0)
		return 0; /* archiving twice keeps the first time */
	r = move(store, &object, to);
	return r < 0 ? r : 0;
}

static int move_in_scope(struct store *store, int64_t num, const bool *archived, const char *name)
{
	if (name && !name_is_valid(name))
		return -EINVAL;
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = move_object(store, num, archived, name);
	return scope_close(&scope, r);
}

int object_rename(struct store *store, int64_t num, const char *name)
{
	return move_in_scope(store, num, NULL, name);
}

int object_archive(struct store *store, int64_t num, bool archived)
{
	return move_in_scope(store, num, &archived, NULL);
}

int object_move(struct store *store, int64_t num, bool archived, const char *name)
{
	return move_in_scope(store, num, &archived, name);
}

int object_default(struct store *store, enum object_kind kind, struct object *ret)
{
	return read_one(db_query(store, SQL_CHOSEN_GET, ARGS(INT(kind))), ret);
}

int object_set_default(struct store *store, enum object_kind kind, int64_t num)
{
	struct object object;
	int r = object_need(store, num, kind, &object);
	if (r < 0)
		return r;
	if (object.archived_us)
		return -EROFS;
	return change_one(store, SQL_CHOSEN_SET, ARGS(INT(kind), INT(num)));
}
