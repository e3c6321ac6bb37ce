/* SPDX-License-Identifier: MIT */
#include "fs/workspace_link.h"

#include <limits.h>
#include <string.h>

static const char OUTSIDE[] = "outside:";

/* A text taken apart: `ups` times "..", then names. */
struct path {
	unsigned ups;
	bool collapsed; /* a ".." cancelled a name, so this is not the text as it was given */
	struct buf names; /* each with '/' behind it */
};

static void cleanup_path(struct path *path)
{
	buf_done(&path->names);
}

/* The next component, without slashes; at == NULL at the end. */
static struct slice next_component(const char **text)
{
	const char *start = *text + strspn(*text, "/");
	size_t size = strcspn(start, "/");
	*text = start + size;
	return size ? (struct slice){ start, size } : (struct slice){ NULL, 0 };
}

static void pop_name(struct path *path)
{
	const char *end = path->names.data + path->names.size - 1;
	const char *slash = memrchr(path->names.data, '/', (size_t)(end - path->names.data));
	buf_cut(&path->names, slash ? (size_t)(slash + 1 - path->names.data) : 0);
	path->collapsed = true;
}

static void path_parse(struct path *path, const char *text)
{
	for (struct slice c = next_component(&text); c.at; c = next_component(&text)) {
		if (slice_is(c, "."))
			continue;
		if (!slice_is(c, "..")) {
			(void)buf_add(&path->names, c.at, c.size);
			(void)buf_add_char(&path->names, '/');
		} else if (path->names.size) {
			pop_name(path);
		} else {
			path->ups++;
		}
	}
}

/* What follows `inside` in an absolute text, or NULL. */
static const char *below_inside(const char *text, const char *inside)
{
	for (struct slice want = next_component(&inside); want.at; want = next_component(&inside)) {
		struct slice got = next_component(&text);
		while (got.at && slice_is(got, "."))
			got = next_component(&text);
		if (got.size != want.size || memcmp(got.at, want.at, want.size) != 0)
			return NULL;
	}
	return text;
}

static void show_outside(const char *text, struct buf *ret)
{
	buf_clear(ret);
	(void)buf_add_text(ret, OUTSIDE);
	for (; *text && ret->size < NAME_MAX; text++)
		(void)buf_add_char(ret, *text == '/' ? '\\' : *text);
}

static void show_path(const struct path *path, struct buf *ret)
{
	buf_clear(ret);
	for (unsigned i = 0; i < path->ups; i++)
		(void)buf_add_text(ret, "../");
	(void)buf_add(ret, path->names.data, path->names.size);
	if (ret->size)
		buf_cut(ret, ret->size - 1);
	else
		(void)buf_add_char(ret, '.');
}

void link_text_show(const char *text, const char *inside, unsigned depth, struct buf *ret)
{
	bool absolute = *text == '/';
	const char *rest = absolute ? below_inside(text, inside) : text;
	cleanup(path) struct path path = { .names = BUF_INIT(LINK_TEXT_MAX + 1) };
	if (rest)
		path_parse(&path, rest);

	if (!rest || !*text || path.ups > (absolute ? 0 : depth)) {
		show_outside(text, ret);
		return;
	}
	path.ups += absolute ? depth : 0;
	if (absolute || path.collapsed) {
		show_path(&path, ret);
	} else {
		buf_clear(ret);
		(void)buf_add_text(ret, text);
	}
	if (ret->size > LINK_TEXT_MAX)
		show_outside(text, ret);
}

bool link_text_is_outside(const char *name)
{
	return strncmp(name, OUTSIDE, sizeof(OUTSIDE) - 1) == 0;
}
