/* SPDX-License-Identifier: MIT */
#include "store/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/name.h"
#include "store/db.h"

/* The columns of FOLD_COLUMNS, in their order. */
static void fold_read(const struct query *q, int column, struct fold *ret)
{
	struct fold f = { .status = (enum session_status)query_int(q, column++) };
	f.stop = (enum stop_reason)query_int(q, column++);
	f.events = (uint64_t)query_int(q, column++);
	f.bytes = (uint64_t)query_int(q, column++);
	f.last_us = query_int(q, column++);
	f.turn_seq = (uint64_t)query_int(q, column++);
	f.running_since_us = query_int(q, column++);
	f.reply_seq = (uint64_t)query_int(q, column++);
	f.error_seq = (uint64_t)query_int(q, column++);
	f.idle_seq = (uint64_t)query_int(q, column++);
	f.usage.input_tokens = query_int(q, column++);
	f.usage.output_tokens = query_int(q, column++);
	f.usage.cache_read_input_tokens = query_int(q, column++);
	f.usage.cache_creation_input_tokens = query_int(q, column++);
	f.usage.cache_creation_1h_tokens = query_int(q, column++);
	f.usage.web_search_requests = query_int(q, column++);
	f.usage.cost_nano = query_int(q, column++);
	f.usage.active_us = query_int(q, column++);
	*ret = f;
}

int log_state_get(struct store *store, int64_t session, struct log_state *ret)
{
	cleanup(query) struct query q = db_query(store, SQL_SESSION_STATE, ARGS(INT(session)));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	ret->live = query_int(&q, 0) != 0;
	fold_read(&q, 1, &ret->fold);
	return 1;
}

int log_state_set(struct store *store, int64_t session, const struct fold *f)
{
	const struct usage *u = &f->usage;
	int r = db_run(store, SQL_SESSION_SET_STATE,
		ARGS(INT(session), INT(f->status), INT(f->stop), INT(f->events), INT(f->bytes),
			INT(f->last_us), INT(f->turn_seq), INT(f->running_since_us),
			INT(f->reply_seq), INT(f->error_seq), INT(f->idle_seq),
			INT(u->input_tokens), INT(u->output_tokens),
			INT(u->cache_read_input_tokens), INT(u->cache_creation_input_tokens),
			INT(u->cache_creation_1h_tokens), INT(u->web_search_requests),
			INT(u->cost_nano), INT(u->active_us)));
	return r < 0 ? r : 0;
}

int log_state_open(const struct log_state *state)
{
	return state->live && state->fold.status != SESSION_TERMINATED ? 0 : -EROFS;
}

static void session_read(const struct query *q, struct session *ret)
{
	int column = object_read(q, 0, &ret->object);
	ret->agent = query_int(q, column++);
	ret->agent_version = query_int(q, column++);
	ret->environment = query_int(q, column++);
	ret->queued = query_int(q, column++);
	ret->budget_cents = query_int(q, column++);
	fold_read(q, column, &ret->fold);
}

int session_get(struct store *store, int64_t num, struct session *ret)
{
	cleanup(query) struct query q = db_query(store, SQL_SESSION_GET, ARGS(INT(num)));
	int r = query_next(&q);
	if (r > 0)
		session_read(&q, ret);
	return r;
}

static int read_page(struct query query, struct session *ret)
{
	cleanup(query) struct query q = query;
	int count = 0, r;
	while ((r = query_next(&q)) > 0)
		session_read(&q, &ret[count++]);
	return r < 0 ? r : count;
}

int session_page(struct store *store, bool archived, int64_t after, struct session *ret, int max)
{
	return read_page(db_query(store, SQL_SESSION_PAGE,
				 ARGS(INT(OBJECT_SESSION * 2 + archived), INT(after), INT(max))),
		ret);
}

int session_waiting(struct store *store, int64_t after, struct session *ret, int max)
{
	return read_page(db_query(store, SQL_SESSION_WAITING,
				 ARGS(INT(SESSION_IDLE), INT(STOP_REQUIRES_ACTION), INT(after),
					 INT(max))),
		ret);
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* The directories are not flushed to disk: session_workspace makes again what a power cut took. */
char *session_workspace(struct store *store, const struct object *session)
{
	cleanup(free) char *sessions = xprintf("%s/sessions", store->dir);
	cleanup(free) char *own = xprintf("%s/%s", sessions, session->id);
	char *workspace = xprintf("%s/workspace", own);
	if (make_dir(workspace) < 0) {
		(void)make_dir(sessions);
		(void)make_dir(own);
		(void)make_dir(workspace);
	}
	return workspace;
}

static int make_workspace(struct store *store, const struct object *session, struct buf *why)
{
	cleanup(free) char *path = session_workspace(store, session);
	return access(path, R_OK | W_OK | X_OK) < 0 ?
		fail(why, errno, "cannot make the workspace %s: %s", path, strerror(errno)) : 0;
}

static int find_default(
	struct store *store, enum object_kind kind, struct object *ret, struct buf *why)
{
	int r = object_default(store, kind, ret);
	if (r != 0)
		return r < 0 ? r : 0;
	const char *what = kind == OBJECT_AGENT ? "agent" : "environment";
	return fail(why, ENOENT, "there is no default %s; set one with ln -sfn NAME %ss/default",
		what, what);
}

/* Counting is left out while so many cannot exist.  A number must leave room for event numbers. */
static int check_room(struct store *store, int64_t num, struct buf *why)
{
	int64_t count = num > SESSIONS_MAX ? object_count(store, OBJECT_SESSION, false) : 0;
	if (count < 0)
		return (int)count;
	if (count > SESSIONS_MAX || num >= INT32_MAX)
		return fail(why, ENOSPC,
			"the store has no room for more sessions; start a new one with --store");
	return 0;
}

static int make(struct store *store, const char *name, struct session *ret, struct buf *why)
{
	struct object agent, environment, *object = &ret->object;
	int r = find_default(store, OBJECT_AGENT, &agent, why);
	if (r == 0)
		r = find_default(store, OBJECT_ENVIRONMENT, &environment, why);
	if (r < 0)
		return r;
	*ret = (struct session){ .object.kind = OBJECT_SESSION, .agent = agent.num,
		.environment = environment.num };
	memcpy(object->name, name, strlen(name) + 1);
	r = object_add(store, object);
	if (r == -EEXIST)
		return fail(why, EEXIST, "there is already a session named %s", name);
	if (r == 0)
		r = check_room(store, object->num, why);
	if (r == 0)
		r = db_run(store, SQL_SESSION_ADD,
			ARGS(INT(object->num), INT(agent.num), INT(environment.num)));
	return r < 0 ? r : make_workspace(store, object, why);
}

int session_make(struct store *store, const char *name, struct session *ret, struct buf *why)
{
	if (!name_is_valid(name))
		return fail(why, EINVAL, "%s", NAME_RULE);
	struct session session;
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = make(store, name, &session, why);
	r = scope_close(&scope, r);
	if (r == 0 && ret)
		*ret = session;
	return r;
}

int session_changeable(struct store *store, int64_t num)
{
	struct session session;
	int r = session_get(store, num, &session);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (session.object.archived_us)
		return -EROFS;
	return session.fold.events > 0 || session.queued > 0 ? -EBUSY : 0;
}

/* The object must be of the kind and live. */
static int check_part(struct store *store, int64_t num, enum object_kind kind)
{
	struct object object;
	int r = object_need(store, num, kind, &object);
	return r < 0 ? r : object.archived_us ? -EROFS : 0;
}

static int set_agent(struct store *store, int64_t num, int64_t agent, int64_t version)
{
	int r = session_changeable(store, num);
	if (r == 0)
		r = check_part(store, agent, OBJECT_AGENT);
	if (r == 0 && version) {
		cleanup(query) struct query q =
			db_query(store, SQL_DEFINITION_GET, ARGS(INT(agent), INT(version)));
		r = query_next(&q);
		r = r < 0 ? r : r > 0 ? 0 : -ENOENT;
	}
	if (r == 0)
		r = db_run(store, SQL_SESSION_SET_AGENT, ARGS(INT(num), INT(agent), INT(version)));
	return r < 0 ? r : 0;
}

int session_set_agent(struct store *store, int64_t num, int64_t agent, int64_t version)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = set_agent(store, num, agent, version);
	return scope_close(&scope, r);
}

static int set_environment(struct store *store, int64_t num, int64_t environment)
{
	int r = session_changeable(store, num);
	if (r == 0)
		r = check_part(store, environment, OBJECT_ENVIRONMENT);
	if (r == 0)
		r = db_run(store, SQL_SESSION_SET_ENVIRONMENT, ARGS(INT(num), INT(environment)));
	return r < 0 ? r : 0;
}

int session_set_environment(struct store *store, int64_t num, int64_t environment)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = set_environment(store, num, environment);
	return scope_close(&scope, r);
}

int session_pin(struct store *store, int64_t num)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = db_run(store, SQL_SESSION_PIN, ARGS(INT(num)));
	return scope_close(&scope, r < 0 ? r : 0);
}

int session_due(struct store *store, int64_t after, int64_t *ret_nums, int max)
{
	cleanup(query) struct query q = db_query(
		store, SQL_SESSION_DUE, ARGS(INT(after), INT(max)));
	int count = 0, r;
	while ((r = query_next(&q)) > 0)
		ret_nums[count++] = query_int(&q, 0);
	return r < 0 ? r : count;
}

int session_last(struct store *store, struct object *ret)
{
	cleanup(query) struct query q = db_query(store, SQL_SESSION_LAST, NO_ARGS);
	int r = query_next(&q);
	if (r > 0 && ret)
		(void)object_read(&q, 0, ret);
	return r;
}

int session_count(struct store *store, struct session_counts *ret)
{
	struct session_counts counts = { 0 };
	cleanup(query) struct query q = db_query(store, SQL_SESSION_COUNT, NO_ARGS);
	int r;
	while ((r = query_next(&q)) > 0) {
		int64_t status = query_int(&q, 0), stop = query_int(&q, 1),
			count = query_int(&q, 2);
		if (status < 0 || status >= SESSION_STATUSES)
			return -EIO;
		counts.by_status[status] += count;
		if (status == SESSION_IDLE && stop == STOP_REQUIRES_ACTION)
			counts.waiting += count;
	}
	if (r < 0)
		return r;
	*ret = counts;
	return 0;
}

int session_sandbox(struct store *store, int64_t num, char ret_instance[static ID_SIZE])
{
	cleanup(buf) struct buf instance = BUF_INIT(ID_SIZE - 1);
	int r = db_text(store, SQL_SESSION_SANDBOX, num, &instance);
	if (r < 0)
		return r;
	memcpy(ret_instance, buf_text(&instance), instance.size + 1);
	return 0;
}

int session_set_sandbox(struct store *store, int64_t num, const char *instance)
{
	if (strlen(instance) >= ID_SIZE)
		return -EINVAL;
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = db_run(store, SQL_SESSION_SET_SANDBOX, ARGS(INT(num), TEXT(instance)));
	if (r == 0)
		r = -ENOENT;
	return scope_close(&scope, r < 0 ? r : 0);
}
