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
	"(SELECT count(*) FROM queue q WHERE q.session = s.num), " FOLD_COLUMNS \
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
	[SQL_OBJECT_RENAME] =
		"UPDATE object SET name = ?2, updated = max(updated, ?3) WHERE num = ?1",
	[SQL_OBJECT_ARCHIVE] = "UPDATE object SET archived = ?2 WHERE num = ?1",
	[SQL_OBJECT_VERSION] =
		"UPDATE object SET version = ?2, updated = max(updated, ?3) WHERE num = ?1",
	[SQL_OBJECT_DELETE] = "DELETE FROM object WHERE num = ?",
	[SQL_DEFINITION_ADD] =
		"INSERT INTO definition(object, version, saved, body) VALUES(?, ?, ?, ?)",
	[SQL_DEFINITION_SET] =
		"UPDATE definition SET saved = ?3, body = ?4 WHERE object = ?1 AND version = ?2",
	[SQL_DEFINITION_GET] =
		"SELECT body, saved FROM definition WHERE object = ? AND version = ?",
	[SQL_CHOSEN_GET] = "SELECT " OBJECT_COLUMNS
		" FROM chosen c JOIN object o ON o.num = c.object "
		"LEFT JOIN session s ON s.num = o.num WHERE c.kind = ? AND o.archived = 0",
	[SQL_CHOSEN_SET] = "INSERT INTO chosen(kind, object) VALUES(?1, ?2) "
		"ON CONFLICT(kind) DO UPDATE SET object = ?2",

	[SQL_SESSION_ADD] = "INSERT INTO session(num, agent, environment) VALUES(?, ?, ?)",
	[SQL_SESSION_GET] = SESSION_SELECT "WHERE o.num = ?",
	[SQL_SESSION_PAGE] = SESSION_SELECT
		"WHERE o.folder = ? AND o.num > ? ORDER BY o.num LIMIT ?",
	[SQL_SESSION_DELETE] = "DELETE FROM session WHERE num = ?",
	[SQL_SESSION_SET_AGENT] =
		"UPDATE session SET agent = ?2, agent_version = ?3 WHERE num = ?1",
	[SQL_SESSION_SET_ENVIRONMENT] = "UPDATE session SET environment = ?2 WHERE num = ?1",
	[SQL_SESSION_PIN] = "UPDATE session SET agent_version = "
		"(SELECT version FROM object WHERE object.num = session.agent) "
		"WHERE num = ? AND agent_version = 0",
	[SQL_SESSION_TITLE] = "SELECT title FROM session WHERE num = ?",
	[SQL_SESSION_SET_TITLE] = "UPDATE session SET title = ?2 WHERE num = ?1",
	[SQL_SESSION_METADATA] = "SELECT metadata FROM session WHERE num = ?",
	[SQL_SESSION_DUE] =
		"SELECT num FROM session WHERE live = 1 AND status IN (1, 2) AND num > ?1 "
		"UNION SELECT q.session FROM queue q JOIN session s ON s.num = q.session "
		"WHERE s.live = 1 AND s.status <> 3 AND q.session > ?1 ORDER BY 1 LIMIT ?2",
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

	[SQL_QUEUE_ADD] = "INSERT INTO queue(session, urgent, line) VALUES(?, ?, ?)",
	[SQL_QUEUE_COUNT] = "SELECT count(*) FROM queue WHERE session = ?",
	[SQL_QUEUE_NEXT] =
		"SELECT num, line FROM queue WHERE session = ? AND num > ? ORDER BY num LIMIT 1",
	[SQL_QUEUE_INTERRUPT] =
		"SELECT num, line FROM queue WHERE session = ? AND urgent = 1 ORDER BY num LIMIT 1",
	[SQL_QUEUE_REMOVE] = "DELETE FROM queue WHERE num = ? AND session = ?",
	[SQL_QUEUE_DELETE] = "DELETE FROM queue WHERE session = ?",

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
