/* SPDX-License-Identifier: MIT */
/* What answers mean: their headers, the error table and the waits between attempts. */
#include "base/clock.h"
#include "harness/verdict.h"
#include "tests/unit/test.h"

#define OVERLOADED "model_overloaded_error"
#define LIMITED "model_rate_limited_error"
#define FAILED "model_request_failed_error"
#define BILLING "billing_error"

static const struct {
	struct verdict_facts facts;
	enum model_verdict verdict;
	const char *error_type;
} cases[] = {
	{ { 400, "invalid_request_error", "text content blocks must be non-empty" }, MODEL_FAILED, FAILED },
	{ { 401, "authentication_error", "invalid x-api-key" }, MODEL_FAILED, FAILED },
	{ { 402, "billing_error", "" }, MODEL_FAILED, BILLING },
	{ { 402 }, MODEL_FAILED, BILLING },
	{ { 403, "permission_error" }, MODEL_FAILED, FAILED },
	{ { 404, "not_found_error" }, MODEL_FAILED, FAILED },
	{ { 408 }, MODEL_RETRY, FAILED },
	{ { 409, "conflict_error" }, MODEL_RETRY, FAILED },
	{ { 413, "request_too_large" }, MODEL_FAILED, FAILED },
	{ { 422 }, MODEL_FAILED, FAILED },
	{ { 429, "rate_limit_error" }, MODEL_RETRY, LIMITED },
	{ { 500, "api_error" }, MODEL_RETRY, FAILED },
	{ { 502 }, MODEL_RETRY, FAILED },
	{ { 503 }, MODEL_RETRY, OVERLOADED },
	{ { 504, "timeout_error" }, MODEL_RETRY, FAILED },
	{ { 529, "overloaded_error", "Overloaded" }, MODEL_RETRY, OVERLOADED },
	{ { 0 }, MODEL_RETRY, FAILED },
	{ { 301 }, MODEL_FAILED, FAILED },
	{ { 418 }, MODEL_FAILED, FAILED },
	{ { 599 }, MODEL_RETRY, FAILED },
	{ { 999 }, MODEL_RETRY, FAILED },
	/* In mid-stream the status was 200 and only the type speaks. */
	{ { 200, "overloaded_error", "Overloaded" }, MODEL_RETRY, OVERLOADED },
	{ { 200, "rate_limit_error" }, MODEL_RETRY, LIMITED },
	{ { 200, "api_error" }, MODEL_RETRY, FAILED },
	{ { 200, "invalid_request_error" }, MODEL_FAILED, FAILED },
	{ { 200, "never_heard_of" }, MODEL_RETRY, FAILED },
	{ { 200 }, MODEL_RETRY, FAILED },
	/* Types that we do not know leave it to the status. */
	{ { 404, "NotFoundError", "no such model" }, MODEL_FAILED, FAILED },
	{ { 503, "server_error" }, MODEL_RETRY, OVERLOADED },
	/* Texts. */
	{ { 400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum" }, MODEL_TOO_LONG,
		FAILED },
	{ { 400, "x", "request (9 tokens) exceeds the available context size (8 tokens)" }, MODEL_TOO_LONG, FAILED },
	{ { 400, NULL, "This model's maximum Context Length is 8192 tokens" }, MODEL_TOO_LONG, FAILED },
	{ { 500, "api_error", "the prompt is too long for my taste" }, MODEL_RETRY, FAILED },
	{ { 400, "invalid_request_error", "You have reached your specified API usage limits. You will …" },
		MODEL_FAILED, BILLING },
	{ { 400, "invalid_request_error", "Your credit balance is too low to access the API." }, MODEL_FAILED,
		BILLING },
	{ { 429, "rate_limit_error", "spend", "enforced_spend_limit_reached" }, MODEL_FAILED, BILLING },
	/* x-should-retry wins over the table, but not over a limit that only a person lifts. */
	{ { 429, "rate_limit_error", NULL, NULL, REPLY_STOP }, MODEL_FAILED, LIMITED },
	{ { 529, "overloaded_error", NULL, NULL, REPLY_STOP }, MODEL_FAILED, OVERLOADED },
	{ { 400, "invalid_request_error", "x", NULL, REPLY_RETRY }, MODEL_RETRY, FAILED },
	{ { 418, NULL, NULL, NULL, REPLY_RETRY }, MODEL_RETRY, FAILED },
	{ { 529, "overloaded_error", NULL, NULL, REPLY_RETRY }, MODEL_RETRY, OVERLOADED },
	{ { 429, NULL, NULL, "enforced_spend_limit_reached", REPLY_RETRY }, MODEL_FAILED, BILLING },
	{ { 400, NULL, "prompt is too long", NULL, REPLY_RETRY }, MODEL_TOO_LONG, FAILED },
};

static void test_verdicts(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict got = verdict_of(&cases[i].facts);
		printf("# HTTP %d %s\n", cases[i].facts.status, cases[i].facts.type ? cases[i].facts.type : "");
		CHECK_INT(got.verdict, cases[i].verdict);
		CHECK_TEXT(got.error_type, cases[i].error_type);
		CHECK(got.what && *got.what);
	}
}

/* Headers as lines; the wall clock shows 2026-11-20T12:00:00Z. */
static const struct {
	const char *lines;
	int64_t retry_after_ms;
	enum reply_hint hint;
	bool stream;
	const char *request_id, *limits;
} replies[] = {
	{ "", -1, REPLY_SILENT, true, "", "" },
	{ "Content-Type: text/event-stream; charset=utf-8\nrequest-id: req_1", -1, REPLY_SILENT, true, "req_1", "" },
	{ "content-type: application/json", -1, REPLY_SILENT, false, "", "" },
	{ "retry-after: 7", 7000, REPLY_SILENT, true, "", "" },
	{ "Retry-After: 0.5", 500, REPLY_SILENT, true, "", "" },
	{ "retry-after: 7\nretry-after-ms: 250", 250, REPLY_SILENT, true, "", "" },
	{ "retry-after-ms: 250\nretry-after: 7", 250, REPLY_SILENT, true, "", "" },
	{ "retry-after: Fri, 20 Nov 2026 12:00:05 GMT", 5000, REPLY_SILENT, true, "", "" },
	{ "retry-after: Fri, 20 Nov 2026 11:00:00 GMT", 0, REPLY_SILENT, true, "", "" },
	{ "retry-after: soon", -1, REPLY_SILENT, true, "", "" },
	{ "retry-after: -1", -1, REPLY_SILENT, true, "", "" },
	{ "retry-after: 1e300", -1, REPLY_SILENT, true, "", "" },
	{ "retry-after: inf", -1, REPLY_SILENT, true, "", "" },
	{ "retry-after: nan", -1, REPLY_SILENT, true, "", "" },
	{ "retry-after:", -1, REPLY_SILENT, true, "", "" },
	{ "x-should-retry: true", -1, REPLY_RETRY, true, "", "" },
	{ "X-Should-Retry: false", -1, REPLY_STOP, true, "", "" },
	{ "x-should-retry: perhaps", -1, REPLY_SILENT, true, "", "" },
	{ "request-id: <script>", -1, REPLY_SILENT, true, "", "" },
	{ "Anthropic-RateLimit-Requests-Remaining: 9\nanthropic-ratelimit-tokens-reset: 2026-11-20T12:00:07Z", -1,
		REPLY_SILENT, true, "", "Requests-Remaining: 9\ntokens-reset: 2026-11-20T12:00:07Z\n" },
	{ "anthropic-ratelimit-: 9", -1, REPLY_SILENT, true, "", "" },
};

static void test_reply(size_t index)
{
	int64_t now = clock_parse("2026-11-20T12:00:00Z");
	struct reply reply;
	reply_init(&reply);
	reply_begin(&reply, 200);
	for (const char *line = replies[index].lines; *line;) {
		size_t size = strcspn(line, "\n"), name = strcspn(line, ":");
		size_t skip = name + 1 + strspn(line + name + 1, " ");
		reply_header(&reply, (struct slice){ line, name },
			(struct slice){ line + skip, size > skip ? size - skip : 0 }, now);
		line += size + (line[size] ? 1 : 0);
	}
	printf("# %.*s\n", (int)strcspn(replies[index].lines, "\n"), replies[index].lines);
	CHECK_INT(reply.retry_after_ms, replies[index].retry_after_ms);
	CHECK_INT(reply.hint, replies[index].hint);
	CHECK_INT(reply_is_stream(&reply), replies[index].stream);
	CHECK_TEXT(reply.request_id, replies[index].request_id);
	CHECK(strcmp(buf_text(&reply.limits), replies[index].limits) == 0);
	reply_done(&reply);
}

static void test_reply_is_new_after_each_status(void)
{
	struct reply reply;
	reply_init(&reply);
	CHECK_INT(reply.status, 0);
	CHECK(!reply_is_stream(&reply));
	reply_begin(&reply, 429);
	reply_header(&reply, slice_of("retry-after"), slice_of("3"), 0);
	reply_header(&reply, slice_of("anthropic-ratelimit-x"), slice_of("y"), 0);
	reply_begin(&reply, 200);
	CHECK_INT(reply.retry_after_ms, -1);
	CHECK_INT(reply.limits.size, 0);
	CHECK(reply_is_stream(&reply));
	reply_done(&reply);
}

static const struct {
	int attempt;
	int64_t retry_after_ms;
	double random;
	int64_t want;
} delays[] = {
	{ 0, -1, 0, 500 },
	{ 0, -1, 1, 250 },
	{ 1, -1, 0, 1000 },
	{ 3, -1, 0.5, 3000 },
	{ 6, -1, 0, 32000 },
	{ 7, -1, 0, 60000 },
	{ 100, -1, 0, 60000 },
	{ 100, -1, 1, 30000 },
	{ 0, 0, 0, 500 }, /* "at once" is no wish that we follow */
	{ 5, 1500, 0, 1500 },
	{ 5, 1500, 1, 1650 },
	{ 0, 600000, 0, 600000 },
	{ 0, 600001, 0, 500 }, /* beyond belief */
};

int main(void)
{
	test_verdicts();
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		test_reply(i);
	test_reply_is_new_after_each_status();
	for (size_t i = 0; i < ARRAY_LEN(delays); i++)
		CHECK_INT(model_retry_delay_ms(delays[i].attempt, delays[i].retry_after_ms, delays[i].random),
			delays[i].want);
	return test_done();
}
