/* SPDX-License-Identifier: MIT */
/* What every new store begins with. */
#include <errno.h>
#include <string.h>

#include "store/db.h"

static const struct {
	enum object_kind kind;
	const char *name;
} first_objects[] = {
	{ OBJECT_AGENT, "assistant" },
	{ OBJECT_ENVIRONMENT, "local" },
};

/* Once only: whoever removes or renames them does not want them back. */
static int make_first(struct store *store, size_t i, const char *default_model, struct buf *why)
{
	enum object_kind kind = first_objects[i].kind;
	struct object object;
	int64_t ever = 0;
	int r = db_int(store, SQL_OBJECT_EVER, ARGS(INT(kind)), &ever);
	if (r < 0 || ever)
		return r < 0 ? r : 0;
	r = object_make(store, kind, first_objects[i].name, NULL, default_model, &object, why);
	return r < 0 ? r : object_set_default(store, kind, object.num);
}

static int prepare(struct store *store, const char *default_model, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(first_objects); i++) {
		int r = make_first(store, i, default_model, why);
		if (r < 0)
			return r;
	}
	return trash_sweep(store);
}

int store_prepare(struct store *store, const char *default_model, struct buf *why)
{
	enum { FILES_AT_START = 100000 }; /* a second or two at most; the rest goes next time */
	cleanup(buf) struct buf own = BUF_INIT(0);
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = prepare(store, default_model, &own);
	r = scope_close(&scope, r);
	if (r < 0)
		return fail(why, -r, "cannot prepare the store %s: %s", store->dir,
			own.size ? buf_text(&own) : strerror(-r));
	(void)trash_empty(store, FILES_AT_START);
	return 0;
}
