/* SPDX-License-Identifier: MIT */
/*
 * The last requests, byte for byte, for tests that compare what was sent and
 * when.  Bounded in number and in bytes; keys are never kept.
 */
#pragma once

#include "base/buf.h"

struct journal;

struct journal_item {
	int64_t at_us; /* wall clock, when its head had arrived */
	const char *method, *path;
	const char *headers; /* a JSON object of the headers that may be shown */
	bool has_key; /* a key or token came along */
	struct slice body;
	size_t body_size; /* of the whole, also when `body` was not kept */
};

struct journal *journal_new(void);
struct journal *journal_free(struct journal *journal);

/* Adds a request (all lent) and returns its number, 1 for the first. */
uint64_t journal_add(struct journal *journal, const struct journal_item *item);
void journal_answered(struct journal *journal, uint64_t number, int status);

/* One line of JSON per request, oldest first:
 * {"seq":1,"at":"2026-…Z","method":…,"path":…,"status":200,"key":false,"headers":{…},"bytes":N,
 *  "clipped":false,"body":"…"}.  status 0: not answered (yet). */
void journal_print(const struct journal *journal, struct buf *out);
