/* SPDX-License-Identifier: MIT */
/* What of a session may change at any time: title, metadata, budget, and the events that say so. */
#include "store/budget.h"
#include "store/part.h"
#include "store/settings.h"
#include "tests/unit/store/fixture.h"

static const struct {
	const char *text;
	int64_t cents; /* -1: refused */
} texts[] = {
	{ "2.50", 250 }, { "2.50\n", 250 }, { " $2.5 ", 250 }, { "2", 200 }, { "2.", 200 },
	{ "0.01", 1 }, { "007", 700 }, { "max", 0 }, { "max\n", 0 }, { "1000000000", 100000000000 },
	{ "1000000000.01", -1 }, { "99999999999", -1 }, { "", -1 }, { "\n", -1 }, { ".5", -1 },
	{ "0", -1 }, { "0.00", -1 }, { "-1", -1 }, { "2.505", -1 }, { "2,50", -1 }, { "1e3", -1 },
	{ "2 50", -1 }, { "$", -1 }, { "$$2", -1 }, { "maximum", -1 },
};

static void test_budget_text(void)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t cents = -1;
		buf_clear(&why);
		int r = budget_parse(slice_of(texts[i].text), &cents, &why);
		CHECK_INT(r, texts[i].cents < 0 ? -EINVAL : 0);
		CHECK_INT(cents, texts[i].cents);
		CHECK((why.size > 0) == (r < 0));
		cleanup(buf) struct buf shown = BUF_INIT(0);
		cleanup(json) cJSON *body = r < 0 ? NULL : budget_body(cents);
		int64_t again = -1, read = -1;
		if (r < 0)
			continue;
		CHECK_INT(budget_print(cents, &shown), 0);
		CHECK_INT(budget_parse(buf_slice(&shown), &again, &why), 0);
		CHECK_INT(again, cents);
		CHECK_INT(budget_read(body, &read, &why), 0);
		CHECK_INT(read, cents);
	}
}

#define LIMIT(amount) \
	"{\"type\":\"limit\",\"max_list_cost\":{\"amount\":" amount ",\"currency\":\"USD\"}}"

static const char *const bad_bodies[] = { LIMIT("\"0\""), LIMIT("\"025\""), LIMIT("\"2.5\""),
	LIMIT("250"), LIMIT("\"\""), LIMIT("\"-5\""), LIMIT("\"9999999999999\""), "7", "{}",
	"\"max\"", "{\"type\":\"limit\",\"max_list_cost\":{\"amount\":\"5\",\"currency\":\"EUR\"}}",
	"{\"type\":\"cap\",\"max_list_cost\":{\"amount\":\"5\",\"currency\":\"USD\"}}" };

static void test_budget_body(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_bodies); i++) {
		cleanup(json) cJSON *body = cJSON_Parse(bad_bodies[i]);
		int64_t cents = 5;
		CHECK(body);
		CHECK_INT(budget_read(body, &cents, &why), -EINVAL);
		CHECK_INT(cents, 5);
	}
}

static uint64_t events(void)
{
	struct session now;
	return session_get(store, session, &now) == 1 ? now.fold.events : UINT64_MAX;
}

/* The last event, without its id and time. */
static void check_event(const char *want)
{
	cleanup(json) cJSON *event = log_event(store, session, events());
	cJSON_DeleteItemFromObject(event, "id");
	cJSON_DeleteItemFromObject(event, "processed_at");
	cleanup(free) char *got = event ? json_to_text(event) : NULL;
	CHECK_TEXT(got, want);
}

static int set_budget(const char *text)
{
	return session_set_budget(store, session, slice_of(text), &why);
}

static void check_budget(const char *want)
{
	cleanup(buf) struct buf got = BUF_INIT(0);
	CHECK_INT(session_budget(store, session, &got), 0);
	CHECK_TEXT(buf_text(&got), want);
}

static int set_key(const char *key, const char *text)
{
	cleanup(json) cJSON *value = text ? cJSON_CreateString(text) : NULL;
	return part_set(store, session, ITEM_METADATA, key, value, NULL, &why);
}

/* Before the first event nothing is logged. */
static void test_quiet(void)
{
	check_budget("max\n");
	CHECK_INT(set_budget("1"), 0);
	CHECK_INT(set_key("ticket", "42"), 0);
	CHECK_INT(set_budget("max"), 0);
	CHECK_INT(events(), 0);
}

static void test_metadata(void)
{
	struct item page[4];
	cleanup(json) cJSON *value = NULL;
	CHECK_INT(fixture_append(session, "agent.thinking", "{}"), 0);
	CHECK_INT(set_key("ticket", "42"), 0);
	CHECK_INT(events(), 1);
	CHECK_INT(set_key("owner", "ann"), 0);
	check_event("{\"type\":\"session.updated\",\"metadata\":{\"ticket\":\"42\","
		"\"owner\":\"ann\"}}");
	CHECK_INT(part_page(store, session, 0, ITEM_METADATA, 0, page, 4), 2);
	CHECK_TEXT(page[0].name, "ticket");
	CHECK_INT(part_get(store, session, 0, ITEM_METADATA, "owner", &value), 1);
	CHECK_TEXT(cJSON_GetStringValue(value), "ann");
	CHECK_INT(set_key("owner", NULL), 0);
	CHECK_INT(set_key("owner", NULL), -ENOENT);
	CHECK_INT(set_key("ticket", NULL), 0);
	check_event("{\"type\":\"session.updated\"}");
	CHECK_INT(events(), 4);

	char long_text[514];
	memset(long_text, 'x', sizeof(long_text));
	long_text[513] = '\0';
	CHECK_INT(set_key("a", long_text), -EINVAL);
	CHECK(strstr(buf_text(&why), "metadata must have keys"));
	cleanup(json) cJSON *number = cJSON_CreateNumber(7);
	CHECK_INT(part_set(store, session, ITEM_METADATA, "a", number, NULL, &why), -EINVAL);
	CHECK_INT(part_set(store, session, ITEM_TOOL, "a", number, NULL, &why), -EINVAL);
	for (int i = 0; i < 16; i++) {
		char key[8];
		(void)snprintf(key, sizeof(key), "k%d", i);
		CHECK_INT(set_key(key, ""), 0);
	}
	CHECK_INT(set_key("k16", ""), -EINVAL);
	CHECK_INT(events(), 20);
}

/* A budget is more than what was spent, and changes only what it says. */
static void test_budget(void)
{
	CHECK_INT(fixture_append(session, "span.model_request_end",
		"{\"model_request_start_id\":\"x\",\"is_error\":null,\"model_usage\":{},"
		"\"x_agentdirs\":{\"cost_nano\":1500000000}}"), 0); /* 1.50 dollars */
	uint64_t before = events();
	CHECK_INT(set_budget("1.50"), -EINVAL);
	CHECK(strstr(buf_text(&why), "1.500000 dollars already"));
	CHECK_INT(set_budget("cheap"), -EINVAL);
	check_budget("max\n");
	CHECK_INT(events(), before);
	CHECK_INT(set_budget("1.51"), 0);
	check_event("{\"type\":\"session.updated\",\"budget\":" LIMIT("\"151\"") "}");
	CHECK_INT(set_budget("1.51"), 0);
	CHECK_INT(events(), before + 1);
	check_budget("1.51\n");
	struct session now;
	CHECK_INT(session_get(store, session, &now), 1);
	CHECK_INT(now.budget_cents, 151);
	int error = 0;
	cleanup(json) cJSON *body = session_body(store, session, &error);
	cleanup(free) char *shown = json_to_text(json_get(body, "budget"));
	CHECK_TEXT(shown, LIMIT("\"151\""));
	CHECK_INT(set_budget("max"), 0);
	check_event("{\"type\":\"session.updated\",\"budget\":null}");
}

static bool is_due(void)
{
	int64_t nums[4];
	int n = session_due(store, 0, nums, 4);
	return n == 1 && nums[0] == session;
}

/* A session that stopped at its budget has something to do once there is more. */
static void test_raise(void)
{
	CHECK_INT(set_budget("2"), 0);
	CHECK_INT(fixture_append(session, "span.model_request_end",
		"{\"model_request_start_id\":\"x\",\"is_error\":null,\"model_usage\":{},"
		"\"x_agentdirs\":{\"cost_nano\":500000000}}"), 0); /* 2.00 in all */
	CHECK_INT(fixture_append(session, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"budget_reached\"}}"), 0);
	CHECK(!is_due());
	CHECK_INT(set_budget("2"), 0);
	CHECK(!is_due());
	CHECK_INT(set_budget("2.01"), 0);
	CHECK(is_due());
	CHECK_INT(set_budget("max"), 0);
	CHECK(is_due());
	CHECK_INT(fixture_append(session, "session.status_idle",
		"{\"stop_reason\":{\"type\":\"end_turn\"}}"), 0);
	CHECK(!is_due());
}

/* Several at once are one event; one bad one, and nothing has changed. */
static void test_together(void)
{
	uint64_t before = events();
	cleanup(json) cJSON *patch = cJSON_Parse("{\"k0\":null,\"k1\":\"new\"}");
	struct settings wanted = { .title = "T", .metadata = patch, .has_budget = true,
		.budget_cents = 100 };
	CHECK_INT(settings_change(store, session, &wanted, &why), -EINVAL); /* 2.00 are spent */
	CHECK_INT(events(), before);
	cleanup(buf) struct buf title = BUF_INIT(0);
	CHECK_INT(session_title(store, session, &title), 0);
	CHECK_TEXT(buf_text(&title), "");
	wanted.budget_cents = 300;
	CHECK_INT(settings_change(store, session, &wanted, &why), 0);
	CHECK_INT(events(), before + 1);
	cleanup(json) cJSON *event = log_event(store, session, before + 1);
	CHECK_TEXT(json_text(event, "title"), "T");
	CHECK(!json_get(json_get(event, "metadata"), "k0"));
	CHECK_TEXT(json_text(json_get(event, "metadata"), "k1"), "new");
	CHECK_INT(settings_change(store, session, &wanted, &why), 0);
	CHECK_INT(events(), before + 1);

	CHECK_INT(object_archive(store, session, true), 0);
	CHECK_INT(set_budget("9"), -EROFS);
	CHECK_INT(set_key("a", "b"), -EROFS);
	CHECK_INT(session_set_budget(store, 999, slice_of("9"), &why), -ENOENT);
}

int main(void)
{
	fixture_open();
	test_budget_text();
	test_budget_body();
	test_quiet();
	test_metadata();
	test_budget();
	test_raise();
	test_together();
	fixture_close();
	return test_done();
}
