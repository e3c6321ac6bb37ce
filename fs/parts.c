/* SPDX-License-Identifier: MIT */
/*
 * Parts of a definition as files, one for each named entry (store/part.h): metadata/KEY,
 * tools/NAME.json, mcp/NAME.json, skills/NAME.
 *
 * The row says which kind of part it is; the item is the part's number.
 */
#include <errno.h>
#include <string.h>

#include "fs/text.h"
#include "fs/verbs.h"
#include "store/part.h"

enum { PAGE = 64 };

/* The value of the part (given): 0, -ENOENT, -errno. */
static int get(struct fs *fs, struct place at, struct item *ret_item, cJSON **ret)
{
	int r = item_get(fs->store, at.object, at.node->items, at.item, ret_item);
	if (r == 1)
		r = part_get(fs->store, at.object, 0, at.node->items, ret_item->name, ret);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

static int set(struct fs *fs, struct place at, const cJSON *value, struct buf *why)
{
	struct item item;
	int r = item_get(fs->store, at.object, at.node->items, at.item, &item);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return part_set(fs->store, at.object, at.node->items, item.name, value, NULL, why);
}

int part_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	int num;
	cleanup(json) cJSON *value = NULL;
	int r = item_find(fs->store, at.object, at.node->items, name, &num);
	if (r == 1)
		r = part_get(fs->store, at.object, 0, at.node->items, name, &value);
	if (r == 1)
		*ret_num = num;
	return r;
}

int part_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	struct item page[PAGE];
	int n = part_page(fs->store, at.object, 0, at.node->items, (int)after, page,
		max < PAGE ? max : PAGE);
	for (int i = 0; i < n; i++) {
		ret[i] = (struct child){ .num = page[i].num, .cursor = (uint64_t)page[i].num };
		memcpy(ret[i].name, page[i].name, sizeof(page[i].name));
	}
	return n;
}

int part_row_name(struct fs *fs, struct place at, struct buf *out)
{
	struct item item;
	int r = item_get(fs->store, at.object, at.node->items, at.item, &item);
	return r == 1 ? buf_add_text(out, item.name) : r < 0 ? r : -ENOENT;
}

int part_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why)
{
	int num;
	int r = item_add(fs->store, at.object, at.node->items, name, &num);
	if (r == 0)
		*ret_num = num;
	return r;
}

int part_row_drop(struct fs *fs, struct place at, struct buf *why)
{
	return set(fs, at, NULL, why);
}

int part_show_text(struct fs *fs, struct place at, struct buf *out)
{
	struct item item;
	cleanup(json) cJSON *value = NULL;
	int r = get(fs, at, &item, &value);
	return r < 0 ? r : text_show(value, out);
}

/* An empty file is an empty text: removing is rm's. */
int part_save_text(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	cleanup(json) cJSON *value = NULL;
	int r = text_parse(text, &value, why);
	if (r < 0)
		return r;
	cleanup(json) cJSON *empty = cJSON_CreateString("");
	return set(fs, at, cJSON_IsNull(value) ? empty : value, why);
}

int part_show_json(struct fs *fs, struct place at, struct buf *out)
{
	struct item item;
	cleanup(json) cJSON *value = NULL;
	int r = get(fs, at, &item, &value);
	return r < 0 ? r : text_show_json(value, out);
}

int part_save_json(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	cleanup(json) cJSON *value = NULL;
	int r = text_parse_json(text, &value, why);
	return r < 0 ? r : set(fs, at, value, why);
}

/*
 * skills/: links.  One to anthropic/ID is a skill of the API, which is not in the tree.
 */

static const char anthropic[] = "anthropic";

int skill_target(struct fs *fs, struct place at, struct buf *out)
{
	struct item item;
	cleanup(json) cJSON *value = NULL;
	int r = get(fs, at, &item, &value);
	if (r < 0)
		return r;
	const char *type = json_text(value, "type");
	bool is_ours = !type || strcmp(type, anthropic) != 0;
	return buf_printf(out, "%s/%s", is_ours ? "../../../skills" : anthropic, item.name);
}

int skill_relink(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	struct item item;
	const char *slash = strrchr(target, '/');
	int r = item_get(fs->store, at.object, at.node->items, at.item, &item);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (strcmp(slash ? slash + 1 : target, item.name) != 0)
		return fail(why, EINVAL, "a link to ../../../skills/%s belongs here, not to %s",
			item.name, target);
	bool is_ours = strncmp(target, anthropic, strlen(anthropic)) != 0;
	cleanup(json) cJSON *value = cJSON_CreateObject();
	cJSON_AddStringToObject(value, "type", is_ours ? "custom" : anthropic);
	return set(fs, at, value, why);
}
