/* SPDX-License-Identifier: MIT */
/* Sessions: an object of kind OBJECT_SESSION, what it is made of, and the fold of its log. */
#pragma once

#include "store/fold.h"
#include "store/object.h"

struct session {
	struct object object;
	int64_t agent, agent_version; /* object number; version 0 until the first event pins it */
	int64_t environment; /* object number */
	int64_t queued; /* events waiting in the queue */
	int64_t budget_cents; /* the most that it may cost (budget.h); 0: no limit */
	struct fold fold;
};

/* Makes a session from agents/default and environments/default, with its workspace directory.
 * -EEXIST, -EINVAL bad name, -ENOENT no default agent or environment (with a sentence), -ENOSPC. */
int session_make(struct store *store, const char *name, struct session *ret, struct buf *why);

int session_get(struct store *store, int64_t num, struct session *ret); /* 1, 0 absent, -errno */

/* As object_page, with the folds. */
int session_page(struct store *store, bool archived, int64_t after, struct session *ret, int max);

/* Chooses agent (version 0: the current one) or environment before the first event; -EBUSY after
 * it. */
int session_set_agent(struct store *store, int64_t num, int64_t agent, int64_t version);
int session_set_environment(struct store *store, int64_t num, int64_t environment);

/* Fixes agent and version at the first event; does nothing later. */
int session_pin(struct store *store, int64_t num);

/* Sets what the object names, all or nothing: title, metadata (merge patch), budget, and before the
 * first event agent, environment_id, resources, vault_ids (reference section 4.1).
 *  - agent: an id, a name, {"type":"agent","id","version"?}, or the same with overrides
 *    ({"type":"agent_with_overrides", ...}, section 2.4; pins the version at once);
 *  - environment_id: an id or a name;
 *  - what session_body shows besides (id, status, usage ...) is ignored, and a value equal to what
 *    it shows is no change, so a document may be read, edited and written back at any time.
 * -EINVAL with a sentence that names the field; -ENOENT no such agent, environment, vault or memory
 * store; -EROFS one of them, or the session, is archived; -EBUSY after the first event. */
int session_configure(struct store *store, int64_t num, const cJSON *wanted, struct buf *why);

/*
 * Settings: title, metadata and budget may change as long as the session lives.  A change of a
 * session that has events also appends one session.updated with what changed; no change appends
 * nothing.  -EINVAL with a sentence; -EROFS archived or terminated; -ENOENT.
 */

int session_title(struct store *store, int64_t num, struct buf *ret); /* empty when none */
int session_set_title(struct store *store, int64_t num, const char *title, size_t size,
	struct buf *why);

/* Metadata keys are parts (part.h).  The whole map; given.  NULL with *ret_error. */
cJSON *session_metadata(struct store *store, int64_t num, int *ret_error);

/* As in the file: dollars ("2.50") or `max`.  A budget must be more than what was used up. */
int session_budget(struct store *store, int64_t num, struct buf *ret);
int session_set_budget(struct store *store, int64_t num, struct slice text, struct buf *why);

/* The session object in the API's shape (section 4.2), with agent snapshot and usage.  Given. */
cJSON *session_body(struct store *store, int64_t num, int *ret_error);

/* The agent that this session uses: the pinned version (or the one that would be pinned now) with
 * the session's overrides, and listed agents with their definitions.  Given.  NULL with
 * *ret_error. */
cJSON *session_agent(struct store *store, const struct session *session, int *ret_error);

/* Absolute path of the session's workspace directory on this machine.  Given. */
char *session_workspace(struct store *store, const struct object *session);

/* Live sessions that wait for a person (idle, requires_action).  As session_page. */
int session_waiting(struct store *store, int64_t after, struct session *ret, int max);

/* Sessions that have something to do: running, rescheduling, with a queue, or stopped at a budget
 * that was raised since.  The next `max` numbers above `after`: how many, or -errno. */
int session_due(struct store *store, int64_t after, int64_t *ret_nums, int max);

/* The live session whose log grew last; 1, 0 none, -errno. */
int session_last(struct store *store, struct object *ret);

/* Number of live sessions by status, and those that wait for a person (requires_action). */
struct session_counts {
	int64_t by_status[SESSION_STATUSES];
	int64_t waiting;
};
int session_count(struct store *store, struct session_counts *ret);

/* Which sandbox instance may have been given this session's calls; "" when none.  Written (durably)
 * before the first call goes to an instance and cleared when that instance is known to be gone with
 * no call open. */
int session_sandbox(struct store *store, int64_t num, char ret_instance[static ID_SIZE]);
int session_set_sandbox(struct store *store, int64_t num, const char *instance);
