/* SPDX-License-Identifier: MIT */
/* session_configure: what a session is made of, in one document. */
#include "store/resource.h"
#include "tests/unit/store/fixture.h"

static struct object coder, dev;

/* %a and %e in a text stand for the ids of the agent and the environment. */
static cJSON *document(const char *text)
{
	cleanup(buf) struct buf json = BUF_INIT(0);
	for (; *text; text++) {
		if (*text != '%')
			(void)buf_add_char(&json, *text);
		else if (*++text == 'a')
			(void)buf_add_text(&json, coder.id);
		else
			(void)buf_add_text(&json, dev.id);
	}
	cJSON *parsed = cJSON_Parse(buf_text(&json));
	CHECK(parsed);
	return parsed;
}

/* Each on a session of its own; `path` of the session's body after it.  want < 0: refused, with
 * `shown` in the sentence. */
static const struct {
	const char *wanted;
	int want;
	const char *path, *shown;
} cases[] = {
	{ "{}", 0, "title", "null" },
	{ "[]", -EINVAL, NULL, "must be an object" },
	{ "{\"titel\":\"x\"}", -EINVAL, NULL, "titel is not a known field" },
	{ "{\"id\":\"x\",\"status\":\"y\",\"usage\":7}", 0, "status", "\"idle\"" },
	{ "{\"agent\":\"coder\"}", 0, "agent.id", "%a" },
	{ "{\"agent\":\"%a\"}", 0, "agent.version", "2" },
	{ "{\"agent\":{\"type\":\"agent\",\"id\":\"%a\",\"version\":1}}", 0, "agent.version", "1" },
	{ "{\"agent\":{\"id\":\"coder\"}}", 0, "agent.id", "%a" },
	{ "{\"agent\":{\"id\":\"coder\",\"version\":3}}", -ENOENT, NULL, "no version 3" },
	{ "{\"agent\":{\"id\":\"coder\",\"version\":1.5}}", -EINVAL, NULL, "agent.version" },
	{ "{\"agent\":{\"id\":\"coder\",\"system\":\"x\"}}", -EINVAL, NULL,
		"agent_with_overrides" },
	{ "{\"agent\":{\"type\":\"robot\",\"id\":\"coder\"}}", -EINVAL, NULL, "agent must be" },
	{ "{\"agent\":{}}", -EINVAL, NULL, "named by its id or its name" },
	{ "{\"agent\":\"nobody\"}", -ENOENT, NULL, "there is no agent nobody" },
	{ "{\"agent\":\"%e\"}", -ENOENT, NULL, "there is no agent" },
	{ "{\"agent\":\"old\"}", -ENOENT, NULL, "there is no agent old" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"system\":\"other\","
	  "\"model\":\"m2\"}}",
		0, "agent.system", "\"other\"" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"model\":\"m2\"}}", 0,
		"agent.model",
		"{\"id\":\"m2\",\"effort\":{\"type\":\"high\"},\"speed\":\"standard\"}" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"system\":null}}", 0,
		"agent.system", "null" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"skills\":[]}}", 0,
		"agent.skills", "[]" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"model\":null}}", -EINVAL,
		NULL, "agent.model is required" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"tools\":[]}}", -EINVAL,
		NULL, "must enable the tool read" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"tools\":[],"
	  "\"skills\":null}}",
		0, "agent.tools", "[]" },
	{ "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\",\"metadata\":{}}}", -EINVAL,
		NULL, "agent.metadata cannot be set" },
	{ "{\"environment_id\":\"dev\"}", 0, "environment_id", "%e" },
	{ "{\"environment_id\":\"%e\"}", 0, "environment_id", "%e" },
	{ "{\"environment_id\":\"%a\"}", -ENOENT, NULL, "there is no environment" },
	{ "{\"environment_id\":7}", -EINVAL, NULL, "environment must be named" },
	{ "{\"title\":\"T\"}", 0, "title", "\"T\"" },
	{ "{\"title\":7}", -EINVAL, NULL, "title must be text" },
	{ "{\"metadata\":{\"a\":\"b\"}}", 0, "metadata", "{\"a\":\"b\"}" },
	{ "{\"metadata\":{\"a\":7}}", -EINVAL, NULL, "metadata must have" },
	{ "{\"metadata\":null}", -EINVAL, NULL, "metadata must be" },
	{ "{\"budget\":{\"type\":\"limit\",\"max_list_cost\":{\"amount\":\"250\",\"currency\":"
	  "\"USD\"}}}",
		0, "budget.max_list_cost.amount", "\"250\"" },
	{ "{\"budget\":2.5}", -EINVAL, NULL, "budget must be null or" },
	{ "{\"vault_ids\":[]}", 0, "vault_ids", "[]" },
	{ "{\"vault_ids\":[\"vlt_1\"]}", -ENOENT, NULL, "there is no vault vlt_1" },
	{ "{\"resources\":[{\"type\":\"memory_store\",\"memory_store_id\":\"memstore_1\"}]}",
		-ENOENT, NULL, "there is no memory store memstore_1" },
	{ "{\"resources\":[{\"type\":\"socket\"}]}", -EINVAL, NULL, "resources[0].type" },
	{ "{\"resources\":{}}", -EINVAL, NULL, "resources must be a list" },
	/* All or nothing: the last field spoils it. */
	{ "{\"agent\":\"coder\",\"title\":\"T\",\"budget\":7}", -EINVAL, NULL, "budget" },
};

static void check_case(size_t i, int64_t num)
{
	int error = 0;
	cleanup(json) cJSON *before = session_body(store, num, &error);
	cleanup(json) cJSON *wanted = document(cases[i].wanted);
	buf_clear(&why);
	CHECK_INT(session_configure(store, num, wanted, &why), cases[i].want);
	cleanup(json) cJSON *after = session_body(store, num, &error);
	if (cases[i].want < 0) {
		if (!strstr(buf_text(&why), cases[i].shown))
			CHECK_TEXT(buf_text(&why), cases[i].shown);
		CHECK(cJSON_Compare(json_get(before, "agent"), json_get(after, "agent"), true));
		CHECK(cJSON_Compare(json_get(before, "title"), json_get(after, "title"), true));
		return;
	}
	const cJSON *got = json_path(after, cases[i].path);
	cleanup(free) char *text = got ? json_to_text(got) : NULL;
	const char *id = cJSON_GetStringValue(got);
	if (cases[i].shown[0] == '%')
		CHECK_TEXT(id, cases[i].shown[1] == 'a' ? coder.id : dev.id);
	else
		CHECK_TEXT(text, cases[i].shown);
}

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct session made;
		cleanup(free) char *name = xprintf("case-%zu", i);
		CHECK_INT(session_make(store, name, &made, &why), 0);
		check_case(i, made.object.num);
	}
}

/* Lists of resources, and the mount path of the first; NULL: refused. */
static const struct {
	const char *list, *path;
} resources[] = {
	{ "[{\"type\":\"file\",\"file_id\":\"file_1\"}]", "/mnt/session/uploads/file_1" },
	{ "[{\"type\":\"file\",\"file_id\":\"f\",\"mount_path\":\"/a/b.csv\"}]",
		"/mnt/session/uploads/a/b.csv" },
	{ "[{\"type\":\"file\",\"file_id\":\"f\",\"mount_path\":\"/mnt/session/uploads/b.csv\"}]",
		"/mnt/session/uploads/b.csv" },
	{ "[{\"type\":\"file\",\"file_id\":\"f\",\"mount_path\":\"/../etc\"}]", NULL },
	{ "[{\"type\":\"file\",\"file_id\":\"f\",\"mount_path\":\"etc\"}]", NULL },
	{ "[{\"type\":\"file\",\"file_id\":\"f\",\"mount_path\":\"/a//b\"}]", NULL },
	{ "[{\"type\":\"file\",\"file_id\":\"../x\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/r\"}]", "/workspace/r" },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/r\",\"checkout\":{"
	  "\"type\":\"commit\",\"sha\":\"0123abc\"},\"mount_path\":\"/workspace/x\"}]",
		"/workspace/x" },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/r\",\"checkout\":{"
	  "\"type\":\"commit\",\"sha\":\"--upload-pack\"}}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/r.git\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/..\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com//r\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://a:b@github.com/o/r\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"file:///etc\"}]", NULL },
	{ "[{\"type\":\"github_repository\",\"url\":\"https://github.com/o/r\","
	  "\"authorization_token\":\"secret\"}]", NULL },
	{ "[7]", NULL },
};

static void test_resources(void)
{
	for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
		cleanup(json) cJSON *given = cJSON_Parse(resources[i].list), *list = NULL;
		buf_clear(&why);
		int r = resources_apply(given, &list, &why);
		CHECK_INT(r, resources[i].path ? 0 : -EINVAL);
		CHECK(!strstr(buf_text(&why), "secret"));
		if (r < 0) {
			CHECK(why.size > 0 && !list);
			continue;
		}
		CHECK_TEXT(json_text(list->child, "mount_path"), resources[i].path);
		CHECK(strncmp(json_text(list->child, "id"), "sesrsc_", 7) == 0);
		cleanup(json) cJSON *again = NULL; /* what is shown can be written back */
		CHECK_INT(resources_apply(list, &again, &why), 0);
		CHECK_TEXT(json_text(again->child, "mount_path"), resources[i].path);
	}
}

static int configure(int64_t num, const char *text)
{
	cleanup(json) cJSON *wanted = document(text);
	return session_configure(store, num, wanted, &why);
}

/* After the first event only settings change; the whole document may still be written back. */
static void test_fixed(void)
{
	struct session made, got;
	int error = 0;
	CHECK_INT(session_make(store, "fixed", &made, &why), 0);
	int64_t num = made.object.num;
	CHECK_INT(configure(num, "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\","
		"\"system\":\"mine\"},\"environment_id\":\"dev\",\"resources\":[{\"type\":\"file\","
		"\"file_id\":\"f\"}],\"title\":\"T\"}"), 0);
	CHECK_INT(session_get(store, num, &got), 1);
	CHECK_INT(got.agent_version, 2); /* overrides hold for one version */
	CHECK_INT(got.fold.events, 0);
	CHECK_INT(fixture_append(num, "session.status_running", "{}"), 0);
	cleanup(json) cJSON *shown = session_body(store, num, &error);
	CHECK_TEXT(json_text(json_get(shown, "agent"), "system"), "mine");
	CHECK_INT(session_configure(store, num, shown, &why), 0);
	CHECK_INT(session_get(store, num, &got), 1);
	CHECK_INT(got.fold.events, 1);
	cJSON_ReplaceItemInObject(shown, "title", cJSON_CreateString("U"));
	CHECK_INT(session_configure(store, num, shown, &why), 0);
	CHECK_INT(configure(num, "{\"title\":\"U\",\"metadata\":{\"a\":\"b\"}}"), 0);
	CHECK_INT(session_get(store, num, &got), 1);
	CHECK_INT(got.fold.events, 3);
	CHECK_INT(configure(num, "{\"agent\":\"coder\"}"), -EBUSY);
	CHECK_TEXT(buf_text(&why), "agent is fixed since the first event");
	CHECK_INT(configure(num, "{\"environment_id\":\"local\",\"title\":\"V\"}"), -EBUSY);
	CHECK_INT(configure(num, "{\"resources\":[]}"), -EBUSY);
	CHECK_INT(session_get(store, num, &got), 1);
	CHECK_INT(got.fold.events, 3);
	CHECK_INT(configure(999, "{\"title\":\"V\"}"), -ENOENT);
}

/* Whoever chooses another agent chooses it without what was changed of the first. */
static void test_choose_again(void)
{
	struct session made;
	int error = 0;
	CHECK_INT(session_make(store, "again", &made, &why), 0);
	int64_t num = made.object.num;
	CHECK_INT(configure(num, "{\"agent\":{\"type\":\"agent_with_overrides\",\"id\":\"%a\","
		"\"system\":\"mine\"}}"), 0);
	CHECK_INT(session_set_agent(store, num, coder.num, 0), 0);
	cleanup(json) cJSON *shown = session_body(store, num, &error);
	CHECK_TEXT(json_text(json_get(shown, "agent"), "system"), "second");
	CHECK_INT(object_archive(store, num, true), 0);
	CHECK_INT(configure(num, "{\"agent\":\"%a\",\"title\":\"x\"}"), -EROFS);
}

/* Those whom an agent may call stand in the session with their definitions. */
static void test_members(void)
{
	struct object lead;
	struct session made;
	int error = 0;
	cleanup(json) cJSON *body = document("{\"model\":\"m\",\"multiagent\":{\"type\":"
		"\"coordinator\",\"agents\":[\"%a\",{\"type\":\"self\"}]}}");
	CHECK_INT(object_make(store, OBJECT_AGENT, "lead", body, NULL, &lead, &why), 0);
	CHECK_INT(session_make(store, "led", &made, &why), 0);
	CHECK_INT(session_set_agent(store, made.object.num, lead.num, 0), 0);
	cleanup(json) cJSON *shown = session_body(store, made.object.num, &error);
	const cJSON *agents = json_path(shown, "agent.multiagent.agents");
	CHECK_INT(cJSON_GetArraySize(agents), 2);
	CHECK_TEXT(json_text(agents->child, "system"), "second");
	CHECK_TEXT(json_text(agents->child, "name"), "coder");
	CHECK_TEXT(json_text(agents->child->next, "type"), "self");
}

int main(void)
{
	fixture_open();
	cleanup(json) cJSON *body = cJSON_Parse("{\"model\":\"m\",\"system\":\"first\",\"skills\":["
		"{\"type\":\"custom\",\"skill_id\":\"s\"}]}");
	CHECK_INT(object_make(store, OBJECT_AGENT, "coder", body, NULL, &coder, &why), 0);
	cJSON_ReplaceItemInObject(body, "system", cJSON_CreateString("second"));
	CHECK_INT(object_save(store, coder.num, body, NULL, &why), 0);
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "dev", NULL, NULL, &dev, &why), 0);
	struct object old;
	CHECK_INT(object_make(store, OBJECT_AGENT, "old", NULL, "m", &old, &why), 0);
	CHECK_INT(object_archive(store, old.num, true), 0);
	test_cases();
	test_resources();
	test_fixed();
	test_choose_again();
	test_members();
	fixture_close();
	return test_done();
}
