/* SPDX-License-Identifier: MIT */
#include "fs/scratch.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"

enum { HIDDEN_MAX = 64 }; /* removed and not yet replaced at one time */

struct hidden {
	uint64_t inode;
	int64_t until_ms;
};

struct scratch {
	struct list files; /* struct scratch_file.link, by serial */
	uint64_t last_serial;
	size_t total; /* bytes of all files */
	struct hidden hidden[HIDDEN_MAX];
	size_t hidden_next;
};

/* `begin`, then as many letters and digits as mkstemp(3) and its like put there, then `end`. */
static const struct {
	const char *begin, *end;
	size_t letters;
	bool any_number; /* of letters, and of any kind */
} temporary[] = {
	{ ".", "", .any_number = true }, /* vim's swap, rsync, hidden by custom */
	{ "#", "", .any_number = true }, /* emacs: autosave */
	{ "", "~", .any_number = true }, /* backups */
	{ "", ".bak", .any_number = true },
	{ "", ".lock", .any_number = true }, /* git */
	{ "", ".new", .any_number = true },
	{ "", ".orig", .any_number = true },
	{ "", ".rejected", .any_number = true }, /* ours */
	{ "", ".swp", .any_number = true },
	{ "", ".tmp", .any_number = true },
	{ "4913", "" }, /* vim: whether the directory can be written */
	{ "Cu", "", .letters = 6 }, /* ln -sf */
	{ "gawk.", "", .letters = 6 },
	{ "sed", "", .letters = 6 },
	{ "XX", "", .letters = 6 }, /* perl -i */
};

static size_t letters_in(const char *text, size_t size)
{
	size_t n = 0;
	while (n < size && isalnum((unsigned char)text[n]))
		n++;
	return n;
}

bool scratch_name_is_temporary(const char *name)
{
	size_t size = strlen(name);
	for (size_t i = 0; i < ARRAY_LEN(temporary); i++) {
		size_t begin = strlen(temporary[i].begin), end = strlen(temporary[i].end);
		if (size < begin + end || strncmp(name, temporary[i].begin, begin) != 0 ||
			strcmp(name + size - end, temporary[i].end) != 0)
			continue;
		size_t between = size - begin - end;
		if (temporary[i].any_number || (between == temporary[i].letters &&
			letters_in(name + begin, between) == between))
			return true;
	}
	return false;
}

int document_resize(struct buf *text, uint64_t size, size_t max)
{
	if (size > max)
		return -EFBIG;
	if (size <= text->size) {
		buf_cut(text, size);
		return 0;
	}
	size_t more = size - text->size;
	char *to = buf_reserve(text, more);
	if (!to)
		return -EFBIG;
	memset(to, 0, more + 1);
	text->size += more;
	return 0;
}

int document_write(struct buf *text, uint64_t offset, const void *data, size_t size, size_t max)
{
	if (offset > max || size > max - offset)
		return -EFBIG;
	if (offset + size > text->size) {
		int r = document_resize(text, offset + size, max);
		if (r < 0)
			return r;
	}
	if (size)
		memcpy(text->data + offset, data, size);
	return 0;
}

struct scratch *scratch_new(void)
{
	struct scratch *scratch = xcalloc(1, sizeof(*scratch));
	list_init(&scratch->files);
	return scratch;
}

static void file_free(struct scratch *scratch, struct scratch_file *file)
{
	list_remove(&file->link);
	scratch->total -= file->data.size;
	buf_done(&file->data);
	free(file);
}

struct scratch *scratch_free(struct scratch *scratch)
{
	if (!scratch)
		return NULL;
	struct scratch_file *file;
	list_each (&scratch->files, file, struct scratch_file, link)
		file_free(scratch, file);
	free(scratch);
	return NULL;
}

static size_t count_in(struct scratch *scratch, uint64_t directory)
{
	size_t n = 0;
	struct scratch_file *file;
	list_each (&scratch->files, file, struct scratch_file, link)
		n += file->directory == directory && !file->removed;
	return n;
}

int scratch_make(struct scratch *scratch, uint64_t directory, const char *name, mode_t mode,
	struct scratch_file **ret)
{
	if (strlen(name) > SCRATCH_NAME_MAX)
		return -ENAMETOOLONG;
	if (scratch_find(scratch, directory, name))
		return -EEXIST;
	if (count_in(scratch, directory) >= SCRATCH_FILES_MAX)
		return -ENOSPC;
	struct scratch_file *file = xcalloc(1, sizeof(*file));
	file->serial = ++scratch->last_serial;
	file->directory = directory;
	strcpy(file->name, name);
	file->mode = mode;
	file->changed_us = clock_wall_us();
	buf_init(&file->data, SCRATCH_BYTES_MAX);
	list_add(&scratch->files, &file->link);
	*ret = file;
	return 0;
}

struct scratch_file *scratch_find(struct scratch *scratch, uint64_t directory, const char *name)
{
	struct scratch_file *file;
	list_each (&scratch->files, file, struct scratch_file, link)
		if (file->directory == directory && !file->removed && strcmp(file->name, name) == 0)
			return file;
	return NULL;
}

struct scratch_file *scratch_get(struct scratch *scratch, uint64_t serial)
{
	struct scratch_file *file;
	list_each (&scratch->files, file, struct scratch_file, link)
		if (file->serial == serial)
			return file;
	return NULL;
}

struct scratch_file *scratch_next(struct scratch *scratch, uint64_t directory, uint64_t after)
{
	struct scratch_file *file;
	list_each (&scratch->files, file, struct scratch_file, link)
		if (file->directory == directory && !file->removed && file->serial > after)
			return file;
	return NULL;
}

void scratch_remove(struct scratch *scratch, struct scratch_file *file)
{
	file->removed = true;
	if (file->opens == 0)
		file_free(scratch, file);
}

void scratch_remove_all(struct scratch *scratch, uint64_t directory)
{
	struct scratch_file *file;
	while ((file = scratch_next(scratch, directory, 0)))
		scratch_remove(scratch, file);
}

int scratch_rename(struct scratch *scratch, struct scratch_file *file, const char *name)
{
	if (strlen(name) > SCRATCH_NAME_MAX)
		return -ENAMETOOLONG;
	struct scratch_file *old = scratch_find(scratch, file->directory, name);
	if (old && old != file)
		scratch_remove(scratch, old);
	memmove(file->name, name, strlen(name) + 1);
	return 0;
}

void scratch_opened(struct scratch_file *file)
{
	file->opens++;
}

void scratch_closed(struct scratch *scratch, struct scratch_file *file)
{
	if (--file->opens == 0 && file->removed)
		file_free(scratch, file);
}

static int account(struct scratch *scratch, struct scratch_file *file, size_t before, int r)
{
	scratch->total = scratch->total - before + file->data.size;
	file->changed_us = clock_wall_us();
	return r == -EFBIG ? -ENOSPC : r;
}

int scratch_write(struct scratch *scratch, struct scratch_file *file, uint64_t offset,
	const void *data, size_t size)
{
	if (scratch->total + size > SCRATCH_TOTAL_MAX)
		return -ENOSPC;
	size_t before = file->data.size;
	int r = document_write(&file->data, offset, data, size, SCRATCH_BYTES_MAX);
	return account(scratch, file, before, r);
}

int scratch_resize(struct scratch *scratch, struct scratch_file *file, uint64_t size)
{
	if (size > file->data.size && scratch->total + size > SCRATCH_TOTAL_MAX)
		return -ENOSPC;
	size_t before = file->data.size;
	return account(scratch, file, before,
		document_resize(&file->data, size, SCRATCH_BYTES_MAX));
}

void scratch_hide(struct scratch *scratch, uint64_t inode)
{
	scratch->hidden[scratch->hidden_next++ % HIDDEN_MAX] =
		(struct hidden){ .inode = inode, .until_ms = clock_now_ms() + SCRATCH_ABSENT_MS };
}

void scratch_unhide(struct scratch *scratch, uint64_t inode)
{
	for (size_t i = 0; i < HIDDEN_MAX; i++)
		if (scratch->hidden[i].inode == inode)
			scratch->hidden[i].inode = 0;
}

bool scratch_is_hidden(const struct scratch *scratch, uint64_t inode)
{
	for (size_t i = 0; i < HIDDEN_MAX; i++)
		if (scratch->hidden[i].inode == inode)
			return clock_now_ms() < scratch->hidden[i].until_ms;
	return false;
}
