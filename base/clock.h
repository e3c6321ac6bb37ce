/* SPDX-License-Identifier: MIT */
/* Time: monotonic for waiting, wall clock in microseconds for what is written down. */
#pragma once

#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 28 }; /* "2026-11-20T23:38:42.123456Z" and its NUL */

int64_t clock_now_ms(void); /* monotonic */
int64_t clock_now_us(void); /* monotonic */
int64_t clock_wall_us(void); /* since 1970, UTC */

/* RFC 3339 in UTC with microseconds, as every timestamp in the API. */
void clock_text(int64_t wall_us, char ret_text[static CLOCK_TEXT_SIZE]);

/* The inverse; accepts 0 to 9 digits of fraction and "Z" only.  -1 when it is not a time. */
int64_t clock_parse(const char *text);
