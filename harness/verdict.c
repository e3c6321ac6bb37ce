/* SPDX-License-Identifier: MIT */
#include "harness/verdict.h"

#include <string.h>

static const char overloaded[] = "model_overloaded_error";
static const char limited[] = "model_rate_limited_error";
static const char failed[] = "model_request_failed_error";
static const char billing[] = "billing_error";

static const char refused[] = "the model API refused the request";
static const char bad_key[] = "the model API did not accept the key";

/*
 * The error table of the API.  The type decides when it is one of these: within a
 * stream it is all there is, as the status was 200 long before.  Else the status
 * decides, else its class.
 */
static const struct row {
	const char *type;
	int status;
	struct verdict verdict;
} rows[] = {
	{ "invalid_request_error", 400, { MODEL_FAILED, failed, refused } },
	{ "authentication_error", 401, { MODEL_FAILED, failed, bad_key } },
	{ "billing_error", 402, { MODEL_FAILED, billing, "the model API asks for payment" } },
	{ "permission_error", 403, { MODEL_FAILED, failed, "the key may not do this" } },
	{ "not_found_error", 404, { MODEL_FAILED, failed, "no such model, or no model API here" } },
	{ NULL, 408, { MODEL_RETRY, failed, "the model API gave up waiting for the request" } },
	{ "conflict_error", 409, { MODEL_RETRY, failed, "the model API reports a conflict" } },
	{ "request_too_large", 413, { MODEL_FAILED, failed, "the request has too many bytes" } },
	{ NULL, 422, { MODEL_FAILED, failed, refused } },
	{ "rate_limit_error", 429, { MODEL_RETRY, limited, "the model API limits the rate" } },
	{ "api_error", 500, { MODEL_RETRY, failed, "the model API failed" } },
	{ NULL, 502, { MODEL_RETRY, failed, "a gateway before the model API failed" } },
	{ NULL, 503, { MODEL_RETRY, overloaded, "the model API is not available" } },
	{ "timeout_error", 504, { MODEL_RETRY, failed, "the model took too long" } },
	{ "overloaded_error", 529, { MODEL_RETRY, overloaded, "the model API is overloaded" } },
};

/* By status / 100. */
static const struct verdict classes[] = {
	[0] = { MODEL_RETRY, failed, "the model API gave no answer" },
	[1] = { MODEL_RETRY, failed, "the model API gave an unfinished answer" },
	[2] = { MODEL_RETRY, failed, "the model API failed in the middle of an answer" },
	[3] = { MODEL_FAILED, failed, "the model API has moved; set its new URL" },
	[4] = { MODEL_FAILED, failed, refused },
	[5] = { MODEL_RETRY, failed, "the model API failed" },
};

#define TOO_LONG { MODEL_TOO_LONG, failed, "the conversation is too long for the model" }

/* Texts that say more than the type does; without case.  Those of other servers that speak this
 * format stand here too. */
static const struct {
	const char *text;
	struct verdict verdict;
} texts[] = {
	{ "prompt is too long", TOO_LONG },
	{ "context size", TOO_LONG },
	{ "context length", TOO_LONG },
	{ "context window", TOO_LONG },
	{ "context limit", TOO_LONG },
	{ "specified api usage limit", { MODEL_FAILED, billing, "the spend limit is reached" } },
	{ "credit balance is too low", { MODEL_FAILED, billing, "no credit is left" } },
};

static const struct row *find_row(const struct verdict_facts *facts)
{
	for (size_t i = 0; facts->type && i < ARRAY_LEN(rows); i++)
		if (rows[i].type && strcmp(rows[i].type, facts->type) == 0)
			return &rows[i];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].status == facts->status)
			return &rows[i];
	return NULL;
}

static struct verdict obey(struct verdict verdict, enum reply_hint hint)
{
	if (hint == REPLY_RETRY && verdict.verdict == MODEL_FAILED)
		verdict.verdict = MODEL_RETRY;
	if (hint == REPLY_STOP && verdict.verdict == MODEL_RETRY)
		verdict.verdict = MODEL_FAILED;
	return verdict;
}

struct verdict verdict_of(const struct verdict_facts *facts)
{
	const struct row *row = find_row(facts);
	size_t class = (size_t)facts->status / 100;
	bool bad_request = row ? row->status == 400 : class == 4;
	/* Lasts until the month ends or a person acts; no header changes that. */
	if (facts->code && strcmp(facts->code, "enforced_spend_limit_reached") == 0)
		return (struct verdict){ MODEL_FAILED, billing, "the spend limit is reached" };
	for (size_t i = 0; bad_request && facts->message && i < ARRAY_LEN(texts); i++)
		if (strcasestr(facts->message, texts[i].text))
			return texts[i].verdict;
	if (row)
		return obey(row->verdict, facts->hint);
	return obey(classes[class < ARRAY_LEN(classes) ? class : 0], facts->hint);
}
