/* SPDX-License-Identifier: MIT */
#include "store/budget.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/text.h"

/* A billion dollars; far below what 64 bits of cost_nano can count. */
#define CENTS_MAX INT64_C(100000000000)

#define TEXT_RULE "a budget is dollars such as 2.50, at most 1000000000, or max for none"
#define BODY_RULE                                                                             \
	"budget must be null or {\"type\":\"limit\",\"max_list_cost\":{\"amount\":\"250\","   \
	"\"currency\":\"USD\"}} with whole cents"

/* Takes digits off the front of the text and appends them to *number: how many. */
static size_t take_digits(struct slice *text, size_t max, int64_t *number)
{
	size_t n = 0;
	while (n < max && n < text->size && text->at[n] >= '0' && text->at[n] <= '9')
		*number = *number * 10 + (text->at[n++] - '0');
	text->at += n;
	text->size -= n;
	return n;
}

static bool take_char(struct slice *text, char c)
{
	if (!text->size || text->at[0] != c)
		return false;
	text->at++;
	text->size--;
	return true;
}

int budget_parse(struct slice text, int64_t *ret_cents, struct buf *why)
{
	enum { DOLLAR_DIGITS = 10 };
	int64_t cents = 0;
	text = text_trim(text);
	if (slice_is(text, "max")) {
		*ret_cents = 0;
		return 0;
	}
	(void)take_char(&text, '$');
	size_t whole = take_digits(&text, DOLLAR_DIGITS, &cents);
	size_t digits = take_char(&text, '.') ? take_digits(&text, 2, &cents) : 0;
	if (whole == 0 || text.size)
		return fail(why, EINVAL, TEXT_RULE);
	for (; digits < 2; digits++)
		cents *= 10;
	if (cents > CENTS_MAX)
		return fail(why, EINVAL, TEXT_RULE);
	if (cents == 0)
		return fail(why, EINVAL, "a budget must be more than nothing; max means none");
	*ret_cents = cents;
	return 0;
}

int budget_print(int64_t cents, struct buf *out)
{
	if (cents == 0)
		return buf_add_text(out, "max\n");
	return buf_printf(out, "%lld.%02d\n", (long long)(cents / 100), (int)(cents % 100));
}

cJSON *budget_body(int64_t cents)
{
	char amount[24];
	if (cents == 0)
		return cJSON_CreateNull();
	(void)snprintf(amount, sizeof(amount), "%lld", (long long)cents);
	cJSON *body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "type", "limit");
	cJSON *cost = cJSON_AddObjectToObject(body, "max_list_cost");
	cJSON_AddStringToObject(cost, "amount", amount);
	cJSON_AddStringToObject(cost, "currency", "USD");
	return body;
}

static bool is_text(const cJSON *object, const char *name, const char *text)
{
	const char *value = json_text(object, name);
	return value && strcmp(value, text) == 0;
}

int budget_read(const cJSON *body, int64_t *ret_cents, struct buf *why)
{
	enum { CENTS_DIGITS = 12 };
	int64_t cents = 0;
	const cJSON *cost = json_get(body, "max_list_cost");
	struct slice amount = slice_of(json_text(cost, "amount"));
	if (cJSON_IsNull(body)) {
		*ret_cents = 0;
		return 0;
	}
	bool leading_zero = amount.at && amount.at[0] == '0';
	bool good = is_text(body, "type", "limit") && is_text(cost, "currency", "USD") &&
		amount.at && !leading_zero && take_digits(&amount, CENTS_DIGITS, &cents) > 0 &&
		amount.size == 0 && cents <= CENTS_MAX;
	if (!good)
		return fail(why, EINVAL, BODY_RULE);
	*ret_cents = cents;
	return 0;
}
