/* SPDX-License-Identifier: MIT */
/*
 * Removing the files of deleted sessions.
 *
 * A session's directory first moves into trash/, in one step, and is emptied
 * there.  What lies in it was made by an agent: trees of any depth, directories
 * without permissions, perhaps still changing.  So nothing recurses: a directory
 * inside a directory is moved up into trash/ itself, which keeps the work at two
 * open descriptors whatever the depth, and no link is ever followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/db.h"

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* Gives us all rights to a directory, whatever its mode says; returns an O_PATH descriptor or
 * -1.  The mode is changed through that, so that a link put in its place meanwhile is not
 * followed. */
static int unlock_dir(int parent, const char *name)
{
	int path = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char by_fd[32];
	(void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", path);
	if (path >= 0)
		(void)chmod(by_fd, 0700);
	return path;
}

static DIR *open_to_empty(int parent, const char *name)
{
	cleanup(fd) int path = unlock_dir(parent, name);
	cleanup(fd) int fd = path < 0 ? -1 : openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir)
		(void)steal_fd(&fd);
	return dir;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Moves a directory to a free name in trash/. */
static int move_up(int from, const char *name, int trash)
{
	int path = unlock_dir(from, name); /* moving a directory writes its ".." */
	if (path >= 0)
		close(path);
	for (unsigned i = 0;; i++) {
		char to[16];
		(void)snprintf(to, sizeof(to), "%u", i);
		if (renameat2(from, name, trash, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

/* Empties one directory of trash/ and removes it: 0, 1 when the budget ended first, or -errno. */
static int empty_one(int trash, const char *name, int *budget)
{
	cleanup(dir) DIR *dir = open_to_empty(trash, name);
	if (!dir)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (is_dots(entry->d_name))
			continue;
		if ((*budget)-- <= 0)
			return 1;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		int r = errno == EISDIR ? move_up(dirfd(dir), entry->d_name, trash) : -errno;
		if (r < 0)
			return r;
	}
	return unlinkat(trash, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* One pass over trash/: how many entries it met, or -errno. */
static int empty_pass(DIR *trash, int *budget)
{
	int met = 0;
	rewinddir(trash);
	for (struct dirent *entry; *budget > 0 && (entry = readdir(trash));) {
		if (is_dots(entry->d_name))
			continue;
		met++;
		int r = empty_one(dirfd(trash), entry->d_name, budget);
		if (r < 0)
			return r;
	}
	return met;
}

int trash_empty(struct store *store, int max)
{
	cleanup(free) char *path = xprintf("%s/trash", store->dir);
	cleanup(dir) DIR *trash = opendir(path);
	if (!trash)
		return errno == ENOENT ? 0 : -errno;
	int budget = max, met;
	do
		met = empty_pass(trash, &budget);
	while (met > 0 && budget > 0);
	return met < 0 ? met : budget <= 0;
}

int trash_move(struct store *store, const char *session_id)
{
	cleanup(free) char *trash = xprintf("%s/trash", store->dir);
	if (mkdir(trash, 0700) < 0 && errno != EEXIST)
		return -errno;
	cleanup(free) char *from = xprintf("%s/sessions/%s", store->dir, session_id);
	cleanup(free) char *to = xprintf("%s/%s", trash, session_id);
	return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

int trash_sweep(struct store *store)
{
	cleanup(free) char *path = xprintf("%s/sessions", store->dir);
	cleanup(dir) DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strncmp(entry->d_name, "sesn_", 5) != 0)
			continue; /* not ours */
		int r = object_by_id(store, entry->d_name, NULL);
		if (r == 0)
			r = trash_move(store, entry->d_name);
		if (r < 0)
			return r;
	}
	return 0;
}
