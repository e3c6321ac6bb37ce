/* SPDX-License-Identifier: MIT */
#include "harness/reply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { VALUE_SIZE = 128 };

void reply_init(struct reply *reply)
{
	*reply = (struct reply){ .retry_after_ms = -1, .limits = BUF_INIT(REPLY_LIMITS_MAX) };
}

void reply_done(struct reply *reply)
{
	buf_done(&reply->limits);
}

void reply_begin(struct reply *reply, int status)
{
	reply_done(reply);
	reply_init(reply);
	reply->status = status;
}

bool reply_is_stream(const struct reply *reply)
{
	return reply->status >= 200 && reply->status < 300 && !reply->other_type;
}

/* A number times `unit_ms`, or -1; what no 32 bits of seconds could hold is nonsense. */
static int64_t parse_number(const char *text, double unit_ms)
{
	char *end;
	double value = strtod(text, &end);
	if (end == text || *end || !isfinite(value) || value < 0 || value * unit_ms > 4e12)
		return -1;
	return (int64_t)(value * unit_ms);
}

static int64_t parse_date(const char *text, int64_t wall_us)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end)
		return -1;
	int64_t wait_ms = (int64_t)timegm(&tm) * 1000 - wall_us / 1000;
	return wait_ms > 0 ? wait_ms : 0;
}

static void take_retry_after(struct reply *reply, const char *value, int64_t wall_us)
{
	int64_t wait_ms = parse_number(value, 1000);
	if (wait_ms < 0)
		wait_ms = parse_date(value, wall_us);
	if (reply->retry_after_ms < 0)
		reply->retry_after_ms = wait_ms;
}

/* The finer of the two wins, in whichever order they come. */
static void take_retry_after_ms(struct reply *reply, const char *value, int64_t wall_us)
{
	int64_t wait_ms = parse_number(value, 1);
	if (wait_ms >= 0)
		reply->retry_after_ms = wait_ms;
}

static void take_should_retry(struct reply *reply, const char *value, int64_t wall_us)
{
	if (strcmp(value, "true") == 0)
		reply->hint = REPLY_RETRY;
	else if (strcmp(value, "false") == 0)
		reply->hint = REPLY_STOP;
}

static void take_request_id(struct reply *reply, const char *value, int64_t wall_us)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	size_t n = strspn(value, letters);
	if (n < REPLY_ID_SIZE && !value[n])
		memcpy(reply->request_id, value, n + 1);
}

static void take_content_type(struct reply *reply, const char *value, int64_t wall_us)
{
	static const char stream[] = "text/event-stream";
	reply->other_type = strncasecmp(value, stream, sizeof(stream) - 1) != 0;
}

static const struct {
	const char *name;
	void (*take)(struct reply *reply, const char *value, int64_t wall_us);
} headers[] = {
	{ "content-type", take_content_type },
	{ "retry-after", take_retry_after },
	{ "retry-after-ms", take_retry_after_ms },
	{ "x-should-retry", take_should_retry },
	{ "request-id", take_request_id },
};

static bool name_is(struct slice name, const char *text)
{
	return name.size == strlen(text) && strncasecmp(name.at, text, name.size) == 0;
}

static bool take_limit(struct reply *reply, struct slice name, struct slice value)
{
	static const char prefix[] = "anthropic-ratelimit-";
	size_t n = sizeof(prefix) - 1;
	if (name.size <= n || strncasecmp(name.at, prefix, n) != 0)
		return false;
	(void)buf_printf(&reply->limits, "%.*s: %.*s\n", (int)(name.size - n), name.at + n,
		(int)value.size, value.at);
	return true;
}

void reply_header(struct reply *reply, struct slice name, struct slice value, int64_t wall_us)
{
	char text[VALUE_SIZE];
	if (value.size >= sizeof(text) || take_limit(reply, name, value))
		return;
	memcpy(text, value.at, value.size);
	text[value.size] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (name_is(name, headers[i].name))
			headers[i].take(reply, text, wall_us);
}
