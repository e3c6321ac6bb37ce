/* SPDX-License-Identifier: MIT */
#include "rehearsal/failure.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

static const struct {
	int status;
	const char *type, *message;
} failures[] = {
	{ 400, "invalid_request_error", "The rehearsal was asked to refuse this request" },
	{ 401, "authentication_error", "invalid x-api-key" },
	{ 402, "billing_error", "Your credit balance is too low to access the API" },
	{ 403, "permission_error", "Your API key does not have permission to use this resource" },
	{ 404, "not_found_error", "Not found" },
	{ 405, "invalid_request_error", "Method Not Allowed" },
	{ 409, "conflict_error", "Conflict" },
	{ 413, "request_too_large", "Request exceeds the maximum size" },
	{ 429, "rate_limit_error",
		"This request would exceed the rate limit of your organization" },
	{ 500, "api_error", "Internal server error" },
	{ 504, "timeout_error", "The request timed out" },
	{ 529, "overloaded_error", "Overloaded" },
};

void failure_done(struct failure *failure)
{
	buf_done(&failure->why);
	*failure = FAILURE_INIT;
}

const char *failure_type(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].status == status)
			return failures[i].type;
	return NULL;
}

const char *failure_message(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].status == status)
			return failures[i].message;
	return NULL;
}

void failure_body(struct buf *out, int status, const char *message, const char *request_id)
{
	if (!message)
		message = failure_message(status);
	(void)buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
		failure_type(status));
	/* A message may quote the request and may have been cut in the middle of a character. */
	cleanup(buf) struct buf clean = BUF_INIT(4 * FAILURE_TEXT_MAX);
	utf8_repair(&clean, message, strlen(message));
	(void)json_quote(out, buf_text(&clean), clean.size);
	(void)buf_printf(out, "},\"request_id\":\"%s\"}", request_id);
}
