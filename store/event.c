/* SPDX-License-Identifier: MIT */
#include "store/event.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "store/content.h"
#include "store/fold_steps.h"

#define THREAD_ID   "session_thread_id:text?"
#define THREAD      "session_thread_id:text agent_name:text"
#define TOOL_POLICY "evaluated_permission:text? evaluation:object? " THREAD_ID
#define RESULT      "content:result? is_error:bool?"
#define OUTCOME     "outcome_id:text iteration:number"
#define RUN         "workflow_run_id:text"

/* Keep sorted by name: looked up by bisection. */
static const struct event_type types[] = {
	{ "agent.custom_tool_use", SENDER_HARNESS, "name:text input:object " THREAD_ID, NULL,
		"The agent called a custom tool." },
	{ "agent.mcp_tool_result", SENDER_HARNESS, "mcp_tool_use_id:text " RESULT, NULL,
		"An MCP tool finished." },
	{ "agent.mcp_tool_use", SENDER_HARNESS,
		"mcp_server_name:text name:text input:object " TOOL_POLICY, NULL,
		"The agent called a tool of an MCP server." },
	{ "agent.message", SENDER_HARNESS, "content:reply", fold_reply, "The agent wrote text." },
	{ "agent.thinking", SENDER_HARNESS, "", NULL,
		"The agent thought; its thoughts are not recorded." },
	{ "agent.thread_context_compacted", SENDER_HARNESS, "", NULL,
		"The history was summarised to fit the context window." },
	{ "agent.thread_message_received", SENDER_HARNESS,
		"from_session_thread_id:text from_agent_name:text? content:thread", NULL,
		"A message from another thread arrived." },
	{ "agent.thread_message_sent", SENDER_HARNESS,
		"to_session_thread_id:text to_agent_name:text? content:thread", NULL,
		"A message went to another thread." },
	{ "agent.tool_result", SENDER_HARNESS, "tool_use_id:text " RESULT, NULL,
		"A built-in tool finished." },
	{ "agent.tool_use", SENDER_HARNESS, "name:text input:object " TOOL_POLICY, NULL,
		"The agent called a built-in tool." },
	{ "session.deleted", SENDER_HARNESS, "", NULL, "The session is gone; streams end." },
	{ "session.error", SENDER_HARNESS, "error:error", fold_error,
		"Something failed; does not by itself end the session." },
	{ "session.status_idle", SENDER_HARNESS, "stop_reason:stop_reason stop_details:object?",
		fold_idle, "The turn is over, or waits for a person." },
	{ "session.status_rescheduled", SENDER_HARNESS, "", fold_rescheduled,
		"A transient error; the request will be tried again." },
	{ "session.status_running", SENDER_HARNESS, "", fold_running,
		"A turn started or goes on." },
	{ "session.status_terminated", SENDER_HARNESS, "", fold_terminated,
		"The session is over for good." },
	{ "session.thread_created", SENDER_HARNESS, THREAD " workflow_run_id:text?", NULL,
		"A sub-agent's thread was made." },
	{ "session.thread_status_idle", SENDER_HARNESS,
		THREAD " stop_reason:stop_reason stop_details:object?", NULL, "A thread stopped." },
	{ "session.thread_status_rescheduled", SENDER_HARNESS, THREAD, NULL,
		"A transient error in a thread." },
	{ "session.thread_status_running", SENDER_HARNESS, THREAD, NULL, "A thread runs." },
	{ "session.thread_status_terminated", SENDER_HARNESS, THREAD, NULL,
		"A thread is over for good." },
	{ "session.updated", SENDER_HARNESS,
		"agent:object? budget:object? metadata:object? title:text?", NULL,
		"Settings of the session changed; holds the changed ones." },
	{ "session.usage", SENDER_HARNESS, "usage:object budget:object?", NULL,
		"What the session has used so far; before every idle." },
	{ "span.model_request_end", SENDER_HARNESS,
		"model_request_start_id:text is_error:bool? model_usage:object", fold_request_end,
		"A model request ended; with its tokens." },
	{ "span.model_request_start", SENDER_HARNESS, "", NULL, "A model request begins." },
	{ "span.outcome_evaluation_end", SENDER_HARNESS,
		OUTCOME " outcome_evaluation_start_id:text result:text explanation:text? "
			"usage:object?",
		NULL, "The grader judged an outcome." },
	{ "span.outcome_evaluation_ongoing", SENDER_HARNESS, OUTCOME, NULL,
		"The grader still works." },
	{ "span.outcome_evaluation_start", SENDER_HARNESS, OUTCOME, NULL,
		"The grader begins to judge an outcome." },
	{ "system.message", SENDER_CLIENT, "content:system", NULL,
		"More instructions, in force for all later turns." },
	{ "user.custom_tool_result", SENDER_CLIENT, "custom_tool_use_id:id " RESULT " " THREAD_ID,
		NULL, "The answer to agent.custom_tool_use." },
	{ "user.define_outcome", SENDER_CLIENT,
		"description:text rubric:rubric max_iterations:number? outcome_id:text?", NULL,
		"What shall be reached, and how that is judged." },
	{ "user.interrupt", SENDER_CLIENT, THREAD_ID, NULL, "Stop what is running." },
	{ "user.message", SENDER_CLIENT, "content:message", NULL, "A person wrote." },
	{ "user.tool_confirmation", SENDER_CLIENT,
		"tool_use_id:id result:verdict deny_message:deny_message? " THREAD_ID, NULL,
		"A yes or no to a tool call that asks for permission." },
	{ "user.tool_result", SENDER_CLIENT, "tool_use_id:id " RESULT " " THREAD_ID, NULL,
		"The result of a built-in tool that ran elsewhere." },
	{ "workflow_run.created", SENDER_HARNESS, RUN " name:text description:text? phases:array",
		NULL, "A workflow run was made." },
	{ "workflow_run.error", SENDER_HARNESS, "workflow_run_id:text? error:object", NULL,
		"A workflow run failed." },
	{ "workflow_run.phase_ended", SENDER_HARNESS,
		RUN " workflow_run_phase_id:text phase_started_id:text", NULL,
		"A phase of a workflow run ended." },
	{ "workflow_run.phase_started", SENDER_HARNESS, RUN " workflow_run_phase_id:text", NULL,
		"A phase of a workflow run started." },
	{ "workflow_run.status_ended", SENDER_HARNESS, RUN " result:object", NULL,
		"A workflow run is over." },
	{ "workflow_run.status_idle", SENDER_HARNESS, RUN, NULL, "A workflow run waits." },
	{ "workflow_run.status_running", SENDER_HARNESS, RUN, NULL, "A workflow run works." },
};

static int compare_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct event_type *)row)->name);
}

const struct event_type *event_type_find(const char *name)
{
	return bsearch(name, types, ARRAY_LEN(types), sizeof(*types), compare_name);
}

const struct event_type *event_type_at(size_t index)
{
	return index < ARRAY_LEN(types) ? &types[index] : NULL;
}

cJSON *event_new(const char *type)
{
	assert(event_type_find(type));
	char id[ID_SIZE];
	id_make("sevt", id);
	cJSON *event = cJSON_CreateObject();
	cJSON_AddStringToObject(event, "id", id);
	cJSON_AddStringToObject(event, "type", type);
	return event;
}

/* Types of fields: each says what is wrong with a value, or NULL. */

static const char *check_text(const cJSON *value)
{
	return cJSON_IsString(value) ? NULL : "must be text";
}

static const char *check_object(const cJSON *value)
{
	return cJSON_IsObject(value) ? NULL : "must be an object";
}

static const char *check_array(const cJSON *value)
{
	return cJSON_IsArray(value) ? NULL : "must be a list";
}

static const char *check_bool(const cJSON *value)
{
	return cJSON_IsBool(value) ? NULL : "must be true or false";
}

static const char *check_number(const cJSON *value)
{
	bool good = cJSON_IsNumber(value) && value->valuedouble >= 0;
	return good ? NULL : "must be a number, 0 or more";
}

static const char *check_id(const cJSON *value)
{
	size_t n = cJSON_IsString(value) ? utf8_count(value->valuestring) : 0;
	return n >= 1 && n <= 128 ? NULL : "must be the id of an event";
}

static const char *check_verdict(const cJSON *value)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	return strcmp(text, "allow") == 0 || strcmp(text, "deny") == 0 ? NULL :
		"must be \"allow\" or \"deny\"";
}

static const char *check_deny_message(const cJSON *value)
{
	size_t n = cJSON_IsString(value) ? utf8_count(value->valuestring) : SIZE_MAX;
	return n <= 10000 ? NULL : "must be text of up to 10000 characters";
}

static const char *check_error(const cJSON *value)
{
	bool whole = json_text(value, "type") && json_text(value, "message") &&
		cJSON_IsString(json_path(value, "retry_status.type"));
	return whole ? NULL : "must have type, message and retry_status";
}

static const char *check_stop_reason(const cJSON *value)
{
	const char *type = json_text(value, "type");
	if (!type || stop_reason_find(type) == STOP_REASONS)
		return "must have a known type";
	if (strcmp(type, "requires_action") == 0 && !cJSON_IsArray(json_get(value, "event_ids")))
		return "must have event_ids";
	return NULL;
}

static const char *check_rubric(const cJSON *value)
{
	const char *type = json_text(value, "type");
	bool text = type && strcmp(type, "text") == 0 && json_text(value, "content");
	bool file = type && strcmp(type, "file") == 0 && json_text(value, "file_id");
	return text || file ? NULL : "must be a text with content or a file with file_id";
}

static const struct {
	const char *name;
	const char *(*check)(const cJSON *value);
} field_types[] = {
	{ "text", check_text },
	{ "object", check_object },
	{ "array", check_array },
	{ "bool", check_bool },
	{ "number", check_number },
	{ "id", check_id },
	{ "verdict", check_verdict },
	{ "deny_message", check_deny_message },
	{ "error", check_error },
	{ "stop_reason", check_stop_reason },
	{ "rubric", check_rubric },
};

/* One "name:type?" word of a row. */
struct field {
	char name[40], type[20];
	bool optional;
};

static const char *next_field(const char *at, struct field *ret)
{
	at += strspn(at, " ");
	size_t n = strcspn(at, " "), name = strcspn(at, ":");
	if (n == 0)
		return NULL;
	ret->optional = at[n - 1] == '?';
	size_t type = n - name - 1 - ret->optional;
	assert(name < sizeof(ret->name) && type < sizeof(ret->type));
	memcpy(ret->name, at, name);
	ret->name[name] = '\0';
	memcpy(ret->type, at + name + 1, type);
	ret->type[type] = '\0';
	return at + n;
}

static int check_field(const struct field *field, const cJSON *event, struct buf *why)
{
	const cJSON *value = json_get(event, field->name);
	if (field->optional && (!value || cJSON_IsNull(value)))
		return 0;
	if (!value)
		return fail(why, EINVAL, "%s must have %s", json_text(event, "type"), field->name);
	if (content_rule_exists(field->type))
		return content_check(field->type, field->name, value, why);
	size_t i = 0;
	while (strcmp(field_types[i].name, field->type) != 0)
		i++;
	const char *wrong = field_types[i].check(value);
	return wrong ? fail(why, EINVAL, "%s %s", field->name, wrong) : 0;
}

static bool row_has_field(const struct event_type *row, const char *name)
{
	static const char *const common[] = { "id", "type", "processed_at", "x_agentdirs" };
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		if (strcmp(common[i], name) == 0)
			return true;
	struct field field;
	for (const char *at = row->fields; (at = next_field(at, &field));)
		if (strcmp(field.name, name) == 0)
			return true;
	return false;
}

int event_check(const cJSON *event, struct buf *why)
{
	const char *type = json_text(event, "type");
	const struct event_type *row = type ? event_type_find(type) : NULL;
	if (!row)
		return fail(why, EINVAL, "an event must have a known type");
	if (!json_text(event, "id"))
		return fail(why, EINVAL, "%s must have an id", type);
	const cJSON *value;
	cJSON_ArrayForEach(value, event)
		if (!row_has_field(row, value->string))
			return fail(why, EINVAL, "%s has no field %s", type, value->string);
	struct field field;
	for (const char *at = row->fields; (at = next_field(at, &field));) {
		int r = check_field(&field, event, why);
		if (r < 0)
			return r;
	}
	return 0;
}

int event_content_text(const cJSON *content, struct buf *out)
{
	const cJSON *block;
	cJSON_ArrayForEach(block, content) {
		const char *type = json_text(block, "type"), *text = json_text(block, "text");
		int r = type && text && strcmp(type, "text") == 0 ? buf_add_text(out, text) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}
