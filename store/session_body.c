/* SPDX-License-Identifier: MIT */
/* The session as the API shows it (reference section 4.2). */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/budget.h"
#include "store/db.h"
#include "store/definition.h"
#include "store/session.h"

/* What a session shows of an agent leaves these out. */
static void cut_snapshot(cJSON *agent)
{
	static const char *const not_shown[] = { "metadata", "created_at", "updated_at",
		"archived_at" };
	for (size_t i = 0; i < ARRAY_LEN(not_shown); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(agent, not_shown[i]);
}

/* Puts the definition of a listed agent in the place of its reference. */
static int show_member(struct store *store, cJSON *list, cJSON *entry)
{
	struct object object;
	const char *id = json_text(entry, "id");
	int r = id ? object_by_id(store, id, &object) : 0;
	if (r <= 0)
		return r;
	cJSON *shown = object_shown(store, &object, json_int(entry, "version", 0), &r);
	if (!shown)
		return r == -ENOENT ? 0 : r;
	cut_snapshot(shown);
	cJSON_DeleteItemFromObjectCaseSensitive(shown, "multiagent");
	cJSON_ReplaceItemViaPointer(list, entry, shown);
	return 0;
}

static int show_members(struct store *store, cJSON *agent)
{
	cJSON *list = roster_list(agent);
	for (cJSON *entry = list ? list->child : NULL, *next; entry; entry = next) {
		next = entry->next;
		int r = show_member(store, list, entry);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_overrides(struct store *store, int64_t session, cJSON *agent)
{
	int r = 0;
	cleanup(json) cJSON *overrides = db_json(store, SQL_SESSION_OVERRIDES, session, &r);
	const cJSON *field;
	cJSON_ArrayForEach(field, overrides)
		cJSON_ReplaceItemInObjectCaseSensitive(
			agent, field->string, cJSON_Duplicate(field, true));
	return r;
}

cJSON *session_agent(struct store *store, const struct session *session, int *ret_error)
{
	cleanup(json) cJSON *agent =
		object_body(store, session->agent, session->agent_version, ret_error);
	if (!agent)
		return NULL;
	cut_snapshot(agent);
	*ret_error = apply_overrides(store, session->object.num, agent);
	if (*ret_error == 0)
		*ret_error = show_members(store, agent);
	return *ret_error < 0 ? NULL : steal(agent);
}

/* A session that ended counts no further. */
static double duration_seconds(const struct session *session, bool over)
{
	int64_t end = over ? session->object.updated_us : clock_wall_us();
	return (double)(end - session->object.created_us) / 1e6;
}

static void add_usage(cJSON *body, const struct session *session, bool over)
{
	int64_t since = session->fold.running_since_us, extra = since ? clock_wall_us() - since : 0;
	extra = extra > 0 ? extra : 0;
	cJSON_AddItemToObject(body, "usage", usage_body(&session->fold.usage, extra));
	cJSON *stats = cJSON_AddObjectToObject(body, "stats");
	cJSON_AddNumberToObject(stats, "active_seconds",
		(double)(session->fold.usage.active_us + extra) / 1e6);
	cJSON_AddNumberToObject(stats, "duration_seconds", duration_seconds(session, over));
}

static int add_title(struct store *store, cJSON *body, int64_t num)
{
	cleanup(buf) struct buf title = BUF_INIT(0);
	int r = session_title(store, num, &title);
	cJSON_AddItemToObject(body, "title",
		title.size ? cJSON_CreateString(buf_text(&title)) : cJSON_CreateNull());
	return r;
}

/* What is kept as JSON is shown as it is kept. */
static int add_kept(struct store *store, cJSON *body, int64_t num)
{
	static const struct {
		const char *name;
		enum sql sql;
	} kept[] = {
		{ "metadata", SQL_SESSION_METADATA },
		{ "resources", SQL_SESSION_RESOURCES },
		{ "vault_ids", SQL_SESSION_VAULT_IDS },
	};
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		int r = 0;
		cJSON *value = db_json(store, kept[i].sql, num, &r);
		if (!value)
			return r;
		cJSON_AddItemToObject(body, kept[i].name, value);
	}
	return 0;
}

static int add_parts(struct store *store, cJSON *body, const struct session *session)
{
	struct object environment;
	int r = 0;
	cJSON *agent = session_agent(store, session, &r);
	if (!agent)
		return r;
	cJSON_AddItemToObject(body, "agent", agent);
	r = object_need(store, session->environment, OBJECT_ENVIRONMENT, &environment);
	if (r == 0)
		cJSON_AddStringToObject(body, "environment_id", environment.id);
	return r;
}

static int fill_body(struct store *store, cJSON *body, const struct session *session)
{
	bool over = session->object.archived_us || session->fold.status == SESSION_TERMINATED;
	cJSON_AddStringToObject(body, "id", session->object.id);
	cJSON_AddStringToObject(body, "type", "session");
	int r = add_parts(store, body, session);
	if (r < 0)
		return r;
	cJSON_AddStringToObject(body, "status",
		session_status_name(over ? SESSION_TERMINATED : session->fold.status));
	r = add_title(store, body, session->object.num);
	if (r == 0)
		r = add_kept(store, body, session->object.num);
	cJSON_AddItemToObject(body, "budget", budget_body(session->budget_cents));
	add_usage(body, session, over);
	cJSON_AddArrayToObject(body, "outcome_evaluations");
	cJSON_AddNullToObject(body, "deployment_id");
	object_add_time(body, "created_at", session->object.created_us);
	object_add_time(body, "updated_at", session->object.updated_us);
	object_add_time(body, "archived_at", session->object.archived_us);
	return r;
}

cJSON *session_body(struct store *store, int64_t num, int *ret_error)
{
	struct session session;
	int r = session_get(store, num, &session);
	if (r <= 0) {
		*ret_error = r < 0 ? r : -ENOENT;
		return NULL;
	}
	cleanup(json) cJSON *body = cJSON_CreateObject();
	*ret_error = fill_body(store, body, &session);
	return *ret_error < 0 ? NULL : steal(body);
}
