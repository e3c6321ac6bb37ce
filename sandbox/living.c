/* SPDX-License-Identifier: MIT */
#include "sandbox/living.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/io.h"
#include "base/limits.h"
#include "sandbox/enter.h"
#include "sandbox/protocol.h"
#include "sandbox/workspace.h"

enum {
	SANDBOXES_MAX = 400, /* so that one packet can list them all */
	WAITING_MAX = 16, /* opens of one session; a harness has one, a dead one left another */
	LISTED_BYTES_MAX = 2 * (1 + 8 + 4 + 1) + NAME_BYTES_MAX + ID_SIZE,
	REPORT_BYTES_MAX = 4096,
	REPLIES_MAX = SANDBOXES_MAX * WAITING_MAX + 64,
};

_Static_assert(SANDBOXES_MAX * LISTED_BYTES_MAX + SANDBOX_REQUEST_MAX + 64 <= SANDBOX_PACKET_MAX,
	"a list must fit into a packet");

enum state { ADOPTING, STARTING, RUNNING, ENDING };

struct waiting {
	struct list link; /* living.waiting */
	char request[SANDBOX_REQUEST_MAX + 1];
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

void spawner_init(struct spawner *sp, struct loop *loop, struct loop_io *socket, int hands)
{
	*sp = (struct spawner){ .loop = loop, .hands = hands, .is_root = geteuid() == 0 };
	list_init(&sp->living);
	/* Whoever does not take replies makes no requests meanwhile. */
	outbox_init(&sp->out, socket, 0, REPLIES_MAX);
}

/* Replies. */

static struct buf begin_reply(const char *request)
{
	struct buf reply = BUF_INIT(SANDBOX_PACKET_MAX);
	(void)fields_add_text(&reply, "request", request);
	return reply;
}

static void refuse(struct spawner *sp, const char *request, const char *step, const char *error)
{
	cleanup(buf) struct buf reply = begin_reply(request);
	(void)fields_add_text(&reply, "error", error);
	(void)fields_add_text(&reply, "step", step);
	(void)outbox_add(&sp->out, &reply, -1);
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
	sp->count++;
	return l;
}

static void living_free(struct living *l)
{
	refuse_all(l, "", "the sandbox was discarded");
	reset(l);
	list_remove(&l->link);
	l->spawner->count--;
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

/* Ends the process if there is one and waits for it: at once when it has ended, else as long as the
 * kernel takes to end it. */
static bool reap_now(struct living *l)
{
	siginfo_t info = { 0 };
	if (l->process.fd < 0)
		return false;
	(void)pidfd_send_signal(l->process.fd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)l->process.fd, &info, WEXITED) < 0 && errno == EINTR)
		continue;
	drop_io(&l->process);
	return info.si_code == CLD_EXITED && info.si_status == 0;
}

/* Streams. */

/* Makes a stream, one end for the hands, the other returned; -errno when the hands cannot be
 * reached. */
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
	cleanup(buf) struct buf reply = begin_reply(request);
	(void)fields_add_text(&reply, "instance", l->instance);
	(void)fields_add_int(&reply, "fresh", fresh);
	(void)outbox_add(&l->spawner->out, &reply, fd);
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
	l->spec = (struct sandbox_spec){ .session = l->session,
		.instance = l->instance,
		.hands = l->spawner->hands,
		.control = -1 };
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
	(void)reap_now(l);
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
	(void)buf_add_text(&why, reap_now(l) ? "" : "the workspace could not be taken over: ");
	(void)buf_read_all(&why, l->report.fd, REPORT_BYTES_MAX / 2);
	drop_io(&l->report);
	if (why.size > 0 || start(l, &why) < 0)
		give_up(l, buf_text(&why));
}

static void on_ended(struct living *l)
{
	(void)reap_now(l);
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

void living_open(
	struct spawner *sp, const char *request, const char *session, const char *workspace)
{
	struct living *l = find(sp, session);
	if (!l && sp->count == SANDBOXES_MAX) {
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

void living_refuse(struct spawner *sp, const char *request, const char *error)
{
	refuse(sp, request, "", error);
}

void living_discard(struct spawner *sp, const char *session)
{
	struct living *l = find(sp, session);
	if (!l)
		return;
	refuse_all(l, "", "the sandbox was discarded");
	kill_process(l);
}

void living_list(struct spawner *sp, const char *request)
{
	cleanup(buf) struct buf reply = begin_reply(request);
	struct living *l;
	list_each (&sp->living, l, struct living, link) {
		if (l->state != RUNNING)
			continue;
		(void)fields_add_text(&reply, "session", l->session);
		(void)fields_add_text(&reply, "instance", l->instance);
	}
	(void)outbox_add(&sp->out, &reply, -1);
}

void living_end_all(struct spawner *sp)
{
	struct living *l;
	list_each (&sp->living, l, struct living, link)
		kill_process(l);
	while ((l = list_first(&sp->living, struct living, link))) {
		(void)reap_now(l);
		living_free(l);
	}
	outbox_done(&sp->out);
}
