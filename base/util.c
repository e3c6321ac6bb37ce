/* SPDX-License-Identifier: MIT */
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"

void cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void *or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

void *xmalloc(size_t size)
{
	return or_abort(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return or_abort(strdup(s));
}

char *xstrndup(const void *s, size_t size)
{
	char *copy = xmalloc(size + 1);
	memcpy(copy, s, size);
	copy[size] = '\0';
	return copy;
}

char *xprintf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		abort();
	return text;
}

struct slice slice_of(const char *s)
{
	return (struct slice){ .at = s, .size = s ? strlen(s) : 0 };
}

bool slice_is(struct slice s, const char *text)
{
	return s.at && s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

int fail(struct buf *why, int error, const char *format, ...)
{
	if (!why)
		return -error;
	cleanup(free) char *text = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		abort();
	size_t size = (size_t)n, room = why->max ? why->max : BUF_MAX_DEFAULT;
	buf_clear(why);
	(void)buf_add(why, text, size > room ? utf8_clip(text, room) : size);
	return -error;
}
