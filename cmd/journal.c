/* SPDX-License-Identifier: MIT */
#include "cmd/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

static int open_file(struct journal *j)
{
	cleanup(fd) int fd = open(j->path,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (j->echo < 0 && dup2(fd, STDERR_FILENO) < 0)
		return -errno;
	j->size = (size_t)st.st_size;
	j->fd = steal_fd(&fd);
	return 0;
}

int journal_open(const char *path, enum log_level level, int echo, struct journal *ret)
{
	struct journal j = { .fd = -1, .path = xstrdup(path), .level = level, .echo = echo };
	int r = open_file(&j);
	if (r < 0)
		journal_done(&j);
	else
		*ret = j;
	return r;
}

static void close_file(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

void journal_done(struct journal *j)
{
	close_file(j);
	free(steal(j->path));
}

static void rotate(struct journal *j)
{
	cleanup(free) char *old = xprintf("%s.1", j->path);
	close_file(j);
	(void)rename(j->path, old);
	(void)open_file(j);
}

/* What a child prints may hold bytes from the network or from a model. */
static void add_clean(struct buf *line, struct slice text)
{
	size_t size = text.size < JOURNAL_LINE_MAX ? text.size : JOURNAL_LINE_MAX;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text.at[i];
		(void)buf_add_char(line, (c < ' ' && c != '\t') || c == 0x7f ? '?' : (char)c);
	}
}

static void add_time(struct buf *line)
{
	char text[CLOCK_TEXT_SIZE];
	clock_text(clock_wall_us(), text);
	(void)buf_printf(line, "%.23sZ ", text); /* milliseconds are enough for a person */
}

void journal_add(struct journal *j, const char *who, struct slice text)
{
	cleanup(buf) struct buf line = BUF_INIT(JOURNAL_LINE_MAX + 256);
	add_time(&line);
	size_t time_size = line.size;
	(void)buf_printf(&line, "%s: ", who);
	add_clean(&line, text);
	(void)buf_add_char(&line, '\n');
	if (j->fd >= 0 && j->size + line.size > JOURNAL_BYTES_MAX)
		rotate(j);
	if (j->fd < 0)
		(void)open_file(j);
	if (j->fd >= 0 && io_write_all(j->fd, line.data, line.size) == 0)
		j->size += line.size;
	if (j->echo >= 0)
		(void)io_write_all(j->echo, line.data + time_size, line.size - time_size);
}

void journal_note(struct journal *j, enum log_level level, const char *who, const char *format, ...)
{
	if (level > j->level)
		return;
	cleanup(buf) struct buf text = BUF_INIT(JOURNAL_LINE_MAX);
	va_list args;
	va_start(args, format);
	(void)buf_vprintf(&text, format, args);
	va_end(args);
	journal_add(j, who, buf_slice(&text));
}
