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

/* Title and metadata: settings that outlive the session's events.  A change of a session that has
 * events also appends session.updated.  -EINVAL too long, with a sentence. */
int session_title(struct store *store, int64_t num, struct buf *ret); /* empty when none */
int session_set_title(struct store *store, int64_t num, const char *title, size_t size,
	struct buf *why);

/* The session object in the API's shape (section 4.2), with agent snapshot and usage.  Given. */
cJSON *session_body(struct store *store, int64_t num, int *ret_error);

/* Absolute path of the session's workspace directory on this machine.  Given. */
char *session_workspace(struct store *store, const struct object *session);

/* Sessions that have something to do: running, rescheduling, or with a queue.  The next `max`
 * numbers above `after`: how many, or -errno. */
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
