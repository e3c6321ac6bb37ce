/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-hands: pid 1 of a sandbox, runs the tools.
 *
 *	agentdirs-hands control=FD instance=ID session=ID
 *
 * `control` is a SOCK_SEQPACKET socket; each packet brings one SOCK_STREAM
 * descriptor, a harness that wants to speak (sandbox/protocol.h, part 2).  End of
 * file on it ends this process and with it the sandbox.  Streams come and go;
 * calls do not care.
 *
 * Everything that a call needs hangs on struct hands: requests become rows of
 * the table of calls, `start_calls` starts what may start, and a result finds
 * its way to whoever asked last.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/args.h"
#include "base/control.h"
#include "base/io.h"
#include "base/trim.h"
#include "tools/bash.h"
#include "tools/confined.h"
#include "tools/job.h"
#include "tools/stream.h"

enum {
	STREAMS_MAX = 4, /* a harness, its successor, and some that have not noticed their end */
	EXIT_REFUSED = 2,
};

/* Where the file tools may go.  The first is the working directory and must exist; others are
 * skipped when the sandbox was made without them. */
static const struct {
	const char *prefix;
	bool read_only;
} root_rows[] = {
	{ "/workspace", false },
};

struct task; /* a running call */

struct hands {
	struct loop *loop;
	const char *instance;
	const char *workdir;
	struct loop_io control;
	struct processes processes;
	struct stream *streams[STREAMS_MAX]; /* oldest first; NULL behind the last */
	uint64_t streams_made;
	struct calls calls;
	struct list tasks; /* struct task.link */
	struct bash *bash;
	struct call *shell_call; /* the one that bash runs; NULL: none */
	struct root roots[ARRAY_LEN(root_rows)];
	struct tool_run run;
	struct loop_later start;
};

struct task {
	struct hands *hands;
	struct call *call;
	struct job *job;
	struct list link; /* hands.tasks */
};

/* ---- results ---- */

static struct stream *stream_of(struct hands *h, uint64_t number)
{
	for (size_t i = 0; i < STREAMS_MAX && h->streams[i]; i++)
		if (stream_number(h->streams[i]) == number)
			return h->streams[i];
	return NULL;
}

/* The call is over: tell who asked last, keep the result until it is acknowledged. */
static void conclude(struct hands *h, struct call *call, bool is_error, struct slice text)
{
	calls_finish(&h->calls, call, is_error, text, clock_wall_us());
	struct stream *stream = stream_of(h, call->stream);
	if (stream)
		stream_say_result(stream, call);
	if (call->acknowledged)
		calls_remove(&h->calls, call);
	loop_later(h->loop, &h->start);
}

static void on_bash_done(void *data, bool is_error, const struct buf *text)
{
	struct hands *h = data;
	struct call *call = steal(h->shell_call);
	conclude(h, call, is_error, buf_slice(text));
}

static void on_job_done(void *data, bool is_error, const struct buf *text)
{
	struct task *task = data;
	list_remove(&task->link);
	conclude(task->hands, task->call, is_error, buf_slice(text));
	free(task);
}

/* ---- starting ---- */

static int64_t bash_timeout_ms(const struct call *call)
{
	const struct bash_args *args = (const void *)call->args;
	int64_t wished = args->timeout_ms > 0 ? args->timeout_ms : TOOL_TIMEOUT_MS_DEFAULT;
	return wished < call->timeout_ms ? wished : call->timeout_ms;
}

static void start_in_shell(struct hands *h, struct call *call)
{
	h->shell_call = call;
	bash_run(h->bash, (const void *)call->args, bash_timeout_ms(call));
}

static void start_task(struct hands *h, struct call *call)
{
	struct task *task = xcalloc(1, sizeof(*task));
	*task = (struct task){ .hands = h, .call = call };
	const struct job_order order = { .tool = call->tool, .run = &h->run, .args = call->args,
		.timeout_ms = call->timeout_ms, .on_done = on_job_done, .data = task };
	list_add(&h->tasks, &task->link);
	int r = job_start(h->loop, &h->processes, &order, &task->job);
	if (r == 0)
		return;
	cleanup(buf) struct buf why = BUF_INIT(200);
	(void)fail(&why, -r, "%s: cannot start: %s", call->tool->name, strerror(-r));
	on_job_done(task, true, &why);
}

static void start_calls(void *data)
{
	struct hands *h = data;
	for (struct call *call; (call = calls_next(&h->calls));) {
		call->state = CALL_RUNNING;
		call->started_us = clock_wall_us();
		if (call->tool->needs & TOOL_EXECUTES)
			start_in_shell(h, call);
		else
			start_task(h, call);
	}
}

/* ---- requests ---- */

/* An error for a call that will not be remembered. */
static void refuse(struct stream *stream, struct slice id, const char *words)
{
	struct call call = { .is_error = true, .text = BUF_INIT(200) };
	memcpy(call.id, id.at, id.size);
	call.started_us = call.ended_us = clock_wall_us();
	(void)buf_add_text(&call.text, words);
	stream_say_result(stream, &call);
	buf_done(&call.text);
}

/* Finds the tool and unpacks its parameters: 0, or -EINVAL with a sentence. */
static int prepare(struct call *call, struct slice tool, struct buf *why)
{
	cleanup(free) char *name = xstrndup(tool.at, tool.size);
	cleanup(buf) struct buf reason = BUF_INIT(500);
	call->tool = tool_find(name);
	if (!call->tool)
		return fail(why, EINVAL, "Error: Tool '%.100s' not found", name);
	if (param_unpack(call->tool->params, buf_slice(&call->input), call->args, &reason) < 0)
		return fail(why, EINVAL, "%s: %s", call->tool->name, buf_text(&reason));
	return 0;
}

static void add_call(struct hands *h, struct stream *stream, const struct request *request)
{
	cleanup(buf) struct buf why = BUF_INIT(1000);
	struct call *call = calls_add(&h->calls, request->call, NULL, request->input);
	if (!call) {
		refuse(stream, request->call,
			"too many calls at a time; try again when some are done");
		return;
	}
	call->stream = stream_number(stream);
	call->timeout_ms = request->timeout_ms;
	if (prepare(call, request->tool, &why) == 0) {
		loop_later(h->loop, &h->start);
		return;
	}
	call->started_us = clock_wall_us();
	conclude(h, call, true, buf_slice(&why));
}

static void on_execute(struct hands *h, struct stream *stream, struct call *call,
	const struct request *request)
{
	if (!call) {
		add_call(h, stream, request);
		return;
	}
	call->stream = stream_number(stream);
	if (call->state == CALL_DONE)
		stream_say_result(stream, call);
}

static void on_acknowledge(struct hands *h, struct stream *stream, struct call *call,
	const struct request *request)
{
	if (!call)
		return;
	call->acknowledged = true;
	if (call->state == CALL_DONE)
		calls_remove(&h->calls, call);
}

static struct task *task_of(struct hands *h, const struct call *call)
{
	struct task *task;
	list_each(&h->tasks, task, struct task, link)
		if (task->call == call)
			return task;
	return NULL;
}

static void on_interrupt(struct hands *h, struct stream *stream, struct call *call,
	const struct request *request)
{
	if (!call || call->state == CALL_DONE)
		return;
	if (call->state == CALL_WAITING)
		conclude(h, call, true, slice_of("interrupted before it started"));
	else if (call == h->shell_call)
		bash_interrupt(h->bash);
	else
		job_interrupt(task_of(h, call)->job);
}

static void on_ping(struct hands *h, struct stream *stream, struct call *call,
	const struct request *request)
{
	stream_say_pong(stream);
}

static void on_unknown(struct hands *h, struct stream *stream, struct call *call,
	const struct request *request)
{
}

static void on_request(void *data, struct stream *stream, const struct request *request)
{
	static void (*const verbs[])(struct hands *, struct stream *, struct call *,
		const struct request *) = {
		[REQUEST_EXECUTE] = on_execute,
		[REQUEST_ACKNOWLEDGE] = on_acknowledge,
		[REQUEST_INTERRUPT] = on_interrupt,
		[REQUEST_PING] = on_ping,
		[REQUEST_UNKNOWN] = on_unknown,
	};
	struct hands *h = data;
	verbs[request->kind](h, stream, calls_find(&h->calls, request->call), request);
}

/* ---- streams ---- */

static void on_stream_end(void *data, struct stream *stream)
{
	struct hands *h = data;
	size_t i = 0;
	while (h->streams[i] != stream)
		i++;
	for (; i + 1 < STREAMS_MAX; i++)
		h->streams[i] = h->streams[i + 1];
	h->streams[i] = NULL;
}

/* The newest harness is the one that is alive, so it is the oldest that has to go. */
static void make_room(struct hands *h)
{
	if (!h->streams[STREAMS_MAX - 1])
		return;
	struct stream *oldest = h->streams[0];
	on_stream_end(h, oldest);
	stream_free(oldest);
}

static void add_stream(struct hands *h, int fd /* taken */)
{
	const struct stream_handler handler = { .on_request = on_request, .on_end = on_stream_end,
		.data = h };
	struct stream *stream = NULL;
	size_t i = 0;
	make_room(h);
	if (stream_new(h->loop, fd, ++h->streams_made, &handler, &stream) < 0)
		return;
	while (h->streams[i])
		i++;
	h->streams[i] = stream;
	stream_say_hello(stream, h->instance, &h->calls);
}

static void on_control(void *data, uint32_t events)
{
	struct hands *h = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX);
	int fds[IO_FDS_MAX];
	size_t count = 0;
	int r = io_recv_packet(h->control.fd, CONTROL_PACKET_MAX, &packet, fds, &count);
	if (r == -EAGAIN || r == -EMSGSIZE)
		return;
	if (r <= 0) {
		loop_stop(h->loop, 0);
		return;
	}
	for (size_t i = 0; i < count; i++)
		add_stream(h, fds[i]);
}

/* ---- life ---- */

static void on_child(void *data, int signal)
{
	struct hands *h = data;
	process_reap(&h->processes);
}

/* 0 or -errno with a sentence. */
static int open_roots(struct hands *h, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(root_rows); i++) {
		const char *prefix = i == 0 ? h->workdir : root_rows[i].prefix;
		int fd = open(prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && i == 0)
			return fail(why, errno, "cannot open %s: %s", prefix, strerror(errno));
		if (fd >= 0)
			h->roots[h->run.root_count++] =
				(struct root){ prefix, fd, root_rows[i].read_only };
	}
	h->run.roots = h->roots;
	return chdir(h->workdir) < 0 ? fail(why, errno, "cannot enter %s", h->workdir) : 0;
}

/* Loop, signals, control socket and shell; 0 or -errno. */
static int set_up(struct hands *h, int control)
{
	static const int signals[] = { SIGCHLD }; /* pid 1 ignores what others inside may send */
	const struct bash_handler handler = { .on_done = on_bash_done, .data = h };
	(void)signal(SIGPIPE, SIG_IGN);
	list_init(&h->tasks);
	calls_init(&h->calls);
	process_setup(&h->processes);
	h->start = (struct loop_later){ .on_later = start_calls, .data = h };
	h->control = (struct loop_io){ .fd = control, .events = EPOLLIN, .on_ready = on_control,
		.data = h };
	int r = loop_new(&h->loop);
	if (r == 0)
		r = loop_signals(h->loop, signals, ARRAY_LEN(signals), on_child, h);
	if (r == 0)
		r = io_set_nonblock(control);
	if (r == 0)
		r = loop_add(h->loop, &h->control);
	return r < 0 ? r : bash_new(h->loop, &h->processes, h->workdir, &handler, &h->bash);
}

/* Tests may do without a sandbox and name a working directory; pid 1 of anything may not. */
static bool may_be_unconfined(int argc, char **argv)
{
	return getpid() != 1 && args_int(argc, argv, "unconfined", 0) == 1;
}

static int refuse_to_serve(int control, const struct buf *why)
{
	(void)control_say_failed(control, buf_text(why));
	(void)fprintf(stderr, "agentdirs-hands: %s\n", buf_text(why));
	return EXIT_REFUSED;
}

static void tear_down(struct hands *h)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		stream_free(h->streams[i]);
	bash_free(h->bash);
	calls_done(&h->calls);
	loop_free(h->loop);
}

int main(int argc, char **argv)
{
	struct hands h = { .workdir = root_rows[0].prefix };
	cleanup(buf) struct buf why = BUF_INIT(1000);
	(void)prctl(PR_SET_DUMPABLE, 0); /* first: exec has made us readable for everybody inside */
	int control = args_need_fd(argc, argv, "control");
	h.instance = args_need(argc, argv, "instance");
	(void)args_need(argc, argv, "session"); /* for whoever looks at the processes */
	bool unconfined = may_be_unconfined(argc, argv);
	if (unconfined)
		h.workdir = args_text(argc, argv, "workdir", h.workdir);
	(void)umask(022);
	if ((!unconfined && confined_check(&why) < 0) || open_roots(&h, &why) < 0)
		return refuse_to_serve(control, &why);
	int r = set_up(&h, control);
	if (r < 0) {
		(void)fail(&why, -r, "cannot start: %s", strerror(-r));
		return refuse_to_serve(control, &why);
	}
	trim_code(); /* most sandboxes wait most of the time */
	r = loop_run(h.loop);
	tear_down(&h);
	return r < 0 ? 1 : r;
}
