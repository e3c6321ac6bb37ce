/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid character at p, or 0. */
static size_t char_length(const uint8_t *p, size_t size)
{
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (n == 0 || n > size || p[0] > 0xf4)
		return 0;
	uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_is_valid(const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t at = 0; at < size;) {
		size_t n = char_length(p + at, size - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

size_t utf8_clip(const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t back = 1; back <= 4 && back <= size; back++) {
		uint8_t c = p[size - back];
		if ((c & 0xc0) == 0x80)
			continue;
		size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		return want > back ? size - back : size;
	}
	return size;
}

/* White space beyond ASCII, as UTF-8. */
static const char *const spaces[] = { "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
	"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87",
	"\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
	"\xe2\x81\x9f", "\xe3\x80\x80" };

static size_t space_length(const char *at)
{
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (strncmp(at, spaces[i], strlen(spaces[i])) == 0)
			return strlen(spaces[i]);
	return strspn(at, " \t\n\v\f\r\x1c\x1d\x1e\x1f");
}

bool utf8_is_blank(const char *text)
{
	for (size_t n; (n = space_length(text)) > 0;)
		text += n;
	return !*text;
}

size_t utf8_count(const char *text)
{
	size_t count = 0;
	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

void utf8_repair(struct buf *out, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t from = 0;
	for (size_t at = 0; at < size;) {
		size_t n = p[at] ? char_length(p + at, size - at) : 0;
		if (n) {
			at += n;
			continue;
		}
		(void)buf_add(out, p + from, at - from);
		(void)buf_add_text(out, "\xef\xbf\xbd");
		from = ++at;
	}
	(void)buf_add(out, p + from, size - from);
}
