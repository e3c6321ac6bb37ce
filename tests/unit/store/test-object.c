/* SPDX-License-Identifier: MIT */
/* Objects, their definitions, and the shapes that these must have. */
#include "store/part.h"
#include "store/schema.h"
#include "tests/unit/store/fixture.h"

#define TOOLSET                                                                                    \
	"{\"type\":\"agent_toolset_20260401\",\"default_config\":{\"enabled\":true,"               \
	"\"permission_policy\":{\"type\":\"always_allow\"}},\"configs\":[]}"

/* A definition and what of its full form matters, or the sentence that refuses it. */
static const struct {
	enum object_kind kind;
	const char *body, *path, *want;
} cases[] = {
	{ OBJECT_AGENT, "{\"model\":\"m\"}", "model",
		"{\"id\":\"m\",\"effort\":{\"type\":\"high\"},\"speed\":\"standard\"}" },
	{ OBJECT_AGENT, "{\"model\":\"claude-opus-5-5\"}", "model.effort",
		"{\"type\":\"medium\"}" },
	{ OBJECT_AGENT, "{\"model\":{\"id\":\"claude-haiku-4-5-20251001\"}}", "model.effort",
		"null" },
	{ OBJECT_AGENT, "{\"model\":{\"id\":\"m\",\"effort\":\"max\",\"speed\":\"fast\"}}", "model",
		"{\"id\":\"m\",\"effort\":{\"type\":\"max\"},\"speed\":\"fast\"}" },
	{ OBJECT_AGENT, "{\"model\":\"m\"}", "tools", "[" TOOLSET "]" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"tools\":[]}", "tools", "[]" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"tools\":[{\"type\":\"agent_toolset_20260401\",\"configs\":["
		"{\"name\":\"bash\",\"permission_policy\":\"always_ask\"}]}]}",
		"tools",
		"[{\"type\":\"agent_toolset_20260401\",\"default_config\":{\"enabled\":true,"
		"\"permission_policy\":{\"type\":\"always_allow\"}},\"configs\":[{\"name\":"
		"\"bash\","
		"\"type\":\"bash\",\"permission_policy\":{\"type\":\"always_ask\"}}]}]" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"id\":\"x\",\"version\":7,\"name\":\"y\"}", "system",
		"null" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"mcp_servers\":[{\"type\":\"url\",\"name\":\"a\",\"url\":"
		"\"https://a\"}],"
		"\"tools\":[{\"type\":\"mcp_toolset\",\"mcp_server_name\":\"a\"}]}",
		"tools",
		"[{\"type\":\"mcp_toolset\",\"mcp_server_name\":\"a\",\"default_config\":{"
		"\"enabled\":true,"
		"\"permission_policy\":{\"type\":\"always_ask\"}},\"configs\":[]}]" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"metadata\":{\"a\":\"1\",\"b\":null}}", "metadata",
		"{\"a\":\"1\"}" },
	{ OBJECT_AGENT, "{}", NULL, "model is required" },
	{ OBJECT_AGENT, "[]", NULL, "the document must be an object" },
	{ OBJECT_AGENT, "{\"model\":null}", NULL, "model must be an object" },
	{ OBJECT_AGENT, "{\"model\":\"\"}", NULL, "model.id must have 1 to 256 characters" },
	{ OBJECT_AGENT, "{\"model\":{\"id\":\"m\",\"speed\":\"slow\"}}", NULL,
		"model.speed must be one of \"standard\" \"fast\"" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"sytem\":\"x\"}", NULL, "sytem is not a known field" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"system\":7}", NULL, "system must be text" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"tools\":{}}", NULL, "tools must be a list" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"tools\":[{\"type\":\"x\"}]}", NULL,
		"tools[0].type must be one of \"agent_toolset_20260401\" \"mcp_toolset\" "
		"\"custom\"" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"tools\":[{\"type\":\"agent_toolset_20260401\",\"configs\":[{"
		"\"name\":"
		"\"bosh\"}]}]}",
		NULL,
		"tools[0].configs[0].name must be one of \"bash\" \"read\" \"write\" \"edit\" "
		"\"glob\" "
		"\"grep\" \"web_fetch\" \"web_search\"" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"tools\":[{\"type\":\"custom\",\"name\":\"bash\","
		"\"description\":\"d\","
		"\"input_schema\":{\"type\":\"object\"}}]}",
		NULL, "tools[0].name must not be the name of a built-in tool" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\",\"description\":"
		"\"d\","
		"\"input_schema\":{}}]}",
		NULL, "tools[0].input_schema must have the type \"object\"" },
	{ OBJECT_AGENT,
		"{\"model\":\"m\",\"tools\":[{\"type\":\"mcp_toolset\",\"mcp_server_name\":\"a\"}]"
		"}",
		NULL,
		"the document must declare in mcp_servers every server that an mcp_toolset names" },
	{ OBJECT_AGENT, "{\"model\":\"m\",\"metadata\":{\"a\":1}}", NULL,
		"metadata must have keys of 1 to 64 and texts of up to 512 characters" },
	{ OBJECT_ENVIRONMENT, "{}", "config",
		"{\"type\":\"cloud\",\"networking\":{\"type\":\"limited\",\"allowed_hosts\":[],"
		"\"allow_mcp_servers\":false,\"allow_package_managers\":false},\"packages\":{"
		"\"type\":"
		"\"packages\",\"apt\":[],\"cargo\":[],\"gem\":[],\"go\":[],\"npm\":[],\"pip\":[]}"
		"}" },
	{ OBJECT_ENVIRONMENT, "{\"config\":{\"type\":\"self_hosted\"}}", "config",
		"{\"type\":\"self_hosted\"}" },
	{ OBJECT_ENVIRONMENT,
		"{\"config\":{\"type\":\"cloud\",\"networking\":{\"type\":\"unrestricted\"},"
		"\"packages\":{\"type\":\"packages\",\"apt\":[\"jq\"]}}}",
		"config.networking", "{\"type\":\"unrestricted\"}" },
	{ OBJECT_ENVIRONMENT,
		"{\"config\":{\"type\":\"cloud\",\"packages\":{\"type\":\"packages\",\"apt\":["
		"\"jq\"]}}}",
		NULL,
		"config must set networking.allow_package_managers to install packages through a "
		"limited "
		"network" },
	{ OBJECT_ENVIRONMENT,
		"{\"config\":{\"type\":\"cloud\",\"networking\":{\"type\":\"limited\",\"allowed_"
		"hosts\":"
		"[\"*.example.com\",\"https://x\"]}}}",
		NULL,
		"config.networking.allowed_hosts[1] must be a host name such as example.com or "
		"*.example.com" },
};

static void test_schema(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(json) cJSON *body = cJSON_Parse(cases[i].body), *full = NULL;
		CHECK(body != NULL);
		int r = schema_apply(cases[i].kind, body, &full, &why);
		CHECK_INT(r, cases[i].path ? 0 : -EINVAL);
		if (!cases[i].path) {
			CHECK_TEXT(buf_text(&why), cases[i].want);
			continue;
		}
		cleanup(free) char *got = full ? json_to_text(json_path(full, cases[i].path)) :
						 NULL;
		CHECK_TEXT(got, cases[i].want);
		/* The full form is its own full form: what is shown can be written back. */
		cleanup(json) cJSON *again = NULL;
		CHECK_INT(schema_apply(cases[i].kind, full, &again, &why), 0);
		CHECK(cJSON_Compare(full, again, true));
	}
}

static void test_limits(void)
{
	cleanup(json) cJSON *body = cJSON_Parse("{\"model\":\"m\"}"), *full = NULL;
	cleanup(free) char *system = xmalloc(200001);
	for (size_t i = 0; i < 100000; i++)
		memcpy(system + 2 * i, "\xc3\xa9", 2);
	system[200000] = '\0';
	cJSON_AddStringToObject(body, "system", system); /* 100,000 characters, twice the bytes */
	CHECK_INT(schema_apply(OBJECT_AGENT, body, &full, &why), 0);
	system[0] = 'x';
	memmove(system + 1, system, 199999);
	cJSON_DeleteItemFromObject(body, "system");
	cJSON *map = cJSON_AddObjectToObject(body, "metadata");
	for (int i = 0; i < 17; i++) {
		char key[8];
		(void)snprintf(key, sizeof(key), "k%d", i);
		cJSON_AddStringToObject(map, key, "v");
	}
	cleanup(json) cJSON *none = NULL;
	CHECK_INT(schema_apply(OBJECT_AGENT, body, &none, &why), -EINVAL);
	CHECK_TEXT(buf_text(&why), "metadata must have at most 16 keys");
}

static void test_names(void)
{
	struct object a, b, found;
	CHECK_INT(object_make(store, OBJECT_AGENT, "coder", NULL, "m", &a, &why), 0);
	CHECK(strncmp(a.id, "agent_", 6) == 0);
	CHECK_INT(a.version, 1);
	CHECK_INT(object_make(store, OBJECT_AGENT, "coder", NULL, "m", &b, &why), -EEXIST);
	CHECK_TEXT(buf_text(&why), "there is already an agent named coder");
	CHECK_INT(object_make(store, OBJECT_AGENT, "../x", NULL, "m", &b, &why), -EINVAL);
	CHECK_INT(object_make(store, OBJECT_AGENT, "other", NULL, NULL, &b, &why), -EINVAL);
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "coder", NULL, NULL, &b, &why), 0);
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "coder", &found), 1);
	CHECK_INT(found.num, a.num);
	CHECK_INT(object_by_id(store, a.id, &found), 1);
	CHECK_INT(object_by_id(store, "agent_none", &found), 0);

	CHECK_INT(object_archive(store, a.num, true), 0);
	CHECK_INT(object_archive(store, a.num, true), 0);
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "coder", NULL), 0);
	CHECK_INT(object_find(store, OBJECT_AGENT, true, "coder", NULL), 1);
	CHECK_INT(object_make(store, OBJECT_AGENT, "coder", NULL, "m", &b, &why), 0);
	CHECK_INT(object_archive(store, a.num, false), -EEXIST);
	CHECK_INT(object_rename(store, b.num, "assistant"), -EEXIST);
	CHECK_INT(object_rename(store, b.num, "bad/name"), -EINVAL);
	CHECK_INT(object_rename(store, b.num, "writer"), 0);
	CHECK_INT(object_archive(store, a.num, false), 0);
	CHECK_INT(object_rename(store, 12345, "x"), -ENOENT);
	CHECK_INT(object_archive(store, 12345, true), -ENOENT);
	CHECK_INT(object_delete(store, a.num), -EBUSY);
}

static void test_pages(void)
{
	struct object page[2];
	int64_t after = 0, seen = 0, last = 0;
	int n;
	while ((n = object_page(store, OBJECT_AGENT, false, after, page, 2)) > 0) {
		for (int i = 0; i < n; i++) {
			CHECK(page[i].num > last && page[i].kind == OBJECT_AGENT);
			last = page[i].num;
		}
		seen += n;
		after = last;
	}
	CHECK_INT(n, 0);
	CHECK_INT(seen, object_count(store, OBJECT_AGENT, false));
	CHECK(seen >= 3);
}

/* Saving what was read makes no version; every real change makes one, and old ones stay as they
 * were. */
static void test_versions(void)
{
	struct object agent;
	int64_t version = 0;
	int error = 0;
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "coder", &agent), 1);
	cleanup(json) cJSON *shown = object_body(store, agent.num, 0, &error);
	CHECK_TEXT(json_text(shown, "id"), agent.id);
	CHECK_TEXT(json_text(shown, "type"), "agent");
	CHECK_TEXT(json_text(shown, "name"), "coder");
	CHECK_INT(object_save(store, agent.num, shown, &version, &why), 0);
	CHECK_INT(version, 1);
	cJSON_ReplaceItemInObject(shown, "system", cJSON_CreateString("be brief"));
	CHECK_INT(object_save(store, agent.num, shown, &version, &why), 0);
	CHECK_INT(version, 2);
	CHECK_INT(object_save(store, agent.num, shown, &version, &why), 0);
	CHECK_INT(version, 2);
	cleanup(json) cJSON *old = object_body(store, agent.num, 1, &error);
	CHECK(cJSON_IsNull(json_get(old, "system")));
	CHECK_INT(json_int(old, "version", 0), 1);
	cleanup(json) cJSON *now = object_body(store, agent.num, 0, &error);
	CHECK_TEXT(json_text(now, "system"), "be brief");
	CHECK(!object_body(store, agent.num, 3, &error));
	CHECK_INT(error, -ENOENT);
	CHECK(!object_body(store, 12345, 0, &error));
	CHECK_INT(error, -ENOENT);

	cJSON_AddStringToObject(shown, "colour", "red");
	CHECK_INT(object_save(store, agent.num, shown, &version, &why), -EINVAL);
	CHECK_TEXT(buf_text(&why), "colour is not a known field");
	CHECK_INT(object_archive(store, agent.num, true), 0);
	CHECK_INT(object_save(store, agent.num, now, &version, &why), -EROFS);
}

static void test_environment(void)
{
	struct object local, found;
	int error = 0;
	int64_t version = 0;
	CHECK_INT(object_find(store, OBJECT_ENVIRONMENT, false, "local", &local), 1);
	cleanup(json) cJSON *body = object_body(store, local.num, 0, &error);
	CHECK(!json_get(body, "version"));
	cJSON_ReplaceItemInObject(body, "description", cJSON_CreateString("mine"));
	CHECK_INT(object_save(store, local.num, body, &version, &why), 0);
	CHECK_INT(version, 1);
	cleanup(json) cJSON *again = object_body(store, local.num, 0, &error);
	CHECK_TEXT(json_text(again, "description"), "mine");

	struct object coder;
	CHECK_INT(object_find(store, OBJECT_ENVIRONMENT, false, "coder", &coder), 1);
	CHECK_INT(object_set_default(store, OBJECT_ENVIRONMENT, coder.num), 0);
	CHECK_INT(object_default(store, OBJECT_ENVIRONMENT, &found), 1);
	CHECK_INT(found.num, coder.num);
	CHECK_INT(object_set_default(store, OBJECT_AGENT, coder.num), -ENOENT);
	CHECK_INT(object_set_default(store, OBJECT_AGENT, 12345), -ENOENT);
}

static void check_place(int64_t num, enum object_kind kind, bool archived, const char *name)
{
	struct object found = { 0 };
	CHECK_INT(object_find(store, kind, archived, name, &found), 1);
	CHECK_INT(found.num, num);
	CHECK_INT(found.archived_us != 0, archived);
}

/* From one folder into the other under another name, in one step or not at all. */
static void test_move(enum object_kind kind, int64_t num, int64_t other)
{
	CHECK_INT(object_rename(store, num, "here"), 0);
	CHECK_INT(object_rename(store, other, "there"), 0);
	CHECK_INT(object_move(store, num, true, "old"), 0);
	check_place(num, kind, true, "old");
	CHECK_INT(object_move(store, other, true, "old"), -EEXIST);
	check_place(other, kind, false, "there");
	CHECK_INT(object_move(store, other, true, "bad/name"), -EINVAL);
	CHECK_INT(object_move(store, num, false, "there"), -EEXIST);
	CHECK_INT(object_move(store, num, true, "old"), 0);
	CHECK_INT(object_rename(store, num, "older"), kind == OBJECT_AGENT ? -EROFS : 0);
	CHECK_INT(object_move(store, num, false, "back"), 0);
	check_place(num, kind, false, "back");
	CHECK_INT(object_archive(store, num, true), 0);
	check_place(num, kind, true, "back");
	struct object page[2];
	CHECK_INT(object_page(store, kind, true, num - 1, page, 2) > 0, 1);
	CHECK_INT(page[0].num, num);
	CHECK_INT(object_archive(store, num, false), 0);
	CHECK_INT(object_move(store, 12345, true, "x"), -ENOENT);
}

static void test_moves(void)
{
	struct object a, b;
	struct session s, t;
	for (int kind = OBJECT_AGENT; kind <= OBJECT_ENVIRONMENT; kind++) {
		CHECK_INT(object_make(store, kind, "m1", NULL, "m", &a, &why), 0);
		CHECK_INT(object_make(store, kind, "m2", NULL, "m", &b, &why), 0);
		test_move(kind, a.num, b.num);
	}
	CHECK_INT(session_make(store, "m1", &s, &why), 0);
	CHECK_INT(session_make(store, "m2", &t, &why), 0);
	test_move(OBJECT_SESSION, s.object.num, t.object.num);
	CHECK_INT(fixture_append(s.object.num, "session.status_running", "{}"), 0);
	CHECK_INT(object_rename(store, s.object.num, "runs"), -EBUSY);
	CHECK_INT(object_move(store, s.object.num, true, "runs"), -EBUSY);
	CHECK_INT(object_archive(store, s.object.num, true), -EBUSY);
	check_place(s.object.num, OBJECT_SESSION, false, "back");
}

/* The name is part of an agent's versions. */
static void test_renamed_versions(void)
{
	struct object made, now;
	int error = 0;
	CHECK_INT(object_make(store, OBJECT_AGENT, "first", NULL, "m", &made, &why), 0);
	CHECK_INT(object_rename(store, made.num, "first"), 0);
	CHECK_INT(object_rename(store, made.num, "second"), 0);
	CHECK_INT(object_get(store, made.num, &now), 1);
	CHECK_INT(now.version, 2);
	cleanup(json) cJSON *one = object_body(store, made.num, 1, &error);
	cleanup(json) cJSON *two = object_body(store, made.num, 2, &error);
	CHECK_TEXT(json_text(one, "name"), "first");
	CHECK_TEXT(json_text(two, "name"), "second");
	CHECK(cJSON_Compare(json_get(one, "model"), json_get(two, "model"), true));
	int64_t version = 0;
	CHECK_INT(object_save(store, made.num, two, &version, &why), 0);
	CHECK_INT(version, 2);

	/* Environments have no versions: they are simply called otherwise. */
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "first", NULL, NULL, &made, &why), 0);
	CHECK_INT(object_rename(store, made.num, "second"), 0);
	cleanup(json) cJSON *body = object_body(store, made.num, 0, &error);
	CHECK_TEXT(json_text(body, "name"), "second");
	CHECK_INT(object_get(store, made.num, &now), 1);
	CHECK_INT(now.version, 1);
}

/* Only what nobody uses goes for good. */
static void test_delete(void)
{
	struct object agent, environment, found;
	struct session user;
	cleanup(json) cJSON *value = cJSON_CreateString("v");
	CHECK_INT(object_make(store, OBJECT_AGENT, "d", NULL, "m", &agent, &why), 0);
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "d", NULL, NULL, &environment, &why), 0);
	CHECK_INT(part_set(store, agent.num, ITEM_METADATA, "k", value, NULL, &why), 0);
	CHECK_INT(object_set_default(store, OBJECT_AGENT, agent.num), 0);
	CHECK_INT(session_make(store, "user", &user, &why), 0);
	CHECK_INT(session_set_environment(store, user.object.num, environment.num), 0);
	CHECK_INT(object_delete(store, environment.num), -EBUSY);
	CHECK_INT(object_archive(store, agent.num, true), 0);
	CHECK_INT(object_archive(store, environment.num, true), 0);
	CHECK_INT(object_delete(store, agent.num), -EBUSY); /* its session is there */
	CHECK_INT(object_delete(store, environment.num), -EBUSY);
	CHECK_INT(object_delete(store, user.object.num), 0);
	CHECK_INT(object_delete(store, agent.num), 0);
	CHECK_INT(object_delete(store, environment.num), 0);
	CHECK_INT(object_delete(store, agent.num), -ENOENT);
	CHECK_INT(object_find(store, OBJECT_AGENT, true, "d", NULL), 0);
	CHECK_INT(object_default(store, OBJECT_AGENT, &found), 0);
}

int main(void)
{
	fixture_open();
	test_schema();
	test_limits();
	test_names();
	test_pages();
	test_versions();
	test_environment();
	test_moves();
	test_renamed_versions();
	test_delete();
	fixture_close();
	return test_done();
}
