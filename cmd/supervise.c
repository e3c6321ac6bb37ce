/* SPDX-License-Identifier: MIT */
/*
 * Everything that happens only marks: a callback changes a state and asks for
 * step(), which at the end of the round looks at the states of all children and
 * does the next thing.  There are three phases:
 *
 *	starting  each child in the table's order, when the one before is ready;
 *	          then a look through the mount, then the caller hears "ready"
 *	running   children restart by themselves (cmd/child.c); facts go to fs
 *	stopping  each child in the order of stop_rank, when the one before has ended
 */
#include "cmd/supervise.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/control.h"
#include "base/io.h"
#include "cmd/bounded.h"
#include "cmd/child.h"
#include "cmd/mountpoint.h"
#include "cmd/record.h"
#include "cmd/report.h"

enum {
	LOOK_MS = 5000, /* a tree that does not answer one stat within this is not usable */
	LOOK_AGAIN_MS = 50,
};

enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING };

struct supervisor {
	struct supervise_plan *plan;
	struct loop *loop;
	struct journal journal;
	struct wiring wiring; /* owns the pairs, init and device */
	struct child_home home;
	struct child children[CREW_SIZE];
	enum phase phase;
	struct loop_later step;
	struct loop_timer late; /* starting: has taken too long */
	struct loop_io report; /* its end: nobody waits for us any more */
	struct loop_timer look_timer; /* starting: looked too long, or time to look again */
	pid_t looker; /* the process that looks through the mount; 0: none */
	char *readme; /* what it looks at */
	struct buf facts; /* as last sent */
	pid_t facts_to; /* the fs process they were sent to */
	char started[CLOCK_TEXT_SIZE];
	struct buf why; /* why we stop, when it is a failure */
};

#define note(s, level, ...) journal_note(&(s)->journal, (level), "supervisor", __VA_ARGS__)

static bool is_needed(const struct supervisor *s, const struct child *c)
{
	return s->plan->settings->offline || !c->member->offline_only;
}

static void begin_stop(struct supervisor *s)
{
	if (s->phase == PHASE_STOPPING)
		return;
	s->phase = PHASE_STOPPING;
	loop_disarm(s->loop, &s->late);
	loop_disarm(s->loop, &s->look_timer);
	loop_later(s->loop, &s->step);
}

static void stop_because(struct supervisor *s, const char *format, ...) print_like(2, 3);
static void stop_because(struct supervisor *s, const char *format, ...)
{
	if (s->phase == PHASE_STOPPING)
		return;
	va_list args;
	va_start(args, format);
	(void)buf_vprintf(&s->why, format, args);
	va_end(args);
	note(s, LOG_LEVEL_ERROR, "stopping: %s", buf_text(&s->why));
	begin_stop(s);
}

/* --- facts --- */

/* Only the host: a path or a query of the URL may be nobody's business. */
static void add_server(struct supervisor *s, struct buf *out)
{
	const char *url = s->plan->settings->base_url;
	const char *host = strstr(url, "://") + 3;
	cleanup(free) char *name = xstrndup(host, strcspn(host, "/?#"));
	(void)fields_add_text(out, "base_url", s->plan->model_socket ? "rehearsal" : name);
}

static void collect_facts(struct supervisor *s, struct buf *out)
{
	(void)fields_add_text(out, "do", "facts");
	(void)fields_add_text(out, "version", AGENTDIRS_VERSION);
	(void)fields_add_text(out, "model", s->plan->settings->model);
	add_server(s, out);
	(void)fields_add_text(out, "mountpoint", s->plan->mountpoint);
	(void)fields_add_text(out, "store", s->plan->store);
	(void)fields_add_text(out, "started", s->started);
	(void)fields_add_text(out, "isolation", s->plan->isolation);
	(void)fields_add_int(out, "supervisor_pid", getpid());
	for (int i = 0; i < CREW_SIZE; i++) {
		const struct child *c = &s->children[i];
		cleanup(free) char *name = xprintf("%s_pid", c->member->name);
		if (is_needed(s, c)) /* 0 while it does not serve */
			(void)fields_add_int(out, name, c->state == CHILD_READY ? c->pid : 0);
	}
}

/* To those that show them and are ready; when they changed, or when the reader is a new process. */
static void send_facts(struct supervisor *s)
{
	struct child *fs = &s->children[CREW_FS];
	if (fs->state != CHILD_READY)
		return;
	cleanup(buf) struct buf facts = BUF_INIT(CONTROL_PACKET_MAX);
	collect_facts(s, &facts);
	bool same = facts.size == s->facts.size &&
		memcmp(facts.data, s->facts.data, facts.size) == 0;
	if (same && s->facts_to == fs->pid)
		return;
	child_tell(fs, &facts);
	s->facts_to = fs->pid;
	buf_clear(&s->facts);
	(void)buf_add(&s->facts, facts.data, facts.size);
	note(s, LOG_LEVEL_DEBUG, "sent facts to fs");
}

/* --- starting --- */

static int stat_file(void *path, int out)
{
	struct stat st;
	return stat(path, &st) < 0 ? -errno : 0;
}

static void look(struct supervisor *s)
{
	if (s->looker || s->look_timer.index)
		return;
	struct bounded b;
	int r = bounded_start(stat_file, s->readme, &b);
	if (r < 0) {
		stop_because(s, "cannot look at the mount: %s", strerror(-r));
		return;
	}
	close(b.out);
	s->looker = b.pid;
	loop_arm(s->loop, &s->look_timer, clock_now_ms() + LOOK_MS);
}

static void on_look_timer(void *data)
{
	struct supervisor *s = data;
	if (!s->looker) {
		look(s);
		return;
	}
	(void)kill(s->looker, SIGKILL);
	stop_because(s, "the tree at %s was mounted and does not answer", s->plan->mountpoint);
}

static void looked(struct supervisor *s, int wait_status)
{
	s->looker = 0;
	loop_disarm(s->loop, &s->look_timer);
	if (s->phase != PHASE_STARTING)
		return;
	int r = bounded_result(wait_status);
	if (r < 0) {
		note(s, LOG_LEVEL_DEBUG, "%s: %s; looking again", s->readme, strerror(-r));
		loop_arm(s->loop, &s->look_timer, clock_now_ms() + LOOK_AGAIN_MS);
		return;
	}
	s->phase = PHASE_RUNNING;
	loop_disarm(s->loop, &s->late);
	note(s, LOG_LEVEL_INFO, "%s is ready", s->plan->mountpoint);
	report_ready(s->plan->report);
	loop_remove(&s->report);
}

static void start_next(struct supervisor *s)
{
	for (int i = 0; i < CREW_SIZE; i++) {
		struct child *c = &s->children[i];
		if (!is_needed(s, c) || c->state == CHILD_READY)
			continue;
		if (c->state == CHILD_ABSENT) {
			report_progress(s->plan->report, c->member->does);
			child_start(c, RESTART_TRIES_MAX);
		}
		return;
	}
	look(s);
}

static void on_late(void *data)
{
	struct supervisor *s = data;
	for (int i = 0; i < CREW_SIZE; i++)
		if (is_needed(s, &s->children[i]) && s->children[i].state != CHILD_READY) {
			stop_because(s, "%s did not get ready within %d s; %s/log may say why",
				s->children[i].member->name, SUPERVISE_START_MS_MAX / 1000,
				s->plan->store);
			return;
		}
	stop_because(s, "the tree at %s did not get usable within %d s", s->plan->mountpoint,
		SUPERVISE_START_MS_MAX / 1000);
}

/* --- stopping --- */

static void stop_next(struct supervisor *s)
{
	struct child *next = NULL;
	for (int i = 0; i < CREW_SIZE; i++) {
		struct child *c = &s->children[i];
		if (c->state != CHILD_ABSENT &&
			(!next || c->member->stop_rank < next->member->stop_rank))
			next = c;
	}
	if (next)
		child_stop(next);
	else
		loop_stop(s->loop, 0);
}

static void on_step(void *data)
{
	static void (*const steps[])(struct supervisor *s) = {
		[PHASE_STARTING] = start_next,
		[PHASE_RUNNING] = NULL,
		[PHASE_STOPPING] = stop_next,
	};
	struct supervisor *s = data;
	if (steps[s->phase])
		steps[s->phase](s);
	send_facts(s);
}

/* --- what the children say --- */

static void on_change(void *data, struct child *c)
{
	static const char *const words[] = {
		[CHILD_ABSENT] = "has ended",
		[CHILD_STARTING] = "starts",
		[CHILD_READY] = "is ready",
		[CHILD_PAUSING] = "waits for its restart",
		[CHILD_STOPPING] = "is told to stop",
	};
	struct supervisor *s = data;
	note(s, LOG_LEVEL_DEBUG, "%s (pid %d) %s", c->member->name, (int)c->pid, words[c->state]);
	loop_later(s->loop, &s->step);
}

static void on_mounted(void *data, struct child *c, int device)
{
	struct supervisor *s = data;
	cleanup_fd(&s->wiring.device);
	s->wiring.device = device;
	note(s, LOG_LEVEL_DEBUG, "keeping the mount's device");
}

static void on_finished(void *data, struct child *c)
{
	struct supervisor *s = data;
	if (s->phase == PHASE_STARTING)
		stop_because(s, "%s was unmounted before it was ready", s->plan->mountpoint);
	else
		note(s, LOG_LEVEL_INFO, "stopping: %s was unmounted", s->plan->mountpoint);
	begin_stop(s);
}

/* The old mount ends with the last descriptor of its device; whoever is in it gets ENOTCONN. */
static void drop_mount(struct supervisor *s)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	if (mountpoint_detach(s->plan->mountpoint, &why) < 0)
		note(s, LOG_LEVEL_ERROR, "%s", buf_text(&why));
	cleanup_fd(&s->wiring.device);
	s->wiring.device = -1;
	(void)ftruncate(s->wiring.init, 0);
}

static void on_failed(void *data, struct child *c, const char *why)
{
	struct supervisor *s = data;
	bool can_mount_anew = c == &s->children[CREW_FS] && s->wiring.device >= 0;
	if (!can_mount_anew || s->phase == PHASE_STOPPING) {
		stop_because(s, "%s", why);
		return;
	}
	note(s, LOG_LEVEL_ERROR, "the live mount cannot be taken over; mounting anew");
	drop_mount(s);
	child_start(c, RESTART_TRIES_MAX);
}

static void on_stopped(void *data, struct child *c)
{
	struct supervisor *s = data;
	if (c == &s->children[CREW_FS])
		drop_mount(s);
	loop_later(s->loop, &s->step);
}

/* --- what the world says --- */

static void reap(struct supervisor *s)
{
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->looker)
			looked(s, status);
		for (int i = 0; i < CREW_SIZE; i++)
			if (s->children[i].pid == pid)
				child_reaped(&s->children[i], status);
	}
}

static void on_signal(void *data, int signal)
{
	struct supervisor *s = data;
	if (signal == SIGCHLD) {
		reap(s);
	} else if (signal != SIGPIPE) {
		note(s, LOG_LEVEL_INFO, "stopping: %s", strsignal(signal));
		begin_stop(s);
	}
}

static void on_report(void *data, uint32_t events)
{
	struct supervisor *s = data;
	loop_remove(&s->report);
	stop_because(s, "the command that waited for the mount was ended");
}

/* --- setting up --- */

static int make_pair(int *a, int *b)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	*a = ends[0];
	*b = ends[1];
	return 0;
}

static int make_wiring(struct supervisor *s)
{
	struct supervise_plan *p = s->plan;
	struct wiring *w = &s->wiring;
	w->settings = p->settings;
	w->store = p->store;
	w->mountpoint = p->mountpoint;
	w->model_socket = p->model_socket;
	w->key = p->key;
	w->hands = p->hands;
	w->lock = p->lock;
	w->listen = p->listen;
	int r = make_pair(&w->hints_fs, &w->hints_harness);
	if (r == 0)
		r = make_pair(&w->tools_spawner, &w->tools_harness);
	if (r < 0)
		return r;
	w->init = memfd_create("init", MFD_CLOEXEC);
	return w->init < 0 ? -errno : 0;
}

static void close_wiring(struct wiring *w)
{
	int *const own[] = { &w->hints_fs, &w->hints_harness, &w->tools_spawner, &w->tools_harness,
		&w->init, &w->device };
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		cleanup_fd(own[i]);
		*own[i] = -1;
	}
}

static int make_loop(struct supervisor *s)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGPIPE };
	int r = loop_new(&s->loop);
	if (r == 0)
		r = loop_signals(s->loop, signals, ARRAY_LEN(signals), on_signal, s);
	s->step = (struct loop_later){ .on_later = on_step, .data = s };
	s->late = (struct loop_timer){ .on_due = on_late, .data = s };
	s->look_timer = (struct loop_timer){ .on_due = on_look_timer, .data = s };
	s->report = (struct loop_io){ .fd = s->plan->report, .on_ready = on_report, .data = s };
	if (r == 0 && s->plan->report >= 0)
		r = loop_add(s->loop, &s->report);
	return r;
}

static int open_journal(struct supervisor *s)
{
	const struct settings *settings = s->plan->settings;
	cleanup(free) char *path = xprintf("%s/log", s->plan->store);
	return journal_open(path, (enum log_level)settings->log_level,
		settings->foreground ? STDERR_FILENO : -1, &s->journal);
}

/* A process that another of the same user may look into could lose the key; orphans of the
 * spawner are ours to bury. */
static int guard(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	return 0;
}

static int set_up(struct supervisor *s, struct buf *why)
{
	int r = open_journal(s);
	if (r < 0)
		return fail(why, -r, "%s/log cannot be written: %s", s->plan->store, strerror(-r));
	r = guard();
	if (r == 0)
		r = make_wiring(s);
	if (r == 0)
		r = make_loop(s);
	if (r == 0)
		r = record_write(s->plan->store, s->plan->mountpoint);
	return r < 0 ? fail(why, -r, "the supervisor cannot start: %s", strerror(-r)) : 0;
}

static void init_children(struct supervisor *s)
{
	s->home = (struct child_home){ .loop = s->loop, .journal = &s->journal,
		.wiring = &s->wiring };
	s->home.handler = (struct child_handler){ .on_change = on_change, .on_mounted = on_mounted,
		.on_finished = on_finished, .on_failed = on_failed, .on_stopped = on_stopped,
		.data = s };
	for (int i = 0; i < CREW_SIZE; i++)
		child_init(&s->children[i], &crew_table[i], &s->home, steal(s->plan->programs[i]));
}

static void tear_down(struct supervisor *s)
{
	for (int i = 0; i < CREW_SIZE; i++)
		child_done(&s->children[i]);
	close_wiring(&s->wiring);
	s->loop = loop_free(s->loop);
	journal_done(&s->journal);
	buf_done(&s->facts);
	buf_done(&s->why);
	free(s->readme);
}

static int run(struct supervisor *s, struct buf *why)
{
	note(s, LOG_LEVEL_INFO, "agentdirs " AGENTDIRS_VERSION " (pid %d) serves %s at %s",
		(int)getpid(), s->plan->store, s->plan->mountpoint);
	loop_arm(s->loop, &s->late, clock_now_ms() + SUPERVISE_START_MS_MAX);
	loop_later(s->loop, &s->step);
	int r = loop_run(s->loop);
	record_remove(s->plan->store);
	note(s, LOG_LEVEL_INFO, "stopped");
	if (r < 0)
		return fail(why, -r, "the supervisor's loop failed: %s", strerror(-r));
	if (s->why.size)
		return fail(why, ECANCELED, "%s", buf_text(&s->why));
	return 0;
}

int supervise(struct supervise_plan *plan, struct buf *why)
{
	struct supervisor s = { .plan = plan, .journal = { .fd = -1, .echo = -1 },
		.readme = xprintf("%s/README", plan->mountpoint),
		.facts = BUF_INIT(CONTROL_PACKET_MAX),
		.why = BUF_INIT(REPORT_BYTES_MAX - 1) };
	clock_text(clock_wall_us(), s.started);
	for (int i = 0; i < CREW_SIZE; i++)
		s.children[i].control.fd = s.children[i].output.fd = -1;
	s.wiring = WIRING_NULL;
	int r = set_up(&s, why);
	if (r == 0) {
		init_children(&s);
		r = run(&s, why);
	}
	tear_down(&s);
	return r;
}
