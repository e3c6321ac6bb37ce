/* SPDX-License-Identifier: MIT */
#include "store/db.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct {
	int code; /* primary or extended; the extended ones first */
	int error;
} errors[] = {
	{ SQLITE_CONSTRAINT_FOREIGNKEY, ENOENT },
	{ SQLITE_CONSTRAINT_TRIGGER, EPERM },
	{ SQLITE_CONSTRAINT, EEXIST },
	{ SQLITE_FULL, ENOSPC },
	{ SQLITE_BUSY, EBUSY },
	{ SQLITE_LOCKED, EBUSY },
	{ SQLITE_TOOBIG, EFBIG },
};

int db_error(struct store *store, int code)
{
	if ((code & 0xff) == SQLITE_NOMEM)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (code == errors[i].code || (code & 0xff) == errors[i].code)
			return -errors[i].error;
	/* A quota or a shared index that cannot grow also ends in "I/O error"; the kernel said
	 * more. */
	int system = sqlite3_system_errno(store->db);
	if ((code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT))
		return -ENOSPC;
	return -EIO;
}

int db_exec(struct store *store, const char *text)
{
	int code = sqlite3_exec(store->db, text, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : db_error(store, code);
}

struct arg text_arg(const char *text)
{
	return (struct arg){ .type = ARG_TEXT, .at = text, .size = text ? strlen(text) : 0 };
}

static int bind_one(sqlite3_stmt *stmt, int column, const struct arg *arg)
{
	switch (arg->type) {
	case ARG_INT:
		return sqlite3_bind_int64(stmt, column, arg->number);
	case ARG_TEXT:
		return sqlite3_bind_text64(
			stmt, column, arg->at, arg->size, SQLITE_STATIC, SQLITE_UTF8);
	case ARG_BYTES:
		return sqlite3_bind_blob64(stmt, column, arg->at, arg->size, SQLITE_STATIC);
	case ARG_END:
		break;
	}
	return SQLITE_OK;
}

static int prepare(struct store *store, enum sql sql)
{
	assert(sql_text[sql]);
	if (store->statements[sql])
		return SQLITE_OK;
	return sqlite3_prepare_v3(store->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT,
		&store->statements[sql], NULL);
}

struct query db_query(struct store *store, enum sql sql, const struct arg *args)
{
	struct query q = { .store = store };
	int code = prepare(store, sql);
	if (code == SQLITE_OK) {
		q.stmt = store->statements[sql];
		assert(!sqlite3_stmt_busy(q.stmt)); /* not used inside its own loop */
	}
	for (int i = 0; code == SQLITE_OK && args[i].type != ARG_END; i++)
		code = bind_one(q.stmt, i + 1, &args[i]);
	assert(code != SQLITE_MISUSE && code != SQLITE_RANGE);
	if (code != SQLITE_OK)
		q.error = db_error(store, code);
	return q;
}

int query_next(struct query *q)
{
	if (q->error)
		return q->error;
	int code = sqlite3_step(q->stmt);
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : db_error(q->store, code);
}

/* Reset at once: a statement that rests half-way holds a snapshot, which keeps the write-ahead log
 * from starting over. */
void cleanup_query(struct query *q)
{
	if (!q->stmt)
		return;
	(void)sqlite3_reset(q->stmt);
	(void)sqlite3_clear_bindings(q->stmt);
}

int64_t query_int(const struct query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

struct slice query_text(const struct query *q, int column)
{
	const void *at = sqlite3_column_blob(q->stmt, column);
	return (struct slice){ .at = at ? at : "",
		.size = (size_t)sqlite3_column_bytes(q->stmt, column) };
}

int db_run(struct store *store, enum sql sql, const struct arg *args)
{
	cleanup(query) struct query q = db_query(store, sql, args);
	int r = query_next(&q);
	return r < 0 ? r : sqlite3_changes(store->db);
}

int db_int(struct store *store, enum sql sql, const struct arg *args, int64_t *ret)
{
	cleanup(query) struct query q = db_query(store, sql, args);
	int r = query_next(&q);
	if (r > 0)
		*ret = query_int(&q, 0);
	return r;
}

int db_text(struct store *store, enum sql sql, int64_t num, struct buf *ret)
{
	cleanup(query) struct query q = db_query(store, sql, ARGS(INT(num)));
	int r = query_next(&q);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	struct slice text = query_text(&q, 0);
	return buf_add(ret, text.at, text.size);
}

cJSON *db_json(struct store *store, enum sql sql, int64_t num, int *ret_error)
{
	cleanup(buf) struct buf text = BUF_INIT(0);
	*ret_error = db_text(store, sql, num, &text);
	cJSON *json = *ret_error < 0 ? NULL : json_parse(buf_text(&text), text.size, NULL);
	if (!json && *ret_error == 0)
		*ret_error = -EIO;
	return json;
}

static struct scope open_scope(struct store *store, enum store_durability durability)
{
	struct scope scope = { .store = store, .own = !store->open };
	/* What was to be durable would be committed by somebody who does not wait. */
	assert(scope.own || store->durability >= durability);
	if (scope.own)
		scope.error = db_begin(store, durability);
	else if (sqlite3_get_autocommit(store->db))
		scope.error = -EIO; /* an error took it back; nothing may slip out after that */
	return scope;
}

struct scope scope_open(struct store *store)
{
	return open_scope(store, STORE_DURABLE);
}

struct scope scope_open_safe(struct store *store)
{
	return open_scope(store, STORE_SAFE);
}

int scope_close(struct scope *scope, int r)
{
	if (!scope->own || scope->error)
		return r;
	if (r < 0) {
		store_rollback(scope->store);
		return r;
	}
	int committed = store_commit(scope->store, scope->store->durability);
	return committed < 0 ? committed : r;
}
