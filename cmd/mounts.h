/* SPDX-License-Identifier: MIT */
/* What the kernel says is mounted (/proc/self/mountinfo), without touching any of it. */
#pragma once

#include "base/buf.h"

struct mount {
	char *type; /* "fuse.agentdirs"; owned */
	int64_t user; /* who mounted it, for FUSE; -1 when not said */
};
void mount_done(struct mount *m);
void cleanup_mount(struct mount *m);

/* The topmost mount at exactly that absolute path: 1, or 0 when nothing is mounted there. */
int mounts_find(struct slice mountinfo, const char *path, struct mount *ret);

/* The same, from the running kernel; or -errno. */
int mounts_look(const char *path, struct mount *ret);

bool mount_is_ours(const struct mount *m); /* by its type: made by agentdirs, of whatever user */
