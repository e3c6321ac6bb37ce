/* SPDX-License-Identifier: MIT */
/*
 * Values as the text of a file, and back.
 *
 * A text is shown with one newline behind it, as files have one, and that one is
 * taken off again when it is saved.  So a value comes back exactly as it was shown,
 * whether it ends in a newline of its own or not, and saving it changes nothing.
 */
#pragma once

#include "base/json.h"

/* Adds nothing for what is no text, or an empty one. */
int text_show(const cJSON *value, struct buf *out);

/* The text of a file as a JSON string, or null for an empty one (given).  -EILSEQ with a sentence:
 * not UTF-8, or it contains a NUL. */
int text_parse(struct slice text, cJSON **ret, struct buf *why);

int text_show_json(const cJSON *value, struct buf *out); /* indented */

/* -EINVAL with a sentence: not one JSON value (given). */
int text_parse_json(struct slice text, cJSON **ret, struct buf *why);
