/* SPDX-License-Identifier: MIT */
/* What all kinds of object have in common in the tree, and the files of agents and environments. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "fs/verbs.h"

enum { PAGE = 64 }; /* objects read at once for a listing */

int object_row_find(struct fs *fs, const struct node *node, const char *name, int64_t *ret_object)
{
	struct object object;
	int r = name_is_valid(name) ? object_find(fs->store, node->kind, false, name, &object) : 0;
	if (r == 1)
		*ret_object = object.num;
	return r;
}

static void to_child(const struct object *object, const char *name, uint64_t cursor,
	struct child *ret)
{
	*ret = (struct child){ .object = object->num, .cursor = cursor };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
}

int object_row_each(struct fs *fs, const struct node *node, uint64_t after, struct child *ret,
	int max)
{
	struct object page[PAGE];
	int n = object_page(fs->store, node->kind, false, (int64_t)after, page,
		max < PAGE ? max : PAGE);
	for (int i = 0; i < n; i++)
		to_child(&page[i], page[i].name, (uint64_t)page[i].num, &ret[i]);
	return n;
}

int object_row_rename(struct fs *fs, int64_t object, const char *name, struct buf *why)
{
	if (!name_is_valid(name))
		return fail(why, EINVAL,
			"%s is not a name: letters, digits and . _ + - after the first, at "
			"most %d",
			name, NAME_BYTES_MAX);
	int r = object_rename(fs->store, object, name);
	fs_forget_known(fs);
	return r;
}

int object_row_id(struct fs *fs, int64_t object, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, object, &found);
	return r == 1 ? buf_printf(out, "%s\n", found.id) : r < 0 ? r : -ENOENT;
}

static cJSON *body_of(struct fs *fs, int64_t object, int *ret_error)
{
	*ret_error = -EIO;
	return object_body(fs->store, object, 0, ret_error);
}

int object_row_body(struct fs *fs, int64_t object, struct buf *out)
{
	int r;
	cleanup(json) cJSON *body = body_of(fs, object, &r);
	if (!body)
		return r;
	cleanup(free) char *text = cJSON_Print(body);
	return buf_printf(out, "%s\n", text);
}

int object_row_keep(struct fs *fs, int64_t object, struct buf *why)
{
	return fail(why, EBUSY, "sessions refer to it, so it is kept; `mv` gives it another name");
}

/* The text at `path` in the definition, with a newline at its end; nothing when it is null. */
static int field(struct fs *fs, int64_t object, const char *path, struct buf *out)
{
	int r;
	cleanup(json) cJSON *body = body_of(fs, object, &r);
	if (!body)
		return r;
	const cJSON *value = json_path(body, path);
	if (!cJSON_IsString(value))
		return 0;
	buf_add_text(out, value->valuestring);
	if (out->size && out->data[out->size - 1] != '\n')
		buf_add_char(out, '\n');
	return 0;
}

int agent_model(struct fs *fs, int64_t object, struct buf *out)
{
	int r = field(fs, object, "model.id", out);
	return r < 0 || out->size ? r : field(fs, object, "model", out);
}

int agent_system(struct fs *fs, int64_t object, struct buf *out)
{
	return field(fs, object, "system", out);
}

int agent_description(struct fs *fs, int64_t object, struct buf *out)
{
	return field(fs, object, "description", out);
}

int agent_version(struct fs *fs, int64_t object, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, object, &found);
	return r == 1 ? buf_printf(out, "%lld\n", (long long)found.version) : r < 0 ? r : -ENOENT;
}

static int make(struct fs *fs, enum object_kind kind, const char *name, int64_t *ret_object,
	struct buf *why)
{
	struct object made;
	int r = object_make(fs->store, kind, name, NULL, fs->model, &made, why);
	if (r == 0)
		*ret_object = made.num;
	return r;
}

int agent_make(struct fs *fs, const char *name, int64_t *ret_object, struct buf *why)
{
	return make(fs, OBJECT_AGENT, name, ret_object, why);
}

int environment_make(struct fs *fs, const char *name, int64_t *ret_object, struct buf *why)
{
	return make(fs, OBJECT_ENVIRONMENT, name, ret_object, why);
}

static int make_first(struct fs *fs, enum object_kind kind, const char *name, struct buf *why)
{
	int64_t live = object_count(fs->store, kind, false),
		archived = object_count(fs->store, kind, true);
	if (live != 0 || archived != 0)
		return live < 0 ? (int)live : archived < 0 ? (int)archived : 0;
	int64_t num = 0;
	int r = make(fs, kind, name, &num, why);
	return r < 0 ? r : object_set_default(fs->store, kind, num);
}

int objects_first(struct fs *fs, struct buf *why)
{
	int r = make_first(fs, OBJECT_AGENT, "assistant", why);
	return r < 0 ? r : make_first(fs, OBJECT_ENVIRONMENT, "local", why);
}

static int show_default(struct fs *fs, enum object_kind kind, struct buf *out)
{
	struct object object;
	int r = object_default(fs->store, kind, &object);
	return r == 1 ? buf_add_text(out, object.name) : r < 0 ? r : -ENOENT;
}

static int set_default(struct fs *fs, enum object_kind kind, const char *target, struct buf *why)
{
	struct object object;
	const char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;
	int r = object_find(fs->store, kind, false, name, &object);
	if (r == 0)
		return fail(why, ENOENT, "there is none named %s; make it with mkdir first", name);
	return r < 0 ? r : object_set_default(fs->store, kind, object.num);
}

int agent_default(struct fs *fs, int64_t object, struct buf *out)
{
	return show_default(fs, OBJECT_AGENT, out);
}

int agent_set_default(struct fs *fs, int64_t object, const char *target, struct buf *why)
{
	return set_default(fs, OBJECT_AGENT, target, why);
}

int environment_default(struct fs *fs, int64_t object, struct buf *out)
{
	return show_default(fs, OBJECT_ENVIRONMENT, out);
}

int environment_set_default(struct fs *fs, int64_t object, const char *target, struct buf *why)
{
	return set_default(fs, OBJECT_ENVIRONMENT, target, why);
}
