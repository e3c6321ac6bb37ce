/* SPDX-License-Identifier: MIT */
#include "tools/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"

/* Where bash finds our channels: high, since scripts like to use the low ones and 200. */
enum { FD_SCRIPT = 250, FD_COMMAND, FD_OUTPUT, FD_STATUS, CHANNELS = 4 };

#define SCRIPT_PATH "/proc/self/fd/250"
_Static_assert(FD_SCRIPT == 250 && FD_COMMAND == 251, "as SCRIPT_PATH and SHELL_COMMAND_PATH say");

enum {
	STATUS_LINE_MAX = 4096, /* anybody in the shell may write there; more than this is noise */
	READ_BYTES = 64 << 10, /* a pipe's capacity */
};

/* ---- channels ---- */

static void on_output(void *data, uint32_t events)
{
	struct shell *s = data;
	char bytes[READ_BYTES];
	ssize_t n = read(s->output.fd, bytes, sizeof(bytes));
	if (n > 0)
		ring_add(&s->ring, bytes, (size_t)n);
}

void shell_drain(struct shell *s)
{
	int waiting = 0;
	char bytes[READ_BYTES];
	(void)ioctl(s->output.fd, FIONREAD, &waiting);
	while (waiting > 0) {
		ssize_t n = read(s->output.fd, bytes, sizeof(bytes));
		if (n <= 0)
			break;
		ring_add(&s->ring, bytes, (size_t)n);
		waiting -= (int)n;
	}
}

/* "NONCE STATUS"; any other line was not ours. */
static void status_line(struct shell *s, char *line)
{
	size_t n = strlen(s->nonce);
	if (!n || strncmp(line, s->nonce, n) != 0 || line[n] != ' ')
		return;
	s->nonce[0] = '\0';
	s->on_status(s->data, atoi(line + n + 1));
}

static void on_status_bytes(void *data, uint32_t events)
{
	struct shell *s = data;
	char bytes[STATUS_LINE_MAX / 2];
	ssize_t n = read(s->status.fd, bytes, sizeof(bytes));
	if (n == 0)
		loop_remove(&s->status); /* no writer is left; whether the shell is, we are told */
	if (n <= 0)
		return;
	if (buf_add(&s->status_line, bytes, (size_t)n) < 0)
		buf_clear(&s->status_line);
	for (struct buf *line = &s->status_line; line->size;) {
		char *end = memchr(line->data, '\n', line->size);
		if (!end)
			break;
		*end = '\0';
		status_line(s, line->data);
		buf_consume(line, (size_t)(end + 1 - line->data));
	}
}

int shell_init(struct shell *s, struct loop *loop, struct processes *processes, const char *workdir)
{
	int ends[2];
	*s = (struct shell){ .loop = loop, .processes = processes, .workdir = workdir,
		.script_fd = -1, .status = { .fd = -1 },
		.status_line = BUF_INIT(STATUS_LINE_MAX) };
	list_init(&s->process.link);
	s->command_fd = memfd_create("command", MFD_CLOEXEC);
	if (s->command_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	s->output_fd = ends[1];
	s->output = (struct loop_io){ .fd = ends[0], .events = EPOLLIN, .on_ready = on_output,
		.data = s };
	int r = io_set_nonblock(ends[0]);
	return r < 0 ? r : loop_add(loop, &s->output);
}

static void close_private(struct shell *s)
{
	loop_remove(&s->status);
	cleanup_fd(&s->status.fd);
	cleanup_fd(&s->script_fd);
	s->status.fd = s->script_fd = -1;
	s->nonce[0] = '\0';
	buf_clear(&s->status_line);
}

void shell_done(struct shell *s)
{
	close_private(s);
	loop_remove(&s->output);
	close(s->output.fd);
	close(s->output_fd);
	close(s->command_fd);
	ring_done(&s->ring);
	buf_done(&s->status_line);
}

/* Whoever ran in the shell could write into the memfd, too: what it grew to must not outlive them. */
void shell_ended(struct shell *s)
{
	s->alive = false;
	close_private(s);
	(void)ftruncate(s->command_fd, 0);
}

/* ---- the process ---- */

/* What a program without a terminal and without a person needs to know; the rest of the environment
 * is what the hands were given. */
static const struct {
	const char *name, *value;
	bool keep; /* what we were given is better */
} environment[] = {
	{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", true },
	{ "HOME", "/root", true },
	{ "LANG", "C.UTF-8", true },
	{ "TERM", "dumb", false },
	{ "NO_COLOR", "1", false },
	{ "PAGER", "cat", false },
	{ "GIT_PAGER", "cat", false },
	{ "GIT_EDITOR", "true", false },
	{ "GIT_TERMINAL_PROMPT", "0", false },
	{ "DEBIAN_FRONTEND", "noninteractive", false },
};

static void set_environment(void)
{
	for (size_t i = 0; i < ARRAY_LEN(environment); i++)
		(void)setenv(environment[i].name, environment[i].value, !environment[i].keep);
}

static _Noreturn void give_up(const char *what)
{
	(void)dprintf(FD_OUTPUT, "%s: %s\n", what, strerror(errno));
	_exit(127);
}

/* The script's descriptor is read through its name, so that bash keeps it to itself. */
static _Noreturn void become_bash(const struct shell *s, const char *dir,
	const int channels[static CHANNELS])
{
	for (int i = 0; i < CHANNELS; i++)
		if (dup2(channels[i], FD_SCRIPT + i) < 0)
			_exit(127);
	int null = open("/dev/null", O_RDWR);
	if (null < 0)
		give_up("/dev/null");
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	(void)close_range(3, FD_SCRIPT - 1, 0);
	(void)close_range(FD_STATUS + 1, ~0U, 0);
	(void)setsid();
	if (chdir(dir) < 0 && chdir(s->workdir) < 0)
		give_up(s->workdir);
	set_environment();
	execl("/bin/bash", "bash", "--noprofile", "--norc", SCRIPT_PATH, (char *)NULL);
	give_up("/bin/bash");
}

/* A descriptor that can only read the command: what runs in the shell inherits it. */
static int open_command(const struct shell *s)
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->command_fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Its first lines: the script's own descriptor is nobody else's, messages begin with "bash:", and
 * when memory runs out, it is the shell's children that go and not the hands. */
static int adopt(struct shell *s, int *script, int *status)
{
	static const char hello[] =
		"exec 250<&-;BASH_ARGV0=bash;echo 700 >/proc/self/oom_score_adj\n";
	s->alive = true;
	s->script_fd = steal_fd(script);
	s->status = (struct loop_io){ .fd = steal_fd(status), .events = EPOLLIN,
		.on_ready = on_status_bytes, .data = s };
	int r = loop_add(s->loop, &s->status);
	return r < 0 ? r : io_write_all(s->script_fd, hello, sizeof(hello) - 1);
}

/* The shell's ends can be opened through /proc by everything that runs in it, and then be filled or
 * emptied behind our back: ours must never wait. */
static int make_pipe(int ends[static 2], int ours)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	return io_set_nonblock(ends[ours]);
}

int shell_start(struct shell *s, const char *dir)
{
	int script[2] = { -1, -1 }, status[2] = { -1, -1 };
	int r = make_pipe(script, 1);
	if (r == 0)
		r = make_pipe(status, 0);
	cleanup(fd) int script_read = script[0], script_write = script[1];
	cleanup(fd) int status_read = status[0], status_write = status[1];
	if (r < 0)
		return r;
	cleanup(fd) int command = open_command(s);
	if (command < 0)
		return command;
	const int channels[CHANNELS] = { script_read, command, s->output_fd, status_write };
	pid_t pid = process_fork(s->processes, &s->process);
	if (pid < 0)
		return pid;
	if (pid == 0)
		become_bash(s, dir, channels);
	return adopt(s, &script_write, &status_read);
}

static int put_command(struct shell *s, struct slice command)
{
	if (ftruncate(s->command_fd, 0) < 0)
		return -errno;
	ssize_t n = pwrite(s->command_fd, command.at, command.size, 0);
	return n < 0 ? -errno : (size_t)n < command.size ? -ENOSPC : 0;
}

static void make_nonce(char ret[static SHELL_NONCE_SIZE])
{
	uint64_t value = 0;
	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		abort();
	(void)snprintf(ret, SHELL_NONCE_SIZE, "%016llx", (unsigned long long)value);
}

int shell_send(struct shell *s, struct slice command, bool come_back)
{
	cleanup(buf) struct buf lines = BUF_INIT(2 * PATH_MAX);
	int r = put_command(s, command);
	if (r < 0)
		return r;
	make_nonce(s->nonce);
	if (come_back)
		(void)buf_printf(&lines, "builtin cd '%s';", s->workdir);
	(void)buf_printf(&lines,
		"builtin . " SHELL_COMMAND_PATH " >&%d 2>&1;builtin echo %s $?>&%d\nset +eu\n",
		FD_OUTPUT, s->nonce, FD_STATUS);
	r = io_write_all(s->script_fd, lines.data, lines.size);
	return r == -EAGAIN ? -EBUSY : r;
}

bool shell_is_lost(const struct shell *s)
{
	int unread = 0, arrived = 0;
	if (!s->nonce[0] || ioctl(s->script_fd, FIONREAD, &unread) < 0 || unread > 0)
		return false;
	return ioctl(s->status.fd, FIONREAD, &arrived) < 0 || arrived == 0;
}

bool shell_cwd(const struct shell *s, char ret[static PATH_MAX])
{
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)s->process.pid);
	ssize_t n = s->alive ? readlink(path, ret, PATH_MAX - 1) : -1;
	if (n < 0)
		return false;
	ret[n] = '\0';
	return true;
}
