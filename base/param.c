/* SPDX-License-Identifier: MIT */
#include "base/param.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The fields are packed as text: integers in decimal, a range as "first last", a bool as 0 or 1. */
static bool number_at(const char **at, int64_t *ret)
{
	char *end = NULL;
	errno = 0;
	long long value = strtoll(*at, &end, 10);
	if (errno || end == *at)
		return false;
	*at = end;
	*ret = value;
	return true;
}

static bool unpack_value(const struct param *p, struct slice value, char *to)
{
	const char *at = value.at;
	switch (p->type) {
	case PARAM_TEXT:
		*(struct slice *)(void *)to = value;
		return true;
	case PARAM_BOOL:
		*(bool *)to = slice_is(value, "1");
		return true;
	case PARAM_INT:
		return number_at(&at, (int64_t *)(void *)to) && at == value.at + value.size;
	case PARAM_RANGE: {
		struct param_range *range = (struct param_range *)(void *)to;
		range->given = true;
		return number_at(&at, &range->first) && number_at(&at, &range->last) &&
			at == value.at + value.size;
	}
	}
	return false;
}

static void set_absent(const struct param *p, char *to)
{
	switch (p->type) {
	case PARAM_TEXT:
		*(struct slice *)(void *)to = (struct slice){ 0 };
		break;
	case PARAM_BOOL:
		*(bool *)to = p->fallback != 0;
		break;
	case PARAM_INT:
		*(int64_t *)(void *)to = p->fallback;
		break;
	case PARAM_RANGE:
		*(struct param_range *)(void *)to = (struct param_range){ 0 };
		break;
	}
}

int param_unpack(const struct param *table, struct slice bytes, void *ret_struct, struct buf *why)
{
	for (const struct param *p = table; p->name; p++) {
		struct slice value = fields_find(bytes, p->name);
		char *to = (char *)ret_struct + p->offset;
		if (!value.at && p->required)
			return fail(why, EINVAL, "%s is required", p->name);
		if (!value.at)
			set_absent(p, to);
		else if (!unpack_value(p, value, to))
			return fail(why, EINVAL, "%s is malformed", p->name);
	}
	return 0;
}
