/* SPDX-License-Identifier: MIT */
#include "rehearsal/directive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/failure.h"

enum {
	COUNT_MAX = 1000,
	WORDS_MAX = 200000, /* the longest output of any model is 128,000 tokens */
	SECONDS_MAX = 3600,
	NO_DEFAULT = -1,
	SILENCE_MS = 120 * 1000, /* longer than a client's usual patience of 90 s */
};

#define MANNER(field) .manner = offsetof(struct manner, field)

static const struct directive directives[] = {
	{ "overload", "[N]", "529 overloaded_error, N times", ARG_COUNT, ARG_NONE, 1, 0,
		.fault = { .kind = FAULT_STATUS, .status = 529, .value = -1 } },
	{ "rate_limit", "[N] [SECONDS]", "429 rate_limit_error with retry-after, N times",
		ARG_COUNT, ARG_SECONDS, 1, 1, .fault = { .kind = FAULT_STATUS, .status = 429 } },
	{ "error", "[N] [STATUS]",
		"an HTTP error, N times: 400 401 402 403 404 409 413 429 500 504 529", ARG_COUNT,
		ARG_STATUS, 1, 500, .fault = { .kind = FAULT_STATUS } },
	{ "cut", "[N] [text|tool|start]",
		"the connection breaks, N times: within a text, within a tool input, or after "
		"message_start",
		ARG_COUNT, ARG_PLACE, 1, CUT_TEXT, .fault = { .kind = FAULT_CUT } },
	{ "garbage", "[N]", "bytes that are neither SSE nor JSON, then the end, N times", ARG_COUNT,
		ARG_NONE, 1, 0, .fault = { .kind = FAULT_GARBAGE } },
	{ "stream_error", "[N]", "an `error` event in the middle of the stream, N times", ARG_COUNT,
		ARG_NONE, 1, 0, .fault = { .kind = FAULT_STREAM_ERROR } },
	{ "silence", "[N] [DURATION]",
		"no byte at all for so long (2m), then the connection breaks, N times", ARG_COUNT,
		ARG_DURATION, 1, SILENCE_MS, .fault = { .kind = FAULT_SILENCE } },
	{ "max_tokens", "[N]",
		"the answer stops in the middle with stop_reason max_tokens, N times", ARG_COUNT,
		ARG_NONE, 1, 0, .fault = { .kind = FAULT_MAX_TOKENS } },
	{ "context", "[N]", "… with stop_reason model_context_window_exceeded, N times", ARG_COUNT,
		ARG_NONE, 1, 0, .fault = { .kind = FAULT_CONTEXT, .by_text = true } },
	{ "pause", "[N]", "the turn pauses in a server tool (pause_turn), N times", ARG_COUNT,
		ARG_NONE, 1, 0, .fault = { .kind = FAULT_PAUSE, .by_text = true } },
	{ "slow", "DURATION", "so much time between two deltas (50ms, 2s)", ARG_DURATION, ARG_NONE,
		NO_DEFAULT, 0, MANNER(slow_ms) },
	{ "pings", "[N]", "N more pings", ARG_COUNT, ARG_NONE, 1, 0, MANNER(pings) },
	{ "think", "", "a thinking block first", ARG_NONE, ARG_NONE, 1, 0, MANNER(think) },
	{ "redacted", "", "a redacted_thinking block first", ARG_NONE, ARG_NONE, 1, 0,
		MANNER(redacted) },
	{ "empty", "", "an end_turn without any content", ARG_NONE, ARG_NONE, 1, 0, MANNER(empty) },
	{ "unknown", "", "events, blocks and deltas that no client knows", ARG_NONE, ARG_NONE, 1, 0,
		MANNER(unknown) },
	{ "long", "N", "an answer of N words", ARG_WORDS, ARG_NONE, NO_DEFAULT, 0,
		MANNER(long_words) },
	{ "invalid_input", "", "the tool inputs of this round are cut JSON", ARG_NONE, ARG_NONE, 1,
		0, MANNER(invalid_input) },
	{ "refuse", "[CATEGORY]",
		"the answer ends as a refusal: general_harms cyber bio frontier_llm "
		"reasoning_extraction",
		ARG_CATEGORY, ARG_NONE, 1, 0, MANNER(refuse) },
	{ "help", "", "this list", ARG_NONE, ARG_NONE, 1, 0, MANNER(help) },
};

const struct directive *directive_at(size_t index)
{
	return index < ARRAY_LEN(directives) ? &directives[index] : NULL;
}

static bool read_number(const char *word, int64_t min, int64_t max, int64_t *ret)
{
	char *end = NULL;
	errno = 0;
	long long value = strtoll(word, &end, 10);
	if (errno || end == word || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

static bool read_count(const char *word, int64_t *ret)
{
	return read_number(word, 1, COUNT_MAX, ret);
}

static bool read_words(const char *word, int64_t *ret)
{
	return read_number(word, 1, WORDS_MAX, ret);
}

static bool read_seconds(const char *word, int64_t *ret)
{
	return read_number(word, 0, SECONDS_MAX, ret);
}

static bool read_status(const char *word, int64_t *ret)
{
	return read_number(word, 400, 599, ret) && failure_type((int)*ret);
}

static bool read_duration(const char *word, int64_t *ret)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 } };
	size_t digits = strspn(word, "0123456789");
	cleanup(free) char *number = xstrndup(word, digits);
	int64_t value;
	if (!read_number(number, 0, SECONDS_MAX * 1000, &value))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(word + digits, units[i].unit) == 0 &&
			value * units[i].ms <= SECONDS_MAX * 1000) {
			*ret = value * units[i].ms;
			return true;
		}
	return false;
}

static bool read_name(const char *word, const char *const *names, size_t count, int64_t *ret)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, names[i]) == 0) {
			*ret = (int64_t)i;
			return true;
		}
	return false;
}

static bool read_place(const char *word, int64_t *ret)
{
	static const char *const places[] = {
		[CUT_TEXT] = "text", [CUT_TOOL] = "tool", [CUT_START] = "start"
	};
	return read_name(word, places, ARRAY_LEN(places), ret);
}

/* The first stands for 0, "no refusal", and cannot be typed: it has a space. */
static const char *const categories[] = { "not refused", "general_harms", "cyber", "bio",
	"frontier_llm", "reasoning_extraction" };

static bool read_category(const char *word, int64_t *ret)
{
	return read_name(word, categories, ARRAY_LEN(categories), ret);
}

const char *directive_category(int64_t refuse)
{
	return categories[refuse];
}

static const struct {
	bool (*read)(const char *word, int64_t *ret);
	const char *what;
} arguments[] = {
	[ARG_COUNT] = { read_count, "a number from 1 to 1000" },
	[ARG_WORDS] = { read_words, "a number from 1 to 200000" },
	[ARG_SECONDS] = { read_seconds, "seconds from 0 to 3600" },
	[ARG_STATUS] = { read_status, "an HTTP status that the API uses" },
	[ARG_PLACE] = { read_place, "text, tool or start" },
	[ARG_DURATION] = { read_duration, "a duration such as 50ms, 2s or 1m" },
	[ARG_CATEGORY] = { read_category, "a category of refusals" },
};

static int read_argument(const struct directive *d, enum argument kind, const char *word,
	int64_t fallback, int64_t *ret, struct buf *why)
{
	*ret = fallback;
	if (!word && fallback != NO_DEFAULT)
		return 0;
	if (!word)
		return fail(why, EINVAL, "%%%s needs %s", d->name, arguments[kind].what);
	if (kind == ARG_NONE)
		return fail(
			why, EINVAL, "%%%s takes nothing more after that: %.60s", d->name, word);
	if (!arguments[kind].read(word, ret))
		return fail(why, EINVAL, "%%%s %s: %.60s is not %s", d->name, d->args, word,
			arguments[kind].what);
	return 0;
}

static const struct directive *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(directives); i++)
		if (strcmp(directives[i].name, name) == 0)
			return &directives[i];
	return NULL;
}

static struct fault make_fault(const struct directive *d, int64_t count, int64_t second)
{
	struct fault fault = d->fault;
	fault.count = count;
	if (d->second == ARG_STATUS)
		fault = (struct fault){
			.kind = fault.kind, .count = count, .status = second, .value = -1
		};
	else if (d->second != ARG_NONE)
		fault.value = second;
	return fault;
}

static void set_manner(struct manner *manner, const struct directive *d, int64_t value)
{
	memcpy((char *)manner + d->manner, &value, sizeof(value));
}

int directive_take(const char *text, struct fault *faults, size_t *fault_count, size_t faults_max,
	struct manner *manner, struct buf *why)
{
	cleanup(free) char *copy = xstrdup(text);
	char *rest = NULL;
	const char *name = strtok_r(copy, " \t", &rest);
	const char *first = strtok_r(NULL, " \t", &rest), *second = strtok_r(NULL, " \t", &rest);
	const struct directive *d = name ? find(name) : NULL;
	int64_t a, b;
	if (!d)
		return fail(why, ENOENT, "there is no directive %%%.60s; %%help lists them",
			name ? name : "");
	int r = read_argument(d, d->first, first, d->first_default, &a, why);
	if (r == 0)
		r = read_argument(d, d->second, second, d->second_default, &b, why);
	if (r < 0)
		return r;
	if (d->fault.kind == FAULT_NONE)
		set_manner(manner, d, a);
	else if (*fault_count == faults_max)
		return fail(why, E2BIG, "more than %zu faults in one round", faults_max);
	else
		faults[(*fault_count)++] = make_fault(d, a, b);
	return 0;
}
