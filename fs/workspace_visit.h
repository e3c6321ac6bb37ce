/* SPDX-License-Identifier: MIT */
/*
 * What the operations on workspaces share: reaching the object that a request
 * names, as the right user, and describing an object to the kernel.
 *
 *	cleanup(visit) struct visit v = VISIT_NONE;
 *	int r = visit_dir(&v, parent, name, VISIT_CHANGE);
 *	if (r == 0 && unlinkat(v.fd, name, 0) < 0)
 *		r = -errno;
 *
 * How long the kernel may believe what it is told.  The sandbox changes files
 * behind its back, and `cat wait; cat workspace/result` must print the result:
 *  - A name is kept for a tenth of a second (a directory's for one), and so are the
 *    attributes that came with it; a listing brings them for all its names.  That
 *    makes `ls -l` and `git status` one request for many files, and it is how late
 *    `stat` may be.  An absent name is not remembered at all.
 *  - Opening is never late.  When the object is not the one that the name was seen
 *    to have, or its size not the one that the kernel was told (which would cut
 *    what is read), OPEN is answered ESTALE once: the kernel then looks the name up
 *    again and opens what is there.  So it is with every request below a directory
 *    that was replaced.
 *  - Pages are dropped at open, and when size or time of change is seen to differ.
 */
#pragma once

#include "fs/workspace_opened.h"
#include "fs/workspace_tree.h"

enum visit_intent {
	VISIT_LOOK,
	VISIT_CHANGE, /* -EROFS in a read-only tree */
	VISIT_MAKE, /* the same, and the name must be one that may be made */
};

struct visit {
	struct entry *entry; /* lent */
	int fd; /* pinned, or that of an open file; lent */
	int pin; /* owned, or -1 */
	struct statx st;
	struct guise guise;
	mode_t umask; /* to be restored; (mode_t)-1: was not touched */
};
#define VISIT_NONE ((struct visit){ .fd = -1, .pin = -1, .umask = (mode_t)-1 })
void cleanup_visit(struct visit *visit);

/* Goes to a directory in order to do something with a name in it (NULL: none). 0, -ESTALE unknown,
 * gone or replaced; -EINVAL, -ENAMETOOLONG not a name; -EROFS; or the errors of tree_pin. With
 * VISIT_MAKE the umask is 0 meanwhile, as the kernel has applied the caller's, and a name that
 * stands for a place outside is -ENOENT. */
int visit_dir(struct visit *visit, fuse_ino_t ino, const char *name, enum visit_intent intent);

/* Goes to an object of any type; to an open file of it if there is one, so that it is found without
 * a name too. With either descriptor the object can be opened, changed and linked (tree_reopen,
 * tree_magic_name). */
int visit_object(struct visit *visit, fuse_ino_t ino, enum visit_intent intent);

/* The answer to a request that made or found `name` in the visited directory; one lookup is
 * counted. */
int visit_see(struct visit *visit, const char *name, struct fuse_entry_param *ret);

/* The same for an object whose attributes are known. */
int visit_see_as(struct visit *visit, const char *name, const struct statx *st,
	struct fuse_entry_param *ret);

/* Who is shown as owner. */
void show_setup(uid_t uid, gid_t gid);
uid_t show_uid(void);
gid_t show_gid(void);

/* How an object looks from outside: owned by the owner of the mount, without set-user-id and
 * set-group-id; FIFOs and devices are sockets, because that is the one type that nobody, root
 * included, can open, and so wait at or act on: the kernel opens special files itself, without
 * asking us. */
void show_stat(const struct tree *tree, const struct statx *st, struct stat *ret);
mode_t show_type(mode_t type);

/* The answers that tell the kernel about an entry. */
void tell_entry(struct entry *entry, const struct statx *st, struct fuse_entry_param *ret);
void tell_stat(struct entry *entry, const struct statx *st, struct stat *ret);

enum { SHOW_FILE_MS = 100, SHOW_DIRECTORY_MS = 1000 };
#define SHOW_SECONDS(ms) ((ms) / 1000.0)

/* Mode bits that nobody sees and nobody may set. */
enum { SHOW_HIDDEN_BITS = S_ISUID | S_ISGID };

/* The kernel has not taken the answer that counted a lookup. */
void show_take_back(const struct fuse_entry_param *entry);
