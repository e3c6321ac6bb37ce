/* SPDX-License-Identifier: MIT */
#include "tools/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/limits.h"

enum {
	LATE_MS = 1000, /* what a tool may take beyond its deadline to say what it has */
	PIECE_BYTES = 16 << 10,
};

/* The pipe carries one byte, MARK_RESULT or MARK_ERROR, and then the text up to the end. */
enum { MARK_RESULT = 'r', MARK_ERROR = 'e' };

struct job {
	struct loop *loop;
	const char *tool; /* its name */
	void (*on_done)(void *data, bool is_error, const struct buf *text);
	void *data;
	struct process process;
	struct loop_io pipe;
	struct loop_timer deadline;
	struct loop_later settle;
	struct buf answer;
	const char *ended; /* why we killed it */
	bool exited, closed; /* both: done */
	int status;
};

static _Noreturn void run_child(const struct job_order *order, int64_t deadline_ms, int out)
{
	struct buf text = BUF_INIT(TOOL_RESULT_BYTES_MAX);
	struct tool_run run = *order->run;
	run.deadline_ms = deadline_ms;
	char mark = order->tool->run(&run, order->args, &text) < 0 ? MARK_ERROR : MARK_RESULT;
	int r = io_write_all(out, &mark, 1);
	if (r == 0)
		r = io_write_all(out, buf_text(&text), text.size);
	_exit(r < 0);
}

/* Without a whole answer there is a sentence of ours. */
static bool missing_answer(struct job *job)
{
	const char *name = job->tool;
	bool whole = job->exited && WIFEXITED(job->status) && WEXITSTATUS(job->status) == 0;
	if (whole && !job->ended && job->answer.size && !job->answer.overflow)
		return false;
	buf_clear(&job->answer);
	if (job->ended)
		(void)buf_printf(&job->answer, "%c%s: %s", MARK_ERROR, name, job->ended);
	else if (WIFSIGNALED(job->status))
		(void)buf_printf(&job->answer, "%c%s: ended by signal %d", MARK_ERROR, name,
			WTERMSIG(job->status));
	else
		(void)buf_printf(&job->answer, "%c%s: gave no answer", MARK_ERROR, name);
	return true;
}

static void settle(void *data)
{
	struct job *job = data;
	if (!job->exited || !job->closed)
		return;
	bool is_error = missing_answer(job) || job->answer.data[0] != MARK_RESULT;
	loop_disarm(job->loop, &job->deadline);
	loop_remove(&job->pipe);
	close(job->pipe.fd);
	buf_consume(&job->answer, 1);
	job->on_done(job->data, is_error, &job->answer);
	buf_done(&job->answer);
	free(job);
}

static void on_exit_child(void *data, int status)
{
	struct job *job = data;
	job->exited = true;
	job->status = status;
	loop_later(job->loop, &job->settle);
}

static void on_answer(void *data, uint32_t events)
{
	struct job *job = data;
	char bytes[PIECE_BYTES];
	ssize_t n = read(job->pipe.fd, bytes, sizeof(bytes));
	if (n > 0) {
		(void)buf_add(&job->answer, bytes, (size_t)n);
	} else if (n == 0 || errno != EINTR) {
		job->closed = true;
		loop_remove(&job->pipe);
		loop_later(job->loop, &job->settle);
	}
}

static void end(struct job *job, const char *why)
{
	if (job->ended || job->exited)
		return;
	job->ended = why;
	(void)kill(job->process.pid, SIGKILL);
}

static void on_deadline(void *data)
{
	end(data, "timed out");
}

void job_interrupt(struct job *job)
{
	end(job, "interrupted");
}

static struct job *job_new(struct loop *loop, const struct job_order *order, int pipe)
{
	struct job *job = xcalloc(1, sizeof(*job));
	*job = (struct job){ .loop = loop, .tool = order->tool->name, .on_done = order->on_done,
		.data = order->data, .answer = BUF_INIT(TOOL_RESULT_BYTES_MAX + 1) };
	job->process = (struct process){ .on_exit = on_exit_child, .data = job };
	job->pipe = (struct loop_io){ .fd = pipe, .events = EPOLLIN, .on_ready = on_answer,
		.data = job };
	job->deadline = (struct loop_timer){ .on_due = on_deadline, .data = job };
	job->settle = (struct loop_later){ .on_later = settle, .data = job };
	return job;
}

int job_start(struct loop *loop, struct processes *processes, const struct job_order *order,
	struct job **ret)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	cleanup(fd) int from = ends[0], to = ends[1];
	cleanup(free) struct job *job = job_new(loop, order, from);
	int64_t deadline_ms = clock_now_ms() + order->timeout_ms;
	int r = loop_add(loop, &job->pipe);
	if (r < 0)
		return r;
	pid_t pid = process_fork(processes, &job->process);
	if (pid == 0)
		run_child(order, deadline_ms, to);
	if (pid < 0) {
		loop_remove(&job->pipe);
		return pid;
	}
	loop_arm(loop, &job->deadline, deadline_ms + LATE_MS);
	(void)steal_fd(&from);
	*ret = steal(job);
	return 0;
}
