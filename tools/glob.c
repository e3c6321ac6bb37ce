/* SPDX-License-Identifier: MIT */
/* The tool `glob`: files whose path matches, newest first. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/glob-match.h"
#include "tools/walk.h"

enum {
	SHOWN_MAX = 200,
};

struct hit {
	char *path; /* owned, relative to where the walk began */
	struct timespec changed;
	size_t order; /* of discovery */
};

struct search {
	const struct tool_run *run;
	struct place from;
	struct glob glob;
	struct glob_state states[WALK_DEPTH_MAX + 1]; /* [n]: on the way into depth n */
	struct hit *hits; /* owned, `count` of them */
	size_t count, room;
};

static int newest_first(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	if (x->changed.tv_sec != y->changed.tv_sec)
		return x->changed.tv_sec > y->changed.tv_sec ? -1 : 1;
	if (x->changed.tv_nsec != y->changed.tv_nsec)
		return x->changed.tv_nsec > y->changed.tv_nsec ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* A link counts when it leads to a regular file below the roots, and then as that file. */
static bool stat_link(struct search *s, const char *path, struct stat *ret)
{
	struct place target;
	cleanup(buf) struct buf whole = BUF_INIT(2 * PATH_BYTES_MAX);
	place_show(&s->from, &whole);
	(void)buf_printf(&whole, "/%s", path);
	if (place_find(s->run, buf_slice(&whole), &target, NULL) < 0)
		return false;
	cleanup(fd) int fd = place_open(&target, O_PATH);
	return fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode);
}

static void add_hit(struct search *s, enum walk_what what, const struct walk_entry *entry)
{
	struct stat st = { 0 };
	if (what == WALK_LINK && !stat_link(s, entry->path, &st))
		return;
	if (what == WALK_FILE) /* gone since: time 0 */
		(void)fstatat(entry->dir, entry->name, &st, AT_SYMLINK_NOFOLLOW);
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->hits = xrealloc(s->hits, s->room * sizeof(*s->hits));
	}
	s->hits[s->count] = (struct hit){ xstrdup(entry->path), st.st_mtim, s->count };
	s->count++;
}

static void search(struct search *s, struct walk *walk)
{
	struct walk_entry entry;
	glob_begin(&s->glob, &s->states[0]);
	for (enum walk_what what; (what = walk_step(walk, &entry)) != WALK_END;) {
		struct glob_state *next = &s->states[entry.depth + 1];
		bool hope = glob_enter(&s->glob, &s->states[entry.depth], entry.name, next);
		if (what == WALK_DIRECTORY && !hope)
			walk_skip(walk);
		else if (what != WALK_DIRECTORY && glob_matches(&s->glob, next))
			add_hit(s, what, &entry);
	}
	if (s->count)
		qsort(s->hits, s->count, sizeof(*s->hits), newest_first);
}

static void print(struct search *s, const struct walk *walk, struct buf *out)
{
	size_t shown = s->count < SHOWN_MAX ? s->count : SHOWN_MAX;
	for (size_t i = 0; i < shown; i++) {
		(void)buf_add_text(out, i ? "\n" : "");
		place_show(&s->from, out);
		(void)buf_printf(out, "/%s", s->hits[i].path);
	}
	if (!s->count)
		(void)buf_add_text(out, "no matches");
	if (s->count > shown)
		(void)buf_printf(out, "\n(%zu more not shown)", s->count - shown);
	walk_notes(walk, out);
}

static void cleanup_search(struct search **at)
{
	struct search *s = *at;
	for (size_t i = 0; i < s->count; i++)
		free(s->hits[i].path);
	free(s->hits);
	glob_done(&s->glob);
	free(s);
}

static int parse(const struct glob_args *a, struct glob *ret, struct buf *why)
{
	cleanup(buf) struct buf reason = BUF_INIT(1000);
	int r = glob_parse(a->pattern, ret, &reason);
	return r < 0 ? fail(why, -r, "glob: %s", buf_text(&reason)) : 0;
}

int glob_run(const struct tool_run *run, const void *args, struct buf *ret_text)
{
	const struct glob_args *a = args;
	struct slice path = a->path.size ? a->path : slice_of(".");
	cleanup(search) struct search *s = xcalloc(1, sizeof(*s));
	s->run = run;
	int r = parse(a, &s->glob, ret_text);
	if (r == 0)
		r = place_find(run, path, &s->from, ret_text);
	if (r < 0)
		return r;
	int dir = place_open(&s->from, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return path_refuse(ret_text, "glob", path, -dir);
	cleanup(walk) struct walk walk;
	walk_begin(&walk, dir, run->deadline_ms);
	search(s, &walk);
	print(s, &walk, ret_text);
	return 0;
}
