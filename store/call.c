/* SPDX-License-Identifier: MIT */
#include "store/call.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/log.h"
#include "store/open_calls.h"
#include "store/queue.h"

/* The log's side: what an event does to the open calls of its session. */

struct logged {
	struct store *store;
	int64_t session;
	const cJSON *event;
	uint64_t seq;
	const char *id_field; /* of an event that ends a call: where the call's id stands */
};

/* A tool's name may come from an MCP server: only harmless letters stay. */
static void copy_tool(char ret[static CALL_TOOL_SIZE], const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = 0;
	for (; n < CALL_TOOL_SIZE - 1 && name[n]; n++)
		ret[n] = strchr(allowed, name[n]) ? name[n] : '_';
	ret[n] = '\0';
}

static int add_call(const struct logged *l, enum call_kind kind)
{
	char tool[CALL_TOOL_SIZE];
	const char *name = json_text(l->event, "name"), *time = json_text(l->event, "processed_at");
	copy_tool(tool, name ? name : "");
	return db_run(l->store, SQL_CALL_ADD,
		ARGS(INT(l->session), INT(l->seq), INT(kind), TEXT(json_text(l->event, "id")),
			TEXT(tool), INT(time ? clock_parse(time) : 0)));
}

static int on_custom_call(const struct logged *l)
{
	return add_call(l, CALL_RESULT);
}

/* Only calls that must be allowed first; the others run at once. */
static int on_tool_call(const struct logged *l)
{
	const char *permission = json_text(l->event, "evaluated_permission");
	bool asks = permission && strcmp(permission, "ask") == 0;
	return asks ? add_call(l, CALL_CONFIRM) : 0;
}

static int on_end(const struct logged *l)
{
	return db_run(l->store, SQL_CALL_END,
		ARGS(INT(l->session), TEXT(json_text(l->event, l->id_field))));
}

static int on_terminated(const struct logged *l)
{
	return db_run(l->store, SQL_CALL_DELETE, ARGS(INT(l->session)));
}

/* What an idle does not list is not waited for; one that lists nothing ended the turn. */
static int on_idle(const struct logged *l)
{
	const cJSON *reason = json_get(l->event, "stop_reason"), *id;
	if (strcmp(json_text(reason, "type"), stop_reason_name(STOP_REQUIRES_ACTION)) != 0)
		return on_terminated(l);
	int r = db_run(l->store, SQL_CALL_LIST, ARGS(INT(l->session), INT(0), TEXT(NULL)));
	cJSON_ArrayForEach(id, json_get(reason, "event_ids"))
		if (r >= 0 && cJSON_IsString(id))
			r = db_run(l->store, SQL_CALL_LIST,
				ARGS(INT(l->session), INT(1), TEXT(id->valuestring)));
	return r;
}

static const struct {
	const char *type;
	int (*on)(const struct logged *l);
	const char *id_field;
} changes[] = {
	{ "agent.custom_tool_use", on_custom_call },
	{ "agent.mcp_tool_use", on_tool_call },
	{ "agent.tool_use", on_tool_call },
	{ "agent.mcp_tool_result", on_end, "mcp_tool_use_id" },
	{ "agent.tool_result", on_end, "tool_use_id" },
	{ "user.custom_tool_result", on_end, "custom_tool_use_id" },
	{ "user.tool_confirmation", on_end, "tool_use_id" },
	{ "session.status_idle", on_idle },
	{ "session.status_terminated", on_terminated },
};

int open_calls_event(struct store *store, int64_t session, const cJSON *event, uint64_t seq)
{
	const char *type = json_text(event, "type");
	size_t i = 0;
	while (i < ARRAY_LEN(changes) && strcmp(changes[i].type, type) != 0)
		i++;
	if (i == ARRAY_LEN(changes))
		return 0;
	struct logged l = { store, session, event, seq, changes[i].id_field };
	int r = changes[i].on(&l);
	return r < 0 ? r : 0;
}

/* The queue's side: which events answer, and whether they still may. */

static const struct {
	enum call_kind kind;
	const char *type, *id_field;
} answers[] = {
	{ CALL_CONFIRM, "user.tool_confirmation", "tool_use_id" },
	{ CALL_RESULT, "user.custom_tool_result", "custom_tool_use_id" },
	{ CALL_KINDS, "user.tool_result", "tool_use_id" }, /* no call here waits for one */
};

const char *open_calls_answered(const cJSON *event, enum call_kind *ret_kind)
{
	const char *type = json_text(event, "type");
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (strcmp(answers[i].type, type) == 0) {
			if (ret_kind)
				*ret_kind = answers[i].kind;
			return json_text(event, answers[i].id_field);
		}
	return NULL;
}

int open_calls_check(struct store *store, int64_t session, const cJSON *event)
{
	enum call_kind kind;
	const char *id = open_calls_answered(event, &kind);
	if (!id)
		return 0;
	cleanup(query) struct query q =
		db_query(store, SQL_CALL_BY_ID, ARGS(INT(session), TEXT(id)));
	int r = query_next(&q);
	if (r <= 0 || query_int(&q, 0) != kind)
		return r < 0 ? r : -ENOENT;
	return query_int(&q, 1) ? -ESTALE : 0;
}

/* Listing. */

static void call_read(const struct query *q, struct call *ret)
{
	struct slice id = query_text(q, 2), tool = query_text(q, 3);
	*ret = (struct call){ .seq = (uint64_t)query_int(q, 0),
		.kind = (enum call_kind)query_int(q, 1),
		.asked_us = query_int(q, 4) };
	(void)memcpy(ret->id, id.at, id.size < ID_SIZE ? id.size : ID_SIZE - 1);
	(void)memcpy(
		ret->tool, tool.at, tool.size < CALL_TOOL_SIZE ? tool.size : CALL_TOOL_SIZE - 1);
}

int call_page(struct store *store, int64_t session, enum call_kind kind, uint64_t after,
	struct call *ret, int max)
{
	cleanup(query) struct query q = db_query(store, SQL_CALL_PAGE,
		ARGS(INT(session), INT(after), INT(kind), INT(SESSION_IDLE),
			INT(STOP_REQUIRES_ACTION), INT(max)));
	int count = 0, r;
	while ((r = query_next(&q)) > 0)
		call_read(&q, &ret[count++]);
	return r < 0 ? r : count;
}

int call_get(struct store *store, int64_t session, uint64_t seq, struct call *ret)
{
	struct call call;
	int r = seq ? call_page(store, session, 0, seq - 1, &call, 1) : 0;
	if (r <= 0 || call.seq != seq)
		return r < 0 ? r : 0;
	if (ret)
		*ret = call;
	return 1;
}

/* Why there is no open call of this number. */
static int not_open(struct store *store, int64_t session, uint64_t seq, struct buf *why)
{
	cleanup(json) cJSON *event = log_event(store, session, seq);
	const char *type = event ? json_text(event, "type") : "";
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		if (strcmp(changes[i].type, type) == 0 && !changes[i].id_field &&
			strncmp(type, "agent.", 6) == 0)
			return fail(why, ESTALE,
				"the call was answered already, or the session went on without it");
	return fail(why, ENOENT, "there is no such call");
}

static int answer(struct store *store, int64_t session, uint64_t seq, struct slice text,
	struct buf *why)
{
	struct log_state state;
	struct call call;
	int r = log_state_get(store, session, &state);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	if (log_state_open(&state) < 0)
		return fail(why, EROFS, "the session is archived or over");
	r = call_get(store, session, seq, &call);
	if (r <= 0)
		return r < 0 ? r : not_open(store, session, seq, why);
	cJSON *event = NULL;
	r = call_parse(call.kind, call.id, text, &event, why);
	if (r < 0)
		return r;
	cleanup(json) cJSON *events = cJSON_CreateArray();
	cJSON_AddItemToArray(events, event);
	return queue_add(store, session, events);
}

int call_answer(struct store *store, int64_t session, uint64_t seq, struct slice text,
	struct buf *why)
{
	struct scope scope = scope_open(store);
	int r = scope.error;
	if (r == 0)
		r = answer(store, session, seq, text, why);
	return scope_close(&scope, r);
}
