/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t which)
{
	struct timespec t;
	(void)clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

void clock_text(int64_t wall_us, char ret_text[static CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	int micros = (int)(wall_us % 1000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(ret_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret_text + n, CLOCK_TEXT_SIZE - n, ".%06dZ", micros);
}

int64_t clock_parse(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		return -1;
	int64_t micros = 0;
	if (*end == '.') {
		int64_t unit = 100000;
		size_t digits = strspn(++end, "0123456789");
		if (digits > 9)
			return -1;
		for (; digits > 0; digits--, end++, unit /= 10)
			micros += (*end - '0') * unit;
	}
	if (strcmp(end, "Z") != 0)
		return -1;
	return (int64_t)timegm(&tm) * 1000000 + micros;
}
