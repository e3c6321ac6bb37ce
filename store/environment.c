/* SPDX-License-Identifier: MIT */
#include "store/environment.h"

#include <errno.h>
#include <string.h>

#include "store/db.h"
#include "store/definition.h"
#include "store/part.h"
#include "store/text.h"

static cJSON *field(cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static cJSON *text_item(struct slice text)
{
	cleanup(free) char *copy = xstrndup(text.at, text.size);
	return cJSON_CreateString(copy);
}

/* Given; NULL with *ret_error. */
static cJSON *load_body(struct store *store, int64_t num, int *ret_error)
{
	struct object object;
	*ret_error = object_need(store, num, OBJECT_ENVIRONMENT, &object);
	return *ret_error < 0 ? NULL : definition_body(store, &object, 0, ret_error);
}

/* Packages. */

int environment_packages(struct store *store, int64_t num, const char *manager, struct buf *ret)
{
	cleanup(json) cJSON *list = NULL;
	int r = part_get(store, num, 0, ITEM_PACKAGES, manager, &list);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	const cJSON *package;
	cJSON_ArrayForEach(package, list)
		(void)buf_printf(ret, "%s\n", package->valuestring);
	return ret->overflow ? -EFBIG : 0;
}

int environment_save_packages(struct store *store, int64_t num, const char *manager,
	struct slice text, struct buf *why)
{
	int r = text_check(text, true, why);
	if (r < 0)
		return r;
	cleanup(json) cJSON *list = cJSON_CreateArray(), *old = NULL;
	struct slice line;
	while (text_next_line(&text, &line))
		cJSON_AddItemToArray(list, text_item(line));
	r = part_get(store, num, 0, ITEM_PACKAGES, manager, &old);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return part_set(store, num, ITEM_PACKAGES, manager, list, NULL, why);
}

/* Network. */

#define UNRESTRICTED "unrestricted"
#define NONE	     "none"

static void show_hosts(const cJSON *networking, struct buf *ret)
{
	const cJSON *hosts = json_get(networking, "allowed_hosts"), *host;
	if (cJSON_GetArraySize(hosts) == 0)
		(void)buf_add_text(ret, NONE "\n");
	cJSON_ArrayForEach(host, hosts)
		(void)buf_printf(ret, "%s\n", host->valuestring);
}

/* What else is allowed, as the text would otherwise claim too much. */
static void show_flags(const cJSON *networking, struct buf *ret)
{
	static const char *const flags[][2] = {
		{ "allow_package_managers", "the registries of the package managers" },
		{ "allow_mcp_servers", "the agent's MCP servers" },
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (json_bool(networking, flags[i][0], false))
			(void)buf_printf(ret, "# and %s (%s in environment.json)\n", flags[i][1],
				flags[i][0]);
}

int environment_network(struct store *store, int64_t num, struct buf *ret)
{
	int r = 0;
	cleanup(json) cJSON *body = load_body(store, num, &r);
	if (!body)
		return r;
	const cJSON *networking = json_path(body, "config.networking");
	const char *type = json_text(networking, "type");
	if (!type)
		return -ENOENT; /* self-hosted: the network is not ours to say */
	if (strcmp(type, UNRESTRICTED) == 0)
		return buf_add_text(ret, UNRESTRICTED "\n");
	show_hosts(networking, ret);
	show_flags(networking, ret);
	return ret->overflow ? -EFBIG : 0;
}

/* The hosts of the text, or one of the words: 0; a word among hosts makes no sense. */
static int parse_network(
	struct slice text, cJSON *ret_hosts, const char **ret_word, struct buf *why)
{
	static const char *const words[] = { UNRESTRICTED, NONE };
	struct slice line;
	*ret_word = NULL;
	int count = 0;
	for (; text_next_line(&text, &line); count++) {
		cJSON_AddItemToArray(ret_hosts, text_item(line));
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (slice_is(line, words[i]))
				*ret_word = words[i];
	}
	if (count == 0 || (*ret_word && count > 1))
		return fail(why, EINVAL,
			"write unrestricted, none, or the allowed hosts, one on a line");
	return 0;
}

static bool has_packages(cJSON *config)
{
	const cJSON *list;
	cJSON_ArrayForEach(list, field(config, "packages"))
		if (cJSON_GetArraySize(list) > 0)
			return true;
	return false;
}

/* What the text does not say stays; but packages need their registries. */
static cJSON *limited(cJSON *config, cJSON *hosts /* taken */)
{
	cJSON *old = field(config, "networking"), *networking = cJSON_CreateObject();
	bool managers = json_bool(old, "allow_package_managers", false) || has_packages(config);
	cJSON_AddStringToObject(networking, "type", "limited");
	cJSON_AddItemToObject(networking, "allowed_hosts", hosts);
	cJSON_AddBoolToObject(
		networking, "allow_mcp_servers", json_bool(old, "allow_mcp_servers", false));
	cJSON_AddBoolToObject(networking, "allow_package_managers", managers);
	return networking;
}

static cJSON *unrestricted(void)
{
	cJSON *networking = cJSON_CreateObject();
	cJSON_AddStringToObject(networking, "type", UNRESTRICTED);
	return networking;
}

static int edit_network(cJSON *body, void *data, struct buf *why)
{
	const struct slice *text = data;
	cJSON *config = field(body, "config");
	const char *word = NULL;
	cleanup(json) cJSON *hosts = cJSON_CreateArray();
	if (!field(config, "networking"))
		return fail(why, EINVAL, "a self-hosted environment has its own network");
	int r = parse_network(*text, hosts, &word, why);
	if (r < 0)
		return r;
	bool open = word && strcmp(word, UNRESTRICTED) == 0;
	cJSON_ReplaceItemInObjectCaseSensitive(config, "networking",
		open ? unrestricted() :
		       limited(config, word ? cJSON_CreateArray() : steal(hosts)));
	return 0;
}

static int edit_environment(struct store *store, int64_t num, object_editor *edit,
	struct slice text, struct buf *why)
{
	struct object object;
	int r = text_check(text, true, why);
	if (r == 0)
		r = object_need(store, num, OBJECT_ENVIRONMENT, &object);
	return r < 0 ? r : object_edit(store, num, edit, &text, NULL, why);
}

int environment_save_network(struct store *store, int64_t num, struct slice text, struct buf *why)
{
	return edit_environment(store, num, edit_network, text, why);
}

/* Limits. */

static const struct {
	const char *name;
	size_t offset; /* in struct environment_limits */
	bool bytes; /* may be written with K, M or G */
} limits[] = {
	{ "memory_bytes", offsetof(struct environment_limits, memory_bytes), true },
	{ "cpu_percent", offsetof(struct environment_limits, cpu_percent), false },
	{ "processes", offsetof(struct environment_limits, processes), false },
	{ "disk_bytes", offsetof(struct environment_limits, disk_bytes), true },
	{ "tool_seconds", offsetof(struct environment_limits, tool_seconds), false },
};

void environment_limits_read(const cJSON *body, struct environment_limits *ret)
{
	const cJSON *values = json_path(body, "x_agentdirs.limits");
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		*(int64_t *)(void *)((char *)ret + limits[i].offset) =
			json_int(values, limits[i].name, -1);
}

int environment_limits(struct store *store, int64_t num, struct buf *ret)
{
	int r = 0;
	cleanup(json) cJSON *body = load_body(store, num, &r);
	if (!body)
		return r;
	const cJSON *values = json_path(body, "x_agentdirs.limits");
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		int64_t value = json_int(values, limits[i].name, -1);
		if (value < 0)
			(void)buf_printf(ret, "%s max\n", limits[i].name);
		else
			(void)buf_printf(ret, "%s %lld\n", limits[i].name, (long long)value);
	}
	return ret->overflow ? -EFBIG : 0;
}

static bool take_unit(struct slice *text, int64_t *ret_factor)
{
	static const char units[] = "KMG";
	const char *unit = text->size ? memchr(units, text->at[text->size - 1], 3) : NULL;
	*ret_factor = unit ? INT64_C(1024) << 10 * (unit - units) : 1;
	text->size -= unit != NULL;
	return unit;
}

/* A whole number of at most 15 digits, which JSON keeps exactly. */
static bool parse_number(struct slice text, bool bytes, int64_t *ret)
{
	enum { DIGITS_MAX = 15 };
	int64_t factor, value = 0;
	if ((take_unit(&text, &factor) && !bytes) || text.size == 0 || text.size > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		value = value * 10 + (text.at[i] - '0');
	}
	if (value > INT64_C(999999999999999) / factor)
		return false;
	*ret = value * factor;
	return true;
}

/* Cuts "name value" in two. */
static void split_line(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
	size_t n = 0;
	while (n < line.size && line.at[n] != ' ' && line.at[n] != '\t')
		n++;
	*ret_name = (struct slice){ line.at, n };
	*ret_value = text_trim((struct slice){ line.at + n, line.size - n });
}

static int set_limit(cJSON *values, struct slice line, struct buf *why)
{
	struct slice name, text;
	int64_t value = 0;
	split_line(line, &name, &text);
	size_t i = 0;
	while (i < ARRAY_LEN(limits) && !slice_is(name, limits[i].name))
		i++;
	if (i == ARRAY_LEN(limits))
		return fail(why, EINVAL, "`%.*s` is no limit; reading this file shows them",
			name.size < 40 ? (int)name.size : 40, name.at);
	bool none = slice_is(text, "max");
	if (!none && !parse_number(text, limits[i].bytes, &value))
		return fail(why, EINVAL, "%s must be a whole number%s, or max", limits[i].name,
			limits[i].bytes ? ", perhaps with K, M or G" : "");
	cJSON_DeleteItemFromObjectCaseSensitive(values, limits[i].name);
	if (!none)
		cJSON_AddNumberToObject(values, limits[i].name, (double)value);
	return 0;
}

/* The object of that name, made when it is absent. */
static cJSON *need_object(cJSON *in, const char *name)
{
	cJSON *found = field(in, name);
	return found ? found : cJSON_AddObjectToObject(in, name);
}

static void drop_empty(cJSON *in, const char *name)
{
	if (cJSON_GetArraySize(field(in, name)) == 0)
		cJSON_DeleteItemFromObjectCaseSensitive(in, name);
}

static int edit_limits(cJSON *body, void *data, struct buf *why)
{
	struct slice text = *(const struct slice *)data, line;
	cJSON *ours = need_object(body, "x_agentdirs"), *values = need_object(ours, "limits");
	while (text_next_line(&text, &line)) {
		int r = set_limit(values, line, why);
		if (r < 0)
			return r;
	}
	drop_empty(ours, "limits");
	drop_empty(body, "x_agentdirs");
	return 0;
}

int environment_save_limits(struct store *store, int64_t num, struct slice text, struct buf *why)
{
	return edit_environment(store, num, edit_limits, text, why);
}
