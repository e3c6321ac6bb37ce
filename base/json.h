/* SPDX-License-Identifier: MIT */
/*
 * What this program does with cJSON, in one place.
 *
 * cJSON is made infallible by json_setup() (allocation aborts) and is read only
 * with the case-sensitive getters.  cJSON strings stop at U+0000, so text that
 * contains the escape \u0000 is refused by json_parse; callers that must accept
 * it (tool inputs) replace it first with json_repair.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 64 };

void json_setup(void); /* once, first thing in main() */

void cleanup_json(cJSON **json);

/* Parses exactly one value of `size` bytes (white space around it is fine).  NULL, with a sentence in
 * `why`, for anything malformed, not UTF-8, deeper than JSON_DEPTH_MAX, or containing \u0000. */
cJSON *json_parse(const char *text, size_t size, struct buf *why);

/* Replaces escapes that cJSON or the API cannot carry (\u0000, lone surrogates) by \ufffd, in place in
 * `text`. */
void json_repair(struct buf *text);

/* Getters on an object; absent or of another type gives NULL / fallback. */
const cJSON *json_get(const cJSON *object, const char *name);
const char *json_text(const cJSON *object, const char *name);
int64_t json_int(const cJSON *object, const char *name, int64_t fallback);
double json_number(const cJSON *object, const char *name, double fallback);
bool json_bool(const cJSON *object, const char *name, bool fallback);

/* The same along a path such as "error.type" (no array indexes, no escaping). */
const cJSON *json_path(const cJSON *object, const char *path);

/* How many levels of objects and arrays it has; 0 for a text or a number. */
int json_depth(const cJSON *json);

/* Adds the compact text of `json` to `out`.  0 or -EFBIG. */
int json_print(struct buf *out, const cJSON *json);
char *json_to_text(const cJSON *json); /* given */

/* Adds `text` as a JSON string with its quotes.  The bytes must be UTF-8. */
int json_quote(struct buf *out, const char *text, size_t size);
