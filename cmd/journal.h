/* SPDX-License-Identifier: MIT */
/*
 * STORE/log: what the supervisor and its children say, for a person.
 *
 *	2026-11-20T23:38:42.123Z fs: sentence
 *
 * Bounded: at JOURNAL_BYTES_MAX it becomes log.1, replacing the one before.
 */
#pragma once

#include "cmd/settings.h"

enum {
	JOURNAL_BYTES_MAX = 1 << 20, /* of each of the two files */
	JOURNAL_LINE_MAX = 4 << 10, /* a longer line is cut */
};

struct journal {
	int fd; /* -1: lost, for example because the disk is full; tried again with each line */
	char *path; /* owned */
	size_t size;
	enum log_level level; /* notes above it are dropped */
	/* Lines go here too, without the time; lent.  -1: nowhere, and what this process itself
	 * prints on stderr (a failed assertion, a sanitizer) goes into the file. */
	int echo;
};

int journal_open(const char *path, enum log_level level, int echo,
	struct journal *ret); /* 0 or -errno */
void journal_done(struct journal *j); /* may be called twice */

/* One line.  Bytes that could steer a terminal are replaced by '?'.  Losing a line is no error. */
void journal_add(struct journal *j, const char *who, struct slice text);

/* The supervisor's own words. */
void journal_note(struct journal *j, enum log_level level, const char *who, const char *format, ...)
	print_like(4, 5);
