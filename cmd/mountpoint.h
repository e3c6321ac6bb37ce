/* SPDX-License-Identifier: MIT */
/* The place where the tree appears: may it be used, is something there already, and how it is
 * cleared. Nothing here waits for a file system that does not answer. */
#pragma once

#include "base/buf.h"

enum {
	MOUNTPOINT_ANSWER_MS = 3000, /* a healthy tree answers a stat within microseconds */
};

/* The absolute path without links, of something that may be missing, dead or hanging.  -EINVAL,
 * -ENOENT (no parent directory), -errno; each with a sentence. */
int mountpoint_resolve(const char *path, char **ret_path, struct buf *why);

/* Makes `path` (resolved) usable for a new mount: creates it, or clears a dead agentdirs mount
 * from it. Refuses with a sentence: -ENOTDIR, -ENOTEMPTY, -EBUSY a live or hanging agentdirs
 * mount, -EINVAL one that overlaps with the store. */
int mountpoint_prepare(const char *path, const char *store, struct buf *why);

/* Whether the tree at `path` answers: 0, -ENOTCONN its server is dead, -ETIMEDOUT it hangs,
 * -errno. */
int mountpoint_answers(const char *path, int timeout_ms);

/* Takes an agentdirs mount away, in use or not; 0 also when there is none.  -errno with a
 * sentence. */
int mountpoint_detach(const char *path, struct buf *why);
