/* SPDX-License-Identifier: MIT */
#include "store/text.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice text_skip_space(struct slice text)
{
	while (text.size && is_space(text.at[0]))
		text = (struct slice){ text.at + 1, text.size - 1 };
	return text;
}

struct slice text_trim(struct slice text)
{
	text = text_skip_space(text);
	while (text.size && is_space(text.at[text.size - 1]))
		text.size--;
	return text;
}

bool text_next_line(struct slice *text, struct slice *ret_line)
{
	while (text->size) {
		const char *end = memchr(text->at, '\n', text->size);
		size_t size = end ? (size_t)(end - text->at) : text->size;
		struct slice line = text_trim((struct slice){ text->at, size });
		size += end != NULL;
		*text = (struct slice){ text->at + size, text->size - size };
		if (line.size && line.at[0] != '#') {
			*ret_line = line;
			return true;
		}
	}
	return false;
}

int text_check(struct slice text, bool complete, struct buf *why)
{
	size_t whole = complete ? text.size : utf8_clip(text.at, text.size);
	if (!utf8_is_valid(text.at, whole) || (text.size && memchr(text.at, '\0', text.size)))
		return fail(why, EILSEQ, "not UTF-8 text");
	return 0;
}
