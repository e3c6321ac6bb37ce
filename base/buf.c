/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void buf_init(struct buf *b, size_t max)
{
	*b = BUF_INIT(max);
}

void buf_done(struct buf *b)
{
	free(b->data);
	*b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
	buf_cut(b, 0);
	b->overflow = false;
}

void cleanup_buf(struct buf *b)
{
	buf_done(b);
}

char *buf_reserve(struct buf *b, size_t size)
{
	size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
	if (size > max || b->size > max - size) {
		b->overflow = true;
		return NULL;
	}
	size_t need = b->size + size + 1;
	if (need > b->room) {
		size_t room = b->room ? b->room : 64;
		while (room < need)
			room += room / 2 + 1;
		b->data = xrealloc(b->data, room);
		b->room = room;
	}
	return b->data + b->size;
}

int buf_add(struct buf *b, const void *data, size_t size)
{
	char *to = buf_reserve(b, size);
	if (!to)
		return -EFBIG;
	if (size)
		memcpy(to, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int buf_add_text(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int buf_add_char(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	char *to = buf_reserve(b, (size_t)n);
	if (!to)
		return -EFBIG;
	(void)vsnprintf(to, (size_t)n + 1, format, args);
	b->size += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int r = buf_vprintf(b, format, args);
	va_end(args);
	return r;
}

void buf_consume(struct buf *b, size_t size)
{
	if (size >= b->size) {
		buf_cut(b, 0);
		return;
	}
	memmove(b->data, b->data + size, b->size - size);
	buf_cut(b, b->size - size);
}

void buf_cut(struct buf *b, size_t size)
{
	if (size > b->size)
		return;
	b->size = size;
	if (b->data)
		b->data[size] = '\0';
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ .at = buf_text(b), .size = b->size };
}

char *buf_take(struct buf *b)
{
	char *data = b->data ? steal(b->data) : xstrdup("");
	*b = BUF_INIT(b->max);
	return data;
}

ssize_t buf_read_all(struct buf *b, int fd, size_t max)
{
	size_t before = b->size;
	size_t room = (b->max ? b->max : BUF_MAX_DEFAULT) - before;
	size_t limit = max < room ? max : room;
	ssize_t n;
	do {
		char beyond; /* only a read tells that nothing is behind the last byte that fits */
		size_t left = limit - (b->size - before), piece = left < 4096 ? left : 4096;
		n = left ? read(fd, buf_reserve(b, piece), piece) : read(fd, &beyond, 1);
		if (n > 0 && !left) {
			n = -1;
			errno = EFBIG;
		}
		if (n > 0)
			b->size += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	int error = errno;
	buf_cut(b, n < 0 ? before : b->size);
	return n < 0 ? -error : (ssize_t)(b->size - before);
}
