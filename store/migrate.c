/* SPDX-License-Identifier: MIT */
/*
 * The schema, and how an older one becomes this one.
 *
 * Row i of the table leads from version i to i + 1; the database keeps its
 * version in user_version.  A row that has been released never changes: a change
 * of the schema is a new row.  A newer database is refused, because an older
 * program would not keep its promises.
 */
#include <errno.h>

#include "store/db.h"

static const char *const migrations[] = {
	/* object.folder is which folder lists the object, so that one index answers "the live
	 * agents" and "the archived sessions" and keeps names unique in each. */
	"CREATE TABLE object("
	" num INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind INTEGER NOT NULL,"
	" id TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL,"
	" version INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" updated INTEGER NOT NULL,"
	" archived INTEGER NOT NULL DEFAULT 0,"
	" folder INTEGER NOT NULL AS (kind * 2 + (archived > 0))"
	") STRICT;"
	"CREATE UNIQUE INDEX object_name ON object(folder, name);"
	"CREATE INDEX object_folder ON object(folder);"

	"CREATE TABLE definition("
	" object INTEGER NOT NULL REFERENCES object,"
	" version INTEGER NOT NULL,"
	" saved INTEGER NOT NULL,"
	" body TEXT NOT NULL,"
	" PRIMARY KEY(object, version)"
	") STRICT;"

	"CREATE TABLE chosen("
	" kind INTEGER PRIMARY KEY,"
	" object INTEGER NOT NULL REFERENCES object"
	") STRICT;"
	"CREATE INDEX chosen_object ON chosen(object);"

	/* From `status` on: struct fold, a cache of the fold over the session's events. */
	"CREATE TABLE session("
	" num INTEGER PRIMARY KEY REFERENCES object,"
	" live INTEGER NOT NULL DEFAULT 1,"
	" agent INTEGER NOT NULL REFERENCES object,"
	" agent_version INTEGER NOT NULL DEFAULT 0,"
	" environment INTEGER NOT NULL REFERENCES object,"
	" title TEXT,"
	" metadata TEXT NOT NULL DEFAULT '{}',"
	" sandbox TEXT NOT NULL DEFAULT '',"
	" status INTEGER NOT NULL DEFAULT 0,"
	" stop INTEGER NOT NULL DEFAULT 0,"
	" events INTEGER NOT NULL DEFAULT 0,"
	" bytes INTEGER NOT NULL DEFAULT 0,"
	" last INTEGER NOT NULL DEFAULT 0,"
	" turn INTEGER NOT NULL DEFAULT 0,"
	" running_since INTEGER NOT NULL DEFAULT 0,"
	" reply INTEGER NOT NULL DEFAULT 0,"
	" error INTEGER NOT NULL DEFAULT 0,"
	" idle INTEGER NOT NULL DEFAULT 0,"
	" input_tokens INTEGER NOT NULL DEFAULT 0,"
	" output_tokens INTEGER NOT NULL DEFAULT 0,"
	" cache_read INTEGER NOT NULL DEFAULT 0,"
	" cache_creation INTEGER NOT NULL DEFAULT 0,"
	" cache_creation_1h INTEGER NOT NULL DEFAULT 0,"
	" web_searches INTEGER NOT NULL DEFAULT 0,"
	" cost_nano INTEGER NOT NULL DEFAULT 0,"
	" active_us INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE INDEX session_agent ON session(agent);"
	"CREATE INDEX session_environment ON session(environment);"
	"CREATE INDEX session_recent ON session(last) WHERE live = 1;"
	"CREATE INDEX session_state ON session(status, stop) WHERE live = 1;"
	"CREATE TRIGGER session_live AFTER UPDATE OF archived ON object"
	" WHEN (new.archived = 0) <> (old.archived = 0)"
	" BEGIN UPDATE session SET live = new.archived = 0 WHERE num = new.num; END;"

	/* pos = session << 32 | seq.  No other index: the row of a byte offset is found by
	 * bisection, and every append would pay for one. */
	"CREATE TABLE event("
	" pos INTEGER PRIMARY KEY,"
	" start INTEGER NOT NULL,"
	" size INTEGER NOT NULL,"
	" line TEXT NOT NULL"
	") STRICT;"
	"CREATE TRIGGER event_fixed BEFORE UPDATE ON event"
	" BEGIN SELECT raise(ABORT, 'an event never changes'); END;"
	"CREATE TRIGGER event_kept BEFORE DELETE ON event"
	" WHEN EXISTS(SELECT 1 FROM session WHERE num = old.pos >> 32)"
	" BEGIN SELECT raise(ABORT, 'an event stays as long as its session'); END;"

	"CREATE TABLE queue("
	" num INTEGER PRIMARY KEY AUTOINCREMENT,"
	" session INTEGER NOT NULL REFERENCES session,"
	" urgent INTEGER NOT NULL,"
	" line TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX queue_session ON queue(session);"
	"CREATE INDEX queue_urgent ON queue(session) WHERE urgent = 1;"

	/* draft.scan is the state of the judge (input.h).  Whoever changes its layout adds a
	 * migration that empties both tables. */
	"CREATE TABLE draft("
	" num INTEGER PRIMARY KEY,"
	" handle INTEGER NOT NULL UNIQUE,"
	" session INTEGER NOT NULL REFERENCES session,"
	" request INTEGER NOT NULL,"
	" error INTEGER NOT NULL DEFAULT 0,"
	" reason TEXT NOT NULL DEFAULT '',"
	" scan BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX draft_session ON draft(session);"
	"CREATE TABLE draft_part("
	" num INTEGER PRIMARY KEY,"
	" draft INTEGER NOT NULL REFERENCES draft,"
	" start INTEGER NOT NULL,"
	" data BLOB NOT NULL"
	") STRICT;"
	"CREATE INDEX draft_part_draft ON draft_part(draft, start);",

	/* item: numbers of the names below an object.  Names that definitions contain get theirs
	 * when they are saved; here that is done for those that were saved before. */
	"CREATE TABLE item("
	" object INTEGER NOT NULL REFERENCES object,"
	" kind INTEGER NOT NULL,"
	" num INTEGER NOT NULL,"
	" name TEXT NOT NULL,"
	" PRIMARY KEY(object, kind, num),"
	" UNIQUE(object, kind, name)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO item(object, kind, num, name)"
	" SELECT object, kind,"
	" row_number() OVER (PARTITION BY object, kind ORDER BY first, name), name"
	" FROM (SELECT object, kind, name, min(version) AS first FROM ("
	"  SELECT object, version, 1 AS kind, e.key AS name"
	"   FROM definition, json_each(body, '$.metadata') e"
	"  UNION ALL SELECT object, version, 2, json_extract(e.value, '$.name')"
	"   FROM definition, json_each(body, '$.tools') e"
	"   WHERE json_extract(e.value, '$.type') = 'custom'"
	"  UNION ALL SELECT object, version, 3, json_extract(e.value, '$.name')"
	"   FROM definition, json_each(body, '$.mcp_servers') e"
	"  UNION ALL SELECT object, version, 4, json_extract(e.value, '$.skill_id')"
	"   FROM definition, json_each(body, '$.skills') e"
	"  UNION ALL SELECT object, version, 6, e.key"
	"   FROM definition, json_each(body, '$.config.packages') e WHERE e.key <> 'type')"
	"  WHERE length(CAST(name AS BLOB)) BETWEEN 1 AND 255 AND instr(name, '/') = 0"
	"  AND name NOT IN ('.', '..')"
	"  GROUP BY object, kind, name);"

	/* An agent's name is part of its definition; NULL: the object's (environments). */
	"ALTER TABLE definition ADD COLUMN name TEXT;"
	"UPDATE definition SET name = (SELECT name FROM object WHERE num = definition.object"
	" AND kind = 1);"

	/* Entries are numbered within their session.  answers: the call that the entry answers. */
	"ALTER TABLE session ADD COLUMN queue_last INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE queue RENAME TO queue_1;"
	"CREATE TABLE queue("
	" session INTEGER NOT NULL REFERENCES session,"
	" num INTEGER NOT NULL,"
	" urgent INTEGER NOT NULL,"
	" answers TEXT,"
	" added INTEGER NOT NULL,"
	" line TEXT NOT NULL,"
	" PRIMARY KEY(session, num)"
	") STRICT;"
	"INSERT INTO queue(session, num, urgent, added, line)"
	" SELECT session, row_number() OVER (PARTITION BY session ORDER BY num), urgent,"
	" unixepoch() * 1000000, line FROM queue_1;"
	"DROP TABLE queue_1;"
	"CREATE INDEX queue_urgent ON queue(session, num) WHERE urgent = 1;"
	"CREATE UNIQUE INDEX queue_answers ON queue(session, answers) WHERE answers IS NOT NULL;"
	"UPDATE session SET queue_last ="
	" ifnull((SELECT max(q.num) FROM queue q WHERE q.session = session.num), 0);"

	/* Calls that want an answer, a cache of the log; listed: by the last idle.  No earlier
	 * version asked for any. */
	"CREATE TABLE call("
	" session INTEGER NOT NULL REFERENCES session,"
	" seq INTEGER NOT NULL,"
	" kind INTEGER NOT NULL,"
	" id TEXT NOT NULL,"
	" tool TEXT NOT NULL,"
	" asked INTEGER NOT NULL,"
	" listed INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(session, seq)"
	") STRICT, WITHOUT ROWID;"

	/* What session_configure sets besides; JSON, but for the budget in cents (0: none). */
	"ALTER TABLE session ADD COLUMN budget INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE session ADD COLUMN overrides TEXT;"
	"ALTER TABLE session ADD COLUMN resources TEXT NOT NULL DEFAULT '[]';"
	"ALTER TABLE session ADD COLUMN vault_ids TEXT NOT NULL DEFAULT '[]';",
};

static int pragma_int(struct store *store, const char *text, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(store->db, text, -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? 0 : db_error(store, code);
}

static int step_up(struct store *store, int64_t version)
{
	cleanup(free) char *mark = xprintf("PRAGMA user_version = %d", (int)version + 1);
	int r = db_exec(store, "BEGIN EXCLUSIVE");
	if (r == 0)
		r = db_exec(store, migrations[version]);
	if (r == 0)
		r = db_exec(store, mark);
	if (r == 0)
		r = db_exec(store, "COMMIT");
	if (r < 0)
		(void)db_exec(store, "ROLLBACK");
	return r;
}

int migrate(struct store *store, struct buf *why)
{
	int64_t version = 0, tables = 0, newest = ARRAY_LEN(migrations);
	int r = pragma_int(store, "PRAGMA user_version", &version);
	if (r == 0)
		r = pragma_int(store, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return fail(why, -r, "cannot read %s/store.db: %s", store->dir,
			sqlite3_errmsg(store->db));
	if (version < 0 || version > newest)
		return fail(why, EPROTO,
			"the store %s was made by a newer version of agentdirs (its format is "
			"%lld, this program knows %lld); use that version",
			store->dir, (long long)version, (long long)newest);
	if (version == 0 && tables > 0)
		return fail(why, EPROTO,
			"%s/store.db is not a store of agentdirs; choose another --store",
			store->dir);
	for (; r == 0 && version < newest; version++)
		r = step_up(store, version);
	if (r < 0)
		return fail(why, -r, "cannot prepare %s/store.db: %s", store->dir,
			sqlite3_errmsg(store->db));
	return 0;
}
