/* SPDX-License-Identifier: MIT */
/*
 * The tool `edit`: one text for another, byte by byte.
 *
 * A file with CR LF line ends is a trap: the model sees and writes LF.  When the
 * old text is not there as it was given but is with CR LF, both texts are taken
 * with CR LF, so that the file keeps its line ends.
 */
#include <errno.h>
#include <string.h>

#include "tools/file.h"
#include "tools/run.h"

enum {
	EDITED_BYTES_MAX = 32 << 20, /* of the new content: many short matches times a long text */
	LINES_NAMED_MAX = 10, /* of the places where an ambiguous text occurs */
};

static const struct file_words words = {
	.tool = "edit",
	.too_large = "Use bash (sed/awk) to change it.",
	.not_text = "cannot edit binary files",
};

static const char *find(struct slice in, const char *from, struct slice what)
{
	return memmem(from, (size_t)(in.at + in.size - from), what.at, what.size);
}

static size_t count_of(struct slice text, struct slice what)
{
	size_t count = 0;
	for (const char *at = text.at; (at = find(text, at, what)); at += what.size)
		count++;
	return count;
}

/* The text with CR LF for each LF. */
static struct slice with_crlf(struct slice text, struct buf *room)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] == '\n')
			(void)buf_add_char(room, '\r');
		(void)buf_add_char(room, text.at[i]);
	}
	return buf_slice(room);
}

static void name_lines(struct slice text, struct slice what, struct buf *out)
{
	size_t line = 1, named = 0;
	const char *counted = text.at;
	for (const char *at = text.at; (at = find(text, at, what)); at += what.size) {
		if (named == LINES_NAMED_MAX)
			break;
		for (; counted < at; counted++)
			line += *counted == '\n';
		(void)buf_printf(out, "%s%zu", named++ ? ", " : "; at lines ", line);
	}
}

static int refuse_count(const struct edit_args *a, struct slice text, struct slice old,
	size_t count, struct buf *why)
{
	int size = (int)a->file_path.size;
	if (count == 0)
		return fail(why, ENOENT, "edit: old_string not found in %.*s", size,
			a->file_path.at);
	int r = fail(why, EEXIST, "edit: old_string appears %zu times in %.*s (must be unique)",
		count, size, a->file_path.at);
	name_lines(text, old, why);
	return r;
}

static void replace_all(struct slice text, struct slice old, struct slice new, struct buf *out)
{
	const char *from = text.at;
	for (const char *at = from; (at = find(text, at, old)); from = at += old.size) {
		(void)buf_add(out, from, (size_t)(at - from));
		(void)buf_add(out, new.at, new.size);
	}
	(void)buf_add(out, from, (size_t)(text.at + text.size - from));
}

/* Computes the new content: the number of replacements, or -errno with a sentence. */
static int edited(const struct edit_args *a, struct slice text, struct buf *ret_new,
	struct buf *why)
{
	cleanup(buf) struct buf old_room = BUF_INIT(2 * FILE_BYTES_MAX);
	cleanup(buf) struct buf new_room = BUF_INIT(EDITED_BYTES_MAX);
	struct slice old = a->old_string, new = a->new_string;
	size_t count = count_of(text, old);
	if (count == 0 && memchr(old.at, '\n', old.size) && !memchr(old.at, '\r', old.size)) {
		old = with_crlf(old, &old_room);
		new = with_crlf(new, &new_room);
		count = count_of(text, old);
	}
	if (count == 0 || (count > 1 && !a->replace_all))
		return refuse_count(a, text, old, count, why);
	replace_all(text, old, new, ret_new);
	if (ret_new->overflow || old_room.overflow || new_room.overflow)
		return fail(why, EFBIG, "edit: the new content would be larger than %d bytes",
			EDITED_BYTES_MAX);
	return (int)count;
}

int edit_run(const struct tool_run *run, const void *args, struct buf *ret_text)
{
	const struct edit_args *a = args;
	struct place place;
	cleanup(buf) struct buf text = BUF_INIT(FILE_BYTES_MAX), new = BUF_INIT(EDITED_BYTES_MAX);
	if (!a->file_path.size)
		return fail(ret_text, EINVAL, "edit: file_path is required");
	if (!a->old_string.size)
		return fail(ret_text, EINVAL, "edit: old_string is required");
	int r = place_find(run, a->file_path, &place, ret_text);
	if (r == 0)
		r = file_load(&place, a->file_path, &words, &text, ret_text);
	if (r < 0)
		return r;
	int count = edited(a, buf_slice(&text), &new, ret_text);
	if (count < 0)
		return count;
	r = file_replace(&place, a->file_path, "edit", buf_slice(&new), ret_text);
	if (r < 0)
		return r;
	return buf_printf(ret_text, "edited %.*s (%d replacement(s))", (int)a->file_path.size,
		a->file_path.at, count);
}
