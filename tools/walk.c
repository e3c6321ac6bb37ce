/* SPDX-License-Identifier: MIT */
#include "tools/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const pruned[] = { ".git", "node_modules" };

static bool is_pruned(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(pruned); i++)
		if (strcmp(name, pruned[i]) == 0)
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool out_of_time(struct walk *w)
{
	w->cut_time |= clock_now_ms() >= w->deadline_ms;
	return w->cut_time;
}

static void add_name(struct walk_level *level, size_t *room, const char *name)
{
	if (level->count == *room) {
		*room = *room ? 2 * *room : 16;
		level->names = xrealloc(level->names, *room * sizeof(*level->names));
	}
	level->names[level->count++] = xstrdup(name);
}

/* Reads all names of a directory, as far as the limit on entries goes. */
static void read_names(struct walk *w, struct walk_level *level)
{
	size_t room = 0;
	int copy = openat(level->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		cleanup_fd(&copy);
		return;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (w->entries == WALK_ENTRIES_MAX) {
			w->cut_entries = true;
			break;
		}
		w->entries++;
		add_name(level, &room, d->d_name);
	}
	closedir(dir);
	if (level->count)
		qsort(level->names, level->count, sizeof(*level->names), by_name);
}

static void push_level(struct walk *w, int fd)
{
	struct walk_level *level = &w->levels[w->depth++];
	*level = (struct walk_level){ .fd = fd, .path_size = w->path.size };
	read_names(w, level);
}

static void pop_level(struct walk *w)
{
	struct walk_level *level = &w->levels[--w->depth];
	for (size_t i = 0; i < level->count; i++)
		free(level->names[i]);
	free(level->names);
	close(level->fd);
}

void walk_begin(struct walk *w, int dir, int64_t deadline_ms)
{
	*w = (struct walk){ .path = BUF_INIT(WALK_DEPTH_MAX * 256), .deadline_ms = deadline_ms };
	push_level(w, dir);
}

/* Goes into the directory that the last step reported.  One that cannot be opened is empty to
 * us. */
static void enter_pending(struct walk *w)
{
	int parent = w->levels[w->depth - 1].fd;
	if (!w->pending[0])
		return;
	if (w->depth == WALK_DEPTH_MAX) {
		w->cut_depth = true;
	} else {
		int fd = openat(parent, w->pending, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			push_level(w, fd);
	}
	w->pending[0] = '\0';
}

/* What the walk reports for the name; WALK_END for what it passes over. */
static enum walk_what kind_of(struct walk *w, int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return WALK_END;
	if (S_ISREG(st.st_mode))
		return WALK_FILE;
	if (S_ISLNK(st.st_mode))
		return WALK_LINK;
	return S_ISDIR(st.st_mode) && !is_pruned(name) ? WALK_DIRECTORY : WALK_END;
}

static enum walk_what report(struct walk *w, struct walk_level *level, const char *name,
	struct walk_entry *ret)
{
	enum walk_what what = kind_of(w, level->fd, name);
	buf_cut(&w->path, level->path_size);
	if (level->path_size)
		(void)buf_add_char(&w->path, '/');
	(void)buf_add_text(&w->path, name);
	if (what == WALK_DIRECTORY)
		strncat(w->pending, name, sizeof(w->pending) - 1);
	*ret = (struct walk_entry){ buf_text(&w->path), name, w->depth - 1, level->fd };
	return what;
}

enum walk_what walk_step(struct walk *w, struct walk_entry *ret)
{
	if (w->depth)
		enter_pending(w);
	while (w->depth && !out_of_time(w)) {
		struct walk_level *level = &w->levels[w->depth - 1];
		if (level->next == level->count) {
			pop_level(w);
			continue;
		}
		enum walk_what what = report(w, level, level->names[level->next++], ret);
		if (what != WALK_END)
			return what;
	}
	return WALK_END;
}

void walk_skip(struct walk *w)
{
	w->pending[0] = '\0';
}

void walk_done(struct walk *w)
{
	while (w->depth)
		pop_level(w);
	buf_done(&w->path);
}

void cleanup_walk(struct walk *w)
{
	walk_done(w);
}

void walk_notes(const struct walk *w, struct buf *out)
{
	if (w->cut_entries)
		(void)buf_printf(out,
			"\n(incomplete: stopped after %d entries; search in a subdirectory)",
			WALK_ENTRIES_MAX);
	if (w->cut_time)
		(void)buf_add_text(out, "\n(incomplete: out of time; search in a subdirectory)");
	if (w->cut_depth)
		(void)buf_printf(out, "\n(incomplete: did not go deeper than %d directories)",
			WALK_DEPTH_MAX);
}
