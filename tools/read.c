/* SPDX-License-Identifier: MIT */
/* The tool `read`: a text file as it is, or the lines of a range. */
#include <errno.h>
#include <string.h>

#include "tools/file.h"
#include "tools/run.h"

static const struct file_words words = {
	.tool = "read",
	.too_large = "Use bash (head/tail/sed) to read a slice.",
	.not_text = "use bash with file, xxd or a converter",
};

/* Where the n-th newline is; the end of the text when there are fewer. */
static size_t nth_newline(struct slice text, int64_t n)
{
	const char *at = text.at, *end = text.at + text.size;
	for (; at < end; at++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return text.size;
		if (--n <= 0)
			break;
	}
	return (size_t)(at - text.at);
}

/* The lines as split("\n") sees them: a newline separates, so a range comes without its last one.
 */
static struct slice lines_of(struct slice text, struct param_range range)
{
	int64_t first = range.first < 1 ? 1 : range.first;
	size_t from = first > 1 ? nth_newline(text, first - 1) + 1 : 0;
	if (from > text.size || (range.last > 0 && range.last < first))
		return (struct slice){ text.at, 0 };
	struct slice rest = { text.at + from, text.size - from };
	if (range.last > 0)
		rest.size = nth_newline(rest, range.last - first + 1);
	return rest;
}

int read_run(const struct tool_run *run, const void *args, struct buf *ret_text)
{
	const struct read_args *a = args;
	struct place place;
	cleanup(buf) struct buf text = BUF_INIT(FILE_BYTES_MAX);
	if (!a->file_path.size)
		return fail(ret_text, EINVAL, "read: file_path is required");
	int r = place_find(run, a->file_path, &place, ret_text);
	if (r == 0)
		r = file_load(&place, a->file_path, &words, &text, ret_text);
	if (r < 0)
		return r;
	struct slice shown = buf_slice(&text);
	if (a->view_range.given)
		shown = lines_of(shown, a->view_range);
	return buf_add(ret_text, shown.at, shown.size);
}
