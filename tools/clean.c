/* SPDX-License-Identifier: MIT */
#include "tools/clean.h"

#include <string.h>

#include "base/utf8.h"

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f };

/* The first place from `at` on whose byte is not within the two. */
static size_t skip(const char *p, size_t size, size_t at, char low, char high)
{
	while (at < size && p[at] >= low && p[at] <= high)
		at++;
	return at;
}

/* ESC [ parameters intermediates final; a sequence that ends early swallows only what belongs to
 * it. */
static size_t csi_end(const char *p, size_t size)
{
	size_t at = skip(p, size, 2, 0x30, 0x3f);
	at = skip(p, size, at, 0x20, 0x2f);
	return at < size && p[at] >= 0x40 && p[at] <= 0x7e ? at + 1 : at;
}

/* ESC ] text, ended by BEL or ESC \.  One that never ends was no sequence: only its two first bytes
 * go, so that a stray ESC cannot hide the rest of the output. */
static size_t string_end(const char *p, size_t size)
{
	enum { STRING_MAX = 4096 };
	for (size_t at = 2; at < size && at < STRING_MAX; at++) {
		if (p[at] == BEL)
			return at + 1;
		if (p[at] == ESC)
			return at + 1 < size && p[at + 1] == '\\' ? at + 2 : 2;
	}
	return 2;
}

/* Length of the escape sequence at p, which begins with ESC. */
static size_t escape_length(const char *p, size_t size)
{
	if (size < 2)
		return 1;
	if (p[1] == '[')
		return csi_end(p, size);
	if (strchr("]P_^X", p[1]) && p[1])
		return string_end(p, size);
	size_t at = skip(p, size, 1, 0x20, 0x2f);
	return at < size && p[at] >= 0x30 && p[at] <= 0x7e ? at + 1 : at;
}

/* U+0080 to U+009F, which some terminals obey: U+009B is another ESC [. */
static bool is_wide_control(const char *p, size_t size)
{
	return size > 1 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 &&
		(unsigned char)p[1] < 0xa0;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 ? c != DEL : c == '\t' || c == '\n' || c == '\0';
}

/* A carriage return before a newline says nothing; elsewhere it starts the line again. */
static void carriage_return(struct buf *out, size_t line, const char *p, size_t size)
{
	size_t next = 1;
	while (next < size && p[next] == '\r')
		next++;
	if (next < size && p[next] != '\n')
		buf_cut(out, line);
}

/* Removes sequences and controls; leaves NUL and foreign bytes for utf8_repair. */
static void strip_controls(struct buf *out, const char *data, size_t size)
{
	size_t line = out->size;
	for (size_t at = 0; at < size;) {
		unsigned char c = (unsigned char)data[at];
		if (c == ESC) {
			at += escape_length(data + at, size - at);
			continue;
		}
		if (is_wide_control(data + at, size - at)) {
			at += 2;
			continue;
		}
		if (c == '\r')
			carriage_return(out, line, data + at, size - at);
		else if (is_plain(c))
			(void)buf_add_char(out, (char)c);
		at++;
		if (c == '\n')
			line = out->size;
	}
}

void clean_text(struct buf *out, const char *data, size_t size)
{
	cleanup(buf) struct buf plain = BUF_INIT(size + 1);
	strip_controls(&plain, data, size);
	utf8_repair(out, buf_text(&plain), plain.size);
}

void clean_line_starts(struct buf *text, const char *from, const char *to)
{
	size_t n = strlen(from);
	cleanup(buf) struct buf out = BUF_INIT(text->max);
	const char *at = buf_text(text), *end = at + text->size, *hit = at;
	while ((hit = memmem(hit, (size_t)(end - hit), from, n))) {
		bool begins = hit == buf_text(text) || hit[-1] == '\n';
		(void)buf_add(&out, at, (size_t)(hit - at));
		(void)(begins ? buf_add_text(&out, to) : buf_add(&out, from, n));
		at = hit += n;
	}
	if (at == buf_text(text))
		return;
	(void)buf_add(&out, at, (size_t)(end - at));
	buf_clear(text);
	(void)buf_add(text, buf_text(&out), out.size);
}

void clean_end(struct buf *text)
{
	while (text->size && text->data[text->size - 1] == '\n')
		buf_cut(text, text->size - 1);
}
