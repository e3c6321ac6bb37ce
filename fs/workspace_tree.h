/* SPDX-License-Identifier: MIT */
/*
 * Trees: the directories of the host that are shown, and the one way to reach
 * something below them.
 *
 * Everything below a tree belongs to an attacker who renames, links and replaces
 * it while we look.  Therefore:
 *
 *  - An object is reached only by tree_pin(): one openat2() from the descriptor of
 *    the tree's top, beneath it, through no symbolic link, no magic link and no
 *    mount, with O_PATH, which has no effect on what is there (no FIFO blocks, no
 *    device acts, no lease breaks).  What was reached must be the object that the
 *    kernel asked about, by device, inode, birth and type; else ESTALE, and the kernel looks the
 *    name up again.
 *  - From then on the descriptor is the object. It is opened, changed or linked by that descriptor
 *    (tree_reopen, tree_magic_name), never again by name, and opened only if it is a regular file
 *    or a directory, always with O_NONBLOCK, since the sandbox may hold a lease.
 *  - Names are made and removed in a pinned directory by system calls that do not
 *    follow the last component.
 *  - A process that runs as root wears the guise of the tree's owner meanwhile
 *    (struct guise): were all of the above wrong, the host would still see an
 *    access by the sandbox's own, unprivileged user.
 */
#pragma once

#include <sys/stat.h>

#include "fs/workspace.h"
#include "fs/workspace_entry.h"

enum {
	/* Descriptors of tops that are kept open; others are opened again when needed. `find` over
	 * the mount visits one session after the other, so a few are enough. */
	TREE_FDS_MAX = 64,
};

struct tree {
	int64_t number;
	enum workspace_kind kind;
	uint32_t item;
	char *path, *inside; /* owned */
	bool read_only;
	bool dead; /* forgotten: everything is -ESTALE */
	uid_t uid; /* of the top directory when it was registered */
	gid_t gid;
	int fd; /* O_PATH of the top, or -1 */
	struct entry *top; /* lent; it holds the tree */
	struct list link; /* in the list of trees */
	struct list fd_link; /* in the list of open ones, the least recently used first */
};

/* Opens /proc/self/fd: 0 or -errno. */
int tree_setup(void);

/* Finds or registers a tree and counts one lookup of its top.  Errors as workspace_root_of. */
int tree_see(const struct workspace_tree *want, struct tree **ret, struct statx *ret_stat);

/* The last entry is gone, so is the tree. */
struct tree *tree_free(struct tree *tree); /* NULL is fine */

/* Makes the tree unknown, and stale for what the kernel still knows of it; its descriptor is
 * closed. */
void tree_kill(struct tree *tree);
void tree_kill_session(int64_t session);
void tree_done(void);

/* The number that is shown for an object. */
uint64_t tree_shown_number(const struct tree *tree, uint64_t inode);

/* Makes tree->fd valid, to be done before the guise is worn: 0, -ESTALE it is dead or was replaced,
 * or -errno. */
int tree_open(struct tree *tree);

/* A pinned object below an open tree: descriptor (given) or -errno: -ESTALE it is not there any
 * more or is another, -EACCES, -ENAMETOOLONG, -ENFILE too many open files. ret_stat may be NULL. */
int tree_pin(const struct entry *entry, struct statx *ret_stat);

/* Looks at a name in a pinned directory: 0, -ENOENT, -EXDEV something is mounted there, or
 * -errno. */
int tree_look(int dir, const char *name, struct statx *ret_stat);

/* Looks at what a descriptor holds: 0 or -errno. */
int tree_stat(int fd, struct statx *ret_stat);

struct identity tree_identity(const struct statx *st);

/* Opens what a pin or an open file holds, if it is a regular file or a directory, with these flags
 * of open(2): descriptor (given), -EACCES anything else, -EBUSY the sandbox holds a lease on it, or
 * -errno. */
int tree_reopen(int fd, const struct statx *st, int flags);

enum { MAGIC_NAME_SIZE = 16 };
/* For system calls that take (directory, name) and follow links: makes them act on the object of
 * `fd`.  Returns the directory, lent. */
int tree_magic_name(int fd, char ret_name[static MAGIC_NAME_SIZE]);

/* The user whom file system calls of this thread act as. */
struct guise {
	bool worn;
};
#define GUISE_NONE ((struct guise){ false })
/* 0, or -EPERM: the process may not. */
int guise_wear(struct guise *guise, const struct tree *tree);
void cleanup_guise(struct guise *guise);
