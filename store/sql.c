/* SPDX-License-Identifier: MIT */
/* Every statement of the store.  Parameters are numbered where one is used twice. */
#include "store/sql.h"

#define OBJECT_COLUMNS \
	"o.num, o.kind, o.id, o.name, o.version, o.created, " \
	"max(o.updated, ifnull(s.last, 0)), o.archived"
#define OBJECT_FROM " FROM object o LEFT JOIN session s ON s.num = o.num "

#define FOLD_COLUMNS \
	"s.status, s.stop, s.events, s.bytes, s.last, s.turn, s.running_since, s.reply, " \
	"s.error, s.idle, s.input_tokens, s.output_tokens, s.cache_read, s.cache_creation, " \
	"s.cache_creation_1h, s.web_searches, s.cost_nano, s.active_us"

#define SESSION_SELECT \
	"SELECT " OBJECT_COLUMNS ", s.agent, s.agent_version, s.environment, " \
	"(SELECT count(*) FROM queue q WHERE q.session = s.num), s.budget, " FOLD_COLUMNS \
	" FROM object o JOIN session s ON s.num = o.num "

const char *const sql_text[SQLS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_DATA_VERSION] = "PRAGMA data_version",

	[SQL_OBJECT_FIND] =
		"SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.folder = ? AND o.name = ?",
	[SQL_OBJECT_GET] = "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.num = ?",
	[SQL_OBJECT_BY_ID] = "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.id = ?",
	[SQL_OBJECT_PAGE] = "SELECT " OBJECT_COLUMNS OBJECT_FROM
		"WHERE o.folder = ? AND o.num > ? ORDER BY o.num LIMIT ?",
	[SQL_OBJECT_COUNT] = "SELECT count(*) FROM object WHERE folder = ?",
	[SQL_OBJECT_EVER] = "SELECT EXISTS(SELECT 1 FROM object WHERE kind = ?)",
	[SQL_OBJECT_ADD] = "INSERT INTO object(kind, id, name, version, created, updated) "
		"VALUES(?1, ?2, ?3, ?4, ?5, ?5)",
	[SQL_OBJECT_MOVE] = "UPDATE object SET name = ?2, archived = ?3, "
		"updated = max(updated, ?4) WHERE num = ?1",
	[SQL_OBJECT_VERSION] =
		"UPDATE object SET version = ?2, updated = max(updated, ?3) WHERE num = ?1",
	[SQL_OBJECT_USED] = "SELECT EXISTS(SELECT 1 FROM session WHERE agent = ?1) OR "
		"EXISTS(SELECT 1 FROM session WHERE environment = ?1)",
	[SQL_OBJECT_DELETE] = "DELETE FROM object WHERE num = ?",
	[SQL_DEFINITION_ADD] =
		"INSERT INTO definition(object, version, saved, body, name) VALUES(?, ?, ?, ?, ?)",
	[SQL_DEFINITION_SET] =
		"UPDATE definition SET saved = ?3, body = ?4, name = ?5 "
		"WHERE object = ?1 AND version = ?2",
	[SQL_DEFINITION_GET] =
		"SELECT body, saved, name FROM definition WHERE object = ? AND version = ?",
	[SQL_DEFINITION_RENAME] = "INSERT INTO definition(object, version, saved, body, name) "
		"SELECT object, ?3, ?4, body, ?5 FROM definition "
		"WHERE object = ?1 AND version = ?2",
	[SQL_DEFINITION_DELETE] = "DELETE FROM definition WHERE object = ?",
	[SQL_CHOSEN_GET] = "SELECT " OBJECT_COLUMNS
		" FROM chosen c JOIN object o ON o.num = c.object "
		"LEFT JOIN session s ON s.num = o.num WHERE c.kind = ? AND o.archived = 0",
	[SQL_CHOSEN_SET] = "INSERT INTO chosen(kind, object) VALUES(?1, ?2) "
		"ON CONFLICT(kind) DO UPDATE SET object = ?2",
	[SQL_CHOSEN_DELETE] = "DELETE FROM chosen WHERE object = ?",

	[SQL_ITEM_FIND] = "SELECT num FROM item WHERE object = ? AND kind = ? AND name = ?",
	[SQL_ITEM_GET] = "SELECT num, name FROM item WHERE object = ? AND kind = ? AND num = ?",
	[SQL_ITEM_LAST] = "SELECT max(num) FROM item WHERE object = ? AND kind = ?",
	[SQL_ITEM_ADD] = "INSERT INTO item(object, kind, num, name) VALUES(?, ?, ?, ?)",
	[SQL_ITEM_DELETE] = "DELETE FROM item WHERE object = ?",

	[SQL_SESSION_ADD] = "INSERT INTO session(num, agent, environment) VALUES(?, ?, ?)",
	[SQL_SESSION_GET] = SESSION_SELECT "WHERE o.num = ?",
	[SQL_SESSION_PAGE] = SESSION_SELECT
		"WHERE o.folder = ? AND o.num > ? ORDER BY o.num LIMIT ?",
	[SQL_SESSION_DELETE] = "DELETE FROM session WHERE num = ?",
	[SQL_SESSION_SET_AGENT] =
		"UPDATE session SET agent = ?2, agent_version = ?3, overrides = NULL "
		"WHERE num = ?1",
	[SQL_SESSION_SET_ENVIRONMENT] = "UPDATE session SET environment = ?2 WHERE num = ?1",
	[SQL_SESSION_PIN] = "UPDATE session SET agent_version = "
		"(SELECT version FROM object WHERE object.num = session.agent) "
		"WHERE num = ? AND agent_version = 0",
	[SQL_SESSION_TITLE] = "SELECT title FROM session WHERE num = ?",
	[SQL_SESSION_SET_TITLE] = "UPDATE session SET title = ?2 WHERE num = ?1",
	[SQL_SESSION_METADATA] = "SELECT metadata FROM session WHERE num = ?",
	[SQL_SESSION_SET_METADATA] = "UPDATE session SET metadata = ?2 WHERE num = ?1",
	[SQL_SESSION_BUDGET] = "SELECT budget FROM session WHERE num = ?",
	[SQL_SESSION_SET_BUDGET] = "UPDATE session SET budget = ?2 WHERE num = ?1",
	[SQL_SESSION_OVERRIDES] = "SELECT ifnull(overrides, '{}') FROM session WHERE num = ?",
	[SQL_SESSION_SET_OVERRIDES] = "UPDATE session SET overrides = ?2 WHERE num = ?1",
	[SQL_SESSION_RESOURCES] = "SELECT resources FROM session WHERE num = ?",
	[SQL_SESSION_SET_RESOURCES] = "UPDATE session SET resources = ?2 WHERE num = ?1",
	[SQL_SESSION_VAULT_IDS] = "SELECT vault_ids FROM session WHERE num = ?",
	[SQL_SESSION_SET_VAULT_IDS] = "UPDATE session SET vault_ids = ?2 WHERE num = ?1",
	[SQL_SESSION_WAITING] = SESSION_SELECT
		"WHERE s.live = 1 AND s.status = ? AND s.stop = ? AND s.num > ? "
		"ORDER BY s.num LIMIT ?",
	/* The last: stopped at a budget, which is 10,000,000 nano-dollars a cent, and no longer. */
	[SQL_SESSION_DUE] =
		"SELECT num FROM session WHERE live = 1 AND status IN (1, 2) AND num > ?1 "
		"UNION SELECT q.session FROM queue q JOIN session s ON s.num = q.session "
		"WHERE s.live = 1 AND s.status <> 3 AND q.session > ?1 "
		"UNION SELECT num FROM session WHERE live = 1 AND status = 0 AND stop = 3 "
		"AND num > ?1 AND (budget = 0 OR budget * 10000000 > cost_nano) "
		"ORDER BY 1 LIMIT ?2",
	[SQL_SESSION_LAST] = "SELECT " OBJECT_COLUMNS
		" FROM session s JOIN object o ON o.num = s.num "
		"WHERE s.live = 1 AND s.last > 0 ORDER BY s.last DESC, s.num DESC LIMIT 1",
	[SQL_SESSION_COUNT] =
		"SELECT status, stop, count(*) FROM session WHERE live = 1 GROUP BY status, stop",
	[SQL_SESSION_SANDBOX] = "SELECT sandbox FROM session WHERE num = ?",
	[SQL_SESSION_SET_SANDBOX] = "UPDATE session SET sandbox = ?2 WHERE num = ?1",
	[SQL_SESSION_STATE] = "SELECT s.live, " FOLD_COLUMNS " FROM session s WHERE s.num = ?",
	[SQL_SESSION_SET_STATE] =
		"UPDATE session SET status = ?2, stop = ?3, events = ?4, bytes = ?5, last = ?6, "
		"turn = ?7, running_since = ?8, reply = ?9, error = ?10, idle = ?11, "
		"input_tokens = ?12, output_tokens = ?13, cache_read = ?14, cache_creation = ?15, "
		"cache_creation_1h = ?16, web_searches = ?17, cost_nano = ?18, active_us = ?19 "
		"WHERE num = ?1",

	[SQL_EVENT_ADD] = "INSERT INTO event(pos, start, size, line) VALUES(?, ?, ?, ?)",
	[SQL_EVENT_GET] = "SELECT start, size, line FROM event WHERE pos = ?",
	[SQL_EVENT_START] = "SELECT start FROM event WHERE pos = ?",
	[SQL_EVENT_RANGE] = "SELECT pos, start, size, iif(size > ?3, NULL, line) FROM event "
		"WHERE pos BETWEEN ?1 AND ?2 ORDER BY pos",
	[SQL_EVENT_ALL] =
		"SELECT pos, size, line FROM event WHERE pos BETWEEN ? AND ? ORDER BY pos",
	[SQL_EVENT_DELETE] = "DELETE FROM event WHERE pos BETWEEN ? AND ?",

	[SQL_QUEUE_ADD] = "INSERT INTO queue(session, num, urgent, answers, added, line) "
		"VALUES(?, ?, ?, ?, ?, ?)",
	[SQL_QUEUE_COUNT] = "SELECT count(*) FROM queue WHERE session = ?",
	[SQL_QUEUE_NEXT] =
		"SELECT num, line FROM queue WHERE session = ? AND num > ? ORDER BY num LIMIT 1",
	[SQL_QUEUE_INTERRUPT] =
		"SELECT num, line FROM queue WHERE session = ? AND urgent = 1 ORDER BY num LIMIT 1",
	[SQL_QUEUE_PAGE] = "SELECT num, added FROM queue WHERE session = ? AND num > ? "
		"ORDER BY num LIMIT ?",
	[SQL_QUEUE_GET] = "SELECT num, line, added FROM queue WHERE session = ? AND num = ?",
	[SQL_QUEUE_NUMS] = "SELECT num FROM queue WHERE session = ? AND num >= ? ORDER BY num",
	[SQL_QUEUE_LAST] = "SELECT ifnull(max(num), 0) FROM queue WHERE session = ?",
	[SQL_QUEUE_GIVEN] = "SELECT queue_last FROM session WHERE num = ?",
	[SQL_QUEUE_SET_GIVEN] = "UPDATE session SET queue_last = ?2 WHERE num = ?1",
	[SQL_QUEUE_SET] = "UPDATE queue SET urgent = ?3, answers = ?4, added = ?5, line = ?6 "
		"WHERE session = ?1 AND num = ?2",
	/* Numbers are unique at every moment: those that move wait below zero. */
	[SQL_QUEUE_LIFT] = "UPDATE queue SET num = -(num + ?4) "
		"WHERE session = ?1 AND num BETWEEN ?2 AND ?3",
	[SQL_QUEUE_LAND] = "UPDATE queue SET num = -num WHERE session = ?1 AND num < 0",
	[SQL_QUEUE_REMOVE] = "DELETE FROM queue WHERE num = ? AND session = ?",
	[SQL_QUEUE_DELETE] = "DELETE FROM queue WHERE session = ?",

	[SQL_CALL_ADD] = "INSERT INTO call(session, seq, kind, id, tool, asked) "
		"VALUES(?, ?, ?, ?, ?, ?)",
	[SQL_CALL_END] = "DELETE FROM call WHERE session = ? AND id = ?",
	[SQL_CALL_LIST] =
		"UPDATE call SET listed = ?2 WHERE session = ?1 AND (?3 IS NULL OR id = ?3)",
	[SQL_CALL_BY_ID] = "SELECT kind, EXISTS(SELECT 1 FROM queue q "
		"WHERE q.session = c.session AND q.answers = c.id) "
		"FROM call c WHERE c.session = ? AND c.id = ?",
	[SQL_CALL_PAGE] = "SELECT c.seq, c.kind, c.id, c.tool, c.asked "
		"FROM call c JOIN session s ON s.num = c.session "
		"WHERE c.session = ?1 AND c.seq > ?2 AND (?3 = 0 OR c.kind = ?3) AND c.listed = 1 "
		"AND s.live = 1 AND s.status = ?4 AND s.stop = ?5 AND NOT EXISTS(SELECT 1 "
		"FROM queue q WHERE q.session = c.session AND q.answers = c.id) "
		"ORDER BY c.seq LIMIT ?6",
	[SQL_CALL_DELETE] = "DELETE FROM call WHERE session = ?",

	[SQL_DRAFT_ADD] = "INSERT INTO draft(handle, session, request, scan) VALUES(?, ?, ?, ?)",
	[SQL_DRAFT_GET] =
		"SELECT num, request, error, reason, scan FROM draft "
		"WHERE handle = ? AND session = ?",
	[SQL_DRAFT_SET] =
		"UPDATE draft SET request = ?2, error = ?3, reason = ?4, scan = ?5 WHERE num = ?1",
	[SQL_DRAFT_PARTS] =
		"SELECT start, data FROM draft_part WHERE draft = ?1 AND start >= "
		"(SELECT max(start) FROM draft_part WHERE draft = ?1 AND start <= ?2) "
		"ORDER BY start",
	[SQL_DRAFT_PART_ADD] = "INSERT INTO draft_part(draft, start, data) VALUES(?, ?, ?)",
	[SQL_DRAFT_PARTS_DELETE] = "DELETE FROM draft_part WHERE draft = ?",
	[SQL_DRAFT_DELETE] = "DELETE FROM draft WHERE num = ?",
	[SQL_DRAFT_NEXT] =
		"SELECT num, session, handle FROM draft WHERE num > ? ORDER BY num LIMIT 1",
	[SQL_DRAFT_MAX] = "SELECT max(handle) FROM draft",
	[SQL_DRAFT_PARTS_OF_SESSION] =
		"DELETE FROM draft_part WHERE draft IN (SELECT num FROM draft WHERE session = ?)",
	[SQL_DRAFT_OF_SESSION] = "DELETE FROM draft WHERE session = ?",
};
