/* SPDX-License-Identifier: MIT */
#include "tools/glob-match.h"

#include <errno.h>
#include <string.h>

/* ---- one segment against one name ---- */

/* Bytes of the character at s; a byte that is no UTF-8 counts as one. */
static size_t char_size(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

static uint32_t char_value(const char *s, size_t size)
{
	static const unsigned char mask[] = { 0, 0xff, 0x1f, 0x0f, 0x07 };
	uint32_t value = (unsigned char)s[0] & mask[size];
	for (size_t i = 1; i < size; i++)
		value = value << 6 | ((unsigned char)s[i] & 0x3f);
	return value;
}

static uint32_t take_char(const char **at)
{
	if (**at == '\\' && (*at)[1])
		(*at)++;
	size_t n = char_size(*at);
	uint32_t value = char_value(*at, n);
	*at += n;
	return value;
}

/* The end of the class that begins behind '[', or NULL: then '[' is an ordinary character. */
static const char *class_end(const char *p)
{
	p += *p == '!' || *p == '^';
	p += *p == ']';
	for (; *p; p++) {
		if (*p == ']')
			return p;
		if (*p == '\\' && p[1])
			p++;
	}
	return NULL;
}

static bool class_has(const char *p, const char *end, uint32_t c)
{
	bool negated = *p == '!' || *p == '^', found = false;
	p += negated;
	while (p < end) {
		uint32_t low = take_char(&p), high = low;
		if (*p == '-' && p + 1 < end) {
			p++;
			high = take_char(&p);
		}
		found |= c >= low && c <= high;
	}
	return found != negated;
}

/* Whether the pattern's next element takes the character at s; moves both on. */
static bool take_one(const char **pattern, const char **s)
{
	const char *p = *pattern, *end;
	size_t n = char_size(*s);
	uint32_t c = char_value(*s, n);
	bool ok;
	if (*p == '?') {
		ok = true;
		p++;
	} else if (*p == '[' && (end = class_end(p + 1))) {
		ok = class_has(p + 1, end, c);
		p = end + 1;
	} else {
		ok = take_char(&p) == c;
	}
	*pattern = p;
	*s += n;
	return ok;
}

/* Only the last star needs to be tried again: what an earlier one could take, this one can too. */
static bool segment_matches(const char *p, const char *s)
{
	const char *star = NULL, *retry = NULL;
	while (*s) {
		if (*p == '*') {
			star = ++p;
			retry = s;
			continue;
		}
		const char *next_p = p, *next_s = s;
		if (*p && take_one(&next_p, &next_s)) {
			p = next_p;
			s = next_s;
		} else if (star) {
			p = star;
			s = retry += char_size(retry);
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

/* ---- braces ---- */

/* The matching '}' of the brace at p, and the number of commas at its level; NULL: an ordinary
 * brace. */
static const char *brace_end(const char *p, size_t *ret_commas)
{
	size_t depth = 0, commas = 0;
	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == ',' && depth == 1)
			commas++;
		else if (*p == '}' && --depth == 0) {
			*ret_commas = commas;
			return p;
		}
	}
	return NULL;
}

/* The first brace with a comma at its level, or NULL. */
static const char *first_brace(const char *p, const char **ret_end)
{
	for (; *p; p++) {
		size_t commas = 0;
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '{' && (*ret_end = brace_end(p, &commas)) && commas)
			return p;
	}
	return NULL;
}

/* The end of the choice that begins at p, inside a brace. */
static const char *choice_end(const char *p, const char *end)
{
	size_t depth = 0;
	for (; p < end; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}')
			depth--;
		else if (*p == ',' && depth == 0)
			return p;
	}
	return end;
}

/* A list of texts, one behind the other, each with its NUL. */
struct texts {
	struct buf bytes;
	size_t count;
};

static int texts_add(struct texts *to, struct slice head, struct slice choice, const char *tail,
	struct buf *why)
{
	(void)buf_add(&to->bytes, head.at, head.size);
	(void)buf_add(&to->bytes, choice.at, choice.size);
	(void)buf_add(&to->bytes, tail, strlen(tail) + 1);
	if (++to->count > GLOB_ALTERNATIVES_MAX || to->bytes.overflow)
		return fail(why, EINVAL, "the pattern has too many alternatives");
	return 0;
}

/* Writes out the first brace of one text. */
static int expand_one(const char *text, struct texts *to, bool *ret_changed, struct buf *why)
{
	const char *end = NULL, *brace = first_brace(text, &end);
	if (!brace)
		return texts_add(to, slice_of(""), slice_of(""), text, why);
	*ret_changed = true;
	struct slice head = { text, (size_t)(brace - text) };
	for (const char *at = brace + 1;; at++) {
		const char *stop = choice_end(at, end);
		struct slice choice = { at, (size_t)(stop - at) };
		int r = texts_add(to, head, choice, end + 1, why);
		if (r < 0 || stop == end)
			return r;
		at = stop;
	}
}

/* Writes out one brace of every text until none is left. */
static int expand(struct texts *texts, struct buf *why)
{
	for (bool changed = true; changed;) {
		changed = false;
		struct texts next = { .bytes = BUF_INIT(texts->bytes.max) };
		const char *at = buf_text(&texts->bytes);
		int r = 0;
		for (size_t i = 0; i < texts->count && r == 0; i++, at += strlen(at) + 1)
			r = expand_one(at, &next, &changed, why);
		buf_done(&texts->bytes);
		*texts = next;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- segments ---- */

static int check_segment(const char *s, size_t count, struct buf *why)
{
	if (strcmp(s, "..") == 0)
		return fail(why, EINVAL, "'..' is not permitted in the pattern");
	if (count >= GLOB_SEGMENTS_MAX)
		return fail(why, EINVAL, "the pattern is too deep");
	return 0;
}

/* Cuts an alternative at its slashes, in place.  A slash inside [] is still a slash, as in the
 * shell. */
static int split(struct glob_alternative *to, struct buf *text, size_t from, struct buf *why)
{
	char *base = text->data, *rest = base + from;
	if (*rest == '/')
		return fail(why, EINVAL, "absolute pattern not permitted");
	for (char *s; (s = strsep(&rest, "/"));) {
		if (!*s || strcmp(s, ".") == 0)
			continue;
		int r = check_segment(s, to->count, why);
		if (r < 0)
			return r;
		bool again = to->count && strcmp(s, "**") == 0 &&
			strcmp(base + to->segment[to->count - 1], "**") == 0;
		if (!again)
			to->segment[to->count++] = (size_t)(s - base);
	}
	return 0;
}

static int split_all(struct glob *g, struct buf *why)
{
	size_t from = 0;
	for (size_t i = 0; i < g->count; i++) {
		size_t size = strlen(g->text.data + from);
		int r = split(&g->alternatives[i], &g->text, from, why);
		if (r < 0)
			return r;
		from += size + 1;
	}
	return 0;
}

int glob_parse(struct slice pattern, struct glob *ret, struct buf *why)
{
	if (!pattern.size)
		return fail(why, EINVAL, "pattern is required");
	if (pattern.size > GLOB_PATTERN_MAX || memchr(pattern.at, '\0', pattern.size))
		return fail(why, EINVAL, "the pattern is too long or contains NUL");
	struct texts texts = { .bytes = BUF_INIT(GLOB_ALTERNATIVES_MAX * (GLOB_PATTERN_MAX + 1)),
		.count = 1 };
	(void)buf_add(&texts.bytes, pattern.at, pattern.size);
	(void)buf_add_char(&texts.bytes, '\0');
	int r = expand(&texts, why);
	struct glob g = { .text = texts.bytes, .count = texts.count };
	g.alternatives = xcalloc(g.count, sizeof(*g.alternatives));
	if (r == 0)
		r = split_all(&g, why);
	if (r < 0)
		glob_done(&g);
	else
		*ret = g;
	return r;
}

void glob_done(struct glob *g)
{
	buf_done(&g->text);
	free(g->alternatives);
	*g = (struct glob){ 0 };
}

void cleanup_glob(struct glob *g)
{
	glob_done(g);
}

/* ---- the automaton ---- */

static const char *segment_at(const struct glob *g, size_t alternative, size_t index)
{
	return g->text.data + g->alternatives[alternative].segment[index];
}

static bool is_any_depth(const char *segment)
{
	return strcmp(segment, "**") == 0;
}

/* "**" may stand for nothing, so who waits before it also waits behind it. */
static uint64_t with_skips(const struct glob *g, size_t alternative, uint64_t states)
{
	for (size_t i = 0; i < g->alternatives[alternative].count; i++)
		if (states >> i & 1 && is_any_depth(segment_at(g, alternative, i)))
			states |= UINT64_C(1) << (i + 1);
	return states;
}

void glob_begin(const struct glob *g, struct glob_state *ret)
{
	for (size_t a = 0; a < g->count; a++)
		ret->at[a] = with_skips(g, a, 1);
}

static uint64_t step(const struct glob *g, size_t alternative, uint64_t from, const char *name)
{
	uint64_t to = 0;
	for (size_t i = 0; i < g->alternatives[alternative].count; i++) {
		const char *segment = segment_at(g, alternative, i);
		if (!(from >> i & 1))
			continue;
		if (is_any_depth(segment))
			to |= UINT64_C(1) << i;
		else if (segment_matches(segment, name))
			to |= UINT64_C(1) << (i + 1);
	}
	return with_skips(g, alternative, to);
}

bool glob_enter(const struct glob *g, const struct glob_state *from, const char *name,
	struct glob_state *ret)
{
	uint64_t any = 0;
	for (size_t a = 0; a < g->count; a++)
		any |= ret->at[a] = step(g, a, from->at[a], name);
	return any != 0;
}

bool glob_matches(const struct glob *g, const struct glob_state *state)
{
	for (size_t a = 0; a < g->count; a++)
		if (g->alternatives[a].count && state->at[a] >> g->alternatives[a].count & 1)
			return true;
	return false;
}
