/* SPDX-License-Identifier: MIT */
/*
 * Small things that everybody uses: ownership helpers, allocation that cannot
 * fail, slices, and the error sentence.
 *
 * Ownership in this program: arguments are lent, results are given.  Whatever
 * differs is written on the argument.  Out of memory aborts: every fact that
 * matters is in the log already, so dying is the simplest correct answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define print_like(fmt, first) __attribute__((format(printf, fmt, first)))

/* `cleanup(free) char *s = ...` runs util_free(&s) when s goes out of scope.  A type that wants this
 * defines cleanup_NAME(type **); cleanup_free, cleanup_fd and cleanup_buf are given. */
#define cleanup(name) __attribute__((cleanup(cleanup_##name)))

/* Moves the value out of an owning variable, so that its cleanup does nothing. */
#define steal(ptr)                               \
	({                                       \
		__typeof__(ptr) stolen_ = (ptr); \
		(ptr) = NULL;                    \
		stolen_;                         \
	})

/* The same for a file descriptor; leaves -1. */
static inline int steal_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

void cleanup_free(void *pointer_to_pointer);
void cleanup_fd(int *fd);

/* Never NULL; abort when there is no memory. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed */
void *xrealloc(void *old /* taken, may be NULL */, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const void *s, size_t size);
char *xprintf(const char *format, ...) print_like(1, 2);

/* Bytes lent by somebody else.  A slice made by this program has a NUL behind its last byte, which is
 * not counted; a slice that came from foreign bytes may contain NULs within.  at == NULL: absent. */
struct slice {
	const char *at;
	size_t size;
};

struct slice slice_of(const char *s); /* NULL gives the absent slice */
bool slice_is(struct slice s, const char *text);

struct buf;

/* Puts one sentence for a person or a model into `why` (replacing what was there; NULL is fine) and
 * returns -error, so that raising and returning is one expression.  A sentence that is longer than `why`
 * takes loses its end. */
int fail(struct buf *why, int error, const char *format, ...) print_like(3, 4);
