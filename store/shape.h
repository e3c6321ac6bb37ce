/* SPDX-License-Identifier: MIT */
/*
 * Shapes: what a JSON value must look like, as a table.
 *
 * shape_apply() checks a value against its shape and builds the full form: every
 * field in the table's order, absent ones with their default.  It does no I/O
 * and knows nothing of agents; schema.c holds the tables.
 */
#pragma once

#include "base/json.h"

enum shape_kind {
	SHAPE_TEXT, /* min..max characters, or one of `words` */
	SHAPE_BOOL,
	SHAPE_COUNT, /* a whole number from min to max */
	SHAPE_LIST, /* min..max entries, each shaped like parts[0] */
	SHAPE_OBJECT, /* the fields `parts`, no others */
	SHAPE_CHOICE, /* an object whose "type" names one of `parts`, with that row's own parts */
	SHAPE_MAP, /* up to 16 texts, the API's metadata */
	SHAPE_FREE, /* any object, kept as it is */
};

struct shape {
	const char *name; /* of the field or of the choice; NULL ends a table */
	enum shape_kind kind;
	const char *fallback; /* JSON for an absent field; NULL: must be given; "": stays absent */
	bool null; /* null is a value */
	size_t min, max;
	const char *const *words; /* ends with NULL */
	const struct shape *parts;
	/* Turns a short spelling into the long one (given), or returns NULL when there is nothing
	 * to do. */
	cJSON *(*widen)(const cJSON *value);
	/* What is wrong with the full form: "must ...", or NULL when nothing is. */
	const char *(*check)(const cJSON *value);
};

/* 0 and the full form (given), or -EINVAL with a sentence that names the field ("tools[0].name must
 * …"). */
int shape_apply(const struct shape *shape, const cJSON *value, cJSON **ret, struct buf *why);
