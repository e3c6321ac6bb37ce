/* SPDX-License-Identifier: MIT */
/* The files of an agent: views of its definition, now (item 0) or as version N. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fs/verbs.h"

/* The text at `path` in the definition, with a newline at its end; nothing when it is null. */
static int field(struct fs *fs, struct place at, const char *path, struct buf *out)
{
	int r;
	cleanup(json) cJSON *body = object_body(fs->store, at.object, at.item, &r);
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

int agent_model(struct fs *fs, struct place at, struct buf *out)
{
	int r = field(fs, at, "model.id", out);
	return r < 0 || out->size ? r : field(fs, at, "model", out);
}

int agent_system(struct fs *fs, struct place at, struct buf *out)
{
	return field(fs, at, "system", out);
}

int agent_description(struct fs *fs, struct place at, struct buf *out)
{
	return field(fs, at, "description", out);
}

int agent_version(struct fs *fs, struct place at, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, at.object, &found);
	return r == 1 ? buf_printf(out, "%lld\n", (long long)found.version) : r < 0 ? r : -ENOENT;
}

/*
 * versions/: the item is the version's number.  Only as many as items can have are shown.
 */

static int64_t last_version(struct fs *fs, int64_t agent)
{
	struct object found;
	int r = object_get(fs->store, agent, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return found.version < ITEM_NUM_MAX ? found.version : ITEM_NUM_MAX;
}

int version_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	char canonical[24];
	long long num = strtoll(name, NULL, 10);
	(void)snprintf(canonical, sizeof(canonical), "%lld", num);
	int64_t last = last_version(fs, at.object);
	if (last < 0 || num < 1 || num > last || strcmp(name, canonical) != 0)
		return last < 0 ? (int)last : 0;
	*ret_num = num;
	return 1;
}

int version_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	int64_t last = last_version(fs, at.object);
	int count = 0;
	for (int64_t num = (int64_t)after + 1; num <= last && count < max; num++, count++) {
		ret[count] = (struct child){ .num = num, .cursor = (uint64_t)num };
		(void)snprintf(ret[count].name, sizeof(ret->name), "%lld", (long long)num);
	}
	return last < 0 ? (int)last : count;
}

int version_row_name(struct fs *fs, struct place at, struct buf *out)
{
	return buf_printf(out, "%d", at.item);
}

int version_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us)
{
	int r = -EIO;
	cleanup(json) cJSON *body = object_body(fs->store, at.object, at.item, &r);
	const char *saved = json_text(body, "updated_at");
	if (!saved)
		return r;
	*ret_wall_us = clock_parse(saved);
	return 0;
}
