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
	struct processes *processes;
	const struct tool *tool;
	struct job_handler handler;
	struct process process;
	struct loop_io pipe;
	struct loop_timer deadline;
	struct loop_later settle;
	struct buf answer;
	int64_t timeout_ms;
	const char *ended; /* why we killed it */
	bool exited, closed; /* both: done */
	int status;
};

static _Noreturn void run_child(const struct tool *tool, const struct tool_run *run,
	const void *args, int out)
{
	struct buf text = BUF_INIT(TOOL_RESULT_BYTES_MAX);
	char mark = tool->run(run, args, &text) < 0 ? MARK_ERROR : MARK_RESULT;
	int r = io_write_all(out, &mark, 1);
	if (r == 0)
		r = io_write_all(out, buf_text(&text), text.size);
	_exit(r < 0);
}

/* Without a whole answer there is a sentence of ours. */
static bool missing_answer(struct job *job)
{
	const char *name = job->tool->name;
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
	job->handler.on_done(job->handler.data, is_error, &job->answer);
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

static struct job *job_new(struct loop *loop, struct processes *processes,
	const struct tool *tool, int pipe)
{
	struct job *job = xcalloc(1, sizeof(*job));
	*job = (struct job){ .loop = loop, .processes = processes, .tool = tool,
		.answer = BUF_INIT(TOOL_RESULT_BYTES_MAX + 1) };
	job->process = (struct process){ .on_exit = on_exit_child, .data = job };
	job->pipe = (struct loop_io){ .fd = pipe, .events = EPOLLIN, .on_ready = on_answer,
		.data = job };
	job->deadline = (struct loop_timer){ .on_due = on_deadline, .data = job };
	job->settle = (struct loop_later){ .on_later = settle, .data = job };
	return job;
}

int job_start(struct loop *loop, struct processes *processes, const struct tool *tool,
	const struct tool_run *run, const void *args, int64_t timeout_ms,
	const struct job_handler *handler, struct job **ret)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	cleanup(fd) int from = ends[0], to = ends[1];
	struct tool_run timed = *run;
	timed.deadline_ms = clock_now_ms() + timeout_ms;
	cleanup(free) struct job *job = job_new(loop, processes, tool, from);
	job->handler = *handler;
	int r = loop_add(loop, &job->pipe);
	if (r < 0)
		return r;
	pid_t pid = process_fork(processes, &job->process);
	if (pid == 0)
		run_child(tool, &timed, args, to);
	if (pid < 0) {
		loop_remove(&job->pipe);
		return pid;
	}
	loop_arm(loop, &job->deadline, timed.deadline_ms + LATE_MS);
	(void)steal_fd(&from);
	*ret = steal(job);
	return 0;
}
