/* SPDX-License-Identifier: MIT */
/*
 * Unit tests: a plain main() that prints TAP.
 *
 *	int main(void)
 *	{
 *		CHECK(1 + 1 == 2);
 *		CHECK_TEXT(buf_text(&b), "expected");
 *		CHECK_INT(f(), -EINVAL);
 *		return test_done();
 *	}
 *
 * Each check is one line of TAP; a failing one prints what it saw and where.
 */
#pragma once

#include <stdio.h>
#include <string.h>

static int test_count, test_failures;

static inline void test_line(int ok, const char *file, int line, const char *what)
{
	test_count++;
	test_failures += !ok;
	printf("%sok %d - %s:%d %s\n", ok ? "" : "not ", test_count, file, line, what);
}

#define CHECK(condition) test_line(!!(condition), __FILE__, __LINE__, #condition)

#define CHECK_INT(got, want)                                                                    \
	do {                                                                                    \
		long long got_ = (long long)(got), want_ = (long long)(want);                   \
		test_line(got_ == want_, __FILE__, __LINE__, #got " == " #want);                \
		if (got_ != want_)                                                              \
			printf("#   got %lld, want %lld\n", got_, want_);                       \
	} while (0)

#define CHECK_TEXT(got, want)                                                                   \
	do {                                                                                    \
		const char *got_ = (got), *want_ = (want);                                      \
		int same_ = got_ && strcmp(got_, want_) == 0;                                   \
		test_line(same_, __FILE__, __LINE__, #got);                                     \
		if (!same_)                                                                     \
			printf("#   got  \"%s\"\n#   want \"%s\"\n", got_ ? got_ : "(null)", want_); \
	} while (0)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failures ? 1 : 0;
}
