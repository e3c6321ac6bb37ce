/* SPDX-License-Identifier: MIT */
/*
 * Entries: the names below a workspace that the kernel knows, and their inode
 * numbers.  Pure bookkeeping: nothing here touches a file.
 *
 * An entry is one name in one directory, together with the identity of the
 * object that was seen there.  So:
 *
 *  - Two hard links are two entries.  A directory that the sandbox moved is a new
 *    entry at its new place, while the old one stays where it was and turns
 *    stale.  Hence an entry lies exactly as deep in our table as its dentry lies
 *    in the kernel's tree, whatever the sandbox moves about; only a rename
 *    through the mount moves both.  The safety of symbolic links rests on this,
 *    see workspace_link.h.
 *  - A name that now holds another object gets a new entry and a new number; the
 *    old entry is `gone` but lives until the kernel forgets it, because open
 *    files hang on it.
 *
 * Numbers are never used twice.  They count up from a random place, so that
 * numbers the kernel remembers from an earlier life of this process are unknown
 * to this one and mean no other file.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"

enum {
	/* About 200 bytes each: 200 MiB when the kernel caches a million names of workspaces, which
	 * costs the kernel more than 1 GiB. Beyond it a LOOKUP fails with ENOMEM. */
	ENTRIES_MAX = 1 << 20,
	/* Names below a workspace are at most this long together: every request walks them. A
	 * sandbox can nest deeper; what lies there is ENAMETOOLONG. */
	ENTRY_PATH_BYTES_MAX = 64 << 10,
};

#define ENTRY_OWNED_BIT (UINT64_C(1) << 63)

struct tree; /* workspace_tree.h */

/* What a name stood for when it was looked up. The time of birth tells a file from a later one that
 * was given the same inode number. */
struct identity {
	uint64_t device, inode;
	int64_t born_ns; /* 0 where the file system does not know */
	mode_t type; /* S_IFMT part */
};

struct entry {
	uint64_t id;
	struct tree *tree; /* lent, outlives the entry */
	struct entry *parent; /* holds it; NULL for the top */
	struct identity who;
	uint64_t told_size; /* what the kernel believes the size of a file to be */
	uint64_t lookups; /* as the kernel counts them */
	uint32_t holders; /* entries below, and open files */
	bool was_told_wrong; /* the last OPEN said so */
	bool gone; /* the name means something else by now, or nothing */
	struct list opened; /* struct opened.link */
	struct entry *next_id, *next_name; /* in their buckets */
	char *name; /* owned; empty for the top */
};

bool identity_is(const struct identity *a, const struct identity *b);

/* The entry of a number, or NULL: unknown, or forgotten. */
struct entry *entry_find(uint64_t id);

/* The living entry of this name, or NULL. */
struct entry *entry_at(const struct entry *parent, const char *name);

/* The entry for an object seen under this name, one lookup counted. An entry for another object of
 * that name is dropped. parent NULL makes a new top (name ""), which entry_at never finds. NULL
 * past ENTRIES_MAX. The name is 1 to 255 bytes. */
struct entry *entry_see(
	struct tree *tree, struct entry *parent, const char *name, const struct identity *who);

/* The name is free or means something else now; NULL is fine. */
void entry_drop(struct entry *entry);

/* What had one name has another now, by a rename through the mount; an entry of the new name is
 * dropped. The caller has made sure that `to` does not lie in what is moved. */
void entry_move(struct entry *from, const char *old_name, struct entry *to, const char *name);

/* Both names exchanged their objects. */
void entry_swap(struct entry *dir_a, const char *name_a, struct entry *dir_b, const char *name_b);

/* Whether `entry` is `above` or lies below it. */
bool entry_is_within(const struct entry *entry, const struct entry *above);

/* 0 for the top. */
unsigned entry_depth(const struct entry *entry);

/* The path from the top, "a/b/c"; "" for the top itself. 0, -ESTALE when a name in it is gone,
 * -ENAMETOOLONG. `ret` is replaced. */
int entry_path(const struct entry *entry, struct buf *ret);

/* Holders keep an entry alive without a lookup. */
void entry_hold(struct entry *entry);

/* Each may free the entry and then those above that nobody wants any more. When that reaches the
 * top of a tree, the tree is returned: it has no entries left. Else NULL. */
struct tree *entry_release(struct entry *entry);
struct tree *entry_forget(struct entry *entry, uint64_t lookups);

/* Frees them all. */
void entry_done(void);
