/* SPDX-License-Identifier: MIT */
/* session_configure: what a session is made of, in one document. */
#include <errno.h>
#include <string.h>

#include "store/budget.h"
#include "store/db.h"
#include "store/definition.h"
#include "store/resource.h"
#include "store/schema.h"
#include "store/settings.h"

/* One call of session_configure. */
struct configure {
	struct store *store;
	int64_t session;
	struct buf *why;
	struct settings settings; /* collected, and changed together at the end */
};

/* By id or by name, live ones only: 0; -ENOENT, -EROFS. */
static int find_object(
	struct configure *c, enum object_kind kind, const char *given, struct object *ret)
{
	const char *what = schema_type(kind);
	int r = given ? object_by_id(c->store, given, ret) : 0;
	if (r == 0 && given)
		r = object_find(c->store, kind, false, given, ret);
	if (r < 0)
		return r;
	if (!given)
		return fail(c->why, EINVAL, "%s must be named by its id or its name", what);
	if (r == 0 || ret->kind != kind)
		return fail(c->why, ENOENT, "there is no %s %s", what, given);
	if (ret->archived_us)
		return fail(c->why, EROFS, "the %s %s is archived", what, ret->name);
	return 0;
}

/* The agent. */

static const char *const overridable[] = { "model", "system", "tools", "mcp_servers", "skills" };

static bool is_overridable(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(overridable); i++)
		if (strcmp(overridable[i], name) == 0)
			return true;
	return false;
}

/* {"type":"agent"|"agent_with_overrides","id","version"?} and what may be overridden. */
static int check_reference(struct configure *c, const cJSON *value, bool *ret_overrides)
{
	const char *type = json_text(value, "type");
	bool overrides = type && strcmp(type, "agent_with_overrides") == 0;
	if (!cJSON_IsObject(value) || (type && !overrides && strcmp(type, "agent") != 0))
		return fail(c->why, EINVAL, "agent must be a text, or an object of the type "
			"\"agent\" or \"agent_with_overrides\"");
	const cJSON *field;
	cJSON_ArrayForEach(field, value) {
		const char *name = field->string;
		bool known = strcmp(name, "type") == 0 || strcmp(name, "id") == 0 ||
			strcmp(name, "version") == 0;
		if (!known && !is_overridable(name))
			return fail(c->why, EINVAL, "agent.%s cannot be set for a session", name);
		if (!known && !overrides)
			return fail(c->why, EINVAL,
				"agent.%s needs the type \"agent_with_overrides\"", name);
	}
	*ret_overrides = overrides;
	return 0;
}

/* The fields of `from` that `wanted` has. */
static cJSON *pick(const cJSON *from, const cJSON *wanted)
{
	cJSON *picked = cJSON_CreateObject();
	for (size_t i = 0; i < ARRAY_LEN(overridable); i++)
		if (json_get(wanted, overridable[i]))
			cJSON_AddItemToObject(picked, overridable[i],
				cJSON_Duplicate(json_get(from, overridable[i]), true));
	return picked;
}

/* The result as a whole must be an agent. */
static int set_overrides(
	struct configure *c, const struct object *agent, int64_t version, const cJSON *wanted)
{
	int r = 0;
	cleanup(json) cJSON *body = definition_body(c->store, agent, version, &r), *full = NULL;
	if (!body)
		return r;
	cleanup(json) cJSON *given = pick(wanted, wanted);
	const cJSON *field;
	cJSON_ArrayForEach(field, given)
		cJSON_ReplaceItemInObjectCaseSensitive(
			body, field->string, cJSON_Duplicate(field, true));
	if (cJSON_IsNull(json_get(given, "model")))
		return fail(c->why, EINVAL, "agent.model is required");
	r = schema_apply(OBJECT_AGENT, body, &full, c->why);
	if (r < 0)
		return r;
	cleanup(json) cJSON *kept = pick(full, given);
	cleanup(free) char *text = json_to_text(kept);
	return db_run(c->store, SQL_SESSION_SET_OVERRIDES, ARGS(INT(c->session), TEXT(text)));
}

static int choose_agent(struct configure *c, const struct object *agent, int64_t version)
{
	int r = session_set_agent(c->store, c->session, agent->num, version);
	if (r == -ENOENT)
		return fail(c->why, ENOENT, "the agent %s has no version %lld", agent->name,
			(long long)version);
	return r;
}

static bool is_version(const cJSON *value)
{
	double d = cJSON_IsNumber(value) ? value->valuedouble : 0;
	return d >= 1 && d <= INT32_MAX && d == (double)(int64_t)d;
}

static int set_agent(struct configure *c, const cJSON *value)
{
	struct object agent;
	bool overrides = false;
	if (cJSON_IsString(value)) {
		int r = find_object(c, OBJECT_AGENT, value->valuestring, &agent);
		return r < 0 ? r : choose_agent(c, &agent, 0);
	}
	int r = check_reference(c, value, &overrides);
	if (r == 0)
		r = find_object(c, OBJECT_AGENT, json_text(value, "id"), &agent);
	if (r < 0)
		return r;
	const cJSON *given = json_get(value, "version");
	if (given && !is_version(given))
		return fail(c->why, EINVAL, "agent.version must be a whole number, 1 or more");
	/* Overrides were judged against one version: that is the one. */
	int64_t version = given ? (int64_t)given->valuedouble : overrides ? agent.version : 0;
	r = choose_agent(c, &agent, version);
	return r < 0 || !overrides ? r : set_overrides(c, &agent, version, value);
}

/* The other fields. */

static int set_environment(struct configure *c, const cJSON *value)
{
	struct object environment;
	int r = find_object(c, OBJECT_ENVIRONMENT, cJSON_GetStringValue(value), &environment);
	return r < 0 ? r : session_set_environment(c->store, c->session, environment.num);
}

static int set_resources(struct configure *c, const cJSON *value)
{
	cleanup(json) cJSON *list = NULL;
	int r = resources_apply(value, &list, c->why);
	if (r < 0)
		return r;
	cleanup(free) char *text = json_to_text(list);
	return db_run(c->store, SQL_SESSION_SET_RESOURCES, ARGS(INT(c->session), TEXT(text)));
}

static int set_vault_ids(struct configure *c, const cJSON *value)
{
	cleanup(json) cJSON *list = NULL;
	int r = vault_ids_apply(value, &list, c->why);
	if (r < 0)
		return r;
	cleanup(free) char *text = json_to_text(list);
	return db_run(c->store, SQL_SESSION_SET_VAULT_IDS, ARGS(INT(c->session), TEXT(text)));
}

static int set_title(struct configure *c, const cJSON *value)
{
	if (!cJSON_IsString(value) && !cJSON_IsNull(value))
		return fail(c->why, EINVAL, "title must be text or null");
	c->settings.title = cJSON_IsNull(value) ? "" : value->valuestring;
	return 0;
}

static int set_metadata(struct configure *c, const cJSON *value)
{
	c->settings.metadata = value;
	return 0;
}

static int set_budget(struct configure *c, const cJSON *value)
{
	c->settings.has_budget = true;
	return budget_read(value, &c->settings.budget_cents, c->why);
}

/* In the order in which they are set. */
static const struct {
	const char *name;
	int (*set)(struct configure *c, const cJSON *value); /* NULL: set by the server, ignored */
	bool any_time; /* may change after the first event too */
} fields[] = {
	{ "agent", set_agent },
	{ "environment_id", set_environment },
	{ "resources", set_resources },
	{ "vault_ids", set_vault_ids },
	{ "title", set_title, true },
	{ "metadata", set_metadata, true },
	{ "budget", set_budget, true },
	{ "id" },
	{ "type" },
	{ "status" },
	{ "usage" },
	{ "stats" },
	{ "outcome_evaluations" },
	{ "deployment_id" },
	{ "created_at" },
	{ "updated_at" },
	{ "archived_at" },
};

static int refuse_unknown(const cJSON *wanted, struct buf *why)
{
	const cJSON *field;
	cJSON_ArrayForEach(field, wanted) {
		size_t i = 0;
		while (i < ARRAY_LEN(fields) && strcmp(fields[i].name, field->string) != 0)
			i++;
		if (i == ARRAY_LEN(fields))
			return fail(why, EINVAL, "%s is not a known field", field->string);
	}
	return 0;
}

static int set_field(struct configure *c, size_t i, const cJSON *value)
{
	if (!fields[i].any_time) {
		int r = session_changeable(c->store, c->session);
		if (r == -EBUSY)
			return fail(c->why, EBUSY, "%s is fixed since the first event",
				fields[i].name);
		if (r == -EROFS)
			return fail(c->why, EROFS, "the session is archived");
		if (r < 0)
			return r;
	}
	int r = fields[i].set(c, value);
	return r < 0 ? r : 0;
}

static int configure(struct configure *c, const cJSON *wanted)
{
	int r = 0;
	cleanup(json) cJSON *shown = session_body(c->store, c->session, &r);
	if (!shown)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const cJSON *value = json_get(wanted, fields[i].name);
		bool same = cJSON_Compare(value, json_get(shown, fields[i].name), true);
		if (!value || !fields[i].set || same)
			continue;
		r = set_field(c, i, value);
		if (r < 0)
			return r;
	}
	const struct settings *s = &c->settings;
	bool any = s->title || s->metadata || s->has_budget;
	return any ? settings_change(c->store, c->session, s, c->why) : 0;
}

int session_configure(struct store *store, int64_t num, const cJSON *wanted, struct buf *why)
{
	if (!cJSON_IsObject(wanted))
		return fail(why, EINVAL, "the document must be an object");
	struct configure c = { .store = store, .session = num, .why = why };
	int r = refuse_unknown(wanted, why);
	if (r < 0)
		return r;
	struct scope scope = scope_open(store);
	r = scope.error;
	if (r == 0)
		r = configure(&c, wanted);
	return scope_close(&scope, r);
}
