/* SPDX-License-Identifier: MIT */
/*
 * Fields: a flat list of named values as bytes, for the sockets between our own
 * programs.
 *
 *	u8 name size (1..63) · name · u32 value size · value · NUL
 *
 * Little-endian.  The NUL lets a reader lend a value as text without copying.
 * A list has no terminator; whoever carries it knows its size.  A value may
 * itself be a list.  The reader trusts nothing: a malformed list ends early and
 * says so.
 */
#pragma once

#include "base/buf.h"

enum { FIELD_NAME_MAX = 63 };

int fields_add(struct buf *out, const char *name, const void *value, size_t size); /* 0 or -EFBIG */
int fields_add_text(struct buf *out, const char *name, const char *value); /* NULL adds nothing */
int fields_add_int(struct buf *out, const char *name, int64_t value); /* as decimal text */

struct fields {
	struct slice rest;
	bool malformed; /* true after the last fields_next when the bytes were wrong */
};

struct fields fields_read(struct slice bytes /* lent, outlives the values */);

/* The next field, lent from the bytes; false at the end. */
bool fields_next(struct fields *f, struct slice *ret_name, struct slice *ret_value);

/* The first field of that name, or the absent slice. */
struct slice fields_find(struct slice bytes, const char *name);
int64_t fields_find_int(struct slice bytes, const char *name, int64_t fallback);

/* Frames put one list after another on a byte stream: u32 size, then the list. */
enum { FRAME_MAX = 40 << 20 };

int frame_add(struct buf *out, struct slice list); /* 0 or -EFBIG */

/* Looks at the front of `in`: 1 and the list (lent until `in` changes) when a frame is complete, 0 when
 * more bytes are needed, -EPROTO when its size is above `max`.  Afterwards frame_drop removes it. */
int frame_peek(const struct buf *in, size_t max, struct slice *ret_list);
void frame_drop(struct buf *in, struct slice list);
