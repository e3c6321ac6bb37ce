/* SPDX-License-Identifier: MIT */
#include "tools/bash.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "tools/clean.h"

enum {
	GRACE_MS = 2000, /* between TERM and KILL */
	BURIAL_MS = 1000, /* after KILL: for what the kernel has not let go yet */
	TICK_MS = 1000, /* how often a running command is looked after */
	LIMIT_TICKS = 3, /* in a row without a free process: it will not get better by itself */
	LATE_BYTES_MAX = 4 << 10, /* shown of what jobs wrote between two calls */
};

/* Why a call had to be ended. */
enum ending { END_NONE, END_TIMEOUT, END_INTERRUPT, END_RESTART, END_LOST, END_LIMIT };

static const char *const ending_words[] = {
	[END_TIMEOUT] = "timed out",
	[END_INTERRUPT] = "interrupted",
	[END_RESTART] = "restarted",
	[END_LOST] =
		"the shell stopped listening: it was stopped, set -n, or its descriptors above 250 "
		"were closed or filled",
	[END_LIMIT] = "the limit on processes was reached",
};

enum state {
	BASH_IDLE,
	BASH_RUNNING, /* a command was sent, or could not be */
	BASH_ENDING, /* everything was signalled, some of it may still live */
};

struct bash {
	struct loop *loop;
	struct bash_handler handler;
	struct shell shell;
	enum state state;
	enum ending ending;
	/* Marks of this round: the command's status is in; the shell's process is gone. */
	bool replied, exited;
	int status; /* of the command */
	int wait_status; /* of the shell */
	char failure[128]; /* why no command was sent; "" when one was */
	const struct bash_args *args; /* lent, of the running call */
	int64_t timeout_ms;
	unsigned limit_ticks;
	bool killed; /* KILL was sent */
	char cwd[PATH_MAX]; /* last known */
	struct buf before; /* of the result: what has to be said before the output */
	struct loop_timer deadline, tick, grace;
	struct loop_later settle;
};

/* ---- the result ---- */

/* A tail may begin within a character. */
static size_t broken_start(const struct buf *b)
{
	size_t n = 0;
	while (n < 3 && n < b->size && (b->data[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Moves the kept output into `out`, cleaned and cut to its last `max` bytes; returns the number of
 * raw bytes that are missing. */
static uint64_t take_output(struct shell *shell, size_t max, struct buf *out)
{
	cleanup(buf) struct buf raw = BUF_INIT(RING_BYTES);
	uint64_t lost = ring_lost(&shell->ring);
	ring_take(&shell->ring, &raw);
	buf_consume(&raw, lost ? broken_start(&raw) : 0);
	clean_text(out, buf_text(&raw), raw.size);
	clean_line_starts(out, SHELL_COMMAND_PATH ": ", "bash: ");
	if (out->size > max) {
		lost += out->size - max;
		buf_consume(out, out->size - max);
		buf_consume(out, broken_start(out));
	}
	return lost;
}

static void add_line(struct buf *out, const char *line)
{
	if (out->size && out->data[out->size - 1] != '\n')
		(void)buf_add_char(out, '\n');
	(void)buf_add_text(out, line);
}

static void add_output(struct bash *b, struct buf *out)
{
	cleanup(buf) struct buf text = BUF_INIT(4 * RING_BYTES);
	uint64_t lost = take_output(&b->shell, RING_BYTES, &text);
	clean_end(&text);
	if (lost)
		(void)buf_printf(out,
			"[output truncated]\n[%llu bytes before this are not shown]\n",
			(unsigned long long)lost);
	(void)buf_add(out, buf_text(&text), text.size);
}

static void add_new_shell(struct bash *b, struct buf *out)
{
	add_line(out, "");
	(void)buf_printf(out,
		"[the shell has ended; the next call starts a new one in %s, without the "
		"variables, functions and jobs of this one]",
		b->cwd[0] ? b->cwd : b->shell.workdir);
}

static void add_status(struct buf *out, int status)
{
	if (status == 0)
		return;
	add_line(out, "");
	(void)buf_printf(out, "[exit %d]", status);
}

static void add_wait_status(struct buf *out, int wait_status)
{
	if (!WIFSIGNALED(wait_status)) {
		add_status(out, WEXITSTATUS(wait_status));
		return;
	}
	add_line(out, "");
	(void)buf_printf(out, "[signal %d]", WTERMSIG(wait_status));
}

static void add_ending(struct bash *b, struct buf *out)
{
	add_line(out, "");
	(void)buf_printf(out, "[%s", ending_words[b->ending]);
	if (b->ending == END_TIMEOUT)
		(void)buf_printf(out, " after %g s", (double)b->timeout_ms / 1000);
	(void)buf_add_text(out, "]");
	add_new_shell(b, out);
}

/* The shell ended while no command ran: the next call has to say so. */
static void settle_idle(struct bash *b)
{
	if (!b->exited)
		return;
	b->exited = false;
	buf_clear(&b->before);
	(void)buf_printf(&b->before,
		"[the shell had ended since the last call; this is a new one in %s]\n",
		b->cwd[0] ? b->cwd : b->shell.workdir);
}

/* Gives the result and is idle again: the handler may start the next call. */
static void done(struct bash *b, bool is_error, struct buf *text)
{
	loop_disarm(b->loop, &b->deadline);
	loop_disarm(b->loop, &b->tick);
	loop_disarm(b->loop, &b->grace);
	buf_clear(&b->before);
	b->state = BASH_IDLE;
	b->ending = END_NONE;
	b->args = NULL;
	b->failure[0] = '\0';
	if (b->replied && b->exited)
		settle_idle(b); /* it ended right behind its last command */
	b->replied = b->exited = b->killed = false;
	b->handler.on_done(b->handler.data, is_error, text);
}

static void finish(struct bash *b)
{
	cleanup(buf) struct buf text = BUF_INIT(TOOL_RESULT_BYTES_MAX);
	bool is_error = true;
	(void)buf_add(&text, buf_text(&b->before), b->before.size);
	shell_drain(&b->shell);
	add_output(b, &text);
	if (b->ending != END_NONE) {
		add_ending(b, &text);
	} else if (b->replied) {
		is_error = b->status != 0;
		add_status(&text, b->status);
	} else {
		is_error = b->wait_status != 0;
		add_wait_status(&text, b->wait_status);
		add_new_shell(b, &text);
	}
	done(b, is_error, &text);
}

static void finish_text(struct bash *b, bool is_error, const char *words)
{
	cleanup(buf) struct buf text = BUF_INIT(1000);
	(void)buf_add_text(&text, words);
	done(b, is_error, &text);
}

/* ---- ending everything ---- */

/* Where the next shell shall begin: where this one is now. */
static void note_cwd(struct bash *b)
{
	static const char gone[] = " (deleted)";
	char cwd[PATH_MAX];
	if (!shell_cwd(&b->shell, cwd))
		return;
	size_t n = strlen(cwd), m = sizeof(gone) - 1;
	bool deleted = n > m && strcmp(cwd + n - m, gone) == 0;
	memcpy(b->cwd, deleted ? "" : cwd, deleted ? 1 : n + 1);
}

static void end_shell(struct bash *b, enum ending why)
{
	if (b->state == BASH_ENDING)
		return;
	note_cwd(b);
	if (why == END_RESTART)
		b->cwd[0] = '\0';
	b->state = BASH_ENDING;
	b->ending = why;
	b->killed = why == END_LIMIT || why == END_RESTART; /* nobody waits for a clean end */
	process_signal(b->shell.processes, b->shell.process.pid, b->killed ? SIGKILL : SIGTERM);
	loop_arm(b->loop, &b->grace, clock_now_ms() + (b->killed ? BURIAL_MS : GRACE_MS));
	loop_later(b->loop, &b->settle);
}

static void on_grace(void *data)
{
	struct bash *b = data;
	if (b->killed) {
		finish(b); /* the kernel holds on to something; it is dead all the same */
		return;
	}
	b->killed = true;
	process_signal(b->shell.processes, b->shell.process.pid, SIGKILL);
	loop_arm(b->loop, &b->grace, clock_now_ms() + BURIAL_MS);
}

static void on_deadline(void *data)
{
	end_shell(data, END_TIMEOUT);
}

static void on_tick(void *data)
{
	struct bash *b = data;
	loop_arm(b->loop, &b->tick, clock_now_ms() + TICK_MS);
	b->limit_ticks = process_limit_reached() ? b->limit_ticks + 1 : 0;
	if (shell_is_lost(&b->shell))
		end_shell(b, END_LOST);
	else if (b->limit_ticks == LIMIT_TICKS)
		end_shell(b, END_LIMIT);
}

/* ---- one call ---- */

/* What jobs of earlier calls wrote since belongs to nobody's output. */
static void show_late_output(struct bash *b)
{
	cleanup(buf) struct buf late = BUF_INIT(4 * RING_BYTES);
	if (!b->shell.ring.total)
		return;
	(void)take_output(&b->shell, LATE_BYTES_MAX, &late);
	clean_end(&late);
	if (late.size)
		(void)buf_printf(&b->before,
			"[output of background jobs since the last call]\n%s\n"
			"[output of this call]\n",
			buf_text(&late));
}

/* 0 or -errno. */
static int start_command(struct bash *b)
{
	bool astray = false;
	process_reap(b->shell.processes); /* whether the shell lives is decided now */
	settle_idle(b);
	show_late_output(b);
	if (b->shell.alive) {
		note_cwd(b);
		astray = !b->cwd[0];
	} else {
		int r = shell_start(&b->shell, b->cwd[0] ? b->cwd : b->shell.workdir);
		if (r < 0)
			return r;
	}
	if (astray)
		(void)buf_printf(&b->before, "[the working directory was deleted; now in %s]\n",
			b->shell.workdir);
	return shell_send(&b->shell, b->args->command, astray);
}

static void refuse(struct bash *b, const char *why)
{
	(void)snprintf(b->failure, sizeof(b->failure), "bash: %s", why);
	loop_later(b->loop, &b->settle);
}

static void run_command(struct bash *b)
{
	int64_t now = clock_now_ms();
	b->state = BASH_RUNNING;
	b->ending = END_NONE;
	b->limit_ticks = 0;
	int r = start_command(b);
	loop_arm(b->loop, &b->deadline, now + b->timeout_ms);
	loop_arm(b->loop, &b->tick, now + TICK_MS);
	if (r == -EBUSY)
		end_shell(b, END_LOST);
	else if (r < 0)
		refuse(b, strerror(-r));
}

/* The old shell is gone: `restart` goes on from here, every other ending is a result. */
static void ended(struct bash *b)
{
	if (b->ending != END_RESTART) {
		finish(b);
		return;
	}
	ring_done(&b->shell.ring);
	b->replied = b->exited = b->killed = false;
	loop_disarm(b->loop, &b->grace);
	if (b->args->command.size)
		run_command(b);
	else
		finish_text(b, false, "bash session restarted");
}

static bool is_gone(const struct bash *b)
{
	return !b->shell.alive && !process_any_left(b->shell.processes, b->shell.process.pid);
}

/* Looks at the marks, once a round, and acts. */
static void settle(void *data)
{
	struct bash *b = data;
	if (b->state == BASH_IDLE)
		settle_idle(b);
	else if (b->failure[0])
		finish_text(b, true, b->failure);
	else if (b->state == BASH_ENDING && is_gone(b))
		ended(b);
	else if (b->state == BASH_RUNNING && (b->replied || b->exited))
		finish(b);
}

static void on_status(void *data, int status)
{
	struct bash *b = data;
	b->replied = true;
	b->status = status;
	loop_later(b->loop, &b->settle);
}

static void on_exit_shell(void *data, int wait_status)
{
	struct bash *b = data;
	b->exited = true;
	b->wait_status = wait_status;
	shell_ended(&b->shell);
	loop_later(b->loop, &b->settle);
}

static void on_reaped(void *data)
{
	struct bash *b = data;
	if (b->state == BASH_ENDING)
		loop_later(b->loop, &b->settle);
}

void bash_run(struct bash *b, const struct bash_args *args, int64_t timeout_ms)
{
	assert(b->state == BASH_IDLE);
	b->args = args;
	b->timeout_ms = timeout_ms;
	b->state = BASH_RUNNING;
	if (args->command.size && memchr(args->command.at, '\0', args->command.size)) {
		refuse(b, "the command contains a NUL byte");
	} else if (args->restart) {
		buf_clear(&b->before);
		end_shell(b, END_RESTART);
	} else if (!args->command.size) {
		refuse(b, "command is required");
	} else {
		run_command(b);
	}
}

void bash_interrupt(struct bash *b)
{
	if (b->state == BASH_RUNNING)
		end_shell(b, END_INTERRUPT);
}

/* ---- life ---- */

int bash_new(struct loop *loop, struct processes *processes, const char *workdir,
	const struct bash_handler *handler, struct bash **ret)
{
	struct bash *b = xcalloc(1, sizeof(*b));
	b->loop = loop;
	b->handler = *handler;
	b->before = BUF_INIT(16 << 10);
	b->deadline = (struct loop_timer){ .on_due = on_deadline, .data = b };
	b->tick = (struct loop_timer){ .on_due = on_tick, .data = b };
	b->grace = (struct loop_timer){ .on_due = on_grace, .data = b };
	b->settle = (struct loop_later){ .on_later = settle, .data = b };
	processes->on_reaped = on_reaped;
	processes->data = b;
	int r = shell_init(&b->shell, loop, processes, workdir);
	b->shell.process.on_exit = on_exit_shell;
	b->shell.process.data = b;
	b->shell.on_status = on_status;
	b->shell.data = b;
	*ret = b;
	return r;
}

struct bash *bash_free(struct bash *b)
{
	if (!b)
		return NULL;
	if (b->shell.alive)
		process_signal(b->shell.processes, b->shell.process.pid, SIGKILL);
	list_remove(&b->shell.process.link);
	loop_disarm(b->loop, &b->deadline);
	loop_disarm(b->loop, &b->tick);
	loop_disarm(b->loop, &b->grace);
	loop_forget(&b->settle);
	shell_done(&b->shell);
	buf_done(&b->before);
	free(b);
	return NULL;
}
