/* SPDX-License-Identifier: MIT */
/*
 * Parameter tables: one row per field of a struct, from which come the JSON
 * schema, the parser of JSON, and the form that travels to the hands.
 *
 *	struct read_args { struct slice file_path; struct param_range view_range; };
 *	static const struct param read_params[] = {
 *		{ "file_path", PARAM_TEXT, offsetof(struct read_args, file_path), .required = true,
 *			.help = "..." },
 *		{ "view_range", PARAM_RANGE, offsetof(struct read_args, view_range), .help = "..." },
 *		{ 0 }
 *	};
 */
#pragma once

#include "base/buf.h"
#include "base/fields.h"

enum param_type {
	PARAM_TEXT, /* struct slice; at == NULL when absent */
	PARAM_INT, /* int64_t; `fallback` when absent */
	PARAM_BOOL, /* bool; `fallback` when absent */
	PARAM_RANGE, /* struct param_range: an array of two integers; `given` false when absent or empty */
};

struct param_range {
	bool given;
	int64_t first, last;
};

struct param {
	const char *name; /* NULL ends the table */
	enum param_type type;
	size_t offset; /* of the field in the struct */
	bool required;
	int64_t fallback, min, max; /* integers; min == max: no bounds */
	const char *help; /* goes into the schema */
};

/* Reads the packed form made by param_pack (in param_json.h).  Text is lent from `bytes`.  0, or -EINVAL
 * with a sentence that names the field. */
int param_unpack(const struct param *table, struct slice bytes, void *ret_struct, struct buf *why);
