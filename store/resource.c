/* SPDX-License-Identifier: MIT */
#include "store/resource.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/shape.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define PARTS(...) ((const struct shape[]){ __VA_ARGS__, { 0 } })

#define UPLOADS	  "/mnt/session/uploads/"
#define WORKSPACE "/workspace/"
#define GITHUB	  "https://github.com/"

enum { RESOURCES_MAX = 500, VAULTS_MAX = 50, PATH_CHARS_MAX = 1024 };

/* From the root, and nothing that leads elsewhere. */
static const char *check_path(const cJSON *value)
{
	const char *at = value->valuestring;
	if (*at != '/')
		return "must begin with /";
	while (*at == '/') {
		size_t n = strcspn(++at, "/");
		if (n == 0 || (at[0] == '.' && (n == 1 || (n == 2 && at[1] == '.'))))
			return "must have no empty, . or .. components";
		at += n;
	}
	return NULL;
}

/* https://github.com/owner/repo */
static const char *check_url(const cJSON *value)
{
	static const char rule[] = "must be https://github.com/OWNER/REPOSITORY without .git";
	const char *at = value->valuestring;
	if (strncmp(at, GITHUB, strlen(GITHUB)) != 0)
		return rule;
	at += strlen(GITHUB);
	size_t owner = strcspn(at, "/?#@: "), n = strlen(at);
	const char *repository = at + owner + (at[owner] == '/');
	if (owner == 0 || !*repository || repository[strcspn(repository, "/?#@: ")] ||
		strcmp(repository, ".") == 0 || strcmp(repository, "..") == 0)
		return rule;
	return n > 4 && strcmp(at + n - 4, ".git") == 0 ? rule : NULL;
}

static const char *check_sha(const cJSON *value)
{
	const char *sha = value->valuestring;
	return sha[strspn(sha, "0123456789abcdefABCDEF")] ? "must be hexadecimal" : NULL;
}

#define MOUNT_PATH                                                          \
	{ "mount_path", SHAPE_TEXT, .fallback = "", .min = 1, .max = PATH_CHARS_MAX, \
		.check = check_path }

static const struct shape checkout_kinds[] = {
	{ "branch", SHAPE_OBJECT, .parts = PARTS({ "name", SHAPE_TEXT, .min = 1, .max = 255 }) },
	{ "commit", SHAPE_OBJECT,
		.parts = PARTS({ "sha", SHAPE_TEXT, .min = 7, .max = 64, .check = check_sha }) },
	{ 0 },
};

static const struct shape resource_kinds[] = {
	{ "file", SHAPE_OBJECT,
		.parts = PARTS({ "file_id", SHAPE_TEXT, .min = 1, .max = 128 }, MOUNT_PATH) },
	{ "github_repository", SHAPE_OBJECT,
		.parts = PARTS({ "url", SHAPE_TEXT, .min = 1, .max = 2048, .check = check_url },
			{ "checkout", SHAPE_CHOICE, .fallback = "", .parts = checkout_kinds },
			MOUNT_PATH) },
	{ "memory_store", SHAPE_OBJECT,
		.parts = PARTS({ "memory_store_id", SHAPE_TEXT, .min = 1, .max = 128 },
			{ "access", SHAPE_TEXT, .fallback = "\"read_write\"",
				.words = WORDS("read_write", "read_only") },
			{ "instructions", SHAPE_TEXT, .fallback = "", .max = 4096 }) },
	{ 0 },
};

static const struct shape document = {
	"", SHAPE_OBJECT,
	.parts = PARTS(
		{ "resources", SHAPE_LIST, .fallback = "[]", .max = RESOURCES_MAX,
			.parts = PARTS({ "", SHAPE_CHOICE, .parts = resource_kinds }) },
		{ "vault_ids", SHAPE_LIST, .fallback = "[]", .max = VAULTS_MAX,
			.parts = PARTS({ "", SHAPE_TEXT, .min = 1, .max = 128 }) }),
};

/* Checks one field of the document and takes it out of the full form. */
static int apply_field(const char *name, const cJSON *value, cJSON **ret, struct buf *why)
{
	cleanup(json) cJSON *wanted = cJSON_CreateObject(), *full = NULL;
	cJSON_AddItemToObject(wanted, name, cJSON_Duplicate(value, true));
	int r = shape_apply(&document, wanted, &full, why);
	if (r == 0)
		*ret = cJSON_DetachItemFromObjectCaseSensitive(full, name);
	return r;
}

static bool is_type(const cJSON *entry, const char *type)
{
	const char *own = json_text(entry, "type");
	return own && strcmp(own, type) == 0;
}

/* What the server sets; a list that is read, edited and written back has it. */
static void drop_server_set(cJSON *list)
{
	static const char *const names[] = { "id", "created_at", "updated_at" };
	cJSON *entry;
	cJSON_ArrayForEach(entry, list)
		for (size_t i = 0; cJSON_IsObject(entry) && i < ARRAY_LEN(names); i++)
			cJSON_DeleteItemFromObjectCaseSensitive(entry, names[i]);
}

static int refuse_tokens(const cJSON *list, struct buf *why)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, list)
		if (json_get(entry, "authorization_token"))
			return fail(why, EINVAL,
				"resources must not contain an authorization_token: it would be "
				"shown here; without one public repositories can be attached");
	return 0;
}

/* The mount path as it is in the sandbox, whole. */
static char *mount_path(const cJSON *entry)
{
	const char *given = json_text(entry, "mount_path"), *url = json_text(entry, "url");
	const char *root = url ? WORKSPACE : UPLOADS;
	if (given)
		return strncmp(given, root, strlen(root)) == 0 ? xstrdup(given) :
			xprintf("%s%s", root, given + 1);
	return xprintf("%s%s", root, url ? strrchr(url, '/') + 1 : json_text(entry, "file_id"));
}

static int check_mount(cJSON *entry, struct buf *why)
{
	cleanup(free) char *path = mount_path(entry);
	cleanup(json) cJSON *value = cJSON_CreateString(path);
	const char *wrong = check_path(value);
	if (wrong)
		return fail(why, EINVAL, "the mount path %s %s", path, wrong);
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "mount_path");
	cJSON_AddItemToObject(entry, "mount_path", steal(value));
	return 0;
}

/* {"id", what it says, "created_at", "updated_at"} */
static cJSON *stamped(cJSON *entry /* taken */)
{
	char id[ID_SIZE];
	id_make("sesrsc", id);
	cJSON *shown = cJSON_CreateObject();
	cJSON_AddStringToObject(shown, "id", id);
	while (entry->child) {
		cJSON *field = cJSON_DetachItemViaPointer(entry, entry->child);
		cleanup(free) char *name = xstrdup(field->string);
		cJSON_AddItemToObject(shown, name, field);
	}
	cJSON_Delete(entry);
	int64_t now = clock_wall_us();
	object_add_time(shown, "created_at", now);
	object_add_time(shown, "updated_at", now);
	return shown;
}

/* Memory stores and vaults: there are none, so whichever is named does not exist. */
static int refuse_absent(const char *what, const char *id, struct buf *why)
{
	return fail(why, ENOENT, "there is no %s %s", what, id);
}

static int check_entry(cJSON *entry, struct buf *why)
{
	if (is_type(entry, "memory_store"))
		return refuse_absent("memory store", json_text(entry, "memory_store_id"), why);
	return check_mount(entry, why);
}

int resources_apply(const cJSON *wanted, cJSON **ret, struct buf *why)
{
	cleanup(json) cJSON *own = cJSON_Duplicate(wanted, true), *list = NULL;
	drop_server_set(own);
	int r = refuse_tokens(own, why);
	if (r == 0)
		r = apply_field("resources", own, &list, why);
	if (r < 0)
		return r;
	cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		r = check_entry(entry, why);
		if (r < 0)
			return r;
	}
	cJSON *shown = cJSON_CreateArray();
	while ((entry = cJSON_DetachItemFromArray(list, 0)))
		cJSON_AddItemToArray(shown, stamped(entry));
	*ret = shown;
	return 0;
}

int vault_ids_apply(const cJSON *wanted, cJSON **ret, struct buf *why)
{
	cleanup(json) cJSON *list = NULL;
	int r = apply_field("vault_ids", wanted, &list, why);
	if (r < 0)
		return r;
	if (list->child)
		return refuse_absent("vault", list->child->valuestring, why);
	*ret = steal(list);
	return 0;
}
