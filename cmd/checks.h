/* SPDX-License-Identifier: MIT */
/*
 * What this machine must and may offer, as a table.  `doctor` prints all of it;
 * `mount` runs the rows that would make it fail, before it starts anything.
 */
#pragma once

#include "cmd/settings.h"

enum { CHECKS_DISK_MIB_MIN = 200 }; /* the log of a busy day and room for its write-ahead log */

enum check_need {
	CHECK_REQUIRED, /* without it nothing can be mounted or no tool can run */
	CHECK_USEFUL, /* without it less is possible; the row says what */
};

struct check {
	const char *name; /* NULL ends the table */
	enum check_need need;
	bool before_mount; /* `mount` runs it too; the others it finds out on its way */
	/* 0 with what was found, or -errno with what is missing, both in words. */
	int (*run)(const struct settings *settings, struct buf *ret_words);
	const char *remedy; /* what to do about a miss */
};

extern const struct check checks_table[];

/* Runs the rows of before_mount: 0, or the first miss, -errno, with sentence and remedy. */
int checks_before_mount(const struct settings *settings, struct buf *why);

/* What confines a sandbox on this machine, in words, for the root's `status`. */
void checks_isolation(struct buf *out);
