/* SPDX-License-Identifier: MIT */
/*
 * The tool `grep`: lines that match a Perl-compatible regular expression.
 *
 * Lines are matched one by one, so `^`, `$` and `\s+` mean what they mean in
 * grep.  A pattern comes from a model and may be of the kind that takes for ever:
 * each line has a limit on the matcher's steps, depth and memory, and lines that
 * exceed it are counted and reported.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <fcntl.h>
#include <pcre2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "tools/file.h"
#include "tools/walk.h"

enum {
	OUTPUT_BYTES_MAX = 100 << 10,
	NOTES_BYTES_MAX = 1000,
	LINE_SHOWN_MAX = 2000, /* bytes of one line; the rest is cut */
	SEARCHED_BYTES_MAX = 8 << 20, /* larger files are passed over and counted */
	SNIFFED_BYTES = 512, /* a NUL among the first of them: not a text */
	PATTERN_BYTES_MAX = 64 << 10,
	MATCH_STEPS_MAX = 1000000,
	MATCH_DEPTH_MAX = 10000,
	MATCH_HEAP_KIB_MAX = 8 << 10,
	LINES_PER_LOOK = 4096, /* between two looks at the clock */
};

struct grep {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
	struct buf file; /* the file being searched */
	struct buf notes; /* what follows the lines */
	struct buf *out;
	size_t large_files, costly_lines, lines;
	int64_t deadline_ms;
	bool full, late; /* the output is cut; out of time */
};

static void cleanup_grep(struct grep *g)
{
	pcre2_match_data_free(g->match);
	pcre2_match_context_free(g->limits);
	pcre2_code_free(g->code);
	buf_done(&g->file);
	buf_done(&g->notes);
}

static int refuse_pattern(int error, size_t offset, struct buf *why)
{
	char words[200];
	(void)pcre2_get_error_message(error, (PCRE2_UCHAR8 *)words, sizeof(words));
	return fail(why, EINVAL, "grep: invalid regex: %s at offset %zu", words, offset);
}

static int compile(struct grep *g, struct slice pattern, struct buf *why)
{
	int error = 0;
	size_t offset = 0;
	if (!pattern.size)
		return fail(why, EINVAL, "grep: pattern is required");
	if (pattern.size > PATTERN_BYTES_MAX)
		return fail(why, EINVAL, "grep: invalid regex: longer than %d bytes",
			PATTERN_BYTES_MAX);
	g->code = pcre2_compile((PCRE2_SPTR8)pattern.at, pattern.size,
		PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
		NULL);
	if (!g->code)
		return refuse_pattern(error, offset, why);
	g->limits = pcre2_match_context_create(NULL);
	g->match = pcre2_match_data_create(1, NULL);
	if (!g->limits || !g->match)
		abort();
	(void)pcre2_set_match_limit(g->limits, MATCH_STEPS_MAX);
	(void)pcre2_set_depth_limit(g->limits, MATCH_DEPTH_MAX);
	(void)pcre2_set_heap_limit(g->limits, MATCH_HEAP_KIB_MAX);
	return 0;
}

/* A look at the clock every so many lines, and after each that took long. */
static bool out_of_time(struct grep *g, bool look)
{
	if (look || g->lines % LINES_PER_LOOK == 0)
		g->late |= clock_now_ms() >= g->deadline_ms;
	return g->late;
}

static void print_line(struct grep *g, struct slice path, size_t number, struct slice line)
{
	size_t shown = line.size > LINE_SHOWN_MAX ? utf8_clip(line.at, LINE_SHOWN_MAX) : line.size;
	(void)buf_printf(g->out, "%.*s:%zu:", (int)path.size, path.at, number);
	(void)buf_add(g->out, line.at, shown);
	if (shown < line.size)
		(void)buf_printf(g->out, " [line cut, %zu bytes]", line.size);
	(void)buf_add_char(g->out, '\n');
	g->full = g->out->size > OUTPUT_BYTES_MAX;
}

static void try_line(struct grep *g, struct slice path, size_t number, struct slice line)
{
	int r = pcre2_match(g->code, (PCRE2_SPTR8)line.at, line.size, 0, 0, g->match, g->limits);
	bool costly = r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_DEPTHLIMIT ||
		r == PCRE2_ERROR_HEAPLIMIT;
	g->costly_lines += costly;
	g->lines++;
	if (r >= 0)
		print_line(g, path, number, line);
	(void)out_of_time(g, costly);
}

static void search_text(struct grep *g, struct slice path, struct slice text)
{
	const char *at = text.at, *end = text.at + text.size;
	for (size_t number = 1; at < end && !g->full && !g->late; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		size_t size = (size_t)(stop - at);
		size -= size && at[size - 1] == '\r';
		try_line(g, path, number, (struct slice){ at, size });
		at = stop + 1;
	}
}

static bool is_text(struct slice text)
{
	return !memchr(text.at, '\0', text.size < SNIFFED_BYTES ? text.size : SNIFFED_BYTES);
}

/* Files that vanish or may not be read are passed over, as grep -s does. */
static void search_fd(struct grep *g, struct slice path, int fd, uint64_t size)
{
	buf_clear(&g->file);
	ssize_t n = -EFBIG;
	if (size <= SEARCHED_BYTES_MAX)
		n = buf_read_all(&g->file, fd, SEARCHED_BYTES_MAX);
	g->large_files += n == -EFBIG;
	if (n > 0 && is_text(buf_slice(&g->file)))
		search_text(g, path, buf_slice(&g->file));
}

static void search_entry(struct grep *g, const struct place *from, const struct walk_entry *entry)
{
	struct stat st;
	cleanup(buf) struct buf path = BUF_INIT(3 * PATH_BYTES_MAX);
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	cleanup(fd) int fd = openat(entry->dir, entry->name, flags);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	place_show(from, &path);
	(void)buf_printf(&path, "/%s", entry->path);
	search_fd(g, buf_slice(&path), fd, (uint64_t)st.st_size);
}

static void search_tree(struct grep *g, const struct place *from, int dir /* taken */)
{
	struct walk_entry entry;
	cleanup(walk) struct walk walk;
	walk_begin(&walk, dir, g->deadline_ms);
	for (enum walk_what what; (what = walk_step(&walk, &entry)) != WALK_END;) {
		if (what == WALK_FILE)
			search_entry(g, from, &entry);
		if (g->full || g->late)
			break;
	}
	walk.cut_time |= g->late;
	walk_notes(&walk, &g->notes);
}

static int search_file(struct grep *g, const struct place *place, struct slice given,
	struct buf *why)
{
	uint64_t size = 0;
	cleanup(buf) struct buf path = BUF_INIT(2 * PATH_BYTES_MAX);
	cleanup(fd) int fd = file_open(place, &size);
	if (fd < 0)
		return path_refuse(why, "grep", given, -fd);
	place_show(place, &path);
	search_fd(g, buf_slice(&path), fd, size);
	if (g->late)
		(void)buf_add_text(&g->notes, "\n(incomplete: out of time)");
	return 0;
}

/* Puts the notes behind the lines. */
static void finish(struct grep *g)
{
	if (g->full) {
		buf_cut(g->out, utf8_clip(g->out->data, OUTPUT_BYTES_MAX));
		(void)buf_printf(g->out, "\n[output truncated at %d bytes]", OUTPUT_BYTES_MAX);
	} else if (g->out->size) {
		buf_cut(g->out, g->out->size - 1);
	} else {
		(void)buf_add_text(g->out, "no matches");
	}
	(void)buf_add(g->out, buf_text(&g->notes), g->notes.size);
	if (g->large_files)
		(void)buf_printf(g->out, "\n(not searched because larger than %d bytes: %zu)",
			SEARCHED_BYTES_MAX, g->large_files);
	if (g->costly_lines)
		(void)buf_printf(g->out,
			"\n(lines given up because the pattern backtracks too much: %zu)",
			g->costly_lines);
}

int grep_run(const struct tool_run *run, const void *args, struct buf *ret_text)
{
	const struct grep_args *a = args;
	struct slice path = a->path.size ? a->path : slice_of(".");
	struct place from;
	cleanup(grep) struct grep g = { .out = ret_text, .deadline_ms = run->deadline_ms,
		.file = BUF_INIT(SEARCHED_BYTES_MAX + 1), .notes = BUF_INIT(NOTES_BYTES_MAX) };
	int r = compile(&g, a->pattern, ret_text);
	if (r == 0)
		r = place_find(run, path, &from, ret_text);
	if (r < 0)
		return r;
	int dir = place_open(&from, O_PATH | O_DIRECTORY);
	if (dir >= 0)
		search_tree(&g, &from, dir);
	else if (dir != -ENOTDIR)
		return path_refuse(ret_text, "grep", path, -dir);
	else
		r = search_file(&g, &from, path, ret_text);
	if (r == 0)
		finish(&g);
	return r;
}
