/* SPDX-License-Identifier: MIT */
#include "fs/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char versions[] = "versions";

/* Cuts the last component off and returns it; what is left has no `/` at its end. */
static char *cut_last(char *path)
{
	char *slash = strrchr(path, '/');
	if (!slash)
		return path;
	*slash = '\0';
	return slash + 1;
}

/* Takes `/versions/N` off the end.  False: there is one without a number. */
static bool cut_version(char *path, int64_t *ret)
{
	cleanup(free) char *copy = xstrdup(path);
	const char *number = cut_last(copy), *before = strrchr(copy, '/');
	if (!before || strcmp(before + 1, versions) != 0)
		return true;
	int end = 0;
	if (sscanf(number, "%lld%n", (long long *)ret, &end) < 1 || number[end] || *ret < 1)
		return false;
	path[before - copy] = '\0';
	return true;
}

bool link_parse(const char *target, const char *folder, struct link *ret)
{
	struct link link = { 0 };
	cleanup(free) char *path = xstrdup(target);
	if (!cut_version(path, &link.version))
		return false;
	const char *name = cut_last(path);
	bool has_folder = name != path;
	size_t size = strlen(name);
	if (size == 0 || size > NAME_BYTES_MAX)
		return false;
	memcpy(link.name, name, size);
	if (folder && !(has_folder && strcmp(cut_last(path), folder) == 0))
		return false;
	*ret = link;
	return true;
}

int link_find(struct fs *fs, enum object_kind kind, const struct link *link, struct object *ret,
	struct buf *why)
{
	bool is_default = strcmp(link->name, "default") == 0;
	int r = is_default ? object_default(fs->store, kind, ret) :
		object_find(fs->store, kind, false, link->name, ret);
	if (r == 0)
		return fail(why, ENOENT, "there is none named %s; make it with mkdir first",
			link->name);
	return r < 0 ? r : 0;
}
