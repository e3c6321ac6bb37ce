/* SPDX-License-Identifier: MIT */
/*
 * The bodies of agents and environments: read, changed, and their versions.
 *
 * Every change goes one way: the stored body is edited, checked, made full, and
 * stored if its text differs.  So one save is at most one version, whatever the
 * file was through which it came.
 */
#include "store/definition.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/schema.h"

/* A stored version. */
struct stored {
	struct buf text; /* JSON */
	char name[NAME_BYTES_MAX + 1];
	int64_t saved_us;
};

static void cleanup_stored(struct stored *stored)
{
	buf_done(&stored->text);
}

/* Version 0 is the current one.  0 or -errno. */
static int stored_get(
	struct store *store, const struct object *object, int64_t version, struct stored *ret)
{
	cleanup(query) struct query q = db_query(store, SQL_DEFINITION_GET,
		ARGS(INT(object->num), INT(version ? version : object->version)));
	int r = query_next(&q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	struct slice body = query_text(&q, 0), name = query_text(&q, 2);
	ret->saved_us = query_int(&q, 1);
	if (name.size == 0) /* not versioned: what the object is called now */
		name = slice_of(object->name);
	if (name.size >= sizeof(ret->name))
		return -EIO;
	memcpy(ret->name, name.at, name.size);
	ret->name[name.size] = '\0';
	return buf_add(&ret->text, body.at, body.size);
}

static cJSON *parse_stored(const struct stored *stored, int *ret_error)
{
	cJSON *body = json_parse(buf_text(&stored->text), stored->text.size, NULL);
	if (!body)
		*ret_error = -EIO;
	return body;
}

cJSON *definition_body(
	struct store *store, const struct object *object, int64_t version, int *ret_error)
{
	cleanup(stored) struct stored stored = { .text = BUF_INIT(0) };
	*ret_error = stored_get(store, object, version, &stored);
	return *ret_error < 0 ? NULL : parse_stored(&stored, ret_error);
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
	cleanup(stored) struct stored stored = { .text = BUF_INIT(0) };
	*ret_error = stored_get(store, object, version, &stored);
	cleanup(json) cJSON *body = *ret_error < 0 ? NULL : parse_stored(&stored, ret_error);
	if (!body)
		return NULL;
	cJSON *shown = cJSON_CreateObject();
	cJSON_AddStringToObject(shown, "id", object->id);
	cJSON_AddStringToObject(shown, "type", schema_type(object->kind));
	if (object->kind == OBJECT_AGENT)
		cJSON_AddNumberToObject(
			shown, "version", (double)(version ? version : object->version));
	cJSON_AddStringToObject(shown, "name", stored.name);
	move_fields(shown, body);
	object_add_time(shown, "created_at", object->created_us);
	object_add_time(shown, "updated_at", stored.saved_us);
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

int definition_complete(struct store *store, const struct object *object, const cJSON *body,
	cJSON **ret, struct buf *why)
{
	cleanup(json) cJSON *full = NULL;
	int r = schema_apply(object->kind, body, &full, why);
	if (r == 0 && object->kind == OBJECT_AGENT)
		r = roster_resolve(store, object, full, why);
	if (r == 0)
		*ret = steal(full);
	return r;
}

/* Adds the object's version or, where there is one only, replaces it. */
static int write_body(
	struct store *store, const struct object *object, const cJSON *body, enum sql sql)
{
	cleanup(free) char *text = json_to_text(body);
	const char *name = object->kind == OBJECT_AGENT ? object->name : NULL;
	int r = db_run(store, sql, ARGS(INT(object->num), INT(object->version),
		INT(object->updated_us), TEXT(text), TEXT(name)));
	return r < 0 ? r : parts_register(store, object->num, body);
}

int definition_first(
	struct store *store, const struct object *object, const cJSON *body, struct buf *why)
{
	cleanup(json) cJSON *full = NULL;
	int r = definition_complete(store, object, body, &full, why);
	return r < 0 ? r : write_body(store, object, full, SQL_DEFINITION_ADD);
}

/* A model without effort keeps the one it had, as long as it is the same model. */
static void keep_effort(cJSON *body, const cJSON *old_model)
{
	cJSON *model = cJSON_GetObjectItemCaseSensitive(body, "model");
	const char *id = cJSON_IsString(model) ? model->valuestring : json_text(model, "id");
	const char *old_id = json_text(old_model, "id");
	if (!id || !old_id || strcmp(id, old_id) != 0 || json_get(model, "effort"))
		return;
	cJSON *kept = cJSON_IsObject(model) ? cJSON_Duplicate(model, true) :
		cJSON_CreateObject();
	if (cJSON_IsString(model))
		cJSON_AddStringToObject(kept, "id", id);
	cJSON_AddItemToObject(
		kept, "effort", cJSON_Duplicate(json_get(old_model, "effort"), true));
	cJSON_ReplaceItemInObjectCaseSensitive(body, "model", kept);
}

/* Stores the edited body if it differs from the old text; object->version is then the new one. */
static int store_changed(struct store *store, struct object *object, const char *old_text,
	const cJSON *edited, struct buf *why)
{
	cleanup(json) cJSON *full = NULL;
	int r = definition_complete(store, object, edited, &full, why);
	if (r < 0)
		return r;
	cleanup(free) char *text = json_to_text(full);
	if (strcmp(old_text, text) == 0)
		return 0;
	bool versioned = object->kind == OBJECT_AGENT;
	object->version += versioned;
	object->updated_us = clock_wall_us();
	r = write_body(store, object, full, versioned ? SQL_DEFINITION_ADD : SQL_DEFINITION_SET);
	if (r == 0)
		r = db_run(store, SQL_OBJECT_VERSION,
			ARGS(INT(object->num), INT(object->version), INT(object->updated_us)));
	return r < 0 ? r : 0;
}

static int edit_object(struct store *store, struct object *object, object_editor *edit, void *data,
	struct buf *why)
{
	if (object->archived_us)
		return fail(why, EROFS, "%s is archived; move it back first", object->name);
	cleanup(stored) struct stored stored = { .text = BUF_INIT(0) };
	int r = stored_get(store, object, 0, &stored);
	if (r < 0)
		return r;
	cleanup(json) cJSON *body = parse_stored(&stored, &r);
	cleanup(json) cJSON *model = cJSON_Duplicate(json_get(body, "model"), true);
	if (body)
		r = edit(body, data, why);
	if (r < 0)
		return r;
	keep_effort(body, model);
	return store_changed(store, object, buf_text(&stored.text), body, why);
}

int object_edit(struct store *store, int64_t num, object_editor *edit, void *data,
	int64_t *ret_version, struct buf *why)
{
	struct object object;
	struct scope scope = scope_open(store);
	int r = scope.error ? scope.error : object_get(store, num, &object);
	if (r == 0)
		r = -ENOENT;
	if (r > 0)
		r = edit_object(store, &object, edit, data, why);
	r = scope_close(&scope, r);
	if (r == 0 && ret_version)
		*ret_version = object.version;
	return r;
}

/* The edits of object_save and object_set. */

static int replace_all(cJSON *body, void *data, struct buf *why)
{
	const cJSON *wanted = data;
	if (!cJSON_IsObject(wanted))
		return fail(why, EINVAL, "the document must be an object");
	while (body->child)
		cJSON_Delete(cJSON_DetachItemViaPointer(body, body->child));
	cleanup(json) cJSON *copy = cJSON_Duplicate(wanted, true);
	move_fields(body, copy);
	return 0;
}

int object_save(struct store *store, int64_t num, const cJSON *body, int64_t *ret_version,
	struct buf *why)
{
	return object_edit(store, num, replace_all, (void *)body, ret_version, why);
}

struct field {
	const char *name;
	const cJSON *value; /* NULL: null */
};

/* The file `model` shows an id only: writing it back must not touch the rest. */
static bool is_same_model(const cJSON *body, const struct field *field)
{
	const char *id = cJSON_GetStringValue(json_path(body, "model.id"));
	return strcmp(field->name, "model") == 0 && id && cJSON_IsString(field->value) &&
		strcmp(field->value->valuestring, id) == 0;
}

static int replace_field(cJSON *body, void *data, struct buf *why)
{
	const struct field *field = data;
	if (is_same_model(body, field))
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(body, field->name);
	cJSON_AddItemToObject(body, field->name,
		field->value ? cJSON_Duplicate(field->value, true) : cJSON_CreateNull());
	return 0;
}

int object_set(struct store *store, int64_t num, const char *name, const cJSON *value,
	int64_t *ret_version, struct buf *why)
{
	struct field field = { name, value };
	return object_edit(store, num, replace_field, &field, ret_version, why);
}
