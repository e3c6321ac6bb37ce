/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-spawner: makes sandboxes, hands out streams to them, and ends them.
 *
 * It is small and started early so that a clone is cheap, and holds nothing worth
 * stealing: no key, no network, no store.  This file is its outside: the two sockets, the
 * requests, how it stops.  The sandboxes are in living.c.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/args.h"
#include "base/control.h"
#include "base/id.h"
#include "base/io.h"
#include "base/name.h"
#include "sandbox/living.h"
#include "sandbox/protocol.h"

/* The program: its sockets around what its sandboxes share. */
struct program {
	struct loop_io socket, control;
	struct spawner spawner;
};

static const char *find_request(struct slice list)
{
	struct slice request = fields_find(list, "request");
	return request.size && request.size <= SANDBOX_REQUEST_MAX ? request.at : NULL;
}

static void do_open(struct spawner *sp, struct slice list)
{
	const char *request = find_request(list);
	struct slice session = fields_find(list, "session"),
		     workspace = fields_find(list, "workspace");
	if (!request)
		return;
	if (session.at && name_is_valid(session.at) && workspace.size && *workspace.at == '/')
		living_open(sp, request, session.at, workspace.at);
	else
		living_refuse(sp, request, "the request names no session or no workspace");
}

static void do_discard(struct spawner *sp, struct slice list)
{
	struct slice session = fields_find(list, "session");
	if (session.at)
		living_discard(sp, session.at);
}

static void do_list(struct spawner *sp, struct slice list)
{
	const char *request = find_request(list);
	if (request)
		living_list(sp, request);
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

/* A packet without its descriptors, which nobody sends here: 1, 0 at the end, -errno. */
static int receive(int socket, struct buf *packet)
{
	int fds[IO_FDS_MAX];
	size_t count;
	int r = io_recv_packet(socket, SANDBOX_PACKET_MAX, packet, fds, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return r;
}

static void on_socket(void *data, uint32_t events)
{
	struct program *p = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	int r = 1;
	outbox_flush(&p->spawner.out);
	while (outbox_is_empty(&p->spawner.out) && r > 0) {
		r = receive(p->socket.fd, &packet);
		if (r > 0)
			on_request(&p->spawner, buf_slice(&packet));
	}
	if (r == 0)
		loop_stop(p->spawner.loop, 0);
}

/* Nothing is said here; the end of the socket says that the supervisor is gone. */
static void on_control(void *data, uint32_t events)
{
	struct program *p = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	if (receive(p->control.fd, &packet) == 0)
		loop_stop(p->spawner.loop, 0);
}

static void on_signal(void *data, int signal)
{
	struct program *p = data;
	loop_stop(p->spawner.loop, 0);
}

static void say_hello(struct spawner *sp)
{
	char generation[ID_SIZE];
	cleanup(buf) struct buf hello = BUF_INIT(256);
	id_make("spawner", generation);
	(void)fields_add_text(&hello, "do", "hello");
	(void)fields_add_text(&hello, "generation", generation);
	(void)outbox_add(&sp->out, &hello, -1);
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

/* Adds both sockets to a loop of its own. */
static int watch_sockets(struct program *p, struct loop *loop)
{
	static const int stops[] = { SIGTERM };
	int r = io_set_nonblock(p->socket.fd);
	if (r == 0)
		r = io_set_nonblock(p->control.fd);
	if (r == 0)
		r = loop_signals(loop, stops, ARRAY_LEN(stops), on_signal, p);
	if (r == 0)
		r = loop_add(loop, &p->socket);
	if (r == 0)
		r = loop_add(loop, &p->control);
	return r;
}

static int serve(struct program *p, int hands)
{
	struct loop *loop;
	int r = loop_new(&loop);
	if (r < 0)
		return r;
	spawner_init(&p->spawner, loop, &p->socket, hands);
	r = watch_sockets(p, loop);
	if (r == 0) {
		say_hello(&p->spawner);
		(void)control_say_ready(p->control.fd);
		r = loop_run(loop);
	}
	living_end_all(&p->spawner);
	loop_remove(&p->socket);
	loop_remove(&p->control);
	(void)loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	struct program p = { 0 };
	int socket = args_need_fd(argc, argv, "socket");
	int control = args_need_fd(argc, argv, "control");
	int hands = args_need_fd(argc, argv, "hands");
	int kept[] = { socket, control, hands };
	p.socket = (struct loop_io){
		.fd = socket, .events = EPOLLIN, .on_ready = on_socket, .data = &p
	};
	p.control = (struct loop_io){
		.fd = control, .events = EPOLLIN, .on_ready = on_control, .data = &p
	};
	close_others(kept, ARRAY_LEN(kept));
	raise_limit();
	/* Ctrl-C reaches every process of the terminal; when to stop is the supervisor's
	 * decision. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	int r = serve(&p, hands);
	if (r < 0)
		(void)fprintf(stderr, "agentdirs-spawner: %s\n", strerror(-r));
	return r < 0;
}
