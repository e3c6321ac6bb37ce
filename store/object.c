/* SPDX-License-Identifier: MIT */
#include "store/object.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/name.h"
#include "store/db.h"
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

static int make(struct store *store, struct object *object, const char *body, struct buf *why)
{
	int r = object_add(store, object);
	if (r == -EEXIST)
		return fail(why, EEXIST, "there is already %s %s named %s",
			object->kind == OBJECT_AGENT ? "an" : "a", schema_type(object->kind),
			object->name);
	if (r == 0)
		r = db_run(store, SQL_DEFINITION_ADD, ARGS(INT(object->num), INT(object->version),
			INT(object->created_us), TEXT(body)));
	return r < 0 ? r : 0;
}

int object_make(struct store *store, enum object_kind kind, const char *name, const cJSON *body,
	const char *default_model, struct object *ret, struct buf *why)
{
	assert(kind != OBJECT_SESSION);
	if (!name_is_valid(name))
		return fail(why, EINVAL, "%s", NAME_RULE);
	cleanup(json) cJSON *empty = cJSON_CreateObject(), *full = NULL;
	int r = schema_apply(kind, body ? body : empty, default_model, &full, why);
	if (r < 0)
		return r;
	struct object object = { .kind = kind };
	copy_text(object.name, sizeof(object.name), slice_of(name));
	cleanup(free) char *text = json_to_text(full);
	struct scope scope = scope_open(store);
	r = scope.error;
	if (r == 0)
		r = make(store, &object, text, why);
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

int object_rename(struct store *store, int64_t num, const char *name)
{
	if (!name_is_valid(name))
		return -EINVAL;
	return change_one(
		store, SQL_OBJECT_RENAME, ARGS(INT(num), TEXT(name), INT(clock_wall_us())));
}

static int archive(struct store *store, int64_t num, bool archived)
{
	struct object object;
	struct log_state state;
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if ((object.archived_us != 0) == archived)
		return 0; /* archiving twice keeps the first time */
	r = log_state_get(store, num, &state);
	if (r < 0)
		return r;
	if (r > 0 &&
		(state.fold.status == SESSION_RUNNING || state.fold.status == SESSION_RESCHEDULING))
		return -EBUSY;
	r = db_run(store, SQL_OBJECT_ARCHIVE, ARGS(INT(num), INT(archived ? clock_wall_us() : 0)));
	return r < 0 ? r : 0;
}

int object_archive(struct store *store, int64_t num, bool archived)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = archive(store, num, archived);
	return scope_close(&scope, r);
}

/* Everything that hangs on a session; the events last, as a trigger keeps those of a session. */
static int delete_session_rows(struct store *store, int64_t num)
{
	static const enum sql steps[] = { SQL_DRAFT_PARTS_OF_SESSION, SQL_DRAFT_OF_SESSION,
		SQL_QUEUE_DELETE, SQL_SESSION_DELETE, SQL_OBJECT_DELETE };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int r = db_run(store, steps[i], ARGS(INT(num)));
		if (r < 0)
			return r;
	}
	int r = db_run(store, SQL_EVENT_DELETE,
		ARGS(INT(event_pos(num, 0)), INT(event_pos(num + 1, 0) - 1)));
	return r < 0 ? r : 0;
}

static int delete_session(struct store *store, int64_t num)
{
	struct object object;
	struct log_state state;
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (object.kind != OBJECT_SESSION)
		return -EBUSY;
	int64_t queued = 0;
	r = log_state_get(store, num, &state);
	if (r > 0)
		r = db_int(store, SQL_QUEUE_COUNT, ARGS(INT(num)), &queued);
	if (r < 0)
		return r;
	if (object.archived_us == 0 && (state.fold.events > 0 || queued > 0))
		return -EBUSY;
	r = delete_session_rows(store, num);
	if (r == 0)
		(void)buf_add(&store->doomed, object.id, strlen(object.id) + 1);
	return r;
}

int object_delete(struct store *store, int64_t num)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = delete_session(store, num);
	return scope_close(&scope, r);
}

/* The stored text of a version: 0 or -errno. */
static int definition_get(struct store *store, int64_t num, int64_t version, struct buf *ret,
	int64_t *ret_saved)
{
	cleanup(query) struct query q =
		db_query(store, SQL_DEFINITION_GET, ARGS(INT(num), INT(version)));
	int r = query_next(&q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	struct slice body = query_text(&q, 0);
	*ret_saved = query_int(&q, 1);
	return buf_add(ret, body.at, body.size);
}

void object_add_time(cJSON *to, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT_SIZE];
	clock_text(wall_us, text);
	cJSON_AddItemToObject(to, name, wall_us ? cJSON_CreateString(text) : cJSON_CreateNull());
}

/* Moves all fields of `from` to the end of `to`. */
static void move_fields(cJSON *to, cJSON *from)
{
	while (from->child) {
		cJSON *field = cJSON_DetachItemViaPointer(from, from->child);
		cleanup(free) char *name = xstrdup(field->string);
		cJSON_AddItemToObject(to, name, field);
	}
}

cJSON *object_shown(
	struct store *store, const struct object *object, int64_t version, int *ret_error)
{
	cleanup(buf) struct buf text = BUF_INIT(0);
	int64_t saved_us = 0;
	version = version ? version : object->version;
	*ret_error = definition_get(store, object->num, version, &text, &saved_us);
	if (*ret_error < 0)
		return NULL;
	cleanup(json) cJSON *body = json_parse(buf_text(&text), text.size, NULL);
	if (!body) {
		*ret_error = -EIO;
		return NULL;
	}
	cJSON *shown = cJSON_CreateObject();
	cJSON_AddStringToObject(shown, "id", object->id);
	cJSON_AddStringToObject(shown, "type", schema_type(object->kind));
	if (object->kind == OBJECT_AGENT)
		cJSON_AddNumberToObject(shown, "version", (double)version);
	cJSON_AddStringToObject(shown, "name", object->name);
	move_fields(shown, body);
	object_add_time(shown, "created_at", object->created_us);
	object_add_time(shown, "updated_at", saved_us);
	object_add_time(shown, "archived_at", object->archived_us);
	return shown;
}

cJSON *object_body(struct store *store, int64_t num, int64_t version, int *ret_error)
{
	struct object object;
	int r = object_get(store, num, &object);
	if (r <= 0) {
		*ret_error = r < 0 ? r : -ENOENT;
		return NULL;
	}
	return object_shown(store, &object, version, ret_error);
}

static int save(struct store *store, int64_t num, const cJSON *body, int64_t *ret_version,
	struct buf *why)
{
	struct object object;
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (object.archived_us)
		return fail(why, EROFS, "%s is archived; move it back first", object.name);
	cleanup(json) cJSON *full = NULL;
	r = schema_apply(object.kind, body, NULL, &full, why);
	if (r < 0)
		return r;
	cleanup(free) char *text = json_to_text(full);
	cleanup(buf) struct buf old = BUF_INIT(0);
	int64_t now = clock_wall_us(), saved_us = 0;
	r = definition_get(store, num, object.version, &old, &saved_us);
	if (r == 0 && strcmp(buf_text(&old), text) != 0) {
		bool versioned = object.kind == OBJECT_AGENT;
		object.version += versioned;
		r = db_run(store, versioned ? SQL_DEFINITION_ADD : SQL_DEFINITION_SET,
			ARGS(INT(num), INT(object.version), INT(now), TEXT(text)));
		if (r >= 0)
			r = db_run(store, SQL_OBJECT_VERSION,
				ARGS(INT(num), INT(object.version), INT(now)));
	}
	if (r < 0)
		return r;
	*ret_version = object.version;
	return 0;
}

int object_save(struct store *store, int64_t num, const cJSON *body, int64_t *ret_version,
	struct buf *why)
{
	int64_t version = 0;
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = save(store, num, body, &version, why);
	r = scope_close(&scope, r);
	if (r == 0 && ret_version)
		*ret_version = version;
	return r;
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
