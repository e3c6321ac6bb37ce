/* SPDX-License-Identifier: MIT */
#include "cmd/flat.h"

#include <errno.h>
#include <string.h>

struct slice flat_find(struct slice text, const char *name)
{
	size_t size = strlen(name);
	while (text.size) {
		const char *end = memchr(text.at, '\n', text.size);
		size_t line = end ? (size_t)(end - text.at) : text.size;
		if (line > size && memcmp(text.at, name, size) == 0 && text.at[size] == ' ')
			return (struct slice){ text.at + size + 1, line - size - 1 };
		text.at += line + !!end;
		text.size -= line + !!end;
	}
	return (struct slice){ 0 };
}

char *flat_find_text(struct slice text, const char *name)
{
	struct slice value = flat_find(text, name);
	return value.at ? xstrndup(value.at, value.size) : NULL;
}

int64_t flat_find_int(struct slice text, const char *name, int64_t fallback)
{
	cleanup(free) char *value = flat_find_text(text, name);
	if (!value || !*value)
		return fallback;
	char *end = NULL;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	return *end || errno ? fallback : number;
}
