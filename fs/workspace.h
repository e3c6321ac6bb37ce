/* SPDX-License-Identifier: MIT */
/*
 * Directories of the host shown through the mount: a session's workspace/, and
 * whatever else a sandbox writes into (outputs/, the trees of at/N/).
 *
 * It is a pass-through for low-level FUSE.  The owner of the mount serves its
 * own inodes; every request whose inode, or whose parent inode, is owned here
 * (workspace_owns) goes unchanged to the function of the same name in
 * workspace_ops().  All calls come from one thread; answers to FSYNC come from another.
 *
 *	workspace_setup(getuid(), getgid());
 *	…on LOOKUP of sessions/x/workspace:
 *	r = workspace_root(session, path, &entry);
 *	r < 0 ? fuse_reply_err(req, -r) : fuse_reply_entry(req, &entry);
 *	…when the session is deleted:
 *	workspace_forget_session(session);
 *	…after the loop:
 *	workspace_done();
 *
 * What the mount must be like:
 *  - nosuid, nodev, and default_permissions where others than the user we run as have access;
 *  - FUSE_CAP_ATOMIC_O_TRUNC and FUSE_CAP_AUTO_INVAL_DATA on (libfuse's default);
 *  - FUSE_CAP_WRITEBACK_CACHE, _CACHE_SYMLINKS, _POSIX_ACL and _EXPORT_SUPPORT off;
 *  - OPENDIR is never answered with ENOSYS;
 *  - extended attributes are ENOSYS, locks are the kernel's own: neither has a function here.
 *
 * What lies below the given directories is written by a hostile sandbox while
 * we look at it; workspace_tree.h and workspace_link.h say how that is endured.
 */
#pragma once

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif
#include <fuse_lowlevel.h>

#include <stdbool.h>
#include <stdint.h>

/* Whether requests for this inode come here: bit 63 is set. Never true for an inode of anybody
 * else. */
bool workspace_owns(fuse_ino_t ino);

/* The functions, for as long as the process lives; lent. A function that is NULL here is not
 * supported: the owner of the mount answers ENOSYS. Where a request names two inodes (rename, link,
 * copy_file_range) and the other is not owned here, the answer is EXDEV; so should be that of the
 * owner's functions the other way round. */
const struct fuse_lowlevel_ops *workspace_ops(void);

/* Says who is shown as owner of everything. Once, before anything else. 0, or -errno when
 * /proc/self/fd cannot be opened (it is how a checked object is opened without naming it again). */
int workspace_setup(uid_t uid, gid_t gid);

enum workspace_kind {
	WORKSPACE_MAIN, /* sessions/x/workspace */
	WORKSPACE_OUTPUTS,
	WORKSPACE_PAST, /* sessions/x/at/N/workspace */
	WORKSPACE_SKILL,
	WORKSPACE_KINDS
};

/* Number, kind and item are the tree's name. */
struct workspace_tree {
	int64_t number; /* of the session; of the skill for WORKSPACE_SKILL */
	enum workspace_kind kind;
	uint32_t item; /* event number for WORKSPACE_PAST, else 0 */
	const char *path; /* absolute, on this machine; lent */
	const char *inside; /* where the sandbox sees it, e.g. "/workspace"; lent */
	bool read_only; /* every change is -EROFS */
};

/*
 * The answer to a LOOKUP that ends at the top of a tree; the kernel's lookup count is taken, so the
 * answer must be sent (or given back with workspace_forget). The first call for a tree registers
 * it; later calls find it again, also when the path has been renamed since.
 *
 * A process that runs as root works below the tree with the user and group of its top directory, so
 * what it creates belongs to the sandbox, and what the sandbox's user may not do is not done for it
 * either.
 *
 * -ENOENT, -ENOTDIR no such directory; -EPERM root without the right to change its user; -ENOMEM
 * too many objects known to the kernel; or -errno of opening it.
 */
int workspace_root_of(const struct workspace_tree *tree, struct fuse_entry_param *ret);

/* The same for sessions/x/workspace, seen as /workspace inside. */
int workspace_root(int64_t session, const char *host_path, struct fuse_entry_param *ret);

/* The inode number that `stat` and `readdir` show for the top of a tree; the same in every life of
 * the mount. */
uint64_t workspace_root_number(int64_t number, enum workspace_kind kind, uint32_t item);

/* What FORGET says; for the owner's forget_multi. */
void workspace_forget(fuse_ino_t ino, uint64_t lookups);

/* The session's directories are gone or about to go: all its trees let go of them at once; what the
 * kernel still asks about them gets ESTALE. Files that are open stay readable until they are
 * closed. */
void workspace_forget_session(int64_t session);

/* Frees everything; no request is in work and none follows, except after another
 * workspace_setup. */
void workspace_done(void);
