/* SPDX-License-Identifier: MIT */
#include "base/wrap.h"

#include <string.h>

/* Bytes up to the next blank outside of backquotes. */
static size_t word_size(const char *text)
{
	size_t size = 0;
	bool quoted = false;
	for (; text[size] && (text[size] != ' ' || quoted); size++)
		if (text[size] == '`')
			quoted = !quoted && strchr(text + size + 1, '`');
	return size;
}

static size_t characters(const char *text, size_t size)
{
	size_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

void wrap_text(struct buf *out, size_t column, size_t indent, const char *text)
{
	size_t gap = 0; /* blanks before the next word; none at the beginning of a line */
	while (*(text += strspn(text, " "))) {
		size_t size = word_size(text), width = characters(text, size);
		if (gap && column + gap + width > WRAP_COLUMNS) {
			(void)buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			gap = 0;
		}
		(void)buf_printf(out, "%*s%.*s", (int)gap, "", (int)size, text);
		column += gap + width;
		gap = 1;
		text += size;
	}
	(void)buf_add_char(out, '\n');
}
