/* SPDX-License-Identifier: MIT */
/* Cleaning of terminal output, and the ring that keeps the end of it. */
#include "tests/unit/test.h"
#include "tools/clean.h"
#include "tools/ring.h"

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *bytes;
	size_t size;
	const char *want;
} cases[] = {
	{ TEXT("plain\ttext\n"), "plain\ttext\n" },
	{ TEXT("\033[31mred\033[0m"), "red" },
	{ TEXT("\033[1;38;5;200mx\033[K"), "x" },
	{ TEXT("\033]0;title\ax"), "x" },
	{ TEXT("\033]8;;http://x\033\\link\033]8;;\033\\"), "link" },
	{ TEXT("\033]never ended"), "never ended" },
	{ TEXT("\033(Bx\033=y\033"), "xy" },
	{ TEXT("\033[31"), "" },
	{ TEXT("a\r\nb\r\n"), "a\nb\n" },
	{ TEXT("a\r\r\nb"), "a\nb" },
	{ TEXT("1%\r2%\r100%\ndone"), "100%\ndone" },
	{ TEXT("keep\n1%\r2%"), "keep\n2%" },
	{ TEXT("50%\r"), "50%" },
	{ TEXT("a\bb\ac\177"), "abc" },
	{ TEXT("a\xc2\x9b" "31mb\xc2\x85" "c\xc2"), "a31mbc\xef\xbf\xbd" },
	{ TEXT("\xc2\xa0\xc3\x9b"), "\xc2\xa0\xc3\x9b" },
	{ TEXT("a\0b"), "a\xef\xbf\xbd" "b" },
	{ TEXT("\xff\xfe"), "\xef\xbf\xbd\xef\xbf\xbd" },
	{ TEXT("caf\xe9\n"), "caf\xef\xbf\xbd\n" },
	{ TEXT("\xe2\x82\xac"), "\xe2\x82\xac" },
};

static const struct {
	const char *text, *want;
} starts[] = {
	{ "x: 1\nx: 2\n", "yy: 1\nyy: 2\n" },
	{ "no x: here", "no x: here" },
	{ "a x: \nx: b", "a x: \nyy: b" },
	{ "", "" },
};

/* The ring has to agree with "all bytes, then the last RING_BYTES of them", whatever the pieces. */
static void test_ring(size_t piece, size_t pieces)
{
	struct ring ring = { 0 };
	struct buf all = BUF_INIT(0), got = BUF_INIT(RING_BYTES);
	char *bytes = xmalloc(piece);
	for (size_t i = 0; i < pieces; i++) {
		for (size_t j = 0; j < piece; j++)
			bytes[j] = (char)(i * 31 + j * 7);
		ring_add(&ring, bytes, piece);
		buf_add(&all, bytes, piece);
	}
	size_t kept = all.size < RING_BYTES ? all.size : RING_BYTES;
	CHECK_INT(ring_lost(&ring), all.size - kept);
	ring_take(&ring, &got);
	CHECK_INT(got.size, kept);
	CHECK(memcmp(buf_text(&got), buf_text(&all) + all.size - kept, kept) == 0);
	CHECK(ring.total == 0 && !ring.data);
	free(bytes);
	buf_done(&all);
	buf_done(&got);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = BUF_INIT(1000);
		clean_text(&out, cases[i].bytes, cases[i].size);
		CHECK_TEXT(buf_text(&out), cases[i].want);
		buf_done(&out);
	}
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		struct buf text = BUF_INIT(1000);
		buf_add_text(&text, starts[i].text);
		clean_line_starts(&text, "x: ", "yy: ");
		CHECK_TEXT(buf_text(&text), starts[i].want);
		buf_done(&text);
	}
	test_ring(1, 1);
	test_ring(100, 3);
	test_ring(RING_BYTES, 1);
	test_ring(RING_BYTES / 2, 2);
	test_ring(RING_BYTES / 2 + 1, 2);
	test_ring(65536, 5);
	test_ring(RING_BYTES + 5, 2);
	test_ring(1000, 1000);
	return test_done();
}
