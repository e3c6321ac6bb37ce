/* SPDX-License-Identifier: MIT */
#include "cmd/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/control.h"
#include "base/io.h"
#include "cmd/environment.h"

enum {
	READY_MS = 20 * 1000, /* opening a store after a crash may have to replay its log */
	/* longer than this only a process in the kernel's hands outlives SIGKILL */
	KILLED_MS = 2000,
	LEFT_MAX = 64, /* packets, and pieces of output, read after the end; a pipe holds 16 */
};

extern char **environ;

#define note(child, level, ...) \
	journal_note((child)->home->journal, (level), (child)->member->name, __VA_ARGS__)

static void change(struct child *c, enum child_state state)
{
	c->state = state;
	c->home->handler.on_change(c->home->handler.data, c);
}

/* --- what it says --- */

static bool read_output(struct child *c)
{
	char piece[LINES_PIECE_MAX];
	ssize_t n = read(c->output.fd, piece, sizeof(piece));
	if (n <= 0)
		return false;
	lines_push(&c->lines, piece, (size_t)n);
	struct slice line;
	while (lines_next(&c->lines, false, &line))
		journal_add(c->home->journal, c->member->name, line);
	return true;
}

static void on_output(void *data, uint32_t events)
{
	struct child *c = data;
	if (!read_output(c) && (events & EPOLLHUP))
		loop_remove(&c->output);
}

static void hear_ready(struct child *c, struct slice packet, int *fd)
{
	if (c->state != CHILD_STARTING)
		return;
	loop_disarm(c->home->loop, &c->timer);
	c->tries_max = c->member->retries_max;
	change(c, CHILD_READY);
}

static void hear_mounted(struct child *c, struct slice packet, int *fd)
{
	if (*fd >= 0)
		c->home->handler.on_mounted(c->home->handler.data, c, steal_fd(fd));
}

/* Only remembered: the process shall have ended before anybody acts on it. */
static void hear_failed(struct child *c, struct slice packet, int *fd)
{
	struct slice why = fields_find(packet, "why");
	buf_clear(&c->failed_why);
	(void)buf_add(&c->failed_why, why.at ? why.at : "for no given reason", why.size);
	note(c, LOG_LEVEL_ERROR, "%s", buf_text(&c->failed_why));
}

static const struct {
	const char *say;
	void (*hear)(struct child *c, struct slice packet, int *fd /* taken by setting -1 */);
} sayings[] = {
	{ "ready", hear_ready },
	{ "mounted", hear_mounted },
	{ "failed", hear_failed },
};

static void hear(struct child *c, struct slice packet, int *fd)
{
	struct slice say = fields_find(packet, "say");
	for (size_t i = 0; i < ARRAY_LEN(sayings); i++)
		if (slice_is(say, sayings[i].say))
			sayings[i].hear(c, packet, fd);
}

static bool read_control(struct child *c)
{
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t count;
	int r = io_recv_packet(c->control.fd, CONTROL_PACKET_MAX, &packet, fds, &count);
	if (r == -EMSGSIZE)
		return true;
	if (r != 1)
		return false;
	int first = count ? fds[0] : -1;
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	hear(c, buf_slice(&packet), &first);
	cleanup_fd(&first);
	return true;
}

static void on_control(void *data, uint32_t events)
{
	struct child *c = data;
	if (!read_control(c) && (events & EPOLLHUP))
		loop_remove(&c->control);
}

void child_tell(struct child *c, const struct buf *packet)
{
	if (c->control.fd >= 0)
		(void)io_send_packet(c->control.fd, packet->data, packet->size, NULL, 0);
}

/* --- life --- */

static void hang_up(struct child *c)
{
	loop_remove(&c->control);
	loop_remove(&c->output);
	cleanup_fd(&c->control.fd);
	cleanup_fd(&c->output.fd);
	c->control.fd = c->output.fd = -1;
}

/* What it said before it ended, without waiting for grandchildren that still hold the pipe. */
static void hear_out(struct child *c)
{
	for (int i = 0; i < LEFT_MAX && c->control.fd >= 0 && read_control(c); i++)
		;
	for (int i = 0; i < LEFT_MAX && c->output.fd >= 0 && read_output(c); i++)
		;
	struct slice line;
	while (lines_next(&c->lines, true, &line))
		journal_add(c->home->journal, c->member->name, line);
}

static int make_channels(struct child *c, int *ret_control, int *ret_output)
{
	int control[2], output[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return -errno;
	c->control.fd = control[0];
	*ret_control = control[1];
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	c->output.fd = output[0];
	*ret_output = output[1];
	int r = io_set_nonblock(control[0]);
	if (r == 0)
		r = io_set_nonblock(output[0]);
	if (r == 0)
		r = loop_add(c->home->loop, &c->control);
	return r < 0 ? r : loop_add(c->home->loop, &c->output);
}

static int launch(struct child *c)
{
	cleanup(fd) int control = -1, output = -1;
	int r = make_channels(c, &control, &output);
	if (r < 0)
		return r;
	cleanup(free) char **environment = environment_make(
		c->member->needs_network ? ENVIRONMENT_NETWORK : ENVIRONMENT_PLAIN, environ);
	cleanup(process) struct process p = PROCESS_NULL;
	p.program = c->program;
	p.environment = environment;
	p.output = output;
	crew_words(c->member, c->home->wiring, control, &p);
	pid_t pid = process_start(&p);
	if (pid < 0)
		return pid;
	c->pid = pid;
	return 0;
}

static void give_up(struct child *c, const char *why)
{
	cleanup(free) char *text = xstrdup(why); /* `why` may live in the child */
	change(c, CHILD_ABSENT);
	c->home->handler.on_failed(c->home->handler.data, c, text);
}

static void pause_or_give_up(struct child *c, bool was_ready, const char *how)
{
	int64_t life_ms = clock_now_ms() - c->started_ms;
	int64_t pause = restart_pause(&c->restart, life_ms, was_ready, c->tries_max);
	if (pause < 0) {
		cleanup(free) char *why = xprintf("%s %s %d times in a row before it was ready; "
			"the log in the store may say why", c->member->name, how,
			c->restart.unready);
		give_up(c, why);
		return;
	}
	note(c, LOG_LEVEL_ERROR, "%s; starting it again in %lld ms", how, (long long)pause);
	loop_arm(c->home->loop, &c->timer, clock_now_ms() + pause);
	change(c, CHILD_PAUSING);
}

static void start_again(struct child *c)
{
	c->started_ms = clock_now_ms();
	c->killed = false;
	buf_clear(&c->failed_why);
	int r = launch(c);
	if (r < 0) {
		hang_up(c);
		cleanup(free) char *how = xprintf("cannot be started (%s)", strerror(-r));
		pause_or_give_up(c, false, how);
		return;
	}
	loop_arm(c->home->loop, &c->timer, c->started_ms + READY_MS);
	change(c, CHILD_STARTING);
}

void child_start(struct child *c, int tries_max)
{
	assert(c->state == CHILD_ABSENT);
	c->tries_max = tries_max;
	c->restart = (struct restart){ 0 };
	start_again(c);
}

static void kill_it(struct child *c)
{
	c->killed = true;
	(void)kill(c->pid, SIGKILL);
}

static void settle_stop(struct child *c)
{
	loop_disarm(c->home->loop, &c->timer);
	change(c, CHILD_ABSENT);
	c->home->handler.on_stopped(c->home->handler.data, c);
}

void child_stop(struct child *c)
{
	if (c->state == CHILD_STOPPING)
		return;
	if (!c->pid) {
		settle_stop(c);
		return;
	}
	(void)kill(c->pid, SIGTERM);
	loop_arm(c->home->loop, &c->timer, clock_now_ms() + c->member->stop_ms);
	change(c, CHILD_STOPPING);
}

static void overdue(struct child *c)
{
	note(c, LOG_LEVEL_ERROR, "is not ready after %d s; killing it", READY_MS / 1000);
	kill_it(c);
}

static void outstayed(struct child *c)
{
	if (c->killed) {
		note(c, LOG_LEVEL_ERROR, "does not even die of SIGKILL; leaving it");
		settle_stop(c);
		return;
	}
	note(c, LOG_LEVEL_ERROR, "did not stop within %d s; killing it", c->member->stop_ms / 1000);
	kill_it(c);
	loop_arm(c->home->loop, &c->timer, clock_now_ms() + KILLED_MS);
}

static void on_due(void *data)
{
	static void (*const due[])(struct child *c) = {
		[CHILD_STARTING] = overdue,
		[CHILD_PAUSING] = start_again,
		[CHILD_STOPPING] = outstayed,
	};
	struct child *c = data;
	assert((size_t)c->state < ARRAY_LEN(due) && due[c->state]);
	due[c->state](c);
}

static char *describe(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return xprintf("was killed by signal %d (%s)", WTERMSIG(wait_status),
			strsignal(WTERMSIG(wait_status)));
	return xprintf("ended with exit code %d", WEXITSTATUS(wait_status));
}

void child_reaped(struct child *c, int wait_status)
{
	hear_out(c);
	hang_up(c);
	loop_disarm(c->home->loop, &c->timer);
	c->pid = 0;
	bool was_ready = c->state == CHILD_READY;
	cleanup(free) char *how = describe(wait_status);
	if (c->state == CHILD_STOPPING) {
		settle_stop(c);
	} else if (c->state == CHILD_ABSENT) {
		note(c, LOG_LEVEL_INFO, "%s, late", how);
	} else if (c->failed_why.size) {
		give_up(c, buf_text(&c->failed_why));
	} else if (wait_status == 0 && c->member->may_finish) {
		change(c, CHILD_ABSENT);
		c->home->handler.on_finished(c->home->handler.data, c);
	} else {
		pause_or_give_up(c, was_ready, how);
	}
}

void child_init(struct child *c, const struct crew_member *member, const struct child_home *home,
	char *program)
{
	*c = (struct child){ .member = member, .home = home, .program = program,
		.failed_why = BUF_INIT(JOURNAL_LINE_MAX) };
	c->timer = (struct loop_timer){ .on_due = on_due, .data = c };
	c->control = (struct loop_io){ .fd = -1, .events = EPOLLIN, .on_ready = on_control,
		.data = c };
	c->output = (struct loop_io){ .fd = -1, .events = EPOLLIN, .on_ready = on_output,
		.data = c };
	lines_init(&c->lines, JOURNAL_LINE_MAX);
}

void child_done(struct child *c)
{
	hang_up(c);
	if (c->home)
		loop_disarm(c->home->loop, &c->timer);
	lines_done(&c->lines);
	buf_done(&c->failed_why);
	free(steal(c->program));
}
