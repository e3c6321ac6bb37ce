/* SPDX-License-Identifier: MIT */
/* What all kinds of object have in common in the tree, and how they are made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "fs/link.h"
#include "fs/text.h"
#include "fs/verbs.h"

enum { PAGE = 64 }; /* objects read at once for a listing */

int object_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	struct object object;
	enum object_kind kind = at.node->kind;
	int r = name_is_valid(name) ? object_find(fs->store, kind, false, name, &object) : 0;
	if (r == 1)
		*ret_num = object.num;
	return r;
}

static void to_child(const struct object *object, const char *name, uint64_t cursor,
	struct child *ret)
{
	*ret = (struct child){ .num = object->num, .cursor = cursor };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
}

int object_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	struct object page[PAGE];
	int n = object_page(fs->store, at.node->kind, false, (int64_t)after, page,
		max < PAGE ? max : PAGE);
	for (int i = 0; i < n; i++)
		to_child(&page[i], page[i].name, (uint64_t)page[i].num, &ret[i]);
	return n;
}

int object_row_name(struct fs *fs, struct place at, struct buf *out)
{
	struct object object;
	int r = object_get(fs->store, at.object, &object);
	return r == 1 ? buf_add_text(out, object.name) : r < 0 ? r : -ENOENT;
}

int64_t object_row_count(struct fs *fs, struct place at)
{
	return object_count(fs->store, at.node->kind, false);
}

int object_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us)
{
	struct object object;
	int r = object_get(fs->store, at.object, &object);
	if (r == 1)
		*ret_wall_us = object.updated_us;
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int object_row_rename(struct fs *fs, struct place at, const struct node *to, const char *name,
	struct buf *why)
{
	return object_rename(fs->store, at.object, name);
}

int object_row_id(struct fs *fs, struct place at, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, at.object, &found);
	return r == 1 ? buf_printf(out, "%s\n", found.id) : r < 0 ? r : -ENOENT;
}

int object_row_body(struct fs *fs, struct place at, struct buf *out)
{
	int r = -EIO;
	cleanup(json) cJSON *body = object_body(fs->store, at.object, at.item, &r);
	if (!body)
		return r;
	return text_show_json(body, out);
}

int object_row_save(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	cleanup(json) cJSON *body = NULL;
	int r = text_parse_json(text, &body, why);
	return r < 0 ? r : object_save(fs->store, at.object, body, NULL, why);
}

int object_row_keep(struct fs *fs, struct place at, struct buf *why)
{
	return fail(why, EBUSY, "sessions refer to it, so it is kept; `mv` gives it another name");
}

static int make(struct fs *fs, enum object_kind kind, const char *name, int64_t *ret_num,
	struct buf *why)
{
	struct object made;
	int r = object_make(fs->store, kind, name, NULL, fs->model, &made, why);
	if (r == 0)
		*ret_num = made.num;
	return r;
}

int agent_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num, struct buf *why)
{
	return make(fs, OBJECT_AGENT, name, ret_num, why);
}

int environment_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why)
{
	return make(fs, OBJECT_ENVIRONMENT, name, ret_num, why);
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
	struct link link;
	if (!link_parse(target, NULL, &link) || link.version)
		return fail(why, EINVAL, "a link to NAME belongs here, not to %s", target);
	int r = link_find(fs, kind, &link, &object, why);
	return r < 0 ? r : object_set_default(fs->store, kind, object.num);
}

int agent_default(struct fs *fs, struct place at, struct buf *out)
{
	return show_default(fs, OBJECT_AGENT, out);
}

int agent_set_default(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	return set_default(fs, OBJECT_AGENT, target, why);
}

int environment_default(struct fs *fs, struct place at, struct buf *out)
{
	return show_default(fs, OBJECT_ENVIRONMENT, out);
}

int environment_set_default(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	return set_default(fs, OBJECT_ENVIRONMENT, target, why);
}
