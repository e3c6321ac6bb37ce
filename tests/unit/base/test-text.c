/* SPDX-License-Identifier: MIT */
/* utf8, clock, id, name and wrap. */
#include "base/clock.h"
#include "base/id.h"
#include "base/name.h"
#include "base/utf8.h"
#include "base/wrap.h"
#include "tests/unit/test.h"

static const struct {
	const char *bytes;
	size_t size;
	bool valid;
	const char *repaired;
} utf8_cases[] = {
	{ "abc", 3, true, "abc" },
	{ "\xc3\xa9", 2, true, "\xc3\xa9" },
	{ "\xc3", 1, false, "\xef\xbf\xbd" },
	{ "a\xff" "b", 3, false, "a\xef\xbf\xbd" "b" },
	{ "\xed\xa0\x80", 3, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc0\x80", 2, false, "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf4\x90\x80\x80", 4, false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf0\x9f\x98\x80", 4, true, "\xf0\x9f\x98\x80" },
	{ "a\0b", 3, true, "a\xef\xbf\xbd" "b" },
};

static const struct {
	const char *bytes;
	size_t size, want;
} clip_cases[] = {
	{ "abc", 3, 3 },
	{ "a\xc3\xa9", 2, 1 },
	{ "a\xc3\xa9", 3, 3 },
	{ "\xf0\x9f\x98\x80", 3, 0 },
	{ "", 0, 0 },
};

static const struct {
	const char *name;
	bool valid;
} name_cases[] = {
	{ "fix-42", true }, { "a", true }, { "a.b_c+d", true }, { "", false }, { ".hidden", false },
	{ "-x", false }, { "a b", false }, { "a/b", false }, { "\xc3\xa9", false },
	{ "0123456789012345678901234567890123456789012345678901234567890123", true },
	{ "01234567890123456789012345678901234567890123456789012345678901234", false },
};

#define TEN "123456789 "
#define FIFTY TEN TEN TEN TEN TEN

static const struct {
	size_t column, indent;
	const char *text, *want;
} wrap_cases[] = {
	{ 0, 0, "", "\n" },
	{ 0, 0, "  a   b ", "a b\n" },
	{ 0, 2, FIFTY TEN TEN "12345678 1", FIFTY TEN TEN "12345678\n  1\n" }, /* 78, and 80 */
	{ 0, 2, FIFTY TEN TEN "1234567 1", FIFTY TEN TEN "1234567 1\n" }, /* 79 */
	{ 70, 2, "a 1234567 b", "a 1234567\n  b\n" },
	{ 70, 2, "a `b c d e f` g", "a\n  `b c d e f` g\n" },
	{ 70, 2, "a ` b c d e f g", "a ` b c d\n  e f g\n" }, /* no pair, no quote */
	{ 75, 0, "a \xc3\xa9 b c", "a \xc3\xa9\nb c\n" },
	{ 75, 0, "123456789", "123456789\n" },
};

static void test_wrap(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wrap_cases); i++) {
		cleanup(buf) struct buf out = BUF_INIT(0);
		wrap_text(&out, wrap_cases[i].column, wrap_cases[i].indent, wrap_cases[i].text);
		CHECK_TEXT(buf_text(&out), wrap_cases[i].want);
	}
}

int main(void)
{
	test_wrap();
	for (size_t i = 0; i < ARRAY_LEN(utf8_cases); i++) {
		struct buf out = BUF_INIT(100);
		CHECK_INT(utf8_is_valid(utf8_cases[i].bytes, utf8_cases[i].size), utf8_cases[i].valid);
		utf8_repair(&out, utf8_cases[i].bytes, utf8_cases[i].size);
		CHECK_TEXT(buf_text(&out), utf8_cases[i].repaired);
		buf_done(&out);
	}
	for (size_t i = 0; i < ARRAY_LEN(clip_cases); i++)
		CHECK_INT(utf8_clip(clip_cases[i].bytes, clip_cases[i].size), clip_cases[i].want);
	CHECK(utf8_is_blank(""));
	CHECK(utf8_is_blank(" \t\r\n\xc2\xa0\xe2\x80\x83 \xe3\x80\x80"));
	CHECK(!utf8_is_blank(" \xc2\xa0x"));
	CHECK(!utf8_is_blank("\xc3\xa9"));
	for (size_t i = 0; i < ARRAY_LEN(name_cases); i++)
		CHECK_INT(name_is_valid(name_cases[i].name), name_cases[i].valid);

	char text[CLOCK_TEXT_SIZE];
	clock_text(1795217922123456, text);
	CHECK_TEXT(text, "2026-11-20T23:38:42.123456Z");
	CHECK_INT(clock_parse(text), 1795217922123456);
	CHECK_INT(clock_parse("2026-11-20T23:38:42Z"), 1795217922000000);
	CHECK_INT(clock_parse("2026-11-20 23:38:42Z"), -1);
	CHECK_INT(clock_parse("2026-11-20T23:38:42.123456789Z"), 1795217922123456);
	CHECK_INT(clock_parse("2026-11-20T23:38:42.1234567890Z"), -1);

	char a[ID_SIZE], b[ID_SIZE];
	id_make("sevt", a);
	id_make("sevt", b);
	CHECK_INT(strlen(a), 29);
	CHECK(strncmp(a, "sevt_", 5) == 0);
	CHECK(strcmp(a, b) != 0);
	return test_done();
}
