/* SPDX-License-Identifier: MIT */
/* The agents that an agent may call (reference section 10): found, and pinned to a version. */
#include <errno.h>
#include <string.h>

#include "store/db.h"
#include "store/definition.h"

cJSON *roster_list(cJSON *body)
{
	cJSON *multiagent = cJSON_GetObjectItemCaseSensitive(body, "multiagent");
	cJSON *agents = cJSON_GetObjectItemCaseSensitive(multiagent, "agents");
	cJSON *subagents = cJSON_GetObjectItemCaseSensitive(multiagent, "subagents");
	return agents ? agents :
		cJSON_GetObjectItemCaseSensitive(subagents, "predefined_agents");
}

/* By id or, for those who write definitions by hand, by name. */
static int find_agent(struct store *store, const char *given, struct object *ret, struct buf *why)
{
	int r = object_by_id(store, given, ret);
	if (r == 0)
		r = object_find(store, OBJECT_AGENT, false, given, ret);
	if (r < 0)
		return r;
	if (r == 0 || ret->kind != OBJECT_AGENT)
		return fail(
			why, EINVAL, "multiagent names the agent %s, which does not exist", given);
	if (ret->archived_us)
		return fail(why, EINVAL, "multiagent names the agent %s, which is archived",
			ret->name);
	return 0;
}

/* Only one level: who is called does not call others. */
static int check_member(
	struct store *store, const struct object *member, int64_t version, struct buf *why)
{
	int r = 0;
	cleanup(json) cJSON *body = definition_body(store, member, version, &r);
	if (r == -ENOENT)
		return fail(why, EINVAL,
			"multiagent names version %lld of %s, which does not exist",
			(long long)version, member->name);
	if (!body)
		return r;
	if (cJSON_IsObject(json_get(body, "multiagent")))
		return fail(why, EINVAL, "multiagent names %s, which has a multiagent of its own",
			member->name);
	return 0;
}

static int resolve_member(
	struct store *store, const struct object *owner, cJSON *entry, struct buf *why)
{
	struct object member;
	int r = find_agent(store, json_text(entry, "id"), &member, why);
	if (r < 0)
		return r;
	if (member.num == owner->num)
		return fail(why, EINVAL,
			"multiagent names its own agent; {\"type\":\"self\"} does that");
	int64_t version = json_int(entry, "version", member.version);
	r = check_member(store, &member, version, why);
	if (r < 0)
		return r;
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "id");
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "version");
	cJSON_AddStringToObject(entry, "id", member.id);
	cJSON_AddNumberToObject(entry, "version", (double)version);
	return 0;
}

static bool is_type(const cJSON *entry, const char *type)
{
	return strcmp(json_text(entry, "type"), type) == 0;
}

/* One of each agent, and at most one self and one advisor. */
static bool is_listed_twice(const cJSON *entry)
{
	const char *id = json_text(entry, "id");
	for (const cJSON *other = entry->next; other; other = other->next) {
		if (!is_type(other, json_text(entry, "type")))
			continue;
		if (!id || strcmp(id, json_text(other, "id")) == 0)
			return true;
	}
	return false;
}

static void move_advisor_last(cJSON *list)
{
	cJSON *entry;
	cJSON_ArrayForEach(entry, list)
		if (is_type(entry, "advisor"))
			break;
	if (entry)
		cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(list, entry));
}

static int resolve_list(
	struct store *store, const struct object *owner, cJSON *list, struct buf *why)
{
	cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		int r = is_type(entry, "agent") ? resolve_member(store, owner, entry, why) : 0;
		if (r < 0)
			return r;
	}
	cJSON_ArrayForEach(entry, list)
		if (is_listed_twice(entry))
			return fail(why, EINVAL, "multiagent must not list %s twice",
				json_text(entry, is_type(entry, "agent") ? "id" : "type"));
	move_advisor_last(list);
	return 0;
}

int roster_resolve(struct store *store, const struct object *owner, cJSON *body, struct buf *why)
{
	static const char *const crews[] = { "subagents", "workflows" };
	cJSON *multiagent = cJSON_GetObjectItemCaseSensitive(body, "multiagent");
	cJSON *agents = cJSON_GetObjectItemCaseSensitive(multiagent, "agents");
	int r = resolve_list(store, owner, agents, why);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(crews); i++) {
		cJSON *crew = cJSON_GetObjectItemCaseSensitive(multiagent, crews[i]);
		r = resolve_list(store, owner,
			cJSON_GetObjectItemCaseSensitive(crew, "predefined_agents"), why);
	}
	return r;
}
