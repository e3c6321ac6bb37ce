/* SPDX-License-Identifier: MIT */
#include "rehearsal/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"
#include "rehearsal/replay.h"

enum {
	READERS_MAX = 16, /* processes at a time */
	READ_SECONDS_MAX = 10,
	FILE_BYTES_MAX = 1 << 30, /* a log of 10,000 turns has some 100 MiB */
	ANSWER_BYTES_MAX = 33 << 20, /* the largest answer fits in a request */
	ANSWER_FD = 3, /* of the child */
	WHY_MAX = 1000,
};

struct reader {
	struct loop_io io;
	struct buf answer; /* 'b' and the blocks, or 'w' and why not */
	reader_done *on_done;
	void *data;
};

/* How many there are; with one loop per process this is the process's count. */
static int readers;

static int open_log(const char *path, struct buf *why)
{
	/* Without O_NONBLOCK a named pipe would keep us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail(why, errno, "cannot open %.500s: %s", path, strerror(errno));
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_BYTES_MAX)
		return fd;
	close(fd);
	return fail(why, EINVAL, "%.500s is not a file of at most 1 GiB", path);
}

/* Feeds the complete lines of `text` and removes them: 1 when the answer was found. */
static int push_lines(struct replay *replay, struct buf *text, struct buf *why)
{
	size_t from = 0;
	int r = 0;
	while (r == 0 && from < text->size) {
		char *end = memchr(text->data + from, '\n', text->size - from);
		if (!end)
			break;
		size_t size = (size_t)(end - (text->data + from));
		r = size ? replay_push(replay, text->data + from, size, why) : 0;
		from += size + 1;
	}
	buf_consume(text, from);
	return r;
}

static int read_answer(int fd, struct replay *replay, struct buf *why)
{
	enum { PIECE = 256 << 10 };
	cleanup(buf) struct buf text = BUF_INIT(LINE_BYTES_MAX + PIECE);
	for (;;) {
		char *to = buf_reserve(&text, PIECE);
		if (!to)
			return fail(why, EFBIG, "a line is longer than %d bytes", LINE_BYTES_MAX);
		ssize_t n = read(fd, to, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(why, errno, "reading failed: %s", strerror(errno));
		text.size += (size_t)n;
		int r = push_lines(replay, &text, why);
		if (r != 0)
			return r;
		if (n == 0)
			return fail(why, ENODATA,
				"it holds %zu answers and they have all been given", replay->seen);
	}
}

static void find_answer(const char *path, size_t index, struct buf *out)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_MAX);
	struct replay replay;
	replay_init(&replay, index);
	int fd = open_log(path, &why);
	if (fd >= 0 && read_answer(fd, &replay, &why) > 0) {
		cleanup(json) cJSON *blocks = replay_take(&replay);
		(void)buf_add_text(out, "b");
		(void)json_print(out, blocks);
	} else {
		(void)buf_printf(out, "w%s", buf_text(&why));
	}
	replay_done(&replay);
}

/* The child holds nothing of its parent but the pipe: a connection that the parent closes must be
 * closed. */
static _Noreturn void run_child(int pipe_fd, const char *path, size_t index)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pipe_fd != ANSWER_FD)
		(void)dup2(pipe_fd, ANSWER_FD);
	(void)close_range(ANSWER_FD + 1, ~0U, 0);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(READ_SECONDS_MAX);
	struct buf out = BUF_INIT(ANSWER_BYTES_MAX);
	find_answer(path, index, &out);
	_exit(io_write_all(ANSWER_FD, buf_text(&out), out.size) < 0);
}

static struct reader *reader_free(struct reader *reader)
{
	loop_remove(&reader->io);
	close(reader->io.fd);
	buf_done(&reader->answer);
	free(reader);
	readers--;
	return NULL;
}

static void finish(struct reader *reader)
{
	struct buf *answer = &reader->answer;
	cleanup(json) cJSON *blocks = NULL;
	cleanup(free) char *why = NULL;
	if (answer->size && *answer->data == 'b')
		blocks = json_parse(answer->data + 1, answer->size - 1, NULL);
	else
		why = xstrdup(answer->size ? answer->data + 1 : "reading it took too long");
	reader_done *on_done = reader->on_done;
	void *data = reader->data;
	reader_free(reader);
	on_done(data, blocks, blocks || why ? why : "its answer is too big");
}

static void on_ready(void *data, uint32_t events)
{
	enum { PIECE = 64 << 10 };
	struct reader *reader = data;
	(void)events;
	char *to = buf_reserve(&reader->answer, PIECE);
	ssize_t n = to ? read(reader->io.fd, to, PIECE) : 0;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		reader->answer.size += (size_t)n;
		reader->answer.data[reader->answer.size] = '\0';
		return;
	}
	finish(reader);
}

int reader_start(struct loop *loop, const char *path, size_t index, reader_done *on_done,
	void *data, struct reader **ret)
{
	int ends[2];
	if (readers == READERS_MAX)
		return -EBUSY;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		run_child(ends[1], path, index);
	int error = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -error;
	}
	struct reader *reader = xcalloc(1, sizeof(*reader));
	*reader = (struct reader){ .answer = BUF_INIT(ANSWER_BYTES_MAX + 1),
		.on_done = on_done,
		.data = data,
		.io = { .fd = ends[0], .events = EPOLLIN, .on_ready = on_ready, .data = reader } };
	readers++;
	int r = loop_add(loop, &reader->io);
	if (r < 0) {
		reader_cancel(reader);
		return r;
	}
	*ret = reader;
	return 0;
}

struct reader *reader_cancel(struct reader *reader)
{
	if (!reader)
		return NULL;
	/* The child ends by itself: its pipe is broken now, and its alarm is set. */
	return reader_free(reader);
}
