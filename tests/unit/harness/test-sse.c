/* SPDX-License-Identifier: MIT */
/* Each stream is parsed whole, byte by byte and cut at every pair of places; the outcome is always the same. */
#include "harness/sse.h"
#include "tests/unit/test.h"

/* Events are written as name=data; with / for the line ends within, and garbage as !; */
static const struct {
	const char *stream, *want;
} cases[] = {
	{ "event: a\ndata: 1\n\n", "a=1;" },
	{ "event: a\r\ndata: 1\r\n\r\nevent:b\r\ndata:2\r\n\r\n", "a=1;b=2;" },
	{ "event: a\rdata: 1\r\rdata: 2\r\r", "a=1;=2;" },
	{ "data: 1\r\n\ndata: 2\n\r\n", "=1;=2;" },
	{ "data: one\ndata: two\ndata:three\n\n", "=one/two/three;" },
	{ "data:  two blanks\n\n", "= two blanks;" },
	{ "data\ndata: x\n\n", "=/x;" },
	{ ": comment\ndata: 1\n: another\n\n:\n\n", "=1;" },
	{ "event: lost\n\ndata: 1\n\n", "=1;" }, /* no data, no event, and its name is forgotten */
	{ "data: never dispatched\n", "" },
	{ "id: 7\nretry: 100\nunknown: 1\nodd\ndata: 1\n\n", "=1;" },
	{ "data: a:b: c\n\n", "=a:b: c;" },
	{ "\n\n\ndata: 1\n\n\n\n", "=1;" },
	{ "data: \xc3\xbc\n\n", "=\xc3\xbc;" },
	{ "\xef\xbb\xbf" "data: 1\n\n\xef\xbb\xbf" "data: 2\n\n", "=1;!;" },
	{ "<html>\ndata: 1\n\n", "!;=1;" },
	{ "data: 1\n\x01\x02\n\ndata: 2\n\n", "!;=1;=2;" },
	{ "event: ping\nevent: pong\ndata: 1\n\n", "pong=1;" },
};

static void step_all(struct sse *sse, struct buf *out)
{
	struct sse_event event;
	enum sse_what what;
	while ((what = sse_step(sse, &event)) != SSE_MORE) {
		if (what == SSE_EVENT)
			buf_printf(out, "%s=%.*s;", event.name, (int)event.data.size, event.data.at);
		else
			buf_add_text(out, what == SSE_GARBAGE ? "!;" : "^;");
		if (what == SSE_TOO_BIG)
			return;
	}
}

/* The pushed bytes are a fresh copy that dies at once, so that a lent byte kept too long is found. */
static void push(struct sse *sse, const char *at, size_t size, struct buf *out)
{
	cleanup(free) char *copy = xstrndup(at, size);
	sse_push(sse, (struct slice){ copy, size });
	step_all(sse, out);
	memset(copy, '#', size);
}

/* Pieces [0, a), [a, b), [b, end); a step of 1 when a > b. */
static bool parses(const char *stream, const char *want, size_t a, size_t b)
{
	struct sse sse;
	cleanup(buf) struct buf out = BUF_INIT(4096);
	size_t size = strlen(stream);
	sse_init(&sse);
	for (size_t at = 0; at < size;) {
		size_t end = a > b ? at + 1 : at < a ? a : at < b ? b : size;
		push(&sse, stream + at, end - at, &out);
		at = end;
	}
	sse_done(&sse);
	for (size_t i = 0; i < out.size; i++)
		out.data[i] = out.data[i] == '\n' ? '/' : out.data[i];
	bool same = strcmp(buf_text(&out), want) == 0;
	if (!same)
		printf("# cut at %zu and %zu: \"%s\"\n", a, b, buf_text(&out));
	return same;
}

static void test_splits(const char *stream, const char *want)
{
	cleanup(free) char *name = xprintf("cut everywhere, gives \"%s\"", want);
	size_t size = strlen(stream);
	bool good = parses(stream, want, 1, 0);
	for (size_t a = 0; a <= size; a++)
		for (size_t b = a; b <= size; b++)
			good = parses(stream, want, a, b) && good;
	test_line(good, __FILE__, __LINE__, name);
}

/* What lies whole in the pushed bytes is lent from there. */
static void test_no_copy(void)
{
	static const char stream[] = "event: a\ndata: 1234\n\ndata: x\n\n";
	struct sse sse;
	struct sse_event event = { 0 };
	sse_init(&sse);
	sse_push(&sse, slice_of(stream));
	CHECK_INT(sse_step(&sse, &event), SSE_EVENT);
	CHECK(event.data.at == stream + 15 && event.data.size == 4);
	CHECK_INT(sse_step(&sse, &event), SSE_EVENT);
	CHECK(event.data.at == strchr(stream, 'x'));
	CHECK_TEXT(event.name, "");
	CHECK_INT(sse_step(&sse, &event), SSE_MORE);
	sse_done(&sse);
}

/* One event of `lines` lines with `size` bytes each; cut in pieces of 64 KiB. */
static enum sse_what parse_large(size_t lines, size_t size, size_t *ret_size)
{
	struct sse sse;
	struct sse_event event = { 0 };
	enum sse_what what = SSE_MORE;
	cleanup(buf) struct buf stream = BUF_INIT(64 << 20);
	for (size_t i = 0; i < lines; i++) {
		buf_add_text(&stream, "data: ");
		memset(buf_reserve(&stream, size), 'x', size);
		stream.size += size;
		buf_add_char(&stream, '\n');
	}
	buf_add_char(&stream, '\n');
	sse_init(&sse);
	for (size_t at = 0; at < stream.size && what == SSE_MORE; at += 64 << 10) {
		size_t left = stream.size - at;
		sse_push(&sse, (struct slice){ stream.data + at, left < 64 << 10 ? left : 64 << 10 });
		what = sse_step(&sse, &event);
	}
	*ret_size = event.data.size;
	sse_done(&sse);
	return what;
}

static void test_limits(void)
{
	size_t size = 0;
	CHECK_INT(parse_large(1, SSE_EVENT_BYTES_MAX, &size), SSE_EVENT);
	CHECK_INT(size, SSE_EVENT_BYTES_MAX);
	CHECK_INT(parse_large(1, SSE_EVENT_BYTES_MAX + 1, &size), SSE_TOO_BIG);
	CHECK_INT(parse_large(1, 3 * SSE_EVENT_BYTES_MAX, &size), SSE_TOO_BIG);
	CHECK_INT(parse_large(4, SSE_EVENT_BYTES_MAX / 4 - 1, &size), SSE_EVENT);
	CHECK_INT(size, SSE_EVENT_BYTES_MAX - 1); /* three line ends */
	CHECK_INT(parse_large(4, SSE_EVENT_BYTES_MAX / 4, &size), SSE_TOO_BIG);
}

static void test_long_name(void)
{
	cleanup(buf) struct buf stream = BUF_INIT(4096);
	struct sse sse;
	struct sse_event event = { 0 };
	buf_printf(&stream, "event: %0200d\ndata: 1\n\n", 0);
	sse_init(&sse);
	sse_push(&sse, buf_slice(&stream));
	CHECK_INT(sse_step(&sse, &event), SSE_EVENT);
	CHECK_INT(strlen(event.name), SSE_NAME_SIZE - 1);
	sse_done(&sse);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_splits(cases[i].stream, cases[i].want);
	test_no_copy();
	test_limits();
	test_long_name();
	return test_done();
}
