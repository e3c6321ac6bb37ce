/* SPDX-License-Identifier: MIT */
#include "cmd/mounts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

enum {
	/* a host full of containers has some thousand lines of 200 bytes */
	MOUNTINFO_MAX = 16 << 20,
};

void mount_done(struct mount *m)
{
	free(m->type);
	*m = (struct mount){ .user = -1 };
}

void cleanup_mount(struct mount *m)
{
	mount_done(m);
}

static bool is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' &&
		at[2] <= '7';
}

/* The kernel writes blanks, newlines and backslashes as \ooo. */
static bool escaped_is(struct slice escaped, const char *plain)
{
	const char *at = escaped.at, *end = escaped.at + escaped.size;
	for (; at < end; plain++) {
		char c = *at;
		if (c == '\\' && end - at >= 4 && is_octal(at + 1)) {
			c = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 3;
		}
		at++;
		if (!*plain || c != *plain)
			return false;
	}
	return !*plain;
}

static struct slice next_word(struct slice *line)
{
	const char *blank = line->size ? memchr(line->at, ' ', line->size) : NULL;
	struct slice word = { line->at, blank ? (size_t)(blank - line->at) : line->size };
	size_t used = word.size + !!blank;
	line->at += used;
	line->size -= used;
	return word;
}

/* `user_id=N` among the comma-separated options of the super block. */
static int64_t find_user(struct slice options)
{
	cleanup(free) char *text = xstrndup(options.at, options.size);
	char *rest = NULL;
	for (char *at = strtok_r(text, ",", &rest); at; at = strtok_r(NULL, ",", &rest))
		if (strncmp(at, "user_id=", 8) == 0)
			return strtoll(at + 8, NULL, 10);
	return -1;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static void read_line(struct slice line, const char *path, struct mount *ret)
{
	for (int i = 0; i < 4; i++)
		(void)next_word(&line);
	if (!escaped_is(next_word(&line), path))
		return;
	while (line.size && !slice_is(next_word(&line), "-"))
		;
	struct slice type = next_word(&line);
	if (!type.size)
		return;
	(void)next_word(&line); /* the source, which anybody may have chosen */
	mount_done(ret);
	*ret = (struct mount){ .type = xstrndup(type.at, type.size), .user = find_user(line) };
}

int mounts_find(struct slice text, const char *path, struct mount *ret)
{
	cleanup(mount) struct mount found = { .user = -1 };
	while (text.size) {
		const char *end = memchr(text.at, '\n', text.size);
		size_t size = end ? (size_t)(end - text.at) : text.size;
		read_line((struct slice){ text.at, size }, path, &found);
		text.at += size + !!end;
		text.size -= size + !!end;
	}
	if (!found.type)
		return 0;
	*ret = found;
	found.type = NULL;
	return 1;
}

int mounts_look(const char *path, struct mount *ret)
{
	cleanup(buf) struct buf text = BUF_INIT(MOUNTINFO_MAX);
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text);
	return r < 0 ? r : mounts_find(buf_slice(&text), path, ret);
}

bool mount_is_ours(const struct mount *m)
{
	return m->type && strcmp(m->type, "fuse.agentdirs") == 0;
}
