/* SPDX-License-Identifier: MIT */
/*
 * A growable byte buffer with a maximum, given where it is made.
 *
 * Adding past the maximum changes nothing, sets `overflow` and makes the call
 * return -EFBIG; a writer of many small pieces may ignore the returns and look
 * at `overflow` once.  The bytes always have a NUL behind them.
 */
#pragma once

#include <stdarg.h>
#include <sys/types.h>

#include "base/util.h"

struct buf {
	char *data; /* owned; NULL while empty and never written */
	size_t size;
	size_t room;
	size_t max; /* 0: BUF_MAX_DEFAULT */
	bool overflow;
};

enum { BUF_MAX_DEFAULT = 64 << 20 };

#define BUF_INIT(max_) ((struct buf){ .max = (max_) })

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees the bytes; may be called twice, and the buffer used again */
void buf_clear(struct buf *b); /* size 0, keeps the memory, forgets an overflow */
void cleanup_buf(struct buf *b);

int buf_add(struct buf *b, const void *data, size_t size); /* 0 or -EFBIG */
int buf_add_text(struct buf *b, const char *text);
int buf_add_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) print_like(2, 3);
int buf_vprintf(struct buf *b, const char *format, va_list args) print_like(2, 0);

/* Makes room for `size` more bytes and returns where they go; the caller fills them and then adds to
 * b->size.  NULL past the maximum. */
char *buf_reserve(struct buf *b, size_t size);

/* Removes bytes from the front or cuts to `size` bytes. */
void buf_consume(struct buf *b, size_t size);
void buf_cut(struct buf *b, size_t size);

const char *buf_text(const struct buf *b); /* never NULL */
struct slice buf_slice(const struct buf *b); /* at is never NULL */
char *buf_take(struct buf *b); /* the bytes, given; the buffer is empty again */

/* Adds all that can be read from fd up to the end or to `max` bytes: the number added, -EFBIG when there
 * is more, or -errno.  The buffer is unchanged on error. */
ssize_t buf_read_all(struct buf *b, int fd, size_t max);
