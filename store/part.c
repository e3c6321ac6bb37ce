/* SPDX-License-Identifier: MIT */
/* Parts, by a table of where each kind of them stands in a definition. */
#include "store/part.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/db.h"
#include "store/definition.h"
#include "store/settings.h"

static cJSON *field(cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static cJSON *metadata(cJSON *body)
{
	return field(body, "metadata");
}

static cJSON *tools(cJSON *body)
{
	return field(body, "tools");
}

static cJSON *servers(cJSON *body)
{
	return field(body, "mcp_servers");
}

static cJSON *skills(cJSON *body)
{
	return field(body, "skills");
}

static cJSON *packages(cJSON *body)
{
	return field(field(body, "config"), "packages");
}

static cJSON *toolset_of(cJSON *body, const char *server)
{
	cJSON *tool;
	cJSON_ArrayForEach(tool, tools(body)) {
		const char *name = json_text(tool, "mcp_server_name");
		if (name && strcmp(name, server) == 0)
			return tool;
	}
	return NULL;
}

static void server_comes(cJSON *body, const char *server)
{
	if (toolset_of(body, server))
		return;
	cJSON *toolset = cJSON_CreateObject();
	cJSON_AddStringToObject(toolset, "type", "mcp_toolset");
	cJSON_AddStringToObject(toolset, "mcp_server_name", server);
	cJSON_AddItemToArray(tools(body), toolset);
}

static void server_goes(cJSON *body, const char *server)
{
	for (cJSON *toolset; (toolset = toolset_of(body, server));)
		cJSON_Delete(cJSON_DetachItemViaPointer(tools(body), toolset));
}

static void begin_roster(cJSON *body)
{
	if (roster_list(body))
		return;
	cJSON *multiagent = cJSON_CreateObject();
	cJSON_AddStringToObject(multiagent, "type", "coordinator");
	cJSON_AddArrayToObject(multiagent, "agents");
	cJSON_DeleteItemFromObjectCaseSensitive(body, "multiagent");
	cJSON_AddItemToObject(body, "multiagent", multiagent);
}

/* A coordinator without agents may not be. */
static void member_goes(cJSON *body, const char *id)
{
	if (cJSON_GetArraySize(field(field(body, "multiagent"), "agents")) > 0)
		return;
	if (field(field(body, "multiagent"), "agents"))
		cJSON_ReplaceItemInObjectCaseSensitive(body, "multiagent", cJSON_CreateNull());
}

static void packages_come(cJSON *body, const char *manager)
{
	cJSON *networking = field(field(body, "config"), "networking");
	if (cJSON_GetArraySize(field(packages(body), manager)) > 0 &&
		field(networking, "allow_package_managers"))
		cJSON_ReplaceItemInObjectCaseSensitive(
			networking, "allow_package_managers", cJSON_CreateTrue());
}

static const struct row {
	cJSON *(*place)(cJSON *body); /* the list or map that holds the parts; NULL: none */
	const char *name; /* field of an entry that is its name; NULL: a map, whose keys are */
	int type; /* of the values, cJSON_String … */
	const char *only; /* entries of another "type" are no parts; NULL: all are */
	const char *usual; /* "type" of an entry that does not say */
	void (*prepare)(cJSON *body); /* makes the place */
	void (*comes)(cJSON *body, const char *name); /* what changes with the part */
	void (*goes)(cJSON *body, const char *name);
} rows[ITEM_KINDS] = {
	[ITEM_METADATA] = { metadata, NULL, cJSON_String },
	[ITEM_TOOL] = { tools, "name", cJSON_Object, "custom", "custom" },
	[ITEM_MCP] = { servers, "name", cJSON_Object, NULL, "url", NULL, server_comes,
		server_goes },
	[ITEM_SKILL] = { skills, "skill_id", cJSON_Object, NULL, "custom" },
	[ITEM_TEAM] = { roster_list, "id", cJSON_Object, "agent", "agent", begin_roster, NULL,
		member_goes },
	[ITEM_PACKAGES] = { packages, NULL, cJSON_Array, NULL, NULL, NULL, packages_come },
};

/* The name of an entry, or NULL when it is no part. */
static const char *part_name(const struct row *row, const cJSON *entry)
{
	if ((entry->type & 0xff) != row->type)
		return NULL;
	const char *type = json_text(entry, "type");
	if (row->only && !(type && strcmp(type, row->only) == 0))
		return NULL;
	const char *name = row->name ? json_text(entry, row->name) : entry->string;
	return name && item_name_is_valid(name) ? name : NULL;
}

static cJSON *find_part(const struct row *row, cJSON *body, const char *name)
{
	cJSON *entry;
	cJSON_ArrayForEach(entry, row->place(body)) {
		const char *other = part_name(row, entry);
		if (other && strcmp(other, name) == 0)
			return entry;
	}
	return NULL;
}

int parts_register(struct store *store, int64_t object, const cJSON *body)
{
	for (int kind = 1; kind < ITEM_KINDS; kind++) {
		const cJSON *entry;
		cJSON_ArrayForEach(entry, rows[kind].place((cJSON *)body)) {
			const char *name = part_name(&rows[kind], entry);
			int num, r = name ? item_add(store, object, kind, name, &num) : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Where the parts of a version stand.  A session's body is its settings.  NULL with *ret_error. */
static cJSON *load_body(struct store *store, int64_t num, int64_t version, int *ret_error)
{
	struct object object;
	int r = object_get(store, num, &object);
	*ret_error = r < 0 ? r : -ENOENT;
	if (r <= 0)
		return NULL;
	if (object.kind != OBJECT_SESSION)
		return definition_body(store, &object, version, ret_error);
	cJSON *map = session_metadata(store, num, ret_error);
	cJSON *body = map ? cJSON_CreateObject() : NULL;
	if (map)
		cJSON_AddItemToObject(body, "metadata", map);
	return body;
}

/* Keeps the items with the smallest numbers, in order; returns how many there are now. */
static int insert_sorted(struct item *items, int count, int max, const struct item *item)
{
	int at = count;
	while (at > 0 && items[at - 1].num > item->num)
		at--;
	if (at == max)
		return count;
	int moved = (count < max ? count : max - 1) - at;
	memmove(&items[at + 1], &items[at], (size_t)moved * sizeof(*items));
	items[at] = *item;
	return count < max ? count + 1 : max;
}

int part_page(struct store *store, int64_t object, int64_t version, enum item_kind kind, int after,
	struct item *ret, int max)
{
	int r = 0, count = 0;
	cleanup(json) cJSON *body = load_body(store, object, version, &r);
	if (!body)
		return r;
	const cJSON *entry;
	cJSON_ArrayForEach(entry, rows[kind].place(body)) {
		struct item item;
		const char *name = part_name(&rows[kind], entry);
		r = name ? item_find(store, object, kind, name, &item.num) : 0;
		if (r < 0)
			return r;
		if (r == 0 || item.num <= after)
			continue;
		memcpy(item.name, name, strlen(name) + 1);
		count = insert_sorted(ret, count, max, &item);
	}
	return count;
}

int part_get(struct store *store, int64_t object, int64_t version, enum item_kind kind,
	const char *name, cJSON **ret_value)
{
	int r = 0;
	cleanup(json) cJSON *body = load_body(store, object, version, &r);
	if (!body)
		return r;
	const cJSON *entry = find_part(&rows[kind], body, name);
	if (!entry)
		return 0;
	*ret_value = cJSON_Duplicate(entry, true);
	return 1;
}

/* What part_set does to the body. */
struct change {
	const struct row *row;
	const char *name;
	const cJSON *value; /* NULL: remove */
};

static int remove_part(cJSON *body, const struct change *c, struct buf *why)
{
	cJSON *entry = find_part(c->row, body, c->name);
	if (!entry)
		return fail(why, ENOENT, "there is no %s here", c->name);
	cJSON_Delete(cJSON_DetachItemViaPointer(c->row->place(body), entry));
	if (c->row->goes)
		c->row->goes(body, c->name);
	return 0;
}

/* Fills in what a value may leave out; it must not contradict its place. */
static int complete_entry(const struct change *c, cJSON *entry, struct buf *why)
{
	const char *given = json_text(entry, c->row->name), *type = json_text(entry, "type");
	if (given && strcmp(given, c->name) != 0)
		return fail(why, EINVAL, "%s must be \"%s\", as the file is named", c->row->name,
			c->name);
	if (type && c->row->only && strcmp(type, c->row->only) != 0)
		return fail(why, EINVAL, "type must be \"%s\"", c->row->only);
	if (!type && !json_get(entry, "type"))
		cJSON_AddStringToObject(entry, "type", c->row->usual);
	if (!given && !json_get(entry, c->row->name))
		cJSON_AddStringToObject(entry, c->row->name, c->name);
	return 0;
}

static int put_entry(cJSON *body, const struct change *c, cJSON *entry /* taken */, struct buf *why)
{
	cJSON *place = c->row->place(body), *old = find_part(c->row, body, c->name);
	int r = c->row->name ? complete_entry(c, entry, why) : 0;
	if (r < 0) {
		cJSON_Delete(entry);
		return r;
	}
	if (c->row->name && old)
		cJSON_ReplaceItemViaPointer(place, old, entry);
	else if (c->row->name)
		cJSON_AddItemToArray(place, entry);
	else if (!cJSON_ReplaceItemInObjectCaseSensitive(place, c->name, entry))
		cJSON_AddItemToObject(place, c->name, entry);
	return 0;
}

static int edit_part(cJSON *body, void *data, struct buf *why)
{
	const struct change *c = data;
	if (!c->value)
		return remove_part(body, c, why);
	if (c->row->prepare)
		c->row->prepare(body);
	if (!c->row->place(body))
		return fail(why, EINVAL, "%s cannot be here", c->name);
	if ((c->value->type & 0xff) != c->row->type)
		return fail(why, EINVAL, "%s must be %s", c->name,
			c->row->type == cJSON_Object ? "an object" :
			c->row->type == cJSON_Array  ? "a list" :
						       "a text");
	int r = put_entry(body, c, cJSON_Duplicate(c->value, true), why);
	if (r == 0 && c->row->comes)
		c->row->comes(body, c->name);
	return r;
}

int part_set(struct store *store, int64_t num, enum item_kind kind, const char *name,
	const cJSON *value, int64_t *ret_version, struct buf *why)
{
	struct object object;
	if (!item_name_is_valid(name))
		return fail(why, EINVAL, "%s cannot be a file name", name);
	int r = object_get(store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (object.kind == OBJECT_SESSION) {
		if (kind != ITEM_METADATA)
			return fail(why, EINVAL, "a session has no such part");
		return settings_set_metadata(store, num, name, value, why);
	}
	struct change change = { &rows[kind], name, value };
	return object_edit(store, num, edit_part, &change, ret_version, why);
}
