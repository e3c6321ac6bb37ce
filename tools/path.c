/* SPDX-License-Identifier: MIT */
#include "tools/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/run.h"

/* ---- words ---- */

static const struct {
	int error;
	const char *words;
} reasons[] = {
	{ ENOENT, "no such file or directory" },
	{ ENOTDIR, "not a directory" },
	{ EISDIR, "is a directory" },
	{ EACCES, "permission denied" },
	{ EPERM, "permission denied" },
	{ EROFS, "read-only file system" },
	{ EEXIST, "file already exists" },
	{ ELOOP, "too many levels of symbolic links" },
	{ ENAMETOOLONG, "file name too long" },
	{ ENOSPC, "no space left on device" },
	{ EDQUOT, "no space left on device" },
	{ EMFILE, "too many open files" },
	{ ENFILE, "too many open files" },
	{ ENXIO, "not a regular file" },
};

const char *path_reason(int error)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].error == error)
			return reasons[i].words;
	return NULL;
}

int path_refuse(struct buf *why, const char *tool, struct slice given, int error)
{
	const char *words = path_reason(error), *code = strerrorname_np(error);
	if (words)
		return fail(why, error, "%s: %.*s: %s", tool, (int)given.size, given.at, words);
	return fail(why, error, "%s: %.*s: i/o error (%s)", tool, (int)given.size, given.at,
		code ? code : "?");
}

static int refuse_place(struct buf *why, struct slice given, int error)
{
	enum { REPEATED_MAX = 300 }; /* bytes of a path that may be too long */
	int size = given.size < REPEATED_MAX ? (int)given.size : REPEATED_MAX;
	if (error == EXDEV)
		return fail(why, error, "path '%.*s' escapes workdir", size, given.at);
	const char *words = path_reason(error);
	return fail(why, error, "path \"%.*s\": %s", size, given.at, words ? words : "i/o error");
}

/* ---- reading a path ---- */

/* The reader: `place` is what has been resolved, `rest` what is still to be read, one component at
 * a time.  A link's target goes to the front of `rest`. */
struct reader {
	const struct tool_run *run;
	struct place place;
	char rest[2 * PATH_BYTES_MAX];
	unsigned links;
};

/* Takes the first component off `rest`; false at the end. */
static bool next_component(char *rest, char ret[static PATH_BYTES_MAX])
{
	size_t from = strspn(rest, "/"), size = strcspn(rest + from, "/");
	if (!size || size >= PATH_BYTES_MAX)
		return false;
	memcpy(ret, rest + from, size);
	ret[size] = '\0';
	memmove(rest, rest + from + size, strlen(rest + from + size) + 1);
	return true;
}

/* What of the absolute `path` lies below `prefix`, compared by components; NULL when it does
 * not. */
static const char *below(const char *prefix, const char *path)
{
	for (;;) {
		prefix += strspn(prefix, "/");
		path += strspn(path, "/");
		while (path[0] == '.' && (path[1] == '/' || !path[1]))
			path += 1 + strspn(path + 1, "/");
		size_t n = strcspn(prefix, "/");
		if (!n)
			return path;
		if (strcspn(path, "/") != n || memcmp(prefix, path, n) != 0)
			return NULL;
		prefix += n;
		path += n;
	}
}

/* Starts again from the root that holds the absolute path in `rest`. */
static int enter_root(struct reader *r)
{
	for (size_t i = 0; i < r->run->root_count; i++) {
		const struct root *root = &r->run->roots[i];
		const char *inside = below(root->prefix, r->rest);
		if (!inside)
			continue;
		memmove(r->rest, inside, strlen(inside) + 1);
		r->place.root = root;
		r->place.path[0] = '\0';
		return 0;
	}
	return -EXDEV;
}

static int push_component(struct place *place, const char *name)
{
	size_t have = strlen(place->path), n = strlen(name);
	if (have + 1 + n + 1 > sizeof(place->path))
		return -ENAMETOOLONG;
	if (have)
		place->path[have++] = '/';
	memcpy(place->path + have, name, n + 1);
	return 0;
}

static int pop_component(struct place *place)
{
	if (!place->path[0])
		return -EXDEV;
	char *slash = strrchr(place->path, '/');
	*(slash ? slash : place->path) = '\0';
	return 0;
}

static int follow_link(struct reader *r, const char *target)
{
	char rest[sizeof(r->rest)];
	size_t n = strlen(target), left = strlen(r->rest);
	if (++r->links > PATH_LINKS_MAX)
		return -ELOOP;
	if (n + 1 + left + 1 > sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(rest, target, n);
	rest[n] = '/';
	memcpy(rest + n + 1, r->rest, left + 1);
	memcpy(r->rest, rest, n + 1 + left + 1);
	return target[0] == '/' ? enter_root(r) : pop_component(&r->place);
}

/* A component that does not exist is as good as a plain one: it may be about to be made. */
static int read_name(struct reader *r, const char *name)
{
	char target[PATH_BYTES_MAX];
	int error = push_component(&r->place, name);
	if (error < 0)
		return error;
	ssize_t n = readlinkat(r->place.root->fd, r->place.path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == EINVAL || errno == ENOENT ? 0 : -errno;
	target[n] = '\0';
	return follow_link(r, target);
}

static int read_component(struct reader *r, const char *name)
{
	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return pop_component(&r->place);
	return read_name(r, name);
}

static int read_path(struct reader *r)
{
	char name[PATH_BYTES_MAX];
	int error = r->rest[0] == '/' ? enter_root(r) : 0;
	while (error == 0 && next_component(r->rest, name))
		error = read_component(r, name);
	if (error == 0 && !r->place.path[0])
		memcpy(r->place.path, ".", 2);
	return error;
}

int place_find(const struct tool_run *run, struct slice given, struct place *ret, struct buf *why)
{
	struct reader r = { .run = run, .place = { .root = &run->roots[0] } };
	if (!given.size || memchr(given.at, '\0', given.size))
		return refuse_place(why, given, ENOENT);
	if (given.size >= PATH_BYTES_MAX)
		return refuse_place(why, given, ENAMETOOLONG);
	memcpy(r.rest, given.at, given.size);
	int error = read_path(&r);
	if (error < 0)
		return refuse_place(why, given, -error);
	*ret = r.place;
	return 0;
}

/* ---- opening a place ---- */

static int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

int place_open(const struct place *place, int flags)
{
	return open_beneath(place->root->fd, place->path, flags);
}

/* Opens the directory `path`, making each missing component. */
static int open_dirs(int root, char *path)
{
	cleanup(fd) int dir = open_beneath(root, ".", O_PATH | O_DIRECTORY);
	for (char *name, *rest = path; dir >= 0 && (name = strsep(&rest, "/"));) {
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		int next = open_beneath(dir, name, O_PATH | O_DIRECTORY);
		close(dir);
		dir = next;
	}
	return steal_fd(&dir);
}

int place_open_parent(const struct place *place, bool make, const char **ret_leaf)
{
	char parent[PATH_BYTES_MAX];
	const char *slash = strrchr(place->path, '/');
	size_t n = slash ? (size_t)(slash - place->path) : 1;
	if (strcmp(place->path, ".") == 0)
		return -EISDIR;
	memcpy(parent, slash ? place->path : ".", n);
	parent[n] = '\0';
	int fd = open_beneath(place->root->fd, parent, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT && make)
		fd = open_dirs(place->root->fd, parent);
	if (fd >= 0)
		*ret_leaf = slash ? slash + 1 : place->path;
	return fd;
}

void place_show(const struct place *place, struct buf *out)
{
	(void)buf_add_text(out, place->root->prefix);
	if (strcmp(place->path, ".") != 0)
		(void)buf_printf(out, "/%s", place->path);
}
