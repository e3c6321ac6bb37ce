/* SPDX-License-Identifier: MIT */
/*
 * Objects: what the agents/, environments/ and sessions/ folders list.
 *
 * An object has a number that is never reused (inode numbers are made of it), an
 * id as the API spells it, and a name that people choose, unique among the
 * live ones and among the archived ones of its kind.
 *
 * Agents and environments have a body: the whole definition in the API's shape,
 * checked by the tables of schema.c.  A change of an agent's body makes a new
 * version; saving an equal one makes none.  Environments are not versioned.
 */
#pragma once

#include "base/id.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/store.h"

enum object_kind { OBJECT_AGENT = 1, OBJECT_ENVIRONMENT, OBJECT_SESSION, OBJECT_KINDS };

struct object {
	int64_t num;
	enum object_kind kind;
	char id[ID_SIZE];
	char name[NAME_BYTES_MAX + 1];
	int64_t version; /* agents: the current one, >= 1; others: 1 */
	int64_t created_us, updated_us; /* wall clock; updated: last event or last save */
	int64_t archived_us; /* 0 while live */
};

/* Finders: 1 found, 0 absent, or -errno.  ret may be NULL. */
int object_find(struct store *store, enum object_kind kind, bool archived, const char *name,
	struct object *ret);
int object_get(struct store *store, int64_t num, struct object *ret);
int object_by_id(struct store *store, const char *id, struct object *ret);

/* The next `max` objects of the kind with num > after, by num: how many, or -errno. */
int object_page(struct store *store, enum object_kind kind, bool archived, int64_t after,
	struct object *ret, int max);
int64_t object_count(struct store *store, enum object_kind kind, bool archived); /* or -errno */

/* Makes an agent or environment (sessions: session_make).  `body` NULL: the kind's defaults with
 * this name and, for agents, `default_model`.  -EEXIST name taken; -EINVAL bad name or body (with a
 * sentence). */
int object_make(struct store *store, enum object_kind kind, const char *name, const cJSON *body,
	const char *default_model, struct object *ret, struct buf *why);

/* -EEXIST the (new) name is taken there; -EINVAL bad name; -ENOENT; -EBUSY a session that runs;
 * -EROFS an archived agent would get another name.  The name is part of an agent's definition, so
 * another name is a new version; older ones keep theirs. */
int object_rename(struct store *store, int64_t num, const char *name);
int object_archive(struct store *store, int64_t num, bool archived); /* or takes it back */

/* Both in one step, for mv between sessions/ and archive/sessions/: the object is afterwards in the
 * one folder or the other under that name, or nothing has changed. */
int object_move(struct store *store, int64_t num, bool archived, const char *name);

/* Removes the object with everything that belongs to it: an archived session with its log, a session
 * without events, or an archived agent or environment that no session uses.  -EBUSY for anything
 * else; -ENOENT. */
int object_delete(struct store *store, int64_t num);

/* The body of a version (0: current) as JSON in the API's shape, with id, type, version,
 * timestamps.  Given.  NULL with -ENOENT in *ret_error. */
cJSON *object_body(struct store *store, int64_t num, int64_t version, int *ret_error);

/* Replaces the body.  Unknown, ill-typed or out-of-range fields: -EINVAL with a sentence that names
 * the field.  Fields that are set here (id, type, version, created_at …, and name, which is the
 * folder's) are ignored; absent ones get their default.  -EROFS archived.  *ret_version is the
 * version that holds now; unchanged when nothing changed. */
int object_save(struct store *store, int64_t num, const cJSON *body, int64_t *ret_version,
	struct buf *why);

/* Replaces one field of the body ("model", "system", "description", "tools" ...), NULL or null
 * clears it; errors and result as object_save.  A model that is a text is its id: the same id
 * changes nothing.  Named entries of lists: part.h. */
int object_set(struct store *store, int64_t num, const char *field, const cJSON *value,
	int64_t *ret_version, struct buf *why);

/* Changes the body by a function of one's own, in one transaction and one version.  `edit` gets the
 * stored body (no id, no name) and returns 0, or -errno with a sentence. */
typedef int object_editor(cJSON *body, void *data, struct buf *why);
int object_edit(struct store *store, int64_t num, object_editor *edit, void *data,
	int64_t *ret_version, struct buf *why);

/* The object that `agents/default` or `environments/default` points to.  1, 0 (none) or -errno. */
int object_default(struct store *store, enum object_kind kind, struct object *ret);
int object_set_default(struct store *store, enum object_kind kind, int64_t num);
