/* SPDX-License-Identifier: MIT */
/* The files of the top directory, and by-id/. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "fs/errors.h"
#include "fs/verbs.h"

static const char intro[] =
	"This directory is a system of agents.  Everything is done with files:\n"
	"\n"
	"  mkdir sessions/fix                      begin a conversation\n"
	"  echo 'What is in here?' > sessions/fix/input\n"
	"  cat sessions/fix/wait sessions/fix/reply      wait, then read the answer\n"
	"  cat sessions/fix/live                   the answer as it is being written\n"
	"  tail -f sessions/fix/events             everything that happens, as JSON\n"
	"  cat sessions/fix/error                  why something was refused, in words\n"
	"\n"
	"Reading never changes anything and never waits, except for the files named\n"
	"wait, follow and live, which are in no listing.  When a write succeeds, what\n"
	"was written is on disk.\n"
	"\n"
	"What there is.  NAME is chosen by you: a letter or digit, then letters, digits\n"
	"and . _ + -\n"
	"\n";

int root_show_readme(struct fs *fs, struct place at, struct buf *out)
{
	buf_add_text(out, intro);
	nodes_print(out);
	return out->overflow ? -EFBIG : 0;
}

static void add_facts(struct fs *fs, struct buf *out)
{
	struct fields facts = fields_read(buf_slice(&fs->facts));
	struct slice name, value;
	while (fields_next(&facts, &name, &value))
		if (!slice_is(name, "do"))
			buf_printf(out, "%.*s %.*s\n", (int)name.size, name.at, (int)value.size,
				value.at);
}

static int add_counts(struct fs *fs, struct buf *out)
{
	struct session_counts counts;
	int r = session_count(fs->store, &counts);
	if (r < 0)
		return r;
	for (int i = 0; i < SESSION_STATUSES; i++)
		buf_printf(out, "sessions_%s %lld\n", session_status_name((enum session_status)i),
			(long long)counts.by_status[i]);
	buf_printf(out, "sessions_waiting %lld\n", (long long)counts.waiting);
	buf_printf(out, "agents %lld\n", (long long)object_count(fs->store, OBJECT_AGENT, false));
	return buf_printf(out, "environments %lld\n",
		(long long)object_count(fs->store, OBJECT_ENVIRONMENT, false));
}

int root_show_status(struct fs *fs, struct place at, struct buf *out)
{
	add_facts(fs, out);
	return add_counts(fs, out);
}

int root_show_error(struct fs *fs, struct place at, struct buf *out)
{
	errors_show(fs->errors, 0, out);
	return 0;
}

int root_last(struct fs *fs, struct place at, struct buf *out)
{
	struct object last;
	int r = session_last(fs->store, &last);
	return r == 1 ? buf_printf(out, "sessions/%s", last.name) : r < 0 ? r : -ENOENT;
}

static const struct {
	enum object_kind kind;
	const char *folder;
} folders[] = {
	{ OBJECT_AGENT, "agents" },
	{ OBJECT_ENVIRONMENT, "environments" },
	{ OBJECT_SESSION, "sessions" },
};

_Static_assert(ARRAY_LEN(folders) == OBJECT_KINDS - 1, "each kind has a folder");
_Static_assert(CHILD_CURSOR_MAX >= 1ULL << 42, "kind and number fit in a cursor");

enum {
	PAGE = 64,
	CURSOR_KIND_BITS = 40, /* a cursor is the place of the kind in `folders`, then the number */
};

int by_id_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	struct object object;
	int r = object_by_id(fs->store, name, &object);
	if (r == 1 && object.archived_us)
		return 0;
	if (r == 1)
		*ret_num = object.num;
	return r;
}

static int page_of(struct fs *fs, size_t folder, int64_t after, struct child *ret, int max)
{
	struct object page[PAGE];
	int n = object_page(fs->store, folders[folder].kind, false, after, page,
		max < PAGE ? max : PAGE);
	for (int i = 0; i < n; i++) {
		ret[i] = (struct child){ .num = page[i].num,
			.cursor = (uint64_t)folder << CURSOR_KIND_BITS | (uint64_t)page[i].num };
		(void)snprintf(ret[i].name, sizeof(ret[i].name), "%s", page[i].id);
	}
	return n;
}

int by_id_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	int64_t num = (int64_t)(after & ((1ULL << CURSOR_KIND_BITS) - 1));
	for (size_t i = (size_t)(after >> CURSOR_KIND_BITS); i < ARRAY_LEN(folders); i++, num = 0) {
		int n = page_of(fs, i, num, ret, max);
		if (n != 0)
			return n;
	}
	return 0;
}

int by_id_name(struct fs *fs, struct place at, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, at.object, &found);
	return r == 1 ? buf_add_text(out, found.id) : r < 0 ? r : -ENOENT;
}

int64_t by_id_count(struct fs *fs, struct place at)
{
	int64_t count = 0;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		count += object_count(fs->store, folders[i].kind, false);
	return count;
}

int by_id_target(struct fs *fs, struct place at, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, at.object, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (folders[i].kind == found.kind)
			return buf_printf(out, "../%s/%s", folders[i].folder, found.name);
	return -ENOENT;
}
