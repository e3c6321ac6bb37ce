/* SPDX-License-Identifier: MIT */
/*
 * team/: the agents that an agent may call, a link for each.
 *
 * The item is the member's, known by its id; the link bears its name.  A member
 * is pinned to a version, so a link to an older one says which.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/link.h"
#include "fs/verbs.h"
#include "store/part.h"

enum { PAGE = 64 };

/* The agent that the item stands for: 0, -ENOENT, -errno. */
static int member(struct fs *fs, struct place at, struct object *ret)
{
	struct item item;
	int r = item_get(fs->store, at.object, ITEM_TEAM, at.item, &item);
	if (r == 1)
		r = object_by_id(fs->store, item.name, ret);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

/* The first agent of this name, live or archived, that is a member. */
static int find_member(struct fs *fs, struct place at, bool archived, const char *name,
	int64_t *ret_num)
{
	struct object agent;
	int num;
	cleanup(json) cJSON *value = NULL;
	int r = object_find(fs->store, OBJECT_AGENT, archived, name, &agent);
	if (r == 1)
		r = item_find(fs->store, at.object, ITEM_TEAM, agent.id, &num);
	if (r == 1)
		r = part_get(fs->store, at.object, 0, ITEM_TEAM, agent.id, &value);
	if (r == 1)
		*ret_num = num;
	return r;
}

int team_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	int r = find_member(fs, at, false, name, ret_num);
	return r == 0 ? find_member(fs, at, true, name, ret_num) : r;
}

int team_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	struct item page[PAGE];
	int n = part_page(fs->store, at.object, 0, ITEM_TEAM, (int)after, page,
		max < PAGE ? max : PAGE);
	for (int i = 0; i < n; i++) {
		struct object agent;
		int r = object_by_id(fs->store, page[i].name, &agent);
		if (r < 0)
			return r;
		ret[i] = (struct child){ .num = page[i].num, .cursor = (uint64_t)page[i].num };
		(void)snprintf(ret[i].name, sizeof(ret[i].name), "%s",
			r == 1 ? agent.name : page[i].name);
	}
	return n;
}

int team_row_name(struct fs *fs, struct place at, struct buf *out)
{
	struct object agent;
	int r = member(fs, at, &agent);
	return r < 0 ? r : buf_add_text(out, agent.name);
}

int team_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why)
{
	struct object agent;
	struct link link = { 0 };
	int num;
	(void)snprintf(link.name, sizeof(link.name), "%s", name);
	int r = link_find(fs, OBJECT_AGENT, &link, &agent, why);
	if (r == 0)
		r = item_add(fs->store, at.object, ITEM_TEAM, agent.id, &num);
	if (r == 0)
		*ret_num = num;
	return r;
}

int team_row_drop(struct fs *fs, struct place at, struct buf *why)
{
	struct object agent;
	int r = member(fs, at, &agent);
	if (r < 0)
		return r;
	return part_set(fs->store, at.object, ITEM_TEAM, agent.id, NULL, NULL, why);
}

int team_target(struct fs *fs, struct place at, struct buf *out)
{
	struct object agent;
	cleanup(json) cJSON *value = NULL;
	int r = member(fs, at, &agent);
	if (r == 0)
		r = part_get(fs->store, at.object, 0, ITEM_TEAM, agent.id, &value);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	buf_printf(out, "../../%s%s", agent.archived_us ? "../archive/agents/" : "", agent.name);
	int64_t version = json_int(value, "version", agent.version);
	return version == agent.version ? 0 : buf_printf(out, "/versions/%lld", (long long)version);
}

int team_relink(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	struct object agent;
	struct link link;
	int r = member(fs, at, &agent);
	if (r < 0)
		return r;
	if (!link_parse(target, NULL, &link) || strcmp(link.name, agent.name) != 0)
		return fail(why, EINVAL, "a link to ../../%s belongs here, not to %s", agent.name,
			target);
	cleanup(json) cJSON *value = cJSON_CreateObject();
	if (link.version)
		cJSON_AddNumberToObject(value, "version", (double)link.version);
	return part_set(fs->store, at.object, ITEM_TEAM, agent.id, value, NULL, why);
}
