/* SPDX-License-Identifier: MIT */
/*
 * The shape of a JSON object as one line of text: "type:text content:content?
 * is_error:bool?".  A word is a field and its kind; `?` says that it may be
 * absent.  Fields that the line does not name are refused, as the API does.
 *
 * Kinds: text int number bool array object any · content (text or array) · ref
 * (text or object).
 */
#pragma once

#include "base/json.h"

/* 0, or -EINVAL with the API's sentence: "WHERE.field: Field required", "… Extra inputs are not
 * permitted", "… Input should be a valid string".  `where` "" is the request itself. */
int shape_check(const cJSON *object, const char *shape, const char *where, struct buf *why);
