/* SPDX-License-Identifier: MIT */
/* Named entries of definitions, single fields, rosters, and the numbers of names. */
#include "store/part.h"
#include "tests/unit/store/fixture.h"

static int64_t agent, environment;

static int64_t make(enum object_kind kind, const char *name)
{
	struct object made = { 0 };
	CHECK_INT(object_make(store, kind, name, NULL, "claude-sonnet-5-5", &made, &why), 0);
	return made.num;
}

static int64_t version_of(int64_t num)
{
	struct object object = { 0 };
	CHECK_INT(object_get(store, num, &object), 1);
	return object.version;
}

static int set(int64_t object, enum item_kind kind, const char *name, const char *json)
{
	cleanup(json) cJSON *value = json ? cJSON_Parse(json) : NULL;
	CHECK(!json || value);
	return part_set(store, object, kind, name, value, NULL, &why);
}

static void check_body(int64_t object, const char *path, const char *want)
{
	int error = 0;
	cleanup(json) cJSON *body = object_body(store, object, 0, &error);
	cleanup(free) char *got = body ? json_to_text(json_path(body, path)) : NULL;
	CHECK_TEXT(got, want);
}

/* One after another on one agent.  `grows` says whether it is a new version. */
static const struct {
	enum item_kind kind;
	const char *name, *value; /* value NULL: remove */
	int want;
	bool grows;
	const char *say; /* the sentence, or part of it */
} steps[] = {
	{ ITEM_METADATA, "team", "\"search\"", 0, true },
	{ ITEM_METADATA, "team", "\"search\"", 0, false },
	{ ITEM_METADATA, "type", "\"a key like any other\"", 0, true },
	{ ITEM_METADATA, "n", "7", -EINVAL, false, "n must be a text" },
	{ ITEM_METADATA, "..", "\"x\"", -EINVAL, false, ".. cannot be a file name" },
	{ ITEM_METADATA, "gone", NULL, -ENOENT, false, "there is no gone here" },
	{ ITEM_TOOL, "get_weather",
		"{\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}", 0, true },
	{ ITEM_TOOL, "get_weather",
		"{\"type\":\"custom\",\"name\":\"get_weather\",\"description\":\"d\","
		"\"input_schema\":{\"type\":\"object\"}}",
		0, false },
	{ ITEM_TOOL, "other",
		"{\"name\":\"get_weather\",\"description\":\"d\",\"input_schema\":{\"type\":"
		"\"object\"}}",
		-EINVAL, false, "name must be \"other\", as the file is named" },
	{ ITEM_TOOL, "other", "{\"type\":\"mcp_toolset\"}", -EINVAL, false,
		"type must be \"custom\"" },
	{ ITEM_TOOL, "bash", "{\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}",
		-EINVAL, false, "must not be the name of a built-in tool" },
	{ ITEM_TOOL, "a", "{}", -EINVAL, false, "description is required" },
	{ ITEM_TOOL, "a", "[]", -EINVAL, false, "a must be an object" },
	{ ITEM_MCP, "docs", "{\"url\":\"https://docs\"}", 0, true },
	{ ITEM_MCP, "docs", "{\"url\":\"https://docs\"}", 0, false },
	{ ITEM_MCP, "docs", "{\"url\":\"https://other\"}", 0, true },
	{ ITEM_SKILL, "pdf", "{\"type\":\"anthropic\"}", 0, true },
	{ ITEM_SKILL, "mine", "{}", 0, true },
	{ ITEM_SKILL, "mine", NULL, 0, true },
	{ ITEM_SKILL, "mine", NULL, -ENOENT, false, "there is no mine here" },
	{ ITEM_PACKAGES, "apt", "[\"jq\"]", -EINVAL, false, "apt cannot be here" },
};

static void test_steps(void)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int64_t before = version_of(agent);
		CHECK_INT(set(agent, steps[i].kind, steps[i].name, steps[i].value), steps[i].want);
		CHECK_INT(version_of(agent), before + steps[i].grows);
		if (steps[i].say && !strstr(buf_text(&why), steps[i].say))
			CHECK_TEXT(buf_text(&why), steps[i].say);
	}
	check_body(agent, "metadata", "{\"team\":\"search\",\"type\":\"a key like any other\"}");
	check_body(agent, "mcp_servers",
		"[{\"type\":\"url\",\"name\":\"docs\",\"url\":\"https://other\"}]");
	check_body(agent, "skills",
		"[{\"type\":\"anthropic\",\"skill_id\":\"pdf\",\"version\":\"latest\"}]");
}

/* A server brings its toolset and takes it away again. */
static void test_server(void)
{
	int error = 0;
	cleanup(json) cJSON *with = object_body(store, agent, 0, &error);
	CHECK_INT(cJSON_GetArraySize(json_get(with, "tools")), 3);
	CHECK_INT(set(agent, ITEM_MCP, "docs", NULL), 0);
	cleanup(json) cJSON *without = object_body(store, agent, 0, &error);
	CHECK_INT(cJSON_GetArraySize(json_get(without, "tools")), 2);
	check_body(agent, "mcp_servers", "[]");
}

static void test_limits(void)
{
	char key[8];
	for (int i = 0; i < 14; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		CHECK_INT(set(agent, ITEM_METADATA, key, "\"v\""), 0);
	}
	CHECK_INT(set(agent, ITEM_METADATA, "k99", "\"v\""), -EINVAL);
	CHECK_TEXT(buf_text(&why), "metadata must have at most 16 keys");
	CHECK_INT(set(agent, ITEM_METADATA, "k0", NULL), 0);
	char text[520];
	memset(text, 'x', sizeof(text));
	text[0] = text[513] = '"';
	text[514] = '\0';
	CHECK_INT(set(agent, ITEM_METADATA, "k99", text), 0); /* 512 characters */
	memcpy(text + 513, "x\"", 3);
	CHECK_INT(set(agent, ITEM_METADATA, "k99", text), -EINVAL);
	memset(text, 'k', 65);
	text[65] = '\0';
	CHECK_INT(set(agent, ITEM_METADATA, text, "\"v\""), -EINVAL);
}

static int number_of(enum item_kind kind, const char *name)
{
	int num = 0;
	return item_find(store, agent, kind, name, &num) == 1 ? num : 0;
}

/* Pages go by number; a name that comes back has the number it had. */
static void test_pages(void)
{
	struct item page[3];
	int after = 0, seen = 0, n;
	while ((n = part_page(store, agent, 0, ITEM_METADATA, after, page, 3)) > 0) {
		for (int i = 0; i < n; i++) {
			CHECK(page[i].num > after);
			CHECK_INT(number_of(ITEM_METADATA, page[i].name), page[i].num);
			after = page[i].num;
		}
		seen += n;
	}
	CHECK_INT(n, 0);
	CHECK_INT(seen, 16);
	CHECK(number_of(ITEM_METADATA, "k0") > 0); /* away, and its number is kept */
	int was = number_of(ITEM_SKILL, "mine");
	CHECK_INT(set(agent, ITEM_SKILL, "mine", "{}"), 0);
	CHECK_INT(number_of(ITEM_SKILL, "mine"), was);
	CHECK_INT(part_page(store, agent, 1, ITEM_METADATA, 0, page, 3), 0); /* it had none */
	CHECK_INT(part_page(store, agent, 999, ITEM_METADATA, 0, page, 3), -ENOENT);
	CHECK_INT(part_page(store, 999, 0, ITEM_METADATA, 0, page, 3), -ENOENT);
	CHECK_INT(part_page(store, environment, 0, ITEM_TOOL, 0, page, 3), 0);

	struct item item;
	CHECK_INT(item_get(store, agent, ITEM_SKILL, was, &item), 1);
	CHECK_TEXT(item.name, "mine");
	CHECK_INT(item_get(store, agent, ITEM_SKILL, 9999, &item), 0);
}

static void test_get(void)
{
	cleanup(json) cJSON *tool = NULL, *key = NULL, *none = NULL, *packages = NULL;
	CHECK_INT(part_get(store, agent, 0, ITEM_TOOL, "get_weather", &tool), 1);
	CHECK_TEXT(json_text(tool, "type"), "custom");
	CHECK_INT(part_get(store, agent, 0, ITEM_METADATA, "team", &key), 1);
	CHECK_TEXT(cJSON_GetStringValue(key), "search");
	CHECK_INT(part_get(store, agent, 1, ITEM_METADATA, "team", &none), 0);
	CHECK_INT(part_get(store, agent, 0, ITEM_TOOL, "agent_toolset_20260401", &none), 0);
	CHECK(!none);
	CHECK_INT(part_get(store, environment, 0, ITEM_PACKAGES, "apt", &packages), 1);
	CHECK(cJSON_IsArray(packages));
	CHECK_INT(part_get(store, environment, 0, ITEM_PACKAGES, "type", &none), 0);
}

/* A name that cannot be a file shows in the document only. */
static void test_odd_names(void)
{
	int64_t version = 0, odd = make(OBJECT_AGENT, "odd");
	struct item page[4];
	int error = 0;
	cleanup(json) cJSON *body = object_body(store, odd, 0, &error);
	cJSON *map = cJSON_GetObjectItemCaseSensitive(body, "metadata");
	cJSON_AddStringToObject(map, "a/b", "x");
	cJSON_AddStringToObject(map, "..", "x");
	cJSON_AddStringToObject(map, "fine", "x");
	CHECK_INT(object_save(store, odd, body, &version, &why), 0);
	CHECK_INT(part_page(store, odd, 0, ITEM_METADATA, 0, page, 4), 1);
	CHECK_TEXT(page[0].name, "fine");
	CHECK_INT(set(odd, ITEM_METADATA, "fine", NULL), 0);
	check_body(odd, "metadata", "{\"a/b\":\"x\",\"..\":\"x\"}");
}

/* Fields on an agent of its own: what is set, what that says, and whether it is a new version. */
static const struct {
	const char *field, *value;
	int want;
	bool grows;
	const char *path, *shown;
} fields[] = {
	{ "system", "\"be brief\"", 0, true, "system", "\"be brief\"" },
	{ "system", "\"be brief\"", 0, false, "system", "\"be brief\"" },
	{ "system", "\"\"", 0, true, "system", "null" },
	{ "system", NULL, 0, false, "system", "null" },
	{ "description", "\"d\"", 0, true, "description", "\"d\"" },
	{ "model", "\"claude-sonnet-5-5\"", 0, false, "model.id", "\"claude-sonnet-5-5\"" },
	{ "model", "{\"id\":\"m\",\"effort\":\"low\",\"speed\":\"fast\"}", 0, true, "model.effort",
		"{\"type\":\"low\"}" },
	{ "model", "\"m\"", 0, false, "model.speed", "\"fast\"" },
	{ "model", "{\"id\":\"m\"}", 0, true, "model",
		"{\"id\":\"m\",\"effort\":{\"type\":\"low\"},\"speed\":\"standard\"}" },
	{ "model", "\"claude-opus-5-5\"", 0, true, "model.effort", "{\"type\":\"medium\"}" },
	{ "model", NULL, -EINVAL, false, "model.id", "\"claude-opus-5-5\"" },
	{ "tools", NULL, 0, true, "tools", "[]" },
	{ "skills", "[{\"type\":\"custom\",\"skill_id\":\"x\"}]", -EINVAL, false, "skills", "[]" },
	{ "metadata", "{\"a\":\"b\"}", 0, true, "metadata", "{\"a\":\"b\"}" },
	{ "metadata", NULL, 0, true, "metadata", "{}" },
	{ "colour", "\"red\"", -EINVAL, false, "metadata", "{}" },
};

static void test_fields(void)
{
	int64_t num = make(OBJECT_AGENT, "fields"), version = 1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		cleanup(json) cJSON *value = fields[i].value ? cJSON_Parse(fields[i].value) : NULL;
		int64_t got = 0;
		int r = object_set(store, num, fields[i].field, value, &got, &why);
		CHECK_INT(r, fields[i].want);
		version += fields[i].grows;
		CHECK_INT(r < 0 ? version_of(num) : got, version);
		check_body(num, fields[i].path, fields[i].shown);
	}
	CHECK_INT(object_archive(store, num, true), 0);
	CHECK_INT(object_set(store, num, "system", NULL, NULL, &why), -EROFS);
	CHECK_INT(set(num, ITEM_METADATA, "a", "\"b\""), -EROFS);
	CHECK_INT(object_set(store, 999, "system", NULL, NULL, &why), -ENOENT);
}

/* Members are found, pinned, and checked. */
static void test_roster(void)
{
	int64_t lead = make(OBJECT_AGENT, "lead"), other = make(OBJECT_AGENT, "helper");
	struct object helper, chief;
	CHECK_INT(object_get(store, other, &helper), 1);
	CHECK_INT(object_get(store, lead, &chief), 1);
	cleanup(free) char *pinned = xprintf(
		"{\"type\":\"coordinator\",\"agents\":[{\"type\":\"agent\",\"id\":\"%s\","
		"\"version\":1}]}", helper.id);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, "{}"), 0);
	check_body(lead, "multiagent", pinned);
	CHECK_INT(version_of(lead), 2);

	/* The member's new version changes nothing until it is asked for. */
	cleanup(json) cJSON *text = cJSON_CreateString("new");
	CHECK_INT(object_set(store, other, "system", text, NULL, &why), 0);
	cleanup(json) cJSON *body = NULL;
	int error = 0;
	int64_t version = 0;
	body = object_body(store, lead, 0, &error);
	CHECK_INT(object_save(store, lead, body, &version, &why), 0);
	CHECK_INT(version, 2);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, "{}"), 0);
	CHECK_INT(version_of(lead), 3);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, "{\"version\":9}"), -EINVAL);
	CHECK(strstr(buf_text(&why), "version 9"));

	CHECK_INT(set(other, ITEM_TEAM, chief.id, "{}"), -EINVAL); /* one level only */
	CHECK(strstr(buf_text(&why), "multiagent of its own"));
	CHECK_INT(set(lead, ITEM_TEAM, chief.id, "{}"), -EINVAL);
	CHECK_INT(set(lead, ITEM_TEAM, "agent_none", "{}"), -EINVAL);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, NULL), 0);
	check_body(lead, "multiagent", "null");
	struct item page[2];
	CHECK_INT(part_page(store, lead, 0, ITEM_TEAM, 0, page, 2), 0);
	CHECK_INT(part_page(store, lead, 3, ITEM_TEAM, 0, page, 2), 1);
	CHECK_TEXT(page[0].name, helper.id);
}

/* The whole multiagent as one writes it by hand, and what becomes of it; NULL: refused. */
static const struct {
	const char *given, *shown;
} rosters[] = {
	{ "{\"type\":\"coordinator\",\"agents\":[{\"type\":\"advisor\",\"model\":\"m\"},"
	  "{\"type\":\"self\"}]}",
		"{\"type\":\"coordinator\",\"agents\":[{\"type\":\"self\"},{\"type\":\"advisor\","
		"\"model\":{\"id\":\"m\",\"effort\":{\"type\":\"high\"},\"speed\":"
		"\"standard\"}}]}" },
	{ "{\"type\":\"coordinator\",\"agents\":[]}", NULL },
	{ "{\"type\":\"coordinator\",\"agents\":[{\"type\":\"self\"},{\"type\":\"self\"}]}", NULL },
	{ "{\"type\":\"coordinator\",\"agents\":[\"helper\",\"helper\"]}", NULL },
	{ "{\"type\":\"coordinator\",\"agents\":[\"nobody\"]}", NULL },
	{ "{\"type\":\"multiagent_20261001\"}",
		"{\"type\":\"multiagent_20261001\",\"subagents\":{\"type\":\"enabled\","
		"\"predefined_agents\":[],\"inline_agents\":{\"type\":\"enabled\"}},\"workflows\":"
		"{\"type\":\"enabled\",\"predefined_agents\":[],\"inline_agents\":{\"type\":"
		"\"enabled\"}},\"advisor\":{\"type\":\"disabled\"}}" },
	{ "{\"type\":\"multiagent_20261001\",\"subagents\":{\"type\":\"disabled\"},\"workflows\":"
	  "null,\"advisor\":null}",
		"{\"type\":\"multiagent_20261001\",\"subagents\":{\"type\":\"disabled\"},"
		"\"workflows\":{\"type\":\"enabled\",\"predefined_agents\":[],\"inline_agents\":"
		"{\"type\":\"enabled\"}},\"advisor\":{\"type\":\"disabled\"}}" },
	{ "{\"type\":\"multiagent_20261001\",\"subagents\":{\"type\":\"enabled\","
	  "\"inline_agents\":{\"type\":\"disabled\"}}}", NULL },
	{ "{\"type\":\"swarm\"}", NULL },
};

static void test_roster_forms(void)
{
	int64_t lead = make(OBJECT_AGENT, "forms");
	for (size_t i = 0; i < ARRAY_LEN(rosters); i++) {
		cleanup(json) cJSON *value = cJSON_Parse(rosters[i].given);
		CHECK(value);
		why.size = 0;
		int r = object_set(store, lead, "multiagent", value, NULL, &why);
		CHECK_INT(r, rosters[i].shown ? 0 : -EINVAL);
		if (rosters[i].shown)
			check_body(lead, "multiagent", rosters[i].shown);
		else
			CHECK(why.size > 0);
	}
	/* Members of the newer kind stand one level down. */
	cleanup(json) cJSON *newer = cJSON_Parse("{\"type\":\"multiagent_20261001\"}");
	CHECK_INT(object_set(store, lead, "multiagent", newer, NULL, &why), 0);
	struct object helper;
	CHECK_INT(object_find(store, OBJECT_AGENT, false, "helper", &helper), 1);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, "{}"), 0);
	CHECK_INT(set(lead, ITEM_TEAM, helper.id, NULL), 0);
	check_body(lead, "multiagent.subagents.predefined_agents", "[]");
}

/* A number is never given twice, and they run out only after 65535 names. */
static void test_numbers(void)
{
	int num = 0, again = 0;
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "new", &num), 0);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "new", &again), 0);
	CHECK_INT(again, num);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "newer", &again), 0);
	CHECK_INT(again, num + 1);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "a/b", &again), -EINVAL);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "", &again), -EINVAL);
	CHECK_INT(item_add(store, 999, ITEM_TOOL, "x", &again), -ENOENT);
	char name[ITEM_NAME_SIZE + 1];
	memset(name, 'n', sizeof(name));
	name[ITEM_NAME_SIZE] = '\0';
	CHECK_INT(item_add(store, agent, ITEM_TOOL, name, &again), -EINVAL);
	name[ITEM_NAME_SIZE - 1] = '\0';
	CHECK_INT(item_add(store, agent, ITEM_TOOL, name, &again), 0);
	CHECK_INT(db_exec(store, "UPDATE item SET num = 65535 WHERE name = 'newer'"), 0);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "one-more", &again), -ENOSPC);
	CHECK_INT(item_add(store, agent, ITEM_TOOL, "new", &again), 0);
	CHECK_INT(again, num);
}

int main(void)
{
	fixture_open();
	agent = make(OBJECT_AGENT, "coder");
	environment = make(OBJECT_ENVIRONMENT, "dev");
	test_steps();
	test_server();
	test_limits();
	test_pages();
	test_get();
	test_odd_names();
	test_fields();
	test_roster();
	test_roster_forms();
	test_numbers();
	fixture_close();
	return test_done();
}
