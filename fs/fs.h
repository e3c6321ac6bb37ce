/* SPDX-License-Identifier: MIT */
/* The state of the mounted tree: everything that the verbs of the node table work on. */
#pragma once

#include <sys/types.h>

#include "base/loop.h"
#include "store/session.h"

enum { FS_KNOWN_SESSIONS = 64 }; /* also how many a listing reads at once */

struct fs {
	struct loop *loop; /* this and the next three: lent, outlive the fs */
	struct store *store;
	struct transport *transport;
	struct keep *keep;
	int hints; /* socket to the harness, see store/hint.h; lent */
	uid_t uid; /* owner of everything shown */
	gid_t gid;
	mode_t umask;
	const char *model; /* for new agents */
	bool offline;
	int64_t started_us; /* wall clock; time stamp of what has no other */
	struct buf facts; /* what the supervisor said last, a field list */

	struct errors *errors; /* this and the rest: owned */
	struct scratch *scratch;
	struct handles *handles;
	struct waiting *waiting;
	struct previews *previews;
	struct transcripts *transcripts;
	struct news *news;

	/* Sessions that the request in work has read already, so that `ls -l` reads each once. */
	struct session known[FS_KNOWN_SESSIONS];
	size_t known_count;
};

/* The session: 0 and lent until the next request, -ENOENT, or -errno. */
int fs_session(struct fs *fs, int64_t num, const struct session **ret);

/* Reads the next live sessions after `after` ahead; how many (they are in fs->known), or -errno. */
int fs_read_ahead(struct fs *fs, int64_t after, int max);

/* What was read may have changed: a request begins, or something was written. */
void fs_forget_known(struct fs *fs);

/* Tells the harness that the session has something to do. */
void fs_wake_harness(struct fs *fs, int64_t session);

/* Gives a new store an agent and an environment to begin with.  0 or -errno, with a sentence. */
int objects_first(struct fs *fs, struct buf *why);
