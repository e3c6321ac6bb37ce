/* SPDX-License-Identifier: MIT */
/*
 * How the files of this folder talk to SQLite.
 *
 * All statements stand in one table (sql.c) and are prepared on first use.
 *
 *	cleanup(query) struct query q = db_query(store, SQL_OBJECT_GET, ARGS(INT(num)));
 *	int r = query_next(&q);		// 1 a row, 0 the end, -errno
 *
 * A function that changes something opens a scope, which joins the transaction
 * of store_begin or is a transaction of its own:
 *
 *	struct scope scope = scope_open(store);
 *	int r = scope.error;
 *	if (r == 0)
 *		r = change(store);
 *	return scope_close(&scope, r);
 */
#pragma once

#include <sqlite3.h>

#include "store/fold.h"
#include "store/object.h"
#include "store/sql.h"
#include "store/store.h"

struct store {
	sqlite3 *db; /* owned */
	char *dir; /* owned; absolute */
	sqlite3_stmt *statements[SQLS]; /* owned; NULL until first used */
	bool open; /* between store_begin and its end */
	enum store_durability durability; /* of the commits that SQLite makes now */
	struct buf doomed; /* ids of sessions deleted in this transaction, each with its NUL */
	struct {
		int64_t session;
		uint64_t offset, seq;
	} memo; /* where the last log_read ended: byte `offset` is likely in event `seq` */
};

enum { STORE_BUSY_MS = 10000 };

/* Values for the parameters of a statement, in their order. */
struct arg {
	enum { ARG_END, ARG_INT, ARG_BYTES, ARG_TEXT } type;
	int64_t number;
	const void *at; /* lent until the statement is done; NULL binds NULL */
	size_t size;
};
#define INT(n) ((struct arg){ .type = ARG_INT, .number = (int64_t)(n) })
#define TEXT(s) text_arg(s)
#define TEXT_SIZED(p, n) ((struct arg){ .type = ARG_TEXT, .at = (p), .size = (n) })
#define BYTES(p, n) ((struct arg){ .type = ARG_BYTES, .at = (p), .size = (n) })
#define ARGS(...) ((const struct arg[]){ __VA_ARGS__, { ARG_END } })
#define NO_ARGS ((const struct arg[]){ { ARG_END } })
struct arg text_arg(const char *text);

struct query {
	struct store *store;
	sqlite3_stmt *stmt; /* lent from the table */
	int error; /* what went wrong before the first step */
};
struct query db_query(struct store *store, enum sql sql, const struct arg *args);
int query_next(struct query *q); /* 1 a row, 0 the end, -errno */
void cleanup_query(struct query *q);
int64_t query_int(const struct query *q, int column);
struct slice query_text(const struct query *q, int column); /* lent until the next step */

/* Runs a statement that gives no rows: how many rows it changed, or -errno. */
int db_run(struct store *store, enum sql sql, const struct arg *args);

/* The first column of the first row: 1, 0 no row, -errno. */
int db_int(struct store *store, enum sql sql, const struct arg *args, int64_t *ret);

/* The text in the only column of a statement about one object: 0 or -errno (-ENOENT no row). */
int db_text(struct store *store, enum sql sql, int64_t num, struct buf *ret);
/* The same, parsed and given; NULL with *ret_error. */
cJSON *db_json(struct store *store, enum sql sql, int64_t num, int *ret_error);

int db_error(struct store *store, int code); /* an SQLite result as -errno */
int db_exec(struct store *store, const char *text); /* 0 or -errno; for what is needed once */

/* store_begin for a transaction of which is known how durable its commit must be. */
int db_begin(struct store *store, enum store_durability durability);

struct scope {
	struct store *store;
	bool own;
	int error;
};
struct scope scope_open(struct store *store); /* its own transaction is durable */
struct scope scope_open_safe(struct store *store); /* merely safe; nothing durable may join it */

/* r < 0: takes back what the scope's own transaction did and returns r.  Else commits and returns
 * r. */
int scope_close(struct scope *scope, int r);

/* migrate.c: brings the schema to this version, under the directory's lock. */
int migrate(struct store *store, struct buf *why);

/* trash.c: the directories of deleted sessions.  trash_move takes a session's directory out of
 * sight; trash_empty removes up to `max` files there: 1 when more are left, 0, or -errno. */
int trash_move(struct store *store, const char *session_id);
int trash_empty(struct store *store, int max);
int trash_sweep(struct store *store); /* moves what no session owns; inside a transaction */

/* object.c and session.c share these. */
#define NAME_RULE \
	"a name begins with a letter or digit and has up to 64 letters, digits and . _ + -"
int object_read(const struct query *q, int column, struct object *ret); /* OBJECT_COLUMNS */
int object_add(struct store *store, struct object *object); /* new row; sets num; -EEXIST */
int object_need(struct store *store, int64_t num, enum object_kind kind,
	struct object *ret); /* 0, -ENOENT also for another kind */
void object_add_time(cJSON *to, const char *name, int64_t wall_us); /* 0 is null */
cJSON *object_shown(struct store *store, const struct object *object, int64_t version,
	int *ret_error); /* as object_body */

/* session.c: the fold kept beside a session.  1, 0 absent, -errno. */
struct log_state {
	struct fold fold;
	bool live; /* not archived */
};
int log_state_get(struct store *store, int64_t session, struct log_state *ret);
int log_state_set(struct store *store, int64_t session, const struct fold *fold);
int log_state_open(const struct log_state *state); /* 0, or -EROFS when nothing may be added */

/* session.c: 0 while what the session is made of may still change; -EBUSY, -EROFS, -ENOENT. */
int session_changeable(struct store *store, int64_t num);

/* An event's primary key: order by session, then by number.  A session's number is below
 * INT32_MAX. */
static inline int64_t event_pos(int64_t session, uint64_t seq)
{
	return (int64_t)((uint64_t)session << 32 | seq);
}
