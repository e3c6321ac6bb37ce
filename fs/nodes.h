/* SPDX-License-Identifier: MIT */
/*
 * The tree as a table: one row for each kind of name, with everything that is
 * special about it.  fuse.c knows no file names; README is printed from here.
 *
 * A `*` in a path stands for a name that is not fixed.  The first is an object,
 * the second an item of that object (a metadata key, a version, a queued message
 * ...): a place in the tree is a row and these two numbers, and every verb gets
 * one.  An inode number is the three of them, so looking up allocates nothing,
 * forgetting is empty, and a restarted process knows every inode.  Row numbers
 * therefore never change their meaning: a new row takes a new one.
 *
 * Verbs return 0 or -errno; `why` gets a sentence where the errno alone would
 * not help.  -ENOENT from `target` means that the name is absent now.
 */
#pragma once

#include <sys/stat.h>

#include "base/buf.h"
#include "store/item.h"
#include "store/object.h"

struct fs;
struct handle;

enum node_flag {
	NODE_UNLISTED = 1, /* can be opened but is in no listing: reading it may wait */
	NODE_PLAIN = 2, /* an ordinary file with page cache; the others are rendered at open(2) */
	NODE_SCRATCH = 4, /* directory: editors may put their files beside ours */
	NODE_SCRATCH_LINKS = 8, /* directory: only links, for `ln -sfn` */
	NODE_FIXED = 16, /* contents and attributes never change while the name exists */
	NODE_FROZEN = 32, /* of the past: whatever would change it is EROFS */
	NODE_GROWS = 64, /* rendered, and only gets longer: `tail -f` sees what comes later */
};

/* One inode: a row and what its stars stand for. */
struct place {
	const struct node *node;
	int64_t object; /* 0: the row has no star */
	int item; /* 0: the row has no second star */
};

struct child { /* of a directory, by `each` */
	int64_t num; /* of the object or the item */
	char name[ITEM_NAME_SIZE];
	uint64_t cursor; /* continue after this one; below CHILD_CURSOR_MAX */
};

#define CHILD_CURSOR_MAX (1ULL << 48)

struct node {
	uint8_t id; /* 1 .. NODE_ID_SCRATCH - 1, never reused; 1 is the root */
	/* "sessions/x/input" with `*` for x; "" is the root.  A name may be a star and an ending:
	 * "*.json". */
	const char *path;
	mode_t mode; /* type and permissions before the umask */
	unsigned flags;
	enum object_kind kind; /* of the object that the first `*` stands for; 0: none, or any */
	const char *help; /* one line */
	const char *star; /* what README calls the `*` at the end: NAME, KEY, N */
	enum item_kind items; /* what the second `*` is, where it is a part (store/part.h) */

	/* When it changed last; what has no such verb is as old as its directory. */
	int (*time)(struct fs *fs, struct place at, int64_t *ret_wall_us);

	/* Files: what is read.  `show` gives the whole text, kept from open to close; `size` what
	 * stat says where that is cheaper than showing; `bytes` a part of a file that only grows.
	 * `follow` adds what is next to handle->text or sets handle->ended, adding nothing means
	 * wait; `seek` prepares reading from another offset than the one reached. */
	int (*show)(struct fs *fs, struct place at, struct buf *out);
	int (*size)(struct fs *fs, struct place at, uint64_t *ret);
	int (*bytes)(struct fs *fs, struct place at, uint64_t offset, size_t size, struct buf *out);
	int (*follow)(struct fs *fs, struct handle *h);
	int (*seek)(struct fs *fs, struct handle *h, uint64_t offset);

	/* Files: what is written.  `accept` takes the bytes of one write(2), `commit` says that the
	 * message is complete; `save` takes a whole document instead.  `open` may refuse, or
	 * prepare a stream. */
	int (*open)(struct fs *fs, struct handle *h, struct buf *why);
	int (*accept)(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why);
	int (*commit)(struct fs *fs, struct handle *h, struct buf *why);
	int (*save)(struct fs *fs, struct place at, struct slice text, struct buf *why);

	/* Links: where it points; what `ln -sfn` does. */
	int (*target)(struct fs *fs, struct place at, struct buf *out);
	int (*relink)(struct fs *fs, struct place at, const char *target, struct buf *why);

	/* Directories: one of the host, shown through fs/workspace.h; absolute path, given. */
	char *(*host)(struct fs *fs, struct place at);

	/*
	 * Rows that end in `*`.  A verb that looks among all of them gets the directory's numbers
	 * in `at`, one for a single name gets that name's own.
	 *
	 * `find`: the number of a name (1, 0 absent, -errno).  `each`: the next `max` after
	 * `after` (how many).  `name`: the text that the star stands for.  `count`: how many there
	 * are, where that is cheaper than listing them.
	 *
	 * `make` gives a new name its number: a directory is then there; a file or a link comes
	 * into being with its first `save` or `relink`.  `drop` removes.  `rename` gives another
	 * name; `to` is the row below which it is to be, the same or one with the same verb.
	 */
	int (*find)(struct fs *fs, struct place at, const char *name, int64_t *ret_num);
	int (*each)(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max);
	int (*name)(struct fs *fs, struct place at, struct buf *out);
	int64_t (*count)(struct fs *fs, struct place at);
	int (*make)(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
		struct buf *why);
	int (*drop)(struct fs *fs, struct place at, struct buf *why);
	int (*rename)(struct fs *fs, struct place at, const struct node *to, const char *name,
		struct buf *why);
};

enum { NODE_ID_SCRATCH = 255 }; /* inode numbers of scratch.h carry this instead of a row */

const struct node *node_at(size_t index); /* NULL past the last */
const struct node *node_by_id(unsigned id); /* NULL if absent */

/* The row of the fixed name in the directory; NULL if absent. */
const struct node *node_named(const struct node *directory, const char *name);
/* The next row in the directory that ends in `*`, after `after` (NULL: the first); NULL at the end. */
const struct node *node_any(const struct node *directory, const struct node *after);
/* The next row below the directory with a fixed name, after `after` (NULL: the first); NULL at the
 * end. */
const struct node *node_next(const struct node *directory, const struct node *after);

const struct node *node_parent(const struct node *node); /* the root's is the root */

const char *node_name(const struct node *node); /* its last component */
/* What stands for `*` in this name of a row that ends in `*`; false: not such a name. */
bool node_stem(const struct node *node, const char *name, char ret[static ITEM_NAME_SIZE]);
const char *node_ending(const struct node *node); /* behind the `*`: ".json" or "" */
bool node_is_writable(const struct node *node);
bool node_can_wait(const struct node *node); /* a stream: reading may wait */
/* Its name may be taken by another file for a moment (editors, ln): never cached. */
bool node_is_replaceable(const struct node *node);

struct place place_parent(struct place place);
/* A row of the directory; `num` is what its star stands for, 0 if it does not end in one. */
struct place place_below(struct place directory, const struct node *node, int64_t num);

uint64_t place_inode(struct place place);
bool place_of(uint64_t inode, struct place *ret); /* false: not a row of this table */
uint64_t scratch_inode(uint64_t serial);
uint64_t scratch_serial(uint64_t inode); /* 0: not one of those */

/* Adds its name as it is listed, or the path below the mount point; "?" for what is gone. */
void place_name(struct fs *fs, struct place place, struct buf *out);
void place_path(struct fs *fs, struct place place, struct buf *out);

/* Asserts what a row must have: unique numbers and paths, a parent that is a directory, a sentence
 * of help, verbs that fit the type and mode.  Dies with the row's path when one does not. */
void nodes_check(void);

/* The table as text for README. */
void nodes_print(struct buf *out);
