/* SPDX-License-Identifier: MIT */
#include "store/schema.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/shape.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define PARTS(...) ((const struct shape[]){ __VA_ARGS__, { 0 } })

enum { TOOLS_MAX = 128 };

/* What null stands for. */

#define ENABLED	 "{\"type\":\"enabled\"}"
#define DISABLED "{\"type\":\"disabled\"}"

static cJSON *widen_null(const cJSON *value, const char *meaning)
{
	return cJSON_IsNull(value) ? cJSON_Parse(meaning) : NULL;
}

static cJSON *widen_list(const cJSON *value)
{
	return widen_null(value, "[]");
}

static cJSON *widen_map(const cJSON *value)
{
	return widen_null(value, "{}");
}

static cJSON *widen_enabled(const cJSON *value)
{
	return widen_null(value, ENABLED);
}

static cJSON *widen_disabled(const cJSON *value)
{
	return widen_null(value, DISABLED);
}

/* "" clears. */
static cJSON *widen_empty(const cJSON *value)
{
	return cJSON_IsString(value) && !*value->valuestring ? cJSON_CreateNull() : NULL;
}

/* The model. */

/* Effort that the hosted service fills in; NULL: the model takes none. */
static const struct {
	const char *prefix;
	const char *effort;
} default_efforts[] = {
	{ "claude-opus-5-5", "medium" },
	{ "claude-haiku-5-5", "medium" },
	{ "claude-haiku-4-5", NULL },
	{ "", "high" },
};

static cJSON *default_effort(const char *model)
{
	size_t i = 0;
	while (strncmp(model, default_efforts[i].prefix, strlen(default_efforts[i].prefix)) != 0)
		i++;
	return default_efforts[i].effort ? cJSON_CreateString(default_efforts[i].effort) :
		cJSON_CreateNull();
}

/* "claude-x" is {"id":"claude-x"}, and the effort is always said. */
static cJSON *widen_model(const cJSON *value)
{
	cJSON *model = NULL;
	if (cJSON_IsString(value)) {
		model = cJSON_CreateObject();
		cJSON_AddStringToObject(model, "id", value->valuestring);
	} else if (cJSON_IsObject(value)) {
		model = cJSON_Duplicate(value, true);
	}
	const char *id = json_text(model, "id");
	const cJSON *effort = json_get(model, "effort");
	if (id && (!effort || cJSON_IsNull(effort))) {
		cJSON_DeleteItemFromObjectCaseSensitive(model, "effort");
		cJSON_AddItemToObject(model, "effort", default_effort(id));
	}
	return model;
}

/* "high" is {"type":"high"}. */
static cJSON *widen_type(const cJSON *value)
{
	if (!cJSON_IsString(value))
		return NULL;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "type", value->valuestring);
	return object;
}

static const struct shape model_parts[] = {
	{ "id", SHAPE_TEXT, .min = 1, .max = 256 },
	{ "effort", SHAPE_OBJECT, .null = true, .widen = widen_type,
		.parts = PARTS({ "type", SHAPE_TEXT,
			.words = WORDS("low", "medium", "high", "xhigh", "max") }) },
	{ "speed", SHAPE_TEXT, .fallback = "\"standard\"", .words = WORDS("standard", "fast") },
	{ "inference_geo", SHAPE_TEXT, .fallback = "", .words = WORDS("us", "global") },
	{ 0 },
};

/* Tools. */

#define BUILT_IN_TOOLS "bash", "read", "write", "edit", "glob", "grep", "web_fetch", "web_search"

static const char *check_custom_name(const cJSON *value)
{
	static const char *const built_in[] = { BUILT_IN_TOOLS };
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	const char *name = value->valuestring;
	if (name[strspn(name, allowed)])
		return "must consist of letters, digits, _ and -";
	if (strncmp(name, "mcp__", 5) == 0 || strncmp(name, "ant__", 5) == 0)
		return "must not begin with mcp__ or ant__";
	for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
		if (strcmp(name, built_in[i]) == 0)
			return "must not be the name of a built-in tool";
	return NULL;
}

static const char *check_input_schema(const cJSON *value)
{
	const char *type = json_text(value, "type");
	return type && strcmp(type, "object") == 0 ? NULL : "must have the type \"object\"";
}

static const char *check_domains(const cJSON *value)
{
	return json_get(value, "allowed_domains") && json_get(value, "blocked_domains") ?
		"must not have both allowed_domains and blocked_domains" : NULL;
}

/* A tool's settings always say their type, which is the tool's name. */
static cJSON *widen_config(const cJSON *value)
{
	const char *name = json_text(value, "name");
	if (!name || json_get(value, "type"))
		return NULL;
	cJSON *config = cJSON_Duplicate(value, true);
	cJSON_AddStringToObject(config, "type", name);
	return config;
}

#define POLICY(fallback_)                                                                       \
	{ "permission_policy", SHAPE_OBJECT, .fallback = (fallback_), .widen = widen_type,      \
		.parts = PARTS({ "type", SHAPE_TEXT,                                            \
			.words = WORDS("always_allow", "always_ask", "auto") }) }

#define DEFAULT_CONFIG(policy)                                             \
	{ "default_config", SHAPE_OBJECT, .fallback = "{}",                \
		.parts = PARTS({ "enabled", SHAPE_BOOL, .fallback = "true" }, \
			POLICY("\"" policy "\"")) }

#define DOMAINS(name_)                                                    \
	{ name_, SHAPE_LIST, .fallback = "", .min = 1, .max = 64,         \
		.parts = PARTS({ "", SHAPE_TEXT, .min = 1, .max = 255 }) }

static const struct shape toolset_config = {
	"", SHAPE_OBJECT, .widen = widen_config, .check = check_domains,
	.parts = PARTS(
		{ "name", SHAPE_TEXT, .words = WORDS(BUILT_IN_TOOLS) },
		{ "type", SHAPE_TEXT, .words = WORDS(BUILT_IN_TOOLS) },
		{ "enabled", SHAPE_BOOL, .fallback = "" },
		POLICY(""),
		DOMAINS("allowed_domains"),
		DOMAINS("blocked_domains"),
		{ "max_content_tokens", SHAPE_COUNT, .fallback = "", .min = 1, .max = 1000000000 },
		{ "user_location", SHAPE_FREE, .fallback = "" },
		{ "url_sources", SHAPE_FREE, .fallback = "" }),
};

static const struct shape mcp_config = {
	"", SHAPE_OBJECT,
	.parts = PARTS(
		{ "name", SHAPE_TEXT, .min = 1, .max = 255 },
		{ "enabled", SHAPE_BOOL, .fallback = "" },
		POLICY("")),
};

static const struct shape tool_kinds[] = {
	{ "agent_toolset_20260401", SHAPE_OBJECT,
		.parts = PARTS(DEFAULT_CONFIG("always_allow"),
			{ "configs", SHAPE_LIST, .fallback = "[]", .max = TOOLS_MAX,
				.parts = &toolset_config }) },
	{ "mcp_toolset", SHAPE_OBJECT,
		.parts = PARTS({ "mcp_server_name", SHAPE_TEXT, .min = 1, .max = 255 },
			DEFAULT_CONFIG("always_ask"),
			{ "configs", SHAPE_LIST, .fallback = "[]", .max = TOOLS_MAX,
				.parts = &mcp_config }) },
	{ "custom", SHAPE_OBJECT,
		.parts = PARTS(
			{ "name", SHAPE_TEXT, .min = 1, .max = 128, .check = check_custom_name },
			{ "description", SHAPE_TEXT, .min = 1, .max = 100000 },
			{ "input_schema", SHAPE_FREE, .check = check_input_schema }) },
	{ 0 },
};

/* Other parts of an agent. */

static const struct shape server_kinds[] = {
	{ "url", SHAPE_OBJECT,
		.parts = PARTS({ "name", SHAPE_TEXT, .min = 1, .max = 255 },
			{ "url", SHAPE_TEXT, .min = 1, .max = 2048 }) },
	{ 0 },
};

#define SKILL                                                         \
	PARTS({ "skill_id", SHAPE_TEXT, .min = 1, .max = 64 },        \
		{ "version", SHAPE_TEXT, .fallback = "\"latest\"", .min = 1, .max = 64 })

static const struct shape skill_kinds[] = {
	{ "anthropic", SHAPE_OBJECT, .parts = SKILL },
	{ "custom", SHAPE_OBJECT, .parts = SKILL },
	{ 0 },
};

/* The roster.  That its agents exist is roster.c's part. */

/* "agent_…" is {"type":"agent","id":"agent_…"}. */
static cJSON *widen_member(const cJSON *value)
{
	if (!cJSON_IsString(value))
		return NULL;
	cJSON *member = cJSON_CreateObject();
	cJSON_AddStringToObject(member, "type", "agent");
	cJSON_AddStringToObject(member, "id", value->valuestring);
	return member;
}

#define MEMBER_KINDS                                                      \
	{ "agent", SHAPE_OBJECT,                                          \
		.parts = PARTS({ "id", SHAPE_TEXT, .min = 1, .max = 128 }, \
			{ "version", SHAPE_COUNT, .fallback = "", .min = 1, .max = INT32_MAX }) }, \
	{ "self", SHAPE_OBJECT }

#define ADVISOR_MODEL PARTS({ "model", SHAPE_OBJECT, .widen = widen_model, .parts = model_parts })

static const struct shape member_kinds[] = { MEMBER_KINDS, { 0 } };

static const struct shape coordinated_kinds[] = {
	MEMBER_KINDS,
	{ "advisor", SHAPE_OBJECT, .parts = ADVISOR_MODEL },
	{ 0 },
};

enum { MEMBERS_MAX = 20 };

static const struct shape switch_kinds[] = {
	{ "enabled", SHAPE_OBJECT },
	{ "disabled", SHAPE_OBJECT },
	{ 0 },
};

static const char *check_crew(const cJSON *crew)
{
	const char *inline_agents = json_text(json_get(crew, "inline_agents"), "type");
	bool closed = inline_agents && strcmp(inline_agents, "disabled") == 0;
	return closed && cJSON_GetArraySize(json_get(crew, "predefined_agents")) == 0 ?
		"must list agents when inline_agents are disabled" : NULL;
}

static const struct shape crew_kinds[] = {
	{ "enabled", SHAPE_OBJECT, .check = check_crew,
		.parts = PARTS(
			{ "predefined_agents", SHAPE_LIST, .fallback = "[]", .max = MEMBERS_MAX,
				.widen = widen_list,
				.parts = PARTS({ "", SHAPE_CHOICE, .widen = widen_member,
					.parts = member_kinds }) },
			{ "inline_agents", SHAPE_CHOICE, .fallback = ENABLED,
				.widen = widen_enabled, .parts = switch_kinds }) },
	{ "disabled", SHAPE_OBJECT },
	{ 0 },
};

static const struct shape advisor_kinds[] = {
	{ "enabled", SHAPE_OBJECT, .parts = ADVISOR_MODEL },
	{ "disabled", SHAPE_OBJECT },
	{ 0 },
};

#define CREW(name_)                                                 \
	{ name_, SHAPE_CHOICE, .fallback = ENABLED, .widen = widen_enabled, \
		.parts = crew_kinds }

static const struct shape multiagent_kinds[] = {
	{ "coordinator", SHAPE_OBJECT,
		.parts = PARTS({ "agents", SHAPE_LIST, .min = 1, .max = MEMBERS_MAX,
			.parts = PARTS({ "", SHAPE_CHOICE, .widen = widen_member,
				.parts = coordinated_kinds }) }) },
	{ "multiagent_20261001", SHAPE_OBJECT,
		.parts = PARTS(CREW("subagents"), CREW("workflows"),
			{ "advisor", SHAPE_CHOICE, .fallback = DISABLED, .widen = widen_disabled,
				.parts = advisor_kinds }) },
	{ 0 },
};

static const cJSON *entry_named(const cJSON *list, const char *field, const char *name)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		const char *other = json_text(entry, field);
		if (other && strcmp(other, name) == 0)
			return entry;
	}
	return NULL;
}

/* No two entries may agree in the field. */
static bool has_twins(const cJSON *list, const char *field)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		const char *name = json_text(entry, field);
		if (name && entry_named(list, field, name) != entry)
			return true;
	}
	return false;
}

/* Does each entry of `list` that has `field` find its name among the `names` of the other list? */
static bool all_found(const cJSON *list, const char *field, const cJSON *others, const char *names)
{
	const cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		const char *name = json_text(entry, field);
		if (name && !entry_named(others, names, name))
			return false;
	}
	return true;
}

/* Skills are read from files. */
static bool can_read(const cJSON *tools)
{
	const cJSON *toolset, *config;
	cJSON_ArrayForEach(toolset, tools) {
		if (strcmp(json_text(toolset, "type"), "agent_toolset_20260401") != 0)
			continue;
		bool enabled = json_bool(json_get(toolset, "default_config"), "enabled", true);
		cJSON_ArrayForEach(config, json_get(toolset, "configs"))
			if (strcmp(json_text(config, "name"), "read") == 0)
				enabled = json_bool(config, "enabled", enabled);
		if (enabled)
			return true;
	}
	return false;
}

static const char *check_agent(const cJSON *agent)
{
	const cJSON *tools = json_get(agent, "tools"), *servers = json_get(agent, "mcp_servers");
	if (has_twins(servers, "name"))
		return "must not declare two mcp_servers of one name";
	if (has_twins(tools, "name"))
		return "must not declare two custom tools of one name";
	if (!all_found(tools, "mcp_server_name", servers, "name"))
		return "must declare in mcp_servers every server that an mcp_toolset names";
	if (!all_found(servers, "name", tools, "mcp_server_name"))
		return "must have an mcp_toolset for every one of its mcp_servers";
	if (cJSON_GetArraySize(json_get(agent, "skills")) > 0 && !can_read(tools))
		return "must enable the tool read, by which skills are read";
	return NULL;
}

#define FALLBACK_TOOLS "[{\"type\":\"agent_toolset_20260401\"}]"

static const struct shape agent_shape = {
	"", SHAPE_OBJECT, .check = check_agent,
	.parts = PARTS(
		{ "description", SHAPE_TEXT, .fallback = "null", .null = true, .max = 2048,
			.widen = widen_empty },
		{ "model", SHAPE_OBJECT, .widen = widen_model, .parts = model_parts },
		{ "system", SHAPE_TEXT, .fallback = "null", .null = true, .max = 100000,
			.widen = widen_empty },
		{ "tools", SHAPE_LIST, .fallback = FALLBACK_TOOLS, .max = TOOLS_MAX,
			.widen = widen_list,
			.parts = PARTS({ "", SHAPE_CHOICE, .parts = tool_kinds }) },
		{ "mcp_servers", SHAPE_LIST, .fallback = "[]", .max = 20, .widen = widen_list,
			.parts = PARTS({ "", SHAPE_CHOICE, .parts = server_kinds }) },
		{ "skills", SHAPE_LIST, .fallback = "[]", .max = 500, .widen = widen_list,
			.parts = PARTS({ "", SHAPE_CHOICE, .parts = skill_kinds }) },
		{ "multiagent", SHAPE_CHOICE, .fallback = "null", .null = true,
			.parts = multiagent_kinds },
		{ "metadata", SHAPE_MAP, .fallback = "{}", .widen = widen_map }),
};

/* Environments. */

/* A bare host name, or one behind "*.": no scheme, port or path. */
static const char *check_host(const cJSON *value)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
	const char *host = value->valuestring;
	host += strncmp(host, "*.", 2) == 0 ? 2 : 0;
	bool good = *host && *host != '.' && *host != '-' && !host[strspn(host, allowed)] &&
		!strstr(host, "..");
	return good ? NULL : "must be a host name such as example.com or *.example.com";
}

static const char *check_cloud(const cJSON *config)
{
	const cJSON *networking = json_get(config, "networking"), *list;
	bool limited = strcmp(json_text(networking, "type"), "limited") == 0;
	if (!limited || json_bool(networking, "allow_package_managers", false))
		return NULL;
	cJSON_ArrayForEach(list, json_get(config, "packages"))
		if (cJSON_GetArraySize(list) > 0)
			return "must set networking.allow_package_managers to install packages "
				"through a limited network";
	return NULL;
}

static const struct shape networking_kinds[] = {
	{ "unrestricted", SHAPE_OBJECT },
	{ "limited", SHAPE_OBJECT,
		.parts = PARTS(
			{ "allowed_hosts", SHAPE_LIST, .fallback = "[]", .max = 1000,
				.parts = PARTS({ "", SHAPE_TEXT, .min = 1, .max = 255,
					.check = check_host }) },
			{ "allow_mcp_servers", SHAPE_BOOL, .fallback = "false" },
			{ "allow_package_managers", SHAPE_BOOL, .fallback = "false" }) },
	{ 0 },
};

/* It becomes an argument of its manager and a line of a file. */
static const char *check_package(const cJSON *value)
{
	const char *at = value->valuestring, *end = at + strlen(at) - 1;
	if (*at == '-' || *at == '#' || *at == ' ' || *end == ' ')
		return "must not begin with - or # or have spaces around it";
	for (; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return "must be one line of text";
	return NULL;
}

#define PACKAGES(manager)                                              \
	{ manager, SHAPE_LIST, .fallback = "[]", .max = 1000,          \
		.parts = PARTS({ "", SHAPE_TEXT, .min = 1, .max = 255, \
			.check = check_package }) }

static const struct shape package_kinds[] = {
	{ "packages", SHAPE_OBJECT,
		.parts = PARTS(PACKAGES("apt"), PACKAGES("cargo"), PACKAGES("gem"), PACKAGES("go"),
			PACKAGES("npm"), PACKAGES("pip")) },
	{ 0 },
};

static const struct shape config_kinds[] = {
	{ "cloud", SHAPE_OBJECT, .check = check_cloud,
		.parts = PARTS(
			/* Closed unless asked for: the sandbox stands in one's own network. */
			{ "networking", SHAPE_CHOICE, .fallback = "{\"type\":\"limited\"}",
				.parts = networking_kinds },
			{ "packages", SHAPE_CHOICE, .fallback = "{\"type\":\"packages\"}",
				.parts = package_kinds }) },
	{ "self_hosted", SHAPE_OBJECT },
	{ 0 },
};

#define LIMIT(name_, min_, max_)                                                 \
	{ name_, SHAPE_COUNT, .fallback = "", .min = (min_), .max = (size_t)(max_) }

/* Ours: bounds of one sandbox.  The smallest values are those with which it still starts. */
static const struct shape limits_shape[] = {
	LIMIT("memory_bytes", 16 << 20, 1LL << 50),
	LIMIT("cpu_percent", 1, 100000),
	LIMIT("processes", 8, 1 << 22),
	LIMIT("disk_bytes", 1 << 20, 1LL << 50),
	LIMIT("tool_seconds", 1, 7 * 24 * 3600),
	{ 0 },
};

static const struct shape environment_shape = {
	"", SHAPE_OBJECT,
	.parts = PARTS(
		{ "description", SHAPE_TEXT, .fallback = "null", .null = true, .max = 1024 },
		{ "config", SHAPE_CHOICE, .fallback = "{\"type\":\"cloud\"}",
			.parts = config_kinds },
		{ "x_agentdirs", SHAPE_OBJECT, .fallback = "",
			.parts = PARTS({ "limits", SHAPE_OBJECT, .fallback = "",
				.parts = limits_shape }) },
		{ "metadata", SHAPE_MAP, .fallback = "{}", .widen = widen_map }),
};

/* Kinds. */

static const struct {
	const char *type, *prefix;
	const struct shape *shape;
} kinds[OBJECT_KINDS] = {
	[OBJECT_AGENT] = { "agent", "agent", &agent_shape },
	[OBJECT_ENVIRONMENT] = { "environment", "env", &environment_shape },
	[OBJECT_SESSION] = { "session", "sesn", NULL },
};

const char *schema_type(enum object_kind kind)
{
	return kinds[kind].type;
}

const char *schema_id_prefix(enum object_kind kind)
{
	return kinds[kind].prefix;
}

/* Fields that the server sets; a document that is read, edited and written back contains them. */
static const char *const server_set[] = { "id", "type", "version", "name", "state", "scope",
	"created_at", "updated_at", "archived_at" };

int schema_apply(enum object_kind kind, const cJSON *body, cJSON **ret, struct buf *why)
{
	assert(kinds[kind].shape);
	cleanup(json) cJSON *own = cJSON_Duplicate(body, true);
	for (size_t i = 0; cJSON_IsObject(own) && i < ARRAY_LEN(server_set); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(own, server_set[i]);
	return shape_apply(kinds[kind].shape, own, ret, why);
}
