/* SPDX-License-Identifier: MIT */
/*
 * The judge of what people write to `input`, a push parser.
 *
 * A message arrives in pieces, and each piece must be accepted or refused when it
 * is written.  So the judge sees every byte once and keeps its state in a plain
 * struct that can be stored with the draft: it checks UTF-8, and finds the ends
 * of top-level JSON objects, so that each can be judged as an event as soon as it
 * is whole.  The first thing that is not a client event makes the whole text.
 *
 *	while (size > 0) {
 *		size_t n = input_scan_push(&scan, data, size, &found);
 *		if (found == INPUT_OBJECT)
 *			r = input_judge(&scan, bytes object_start..size of the whole, ...);
 *		...
 *	}
 *	r = input_limits(&scan, why);
 */
#pragma once

#include "base/json.h"

/* All zero: nothing seen.  No padding, because drafts keep it as bytes. */
struct input_scan {
	uint64_t size; /* bytes seen */
	uint64_t text_size; /* up to the last byte that is no line end */
	uint64_t object_start; /* of the object that is being read or has just ended */
	uint32_t objects; /* judged events so far; 0 while it may be anything */
	uint8_t is_text; /* it cannot be JSON events any more */
	uint8_t has_ink; /* something that is not white space was seen */
	uint8_t closed; /* an object {"events":[…]} was seen: nothing may follow it */
	uint8_t depth, quoted, escaped; /* within the object */
	uint8_t utf8_left, utf8_low, utf8_high; /* bytes a character lacks, range of the next */
	uint8_t reserved[7];
};
_Static_assert(sizeof(struct input_scan) == 48, "padding would make equal states differ");

enum input_found {
	INPUT_MORE, /* all bytes taken */
	INPUT_OBJECT, /* an object ended: judge it before pushing on */
	INPUT_NOT_UTF8,
};

/* Takes bytes up to the first thing found; returns how many. */
size_t input_scan_push(struct input_scan *scan, const char *data, size_t size,
	enum input_found *ret);

/* Judges the object that has just ended.  0 (it is good, or makes the message text) or -EINVAL with
 * a sentence.  Its events are added to `collect` with fresh ids, unless that is NULL. */
int input_judge(struct input_scan *scan, struct slice object, cJSON *collect, struct buf *why);

/* 0, or -EFBIG with a sentence. */
int input_limits(const struct input_scan *scan, struct buf *why);

int input_fail_utf8(const struct input_scan *scan, struct buf *why); /* -EILSEQ and its sentence */
