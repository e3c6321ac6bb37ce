/* SPDX-License-Identifier: MIT */
/* Patterns for glob: the input is a pattern, a newline, and a path.  Beyond memory errors: a
 * pattern without special characters matches exactly itself, and no pattern takes long. */
#include <assert.h>
#include <string.h>

#include "tools/glob-match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_MAX_BYTES = 4096 };

static bool matches(const struct glob *g, char *path)
{
	struct glob_state states[2];
	int at = 0;
	glob_begin(g, &states[0]);
	for (char *name; (name = strsep(&path, "/")); at = !at)
		if (!glob_enter(g, &states[at], name, &states[!at]))
			return false;
	return glob_matches(g, &states[at]);
}

static bool is_plain(const char *text)
{
	return *text && !strpbrk(text, "*?[{\\") && text[0] != '/' &&
	       text[strlen(text) - 1] != '/' && !strstr(text, "//") && !strstr(text, "./") &&
	       strcmp(text, ".") != 0 &&
	       (strlen(text) < 2 || strcmp(text + strlen(text) - 2, "/.") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct glob g;
	const uint8_t *newline = memchr(data, '\n', size);
	if (!newline || size > PATH_MAX_BYTES || memchr(data, '\0', size))
		return 0;
	cleanup(free) char *pattern = xstrndup(data, (size_t)(newline - data));
	cleanup(free) char *path = xstrndup(newline + 1, (size_t)(data + size - newline - 1));
	cleanup(free) char *same = xstrdup(pattern);
	if (glob_parse(slice_of(pattern), &g, NULL) < 0)
		return 0;
	(void)matches(&g, path);
	if (is_plain(pattern))
		assert(matches(&g, same));
	glob_done(&g);
	return 0;
}
