/* SPDX-License-Identifier: MIT */
#include "store/settings.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "store/budget.h"
#include "store/db.h"
#include "store/event.h"
#include "store/item.h"
#include "store/log.h"
#include "store/shape.h"

int session_title(struct store *store, int64_t num, struct buf *ret)
{
	return db_text(store, SQL_SESSION_TITLE, num, ret);
}

cJSON *session_metadata(struct store *store, int64_t num, int *ret_error)
{
	return db_json(store, SQL_SESSION_METADATA, num, ret_error);
}

int session_budget(struct store *store, int64_t num, struct buf *ret)
{
	int64_t cents = 0;
	int r = db_int(store, SQL_SESSION_BUDGET, ARGS(INT(num)), &cents);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return budget_print(cents, ret);
}

/* The session whose settings change, and the event that will say so. */
struct change {
	struct store *store;
	int64_t session;
	int64_t cost_nano; /* used up so far */
	cJSON *event; /* gets what changed */
	bool changed;
};

/* Notes a change: the field may be left out (NULL). */
static void note(struct change *c, const char *name, cJSON *value /* taken */)
{
	c->changed = true;
	if (value)
		cJSON_AddItemToObject(c->event, name, value);
}

static int change_title(struct change *c, const char *title, struct buf *why)
{
	cleanup(buf) struct buf old = BUF_INIT(0);
	if (utf8_count(title) > TITLE_CHARS_MAX)
		return fail(why, EINVAL, "a title has at most %d characters", TITLE_CHARS_MAX);
	int r = session_title(c->store, c->session, &old);
	if (r < 0 || strcmp(buf_text(&old), title) == 0)
		return r;
	note(c, "title", *title ? cJSON_CreateString(title) : cJSON_CreateNull());
	return db_run(c->store, SQL_SESSION_SET_TITLE,
		ARGS(INT(c->session), TEXT(*title ? title : NULL)));
}

/* null removes a key, anything else sets it. */
static void merge(cJSON *map, const cJSON *patch)
{
	const cJSON *pair;
	cJSON_ArrayForEach(pair, patch) {
		cJSON *copy = cJSON_IsNull(pair) ? NULL : cJSON_Duplicate(pair, true);
		if (!copy)
			cJSON_DeleteItemFromObjectCaseSensitive(map, pair->string);
		else if (!cJSON_ReplaceItemInObjectCaseSensitive(map, pair->string, copy))
			cJSON_AddItemToObject(map, pair->string, copy);
	}
}

static int register_keys(struct store *store, int64_t session, const cJSON *map)
{
	const cJSON *pair;
	cJSON_ArrayForEach(pair, map) {
		int num, r = item_name_is_valid(pair->string) ?
			item_add(store, session, ITEM_METADATA, pair->string, &num) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_metadata(struct change *c, const cJSON *map)
{
	cleanup(free) char *text = json_to_text(map);
	int r = db_run(
		c->store, SQL_SESSION_SET_METADATA, ARGS(INT(c->session), TEXT(text)));
	return r < 0 ? r : register_keys(c->store, c->session, map);
}

static int change_metadata(struct change *c, const cJSON *patch, struct buf *why)
{
	static const struct shape parts[] = { { "metadata", SHAPE_MAP }, { 0 } };
	static const struct shape shape = { "", SHAPE_OBJECT, .parts = parts };
	int r = 0;
	cleanup(json) cJSON *old = session_metadata(c->store, c->session, &r), *full = NULL;
	if (!old)
		return r;
	cleanup(json) cJSON *wanted = cJSON_CreateObject();
	cJSON *map = cJSON_Duplicate(cJSON_IsObject(patch) ? old : patch, true);
	cJSON_AddItemToObject(wanted, "metadata", map);
	if (cJSON_IsObject(patch))
		merge(map, patch);
	r = shape_apply(&shape, wanted, &full, why);
	if (r < 0)
		return r;
	const cJSON *now = json_get(full, "metadata");
	if (cJSON_Compare(old, now, true))
		return 0;
	/* The API leaves an empty map out. */
	note(c, "metadata", now->child ? cJSON_Duplicate(now, true) : NULL);
	return write_metadata(c, now);
}

static int change_budget(struct change *c, int64_t cents, struct buf *why)
{
	int64_t old = 0;
	int r = db_int(c->store, SQL_SESSION_BUDGET, ARGS(INT(c->session)), &old);
	if (r < 0 || old == cents)
		return r < 0 ? r : 0;
	if (cents && cents * NANO_PER_CENT <= c->cost_nano)
		return fail(why, EINVAL,
			"the session has cost %.6f dollars already; a budget must be more",
			(double)c->cost_nano / 1e9);
	note(c, "budget", budget_body(cents));
	return db_run(c->store, SQL_SESSION_SET_BUDGET, ARGS(INT(c->session), INT(cents)));
}

static int change_all(struct change *c, const struct settings *wanted, struct buf *why)
{
	int r = wanted->title ? change_title(c, wanted->title, why) : 0;
	if (r >= 0 && wanted->metadata)
		r = change_metadata(c, wanted->metadata, why);
	if (r >= 0 && wanted->has_budget)
		r = change_budget(c, wanted->budget_cents, why);
	return r;
}

static int change(
	struct store *store, int64_t session, const struct settings *wanted, struct buf *why)
{
	struct log_state state;
	int r = log_state_get(store, session, &state);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (log_state_open(&state) < 0)
		return fail(why, EROFS, "the session is archived or over");
	cleanup(json) cJSON *event = event_new("session.updated");
	struct change c = { store, session, state.fold.usage.cost_nano, event, false };
	r = change_all(&c, wanted, why);
	if (r >= 0 && c.changed && state.fold.events > 0)
		r = log_append(store, session, event, NULL);
	return r < 0 ? r : 0;
}

int settings_change(
	struct store *store, int64_t session, const struct settings *wanted, struct buf *why)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = change(store, session, wanted, why);
	return scope_close(&scope, r);
}

int session_set_title(
	struct store *store, int64_t num, const char *title, size_t size, struct buf *why)
{
	while (size > 0 && (title[size - 1] == '\n' || title[size - 1] == '\r'))
		size--;
	if (!utf8_is_valid(title, size) || memchr(title, '\0', size))
		return fail(why, EINVAL, "a title must be UTF-8 text");
	cleanup(free) char *text = xstrndup(title, size);
	return settings_change(store, num, &(struct settings){ .title = text }, why);
}

int session_set_budget(struct store *store, int64_t num, struct slice text, struct buf *why)
{
	struct settings wanted = { .has_budget = true };
	int r = budget_parse(text, &wanted.budget_cents, why);
	return r < 0 ? r : settings_change(store, num, &wanted, why);
}

static int set_key(struct store *store, int64_t session, const char *key, const cJSON *value,
	struct buf *why)
{
	int r = 0;
	cleanup(json) cJSON *old = session_metadata(store, session, &r);
	if (!old)
		return r;
	if (!value && !json_get(old, key))
		return fail(why, ENOENT, "there is no %s here", key);
	cleanup(json) cJSON *patch = cJSON_CreateObject();
	cJSON_AddItemToObject(
		patch, key, value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
	return settings_change(store, session, &(struct settings){ .metadata = patch }, why);
}

int settings_set_metadata(struct store *store, int64_t session, const char *key,
	const cJSON *value, struct buf *why)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = set_key(store, session, key, value, why);
	return scope_close(&scope, r);
}
