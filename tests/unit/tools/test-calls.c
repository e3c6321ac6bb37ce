/* SPDX-License-Identifier: MIT */
/* The pure parts of the hands: the table of calls, requests, and the judgement of confinement. */
#include <errno.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "tests/unit/test.h"
#include "tools/calls.h"
#include "tools/confined.h"
#include "tools/request.h"

/* Calls in order of arrival, by the first letter of their tool: which start at once, and which
 * after the first of those has ended. */
static const struct {
	const char *arrived, *first, *then;
} orders[] = {
	{ "b", "1", "" },
	{ "bb", "1", "2" },
	{ "rrr", "123", "" },
	{ "br", "12", "" },
	{ "rb", "12", "" },
	{ "wr", "1", "2" }, /* a read sees the write before it */
	{ "rw", "1", "2" }, /* and not the one behind it */
	{ "wbr", "1", "23" },
	{ "bwr", "1", "2" },
	{ "bgwe", "12", "" }, /* the write waits for both */
	{ "eew", "1", "2" },
};

static const struct tool *tool_by_letter(char letter)
{
	static const char *const names[] = { "bash", "read", "write", "edit", "glob" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i][0] == letter)
			return tool_find(names[i]);
	return NULL;
}

static void start_all(struct calls *calls, char *ret_started)
{
	struct call *call;
	size_t n = 0;
	while ((call = calls_next(calls))) {
		call->state = CALL_RUNNING;
		ret_started[n++] = call->id[0];
	}
	ret_started[n] = '\0';
}

static void test_order(const char *arrived, const char *first, const char *then)
{
	struct calls calls;
	char started[16];
	calls_init(&calls);
	for (int i = 0; arrived[i]; i++) {
		char id[2] = { (char)('1' + i), '\0' };
		calls_add(&calls, slice_of(id), tool_by_letter(arrived[i]), slice_of(""));
	}
	start_all(&calls, started);
	CHECK_TEXT(started, first);
	calls_finish(&calls, calls_find(&calls, slice_of("1")), false, slice_of("x"), 0);
	start_all(&calls, started);
	CHECK_TEXT(started, then);
	calls_done(&calls);
}

static void test_limits(void)
{
	struct calls calls;
	char id[8];
	calls_init(&calls);
	for (int i = 0; i < SANDBOX_CALLS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "%d", i);
		CHECK(calls_add(&calls, slice_of(id), tool_at(0), slice_of("x")));
	}
	CHECK(!calls_add(&calls, slice_of("more"), tool_at(0), slice_of("")));
	CHECK_INT(calls.input_bytes, SANDBOX_CALLS_MAX);
	calls_remove(&calls, calls_find(&calls, slice_of("7")));
	char *large = xcalloc(1, CALLS_INPUT_BYTES_MAX);
	CHECK(!calls_add(&calls, slice_of("large"), tool_at(0),
		(struct slice){ large, CALLS_INPUT_BYTES_MAX }));
	free(large);
	CHECK(calls_add(&calls, slice_of("again"), tool_at(0), slice_of("")));
	calls_done(&calls);
	CHECK_INT(calls.input_bytes, 0);
	CHECK_INT(calls.count, 0);
}

static void test_results(void)
{
	struct calls calls;
	calls_init(&calls);
	struct call *call = calls_add(&calls, slice_of("a"), tool_at(0), slice_of("input"));
	calls_finish(&calls, call, false, slice_of(""), 5);
	CHECK_TEXT(buf_text(&call->text), "(no output)");
	CHECK_INT(calls.input_bytes, 0);
	call = calls_add(&calls, slice_of("b"), tool_at(0), slice_of(""));
	calls_finish(&calls, call, true, (struct slice){ "\xff\0", 2 }, 5);
	CHECK_TEXT(buf_text(&call->text), "\xef\xbf\xbd\xef\xbf\xbd");
	size_t size = TOOL_RESULT_BYTES_MAX + 10;
	char *large = xmalloc(size);
	memset(large, 0xe2, size);
	call = calls_add(&calls, slice_of("c"), tool_at(0), slice_of(""));
	calls_finish(&calls, call, true, (struct slice){ large, size }, 5);
	CHECK(call->text.size <= TOOL_RESULT_BYTES_MAX &&
		call->text.size > TOOL_RESULT_BYTES_MAX - 4);
	CHECK(utf8_is_valid(call->text.data, call->text.size));
	free(large);
	calls_done(&calls);
}

static const struct {
	const char *what, *call; /* `do` and `call`; NULL: left out */
	int64_t timeout_ms;
	int r;
	enum request_kind kind;
	int64_t want_ms;
} requests[] = {
	{ "execute", "x", 0, 1, REQUEST_EXECUTE, TOOL_TIMEOUT_MS_DEFAULT },
	{ "execute", "x", 5, 1, REQUEST_EXECUTE, 5 },
	{ "execute", "x", 1 << 30, 1, REQUEST_EXECUTE, TOOL_TIMEOUT_MS_MAX },
	{ "execute", "", 0, -EPROTO, 0, 0 },
	{ "execute", NULL, 0, -EPROTO, 0, 0 },
	{ "interrupt", "x", -1, 1, REQUEST_INTERRUPT, TOOL_TIMEOUT_MS_DEFAULT },
	{ "acknowledge", "x", 0, 1, REQUEST_ACKNOWLEDGE, TOOL_TIMEOUT_MS_DEFAULT },
	{ "ping", NULL, 0, 1, REQUEST_PING, TOOL_TIMEOUT_MS_DEFAULT },
	{ "dance", NULL, 0, 1, REQUEST_UNKNOWN, TOOL_TIMEOUT_MS_DEFAULT },
	{ NULL, "x", 0, 1, REQUEST_UNKNOWN, TOOL_TIMEOUT_MS_DEFAULT },
};

static void test_request(size_t i)
{
	struct buf list = BUF_INIT(1000), in = BUF_INIT(1000);
	struct request request;
	struct slice frame;
	fields_add_text(&list, "do", requests[i].what);
	fields_add_text(&list, "call", requests[i].call);
	fields_add_int(&list, "timeout_ms", requests[i].timeout_ms);
	frame_add(&in, buf_slice(&list));
	int r = request_next(&in, &request, &frame);
	CHECK_INT(r, requests[i].r);
	if (r == 1) {
		CHECK_INT(request.kind, requests[i].kind);
		CHECK_INT(request.timeout_ms, requests[i].want_ms);
		CHECK(request.tool.at && request.input.at);
		request_drop(&in, frame);
		CHECK_INT(in.size, 0);
	}
	buf_done(&list);
	buf_done(&in);
}

static void test_bad_frames(void)
{
	struct buf in = BUF_INIT(1000);
	struct request request;
	struct slice frame;
	CHECK_INT(request_next(&in, &request, &frame), 0);
	buf_add(&in, "\xff\xff\xff\x7f", 4);
	CHECK_INT(request_next(&in, &request, &frame), -EPROTO);
	buf_clear(&in);
	frame_add(&in, slice_of("\x02xx"));
	CHECK_INT(request_next(&in, &request, &frame), -EPROTO);
	buf_done(&in);
}

#define STATUS(eff, bnd, nnp, seccomp)                                                     \
	"Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t" eff  \
	"\nCapBnd:\t" bnd "\nNoNewPrivs:\t" nnp "\nSeccomp:\t" seccomp "\nSeccomp_filters:\t1\n"
#define ZERO "0000000000000000"

static const struct {
	const char *status;
	bool confined;
} statuses[] = {
	{ STATUS(ZERO, ZERO, "1", "2"), true },
	{ STATUS("0000000000000001", ZERO, "1", "2"), false },
	{ STATUS(ZERO, "000001ffffffffff", "1", "2"), false },
	{ STATUS(ZERO, ZERO, "0", "2"), false },
	{ STATUS(ZERO, ZERO, "1", "0"), false },
	{ STATUS(ZERO, ZERO, "1", "20"), false },
	{ "", false },
	{ "Name:\tx", false },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		test_order(orders[i].arrived, orders[i].first, orders[i].then);
	test_limits();
	test_results();
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		test_request(i);
	test_bad_frames();
	struct buf why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		CHECK_INT(confined_judge(statuses[i].status, &why),
			statuses[i].confined ? 0 : -EPERM);
	buf_done(&why);
	return test_done();
}
