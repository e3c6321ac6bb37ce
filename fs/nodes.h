/* SPDX-License-Identifier: MIT */
/*
 * The tree as a table: one row for each kind of name, with everything that is
 * special about it.  fuse.c knows no file names; README is printed from here.
 *
 * A `*` in a path stands for an object, and a verb gets that object's number.
 * An inode number is (object number, row number), so looking up allocates
 * nothing, forgetting is empty, and a restarted process knows every inode.  Row
 * numbers therefore never change their meaning: a new row takes a new one.
 *
 * Verbs return 0 or -errno; `why` gets a sentence where the errno alone would
 * not help.  -ENOENT from `target` means that the name is absent now.
 */
#pragma once

#include <sys/stat.h>

#include "base/buf.h"
#include "store/object.h"

struct fs;
struct handle;

enum node_flag {
	NODE_UNLISTED = 1, /* can be opened but is in no listing: reading it may wait */
	NODE_PLAIN = 2, /* an ordinary file with page cache; the others are rendered at open(2) */
	NODE_SCRATCH = 4, /* directory: editors may put their files beside ours */
	NODE_SCRATCH_LINKS = 8, /* directory: only links, for `ln -sfn` */
	NODE_FIXED = 16, /* contents and attributes never change while the name exists */
};

struct child { /* of a directory, by `each` */
	int64_t object;
	char name[NAME_BYTES_MAX + 1];
	uint64_t cursor; /* continue after this one */
};

struct node {
	uint8_t id; /* 1 .. NODE_ID_SCRATCH - 1, never reused; 1 is the root */
	const char *path; /* "sessions/x/input" with `*` for x; "" is the root */
	mode_t mode; /* type and permissions before the umask */
	unsigned flags;
	enum object_kind kind; /* of the object that `*` stands for; 0: none, or any */
	const char *help; /* one line */

	/* Files: what is read.  `show` gives the whole text, kept from open to close; `size` what
	 * stat says where that is cheaper than showing; `bytes` a part of a file that only grows.
	 * `follow` adds what is next to handle->text or sets handle->ended, adding nothing means
	 * wait; `seek` prepares reading from another offset than the one reached. */
	int (*show)(struct fs *fs, int64_t object, struct buf *out);
	int (*size)(struct fs *fs, int64_t object, uint64_t *ret);
	int (*bytes)(struct fs *fs, int64_t object, uint64_t offset, size_t size, struct buf *out);
	int (*follow)(struct fs *fs, struct handle *h);
	int (*seek)(struct fs *fs, struct handle *h, uint64_t offset);

	/* Files: what is written.  `accept` takes the bytes of one write(2), `commit` says that the
	 * message is complete; `save` takes a whole document instead.  `open` may refuse, or
	 * prepare a stream. */
	int (*open)(struct fs *fs, struct handle *h, struct buf *why);
	int (*accept)(struct fs *fs, struct handle *h, struct slice bytes, struct buf *why);
	int (*commit)(struct fs *fs, struct handle *h, struct buf *why);
	int (*save)(struct fs *fs, int64_t object, struct slice text, struct buf *why);

	/* Links: where it points; what `ln -sfn` does. */
	int (*target)(struct fs *fs, int64_t object, struct buf *out);
	int (*relink)(struct fs *fs, int64_t object, const char *target, struct buf *why);

	/* Directories: one of the host, shown through fs/workspace.h; absolute path, given. */
	char *(*host)(struct fs *fs, int64_t object);

	/* Rows that end in `*`: find a name (1, 0 absent, -errno), list the next `max` after
	 * *cursor (how many), make, remove and rename an object. */
	int (*find)(struct fs *fs, const struct node *node, const char *name, int64_t *ret_object);
	int (*each)(struct fs *fs, const struct node *node, uint64_t after, struct child *ret,
		int max);
	int (*make)(struct fs *fs, const char *name, int64_t *ret_object, struct buf *why);
	int (*drop)(struct fs *fs, int64_t object, struct buf *why);
	int (*rename)(struct fs *fs, int64_t object, const char *name, struct buf *why);
};

/* One inode: a row and the object that it is about (0 where the row has none). */
struct place {
	const struct node *node;
	int64_t object;
};

enum { NODE_ID_SCRATCH = 255 }; /* inode numbers of scratch.h carry this instead of a row */

const struct node *node_at(size_t index); /* NULL past the last */
const struct node *node_by_id(unsigned id); /* NULL if absent */

/* The row of the fixed name in the directory; NULL if absent. */
const struct node *node_named(const struct node *directory, const char *name);
/* The row that ends in `*` in the directory; NULL if there is none. */
const struct node *node_any(const struct node *directory);
/* The next row below the directory with a fixed name, after `after` (NULL: the first); NULL at the
 * end. */
const struct node *node_next(const struct node *directory, const struct node *after);

const struct node *node_parent(const struct node *node); /* the root's is the root */

const char *node_name(const struct node *node); /* its last component */
bool node_is_writable(const struct node *node);
bool node_can_wait(const struct node *node); /* a stream: reading may wait */
/* Its name may be taken by another file for a moment (editors, ln): never cached. */
bool node_is_replaceable(const struct node *node);

uint64_t place_inode(struct place place);
bool place_of(uint64_t inode, struct place *ret); /* false: not a row of this table */
uint64_t scratch_inode(uint64_t serial);
uint64_t scratch_serial(uint64_t inode); /* 0: not one of those */

/* The path below the mount point as a person would write it, with object names filled in. */
void place_path(struct fs *fs, struct place place, struct buf *out);

/* Asserts what a row must have: unique numbers and paths, a parent that is a directory, a sentence
 * of help, verbs that fit the type and mode.  Dies with the row's path when one does not. */
void nodes_check(void);

/* The table as text for README. */
void nodes_print(struct buf *out);
