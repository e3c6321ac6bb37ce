/* SPDX-License-Identifier: MIT */
#include "base/fields.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void put_u32(char *to, size_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (char)(value >> (8 * i));
}

static size_t get_u32(const char *from)
{
	const unsigned char *p = (const unsigned char *)from;
	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

int fields_add(struct buf *out, const char *name, const void *value, size_t size)
{
	size_t n = strlen(name);
	assert(n >= 1 && n <= FIELD_NAME_MAX);
	char *to = buf_reserve(out, 1 + n + 4 + size + 1);
	if (!to)
		return -EFBIG;
	*to++ = (char)n;
	memcpy(to, name, n);
	put_u32(to + n, size);
	if (size)
		memcpy(to + n + 4, value, size);
	to[n + 4 + size] = '\0';
	out->size += 1 + n + 4 + size + 1;
	out->data[out->size] = '\0';
	return 0;
}

int fields_add_text(struct buf *out, const char *name, const char *value)
{
	return value ? fields_add(out, name, value, strlen(value)) : 0;
}

int fields_add_int(struct buf *out, const char *name, int64_t value)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	return fields_add_text(out, name, text);
}

struct fields fields_read(struct slice bytes)
{
	return (struct fields){ .rest = bytes };
}

bool fields_next(struct fields *f, struct slice *ret_name, struct slice *ret_value)
{
	const char *at = f->rest.at;
	size_t left = f->rest.size;
	if (left == 0)
		return false;
	f->malformed = true;
	f->rest.size = 0;
	size_t n = (unsigned char)*at;
	if (n < 1 || n > FIELD_NAME_MAX || left < 1 + n + 4 + 1)
		return false;
	size_t size = get_u32(at + 1 + n);
	if (size > left - (1 + n + 4 + 1) || at[1 + n + 4 + size] != '\0')
		return false;
	*ret_name = (struct slice){ at + 1, n };
	*ret_value = (struct slice){ at + 1 + n + 4, size };
	size_t whole = 1 + n + 4 + size + 1;
	*f = (struct fields){ .rest = { at + whole, left - whole } };
	return true;
}

struct slice fields_find(struct slice bytes, const char *name)
{
	struct fields f = fields_read(bytes);
	struct slice key, value;
	while (fields_next(&f, &key, &value))
		if (slice_is(key, name))
			return value;
	return (struct slice){ 0 };
}

int64_t fields_find_int(struct slice bytes, const char *name, int64_t fallback)
{
	struct slice value = fields_find(bytes, name);
	if (!value.at || !value.size || value.size > 20)
		return fallback;
	char *end = NULL;
	errno = 0;
	long long number = strtoll(value.at, &end, 10);
	return errno || end != value.at + value.size ? fallback : number;
}

int frame_add(struct buf *out, struct slice list)
{
	char *to = list.size > FRAME_MAX ? NULL : buf_reserve(out, 4 + list.size);
	if (!to)
		return -EFBIG;
	put_u32(to, list.size);
	memcpy(to + 4, list.at, list.size);
	out->size += 4 + list.size;
	out->data[out->size] = '\0';
	return 0;
}

int frame_peek(const struct buf *in, size_t max, struct slice *ret_list)
{
	if (in->size < 4)
		return 0;
	size_t size = get_u32(in->data);
	if (size > max)
		return -EPROTO;
	if (in->size - 4 < size)
		return 0;
	*ret_list = (struct slice){ in->data + 4, size };
	return 1;
}

void frame_drop(struct buf *in, struct slice list)
{
	buf_consume(in, 4 + list.size);
}
