/* SPDX-License-Identifier: MIT */
/*
 * Open files.  The number of a handle is what the kernel gives back in each
 * request; it says by itself in which life of this process and by whom the file
 * was opened, so that a successor can go on with a handle that it never saw:
 *
 *	generation (11 bits) · opener's thread id (22) · counter (30)
 *
 * The first is never repeated within a mount, so neither is the number, and a
 * draft in the store can be kept under it.
 */
#pragma once

#include "base/list.h"
#include "fs/fs.h"
#include "fs/keep.h"
#include "fs/nodes.h"

enum {
	HANDLE_COUNTER_BITS = 30,
	HANDLE_OPENER_BITS = 22, /* the kernel's PID_MAX_LIMIT */
	HANDLE_GENERATION_BITS = 11,
	DOCUMENT_BYTES_MAX = 1 << 20, /* an edited document before it is judged */
};

struct handle {
	struct list link; /* handles.buckets */
	uint64_t number;
	struct place at; /* at.node NULL: a scratch file */
	struct scratch_file *scratch; /* counted in its `opens` */
	bool writing; /* opened for it */
	bool pending; /* written since the last commit */
	bool blank; /* truncated, and nothing written since */
	bool lost; /* an earlier process had bytes of this document that nobody has now */

	/* Rendered file: its text.  Document: the text being edited.  Stream: what was not read
	 * yet. */
	struct buf text;

	/* Streams, see stream.h. */
	struct kept *kept; /* NULL unless a successor will need it */
	uint64_t offset; /* of text's first byte in the stream */
	bool ended; /* nothing follows text */
	uint64_t source; /* follow: place in the log behind text; live: the next event to look at */
	bool verbatim; /* follow: text is bytes of the log */
	uint64_t preview; /* follow: previews up to here were given out */
	struct live *live; /* live: where it stands; owned */
};

struct handles *handles_new(void);
struct handles *handles_free(struct handles *handles); /* closes all of them */

/* Opens the inode for thread `opener`.  0 and the handle (owned by fs until handle_close); -ESTALE
 * unknown inode; -ENFILE; or what the row's `open` and `show` refuse, with its sentence. */
int handle_open(struct fs *fs, uint64_t inode, bool writing, int opener, struct handle **ret,
	struct buf *why);

/* The handle of a request.  One that an earlier process opened is made again from the inode. */
int handle_get(struct fs *fs, uint64_t inode, uint64_t number, struct handle **ret);

/* Somebody reads rendered text at `offset`: at its end, a text that grows (NODE_GROWS) takes in what
 * has come since it was opened.  0 or -errno, and then it is as it was. */
int handle_catch_up(struct fs *fs, struct handle *h, uint64_t offset);

void handle_close(struct fs *fs, struct handle *h);

int handle_opener(uint64_t number); /* thread id */

/* Notes that a document has or has not unsaved bytes, for a successor. */
void handle_set_pending(struct handle *h, bool pending);

/* Calls for each open handle; it may be closed by the call. */
void handles_each(struct handles *handles, void (*on_handle)(void *data, struct handle *h),
	void *data);
