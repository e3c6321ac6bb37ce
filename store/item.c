/* SPDX-License-Identifier: MIT */
#include "store/item.h"

#include <errno.h>
#include <string.h>

#include "store/db.h"

bool item_name_is_valid(const char *name)
{
	size_t n = strlen(name);
	return n >= 1 && n < ITEM_NAME_SIZE && !strchr(name, '/') && strcmp(name, ".") != 0 &&
		strcmp(name, "..") != 0;
}

int item_find(
	struct store *store, int64_t object, enum item_kind kind, const char *name, int *ret_num)
{
	int64_t num = 0;
	int r = db_int(store, SQL_ITEM_FIND, ARGS(INT(object), INT(kind), TEXT(name)), &num);
	if (r > 0)
		*ret_num = (int)num;
	return r;
}

int item_get(struct store *store, int64_t object, enum item_kind kind, int num, struct item *ret)
{
	cleanup(query) struct query q =
		db_query(store, SQL_ITEM_GET, ARGS(INT(object), INT(kind), INT(num)));
	int r = query_next(&q);
	if (r <= 0)
		return r;
	struct slice name = query_text(&q, 1);
	if (name.size >= sizeof(ret->name))
		return -EIO;
	ret->num = num;
	memcpy(ret->name, name.at, name.size);
	ret->name[name.size] = '\0';
	return 1;
}

/* The number after the last one given; gaps cannot arise, as no name is ever removed. */
static int give(
	struct store *store, int64_t object, enum item_kind kind, const char *name, int *ret_num)
{
	int64_t last = 0;
	int r = db_int(store, SQL_ITEM_LAST, ARGS(INT(object), INT(kind)), &last);
	if (r < 0)
		return r;
	if (last >= ITEM_NUM_MAX)
		return -ENOSPC;
	r = db_run(store, SQL_ITEM_ADD, ARGS(INT(object), INT(kind), INT(last + 1), TEXT(name)));
	if (r < 0)
		return r;
	*ret_num = (int)last + 1;
	return 0;
}

static int find_or_give(
	struct store *store, int64_t object, enum item_kind kind, const char *name, int *ret_num)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = item_find(store, object, kind, name, ret_num); /* given meanwhile? */
	if (r == 0)
		r = give(store, object, kind, name, ret_num);
	return scope_close(&scope, r < 0 ? r : 0);
}

int item_add(
	struct store *store, int64_t object, enum item_kind kind, const char *name, int *ret_num)
{
	if (!item_name_is_valid(name))
		return -EINVAL;
	int r = item_find(store, object, kind, name, ret_num);
	if (r == 0)
		r = find_or_give(store, object, kind, name, ret_num);
	return r < 0 ? r : 0;
}
