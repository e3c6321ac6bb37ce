/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-spawner: makes sandboxes, hands out streams to them, and ends them.
 *
 * It is small and started early so that a clone is cheap, and holds nothing worth
 * stealing: no key, no network, no store.  One sandbox lives per session.  Each passes
 * through these states:
 *
 *	ADOPTING   as root only: a child gives the workspace's files to the sandbox's uid
 *	STARTING   cloned, going through the steps of enter.c
 *	RUNNING    its hands are there; streams go to them over the control socket
 *	ENDING     killed or found broken, not yet reaped
 *
 * Requests for a session whose sandbox is in any other state than RUNNING wait with it.
 * A sandbox that has ended is forgotten, or made anew when somebody waits.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/args.h"
#include "base/control.h"
#include "base/id.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/name.h"
#include "sandbox/enter.h"
#include "sandbox/protocol.h"
#include "sandbox/workspace.h"

enum {
	SANDBOXES_MAX = 400, /* so that one packet can list them all */
	WAITING_MAX = 16, /* opens of one session that wait; a harness has one, a dead one left another */
	LISTED_BYTES_MAX = 2 * (1 + 8 + 4 + 1) + NAME_BYTES_MAX + ID_SIZE,
	REPORT_BYTES_MAX = 4096,
};

_Static_assert(SANDBOXES_MAX * LISTED_BYTES_MAX + SANDBOX_REQUEST_MAX + 64 <= SANDBOX_PACKET_MAX,
	"a list must fit into a packet");

enum state { ADOPTING, STARTING, RUNNING, ENDING };

struct waiting {
	struct list link; /* living.waiting */
	char request[SANDBOX_REQUEST_MAX + 1];
};

struct reply {
	struct list link; /* spawner.replies */
	struct buf bytes;
	int fd; /* -1: none */
};

struct spawner {
	struct loop *loop;
	struct loop_io socket, control;
	int hands;
	bool is_root;
	struct list living; /* struct living.link */
	size_t living_count;
	struct list replies; /* struct reply.link, oldest first; while there are any, no request is read */
};

/* One session's sandbox, and the process that stands for it now. */
struct living {
	struct list link; /* spawner.living */
	struct spawner *spawner;
	enum state state;
	char *session, *workspace;
	char instance[ID_SIZE];
	const char *step; /* under which a failure of the attempt is reported */
	struct sandbox_spec spec; /* of the attempt; its workspace and control are ours */
	struct loop_io process, report; /* fd -1: none */
	int control; /* our end; -1: none */
	struct list waiting; /* struct waiting.link */
	size_t waiting_count;
};

/* Replies. */

static void reply_free(struct reply *reply)
{
	list_remove(&reply->link);
	cleanup_fd(&reply->fd);
	buf_done(&reply->bytes);
	free(reply);
}

static void flush_replies(struct spawner *sp)
{
	struct reply *reply;
	while ((reply = list_first(&sp->replies, struct reply, link))) {
		size_t fds = reply->fd >= 0;
		int r = io_send_packet(sp->socket.fd, reply->bytes.data, reply->bytes.size, &reply->fd, fds);
		if (r == -EAGAIN)
			break;
		reply_free(reply);
	}
	(void)loop_set_events(&sp->socket, reply ? EPOLLOUT : EPOLLIN);
}

static struct reply *reply_new(const char *request)
{
	struct reply *reply = xcalloc(1, sizeof(*reply));
	reply->fd = -1;
	buf_init(&reply->bytes, SANDBOX_PACKET_MAX);
	(void)fields_add_text(&reply->bytes, "request", request);
	return reply;
}

static void reply_send(struct spawner *sp, struct reply *reply /* taken */)
{
	list_add(&sp->replies, &reply->link);
	flush_replies(sp);
}

static void refuse(struct spawner *sp, const char *request, const char *step, const char *error)
{
	struct reply *reply = reply_new(request);
	(void)fields_add_text(&reply->bytes, "error", error);
	(void)fields_add_text(&reply->bytes, "step", step);
	reply_send(sp, reply);
}

static void waiting_free(struct living *l, struct waiting *w)
{
	list_remove(&w->link);
	l->waiting_count--;
	free(w);
}

static void refuse_all(struct living *l, const char *step, const char *error)
{
	struct waiting *w;
	while ((w = list_first(&l->waiting, struct waiting, link))) {
		refuse(l->spawner, w->request, step, error);
		waiting_free(l, w);
	}
}

/* A session's sandbox. */

static void drop_io(struct loop_io *io)
{
	loop_remove(io);
	cleanup_fd(&io->fd);
	io->fd = -1;
}

static void drop_fd(int *fd)
{
	cleanup_fd(fd);
	*fd = -1;
}

/* Forgets the process, keeps the session and who waits for it. */
static void reset(struct living *l)
{
	drop_io(&l->process);
	drop_io(&l->report);
	drop_fd(&l->control);
	drop_fd(&l->spec.control);
	drop_fd(&l->spec.workspace);
}

static struct living *living_new(struct spawner *sp, const char *session, const char *workspace)
{
	struct living *l = xcalloc(1, sizeof(*l));
	l->spawner = sp;
	l->session = xstrdup(session);
	l->workspace = xstrdup(workspace);
	l->process.fd = l->report.fd = l->control = l->spec.control = l->spec.workspace = -1;
	list_init(&l->waiting);
	list_add(&sp->living, &l->link);
	sp->living_count++;
	return l;
}

static void living_free(struct living *l)
{
	refuse_all(l, "", "the sandbox was discarded");
	reset(l);
	list_remove(&l->link);
	l->spawner->living_count--;
	free(l->session);
	free(l->workspace);
	free(l);
}

static struct living *find(struct spawner *sp, const char *session)
{
	struct living *l;
	list_each (&sp->living, l, struct living, link)
		if (strcmp(l->session, session) == 0)
			return l;
	return NULL;
}

static void wait_for(struct living *l, const char *request)
{
	struct waiting *w = xcalloc(1, sizeof(*w));
	(void)snprintf(w->request, sizeof(w->request), "%s", request);
	list_add(&l->waiting, &w->link);
	l->waiting_count++;
}

/* The reaping follows when the process's descriptor says so. */
static void kill_process(struct living *l)
{
	l->state = ENDING;
	(void)pidfd_send_signal(l->process.fd, SIGKILL, NULL, 0);
}

/* Ends the process if there is one and waits for it: at once when it has ended, else as long as the kernel
 * takes to end it. */
static void reap_now(struct living *l)
{
	siginfo_t info;
	if (l->process.fd < 0)
		return;
	(void)pidfd_send_signal(l->process.fd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)l->process.fd, &info, WEXITED) < 0 && errno == EINTR)
		continue;
	drop_io(&l->process);
}

/* Streams. */

/* Makes a stream, one end for the hands, the other returned; -errno when the hands cannot be reached. */
static int make_stream(struct living *l)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	cleanup(fd) int ours = ends[0];
	cleanup(fd) int theirs = ends[1];
	cleanup(buf) struct buf packet = BUF_INIT(64);
	(void)fields_add_text(&packet, "do", "stream");
	int r = io_send_packet(l->control, packet.data, packet.size, &theirs, 1);
	return r < 0 ? r : steal_fd(&ours);
}

/* False when the hands do not take streams any more. */
static bool give_stream(struct living *l, const char *request, bool fresh)
{
	int fd = make_stream(l);
	if (fd < 0)
		return false;
	struct reply *reply = reply_new(request);
	(void)fields_add_text(&reply->bytes, "instance", l->instance);
	(void)fields_add_int(&reply->bytes, "fresh", fresh);
	reply->fd = fd;
	reply_send(l->spawner, reply);
	return true;
}

/* False when the hands do not take streams any more. */
static bool serve_waiting(struct living *l, bool fresh)
{
	struct waiting *w;
	while ((w = list_first(&l->waiting, struct waiting, link))) {
		if (!give_stream(l, w->request, fresh))
			return false;
		waiting_free(l, w);
	}
	return true;
}

/* Making a sandbox. */

static void on_process(void *data, uint32_t events);
static void on_report(void *data, uint32_t events);

static int watch(struct living *l, struct loop_io *io, int fd /* taken */,
	void (*on_ready)(void *data, uint32_t events))
{
	*io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .on_ready = on_ready, .data = l };
	return loop_add(l->spawner->loop, io);
}

static int make_control(struct living *l, struct buf *why)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return fail(why, errno, "cannot make a control socket: %s", strerror(errno));
	l->control = ends[0];
	l->spec.control = ends[1];
	return 0;
}

static int start(struct living *l, struct buf *why)
{
	struct sandbox_process process;
	l->step = "namespaces";
	int r = make_control(l, why);
	if (r == 0)
		r = sandbox_start(&l->spec, &process, why);
	drop_fd(&l->spec.control);
	drop_fd(&l->spec.workspace);
	if (r < 0)
		return r;
	l->state = STARTING;
	r = watch(l, &l->report, process.report, on_report);
	int also = watch(l, &l->process, process.pidfd, on_process);
	r = r < 0 ? r : also;
	return r < 0 ? fail(why, -r, "cannot watch the sandbox: %s", strerror(-r)) : 0;
}

static _Noreturn void run_adoption(const struct living *l, int report)
{
	cleanup(buf) struct buf why = BUF_INIT(REPORT_BYTES_MAX);
	int r = workspace_adopt(l->spec.workspace, l->spec.host_uid, l->spec.host_gid, &why);
	if (r < 0)
		(void)io_write_all(report, why.data, why.size);
	_exit(r < 0);
}

/* In a process of its own: a workspace may hold a hundred thousand files, and others want sandboxes
 * meanwhile.  Its report is the sentence of its failure, read at its end. */
static int adopt(struct living *l, struct buf *why)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(why, errno, "cannot make a pipe: %s", strerror(errno));
	cleanup(fd) int write_end = ends[1];
	l->report.fd = ends[0];
	pid_t pid = fork();
	if (pid == 0)
		run_adoption(l, write_end);
	int pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (pidfd < 0)
		return fail(why, errno, "cannot start a process: %s", strerror(errno));
	l->state = ADOPTING;
	int r = watch(l, &l->process, pidfd, on_process);
	return r < 0 ? fail(why, -r, "cannot watch a process: %s", strerror(-r)) : 0;
}

static int attempt(struct living *l, struct buf *why)
{
	l->step = "workspace";
	l->spec = (struct sandbox_spec){ .session = l->session, .instance = l->instance,
		.hands = l->spawner->hands, .control = -1 };
	id_make("sbx", l->instance);
	sandbox_identity(l->session, &l->spec.host_uid, &l->spec.host_gid);
	int workspace = workspace_open(l->workspace, why);
	l->spec.workspace = workspace < 0 ? -1 : workspace;
	if (workspace < 0)
		return workspace;
	return l->spawner->is_root ? adopt(l, why) : start(l, why);
}

/* Without a process there is nothing to wait for: it is reaped here and now. */
static void give_up(struct living *l, const char *why)
{
	refuse_all(l, l->step, why);
	reap_now(l);
	living_free(l);
}

static void begin(struct living *l)
{
	cleanup(buf) struct buf why = BUF_INIT(REPORT_BYTES_MAX);
	if (attempt(l, &why) < 0)
		give_up(l, buf_text(&why));
}

/* The steps are done, or one of them was refused. */
static void on_report(void *data, uint32_t events)
{
	struct living *l = data;
	cleanup(buf) struct buf step = BUF_INIT(FIELD_NAME_MAX);
	cleanup(buf) struct buf why = BUF_INIT(REPORT_BYTES_MAX);
	int r = sandbox_report(l->report.fd, &step, &why);
	if (r == -EAGAIN)
		return;
	drop_io(&l->report);
	l->state = r < 0 ? ENDING : RUNNING;
	if (r < 0)
		refuse_all(l, buf_text(&step), buf_text(&why));
	else if (!serve_waiting(l, true))
		refuse_all(l, "hands", "the hands ended at once");
}

/* The files are the sandbox's, or the child has said why not. */
static void on_adopted(struct living *l)
{
	cleanup(buf) struct buf why = BUF_INIT(REPORT_BYTES_MAX);
	bool failed = buf_read_all(&why, l->report.fd, REPORT_BYTES_MAX - 1) != 0;
	reap_now(l);
	drop_io(&l->report);
	if (failed || start(l, &why) < 0)
		give_up(l, buf_text(&why));
}

static void on_ended(struct living *l)
{
	reap_now(l);
	reset(l);
	if (list_is_empty(&l->waiting))
		living_free(l);
	else
		begin(l);
}

static void on_process(void *data, uint32_t events)
{
	struct living *l = data;
	if (l->state == STARTING)
		on_report(l, events);
	if (l->state == ADOPTING)
		on_adopted(l);
	else
		on_ended(l);
}

/* Requests. */

static void open_session(struct spawner *sp, const char *request, const char *session,
	const char *workspace)
{
	struct living *l = find(sp, session);
	if (!l && sp->living_count == SANDBOXES_MAX) {
		refuse(sp, request, "", "too many sandboxes live on this machine");
	} else if (!l) {
		l = living_new(sp, session, workspace);
		wait_for(l, request);
		begin(l);
	} else if (l->waiting_count == WAITING_MAX) {
		refuse(sp, request, "", "too many requests wait for this sandbox");
	} else {
		wait_for(l, request);
		if (l->state == RUNNING && !serve_waiting(l, false))
			kill_process(l); /* and it begins anew for whoever waits */
	}
}

static void do_open(struct spawner *sp, struct slice list)
{
	struct slice request = fields_find(list, "request"), session = fields_find(list, "session");
	struct slice workspace = fields_find(list, "workspace");
	if (!request.size || request.size > SANDBOX_REQUEST_MAX)
		return;
	if (!session.at || !name_is_valid(session.at) || !workspace.size || *workspace.at != '/')
		refuse(sp, request.at, "", "the request names no session or no workspace");
	else
		open_session(sp, request.at, session.at, workspace.at);
}

static void do_discard(struct spawner *sp, struct slice list)
{
	struct slice session = fields_find(list, "session");
	struct living *l = session.at ? find(sp, session.at) : NULL;
	if (!l)
		return;
	refuse_all(l, "", "the sandbox was discarded");
	kill_process(l);
}

static void do_list(struct spawner *sp, struct slice list)
{
	struct slice request = fields_find(list, "request");
	if (!request.size || request.size > SANDBOX_REQUEST_MAX)
		return;
	struct reply *reply = reply_new(request.at);
	struct living *l;
	list_each (&sp->living, l, struct living, link) {
		if (l->state != RUNNING)
			continue;
		(void)fields_add_text(&reply->bytes, "session", l->session);
		(void)fields_add_text(&reply->bytes, "instance", l->instance);
	}
	reply_send(sp, reply);
}

static const struct {
	const char *what;
	void (*run)(struct spawner *sp, struct slice list);
} requests[] = {
	{ "open", do_open },
	{ "discard", do_discard },
	{ "list", do_list },
};

static void on_request(struct spawner *sp, struct slice list)
{
	struct slice what = fields_find(list, "do");
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		if (slice_is(what, requests[i].what))
			requests[i].run(sp, list);
}

static void on_socket(void *data, uint32_t events)
{
	struct spawner *sp = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	int fds[IO_FDS_MAX], r = 1;
	size_t count;
	flush_replies(sp);
	while (list_is_empty(&sp->replies) && r > 0) {
		r = io_recv_packet(sp->socket.fd, SANDBOX_PACKET_MAX, &packet, fds, &count);
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		if (r > 0)
			on_request(sp, buf_slice(&packet));
	}
	if (r == 0)
		loop_stop(sp->loop, 0);
}

/* Life. */

/* Nothing is said here; the end of the socket says that the supervisor is gone. */
static void on_control(void *data, uint32_t events)
{
	struct spawner *sp = data;
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t count;
	int r = io_recv_packet(sp->control.fd, CONTROL_PACKET_MAX, &packet, fds, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (r == 0)
		loop_stop(sp->loop, 0);
}

static void on_signal(void *data, int signal)
{
	struct spawner *sp = data;
	loop_stop(sp->loop, 0);
}

static void say_hello(struct spawner *sp)
{
	char generation[ID_SIZE];
	id_make("spawner", generation);
	struct reply *hello = xcalloc(1, sizeof(*hello));
	hello->fd = -1;
	buf_init(&hello->bytes, SANDBOX_PACKET_MAX);
	(void)fields_add_text(&hello->bytes, "do", "hello");
	(void)fields_add_text(&hello->bytes, "generation", generation);
	reply_send(sp, hello);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes whatever was inherited but the standard three and the given ones. */
static void close_others(int *kept, size_t count)
{
	unsigned next = 3;
	qsort(kept, count, sizeof(*kept), compare_ints);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)kept[i] > next)
			(void)close_range(next, (unsigned)kept[i] - 1, 0);
		if ((unsigned)kept[i] >= next)
			next = (unsigned)kept[i] + 1;
	}
	(void)close_range(next, ~0u, 0);
}

/* Two descriptors a sandbox, so the soft limit is too low for many. */
static void raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int set_up(struct spawner *sp, int socket, int control)
{
	static const int stops[] = { SIGTERM };
	int r = loop_new(&sp->loop);
	if (r == 0)
		r = io_set_nonblock(socket);
	if (r == 0)
		r = io_set_nonblock(control);
	if (r == 0)
		r = loop_signals(sp->loop, stops, ARRAY_LEN(stops), on_signal, sp);
	sp->socket = (struct loop_io){ .fd = socket, .events = EPOLLIN, .on_ready = on_socket, .data = sp };
	sp->control = (struct loop_io){ .fd = control, .events = EPOLLIN, .on_ready = on_control,
		.data = sp };
	if (r == 0)
		r = loop_add(sp->loop, &sp->socket);
	if (r == 0)
		r = loop_add(sp->loop, &sp->control);
	return r;
}

static void end_all(struct spawner *sp)
{
	struct living *l;
	list_each (&sp->living, l, struct living, link)
		kill_process(l);
	while ((l = list_first(&sp->living, struct living, link))) {
		reap_now(l);
		living_free(l);
	}
}

static void tear_down(struct spawner *sp)
{
	end_all(sp);
	struct reply *reply;
	while ((reply = list_first(&sp->replies, struct reply, link)))
		reply_free(reply);
	loop_remove(&sp->socket);
	loop_remove(&sp->control);
	sp->loop = loop_free(sp->loop);
}

int main(int argc, char **argv)
{
	struct spawner sp = { .is_root = geteuid() == 0 };
	int kept[] = { args_need_fd(argc, argv, "socket"), args_need_fd(argc, argv, "control"),
		args_need_fd(argc, argv, "hands") };
	int socket = kept[0], control = kept[1];
	sp.hands = kept[2];
	list_init(&sp.living);
	list_init(&sp.replies);
	close_others(kept, ARRAY_LEN(kept));
	raise_limit();
	/* Ctrl-C reaches every process of the terminal; when to stop is the supervisor's decision. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	int r = set_up(&sp, socket, control);
	if (r == 0) {
		say_hello(&sp);
		(void)control_say_ready(control);
		r = loop_run(sp.loop);
	}
	if (r < 0)
		(void)fprintf(stderr, "agentdirs-spawner: %s\n", strerror(-r));
	tear_down(&sp);
	return r < 0;
}
