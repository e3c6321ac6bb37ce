/* SPDX-License-Identifier: MIT */
#include "cmd/lines.h"

#include <assert.h>
#include <string.h>

void lines_init(struct lines *l, size_t line_max)
{
	*l = (struct lines){ .bytes = BUF_INIT(line_max + LINES_PIECE_MAX), .line_max = line_max };
}

void lines_done(struct lines *l)
{
	buf_done(&l->bytes);
	l->taken = 0;
}

void lines_push(struct lines *l, const void *data, size_t size)
{
	assert(size <= LINES_PIECE_MAX);
	buf_consume(&l->bytes, l->taken);
	l->taken = 0;
	int r = buf_add(&l->bytes, data, size);
	assert(r == 0); /* the lines before were taken */
}

static bool give(struct lines *l, size_t size, size_t skip, struct slice *ret_line)
{
	l->taken = size + skip;
	*ret_line = (struct slice){ l->bytes.data, size };
	return true;
}

bool lines_next(struct lines *l, bool at_end, struct slice *ret_line)
{
	buf_consume(&l->bytes, l->taken);
	l->taken = 0;
	if (!l->bytes.size)
		return false;
	const char *newline = memchr(l->bytes.data, '\n', l->bytes.size);
	size_t size = newline ? (size_t)(newline - l->bytes.data) : l->bytes.size;
	if (size > l->line_max)
		return give(l, l->line_max, 0, ret_line);
	if (newline)
		return give(l, size, 1, ret_line);
	return at_end && give(l, size, 0, ret_line);
}
