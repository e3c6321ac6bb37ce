/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-rehearsal listen=FD control=FD: a stand-in for the Messages API.
 *
 * Started by `agentdirs mount --offline`.  It has no key, opens no network and
 * keeps nothing on disk; only a `replay:` reads a file, and that in a child.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/args.h"
#include "base/control.h"
#include "base/io.h"
#include "base/json.h"
#include "rehearsal/serve.h"

enum { BIG_BLOCK = 128 << 10 }; /* blocks above this go back to the system when freed */

static void on_signal(void *data, int signal)
{
	(void)signal;
	loop_stop(data, 0);
}

/* End of file: the supervisor is gone.  It has nothing to tell us. */
static void on_control(void *data, uint32_t events)
{
	struct loop_io *io = data;
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX);
	int fds[IO_FDS_MAX];
	size_t fd_count;
	(void)events;
	int r = io_recv_packet(io->fd, CONTROL_PACKET_MAX, &packet, fds, &fd_count);
	for (size_t i = 0; i < fd_count; i++)
		cleanup_fd(&fds[i]);
	if (r == 0 || (r < 0 && r != -EAGAIN && r != -EMSGSIZE))
		loop_stop(io->loop, 0);
}

static void set_up_process(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max; /* a descriptor per stream */
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)mallopt(M_MMAP_THRESHOLD, BIG_BLOCK);
	(void)mallopt(M_TRIM_THRESHOLD, BIG_BLOCK);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN); /* readers leave nothing behind */
	json_setup();
}

static int serve_until_stopped(struct loop *loop, int listen_fd, struct loop_io *control)
{
	static const int stop_signals[] = { SIGTERM, SIGINT };
	struct serve *serve = NULL;
	int r = loop_signals(loop, stop_signals, ARRAY_LEN(stop_signals), on_signal, loop);
	if (r == 0)
		r = serve_new(loop, listen_fd, &serve);
	if (r == 0)
		r = loop_add(loop, control);
	if (r == 0)
		r = control_say_ready(control->fd);
	if (r == 0)
		r = loop_run(loop);
	loop_remove(control);
	serve_free(serve);
	return r;
}

int main(int argc, char **argv)
{
	set_up_process();
	int listen_fd = args_need_fd(argc, argv, "listen");
	struct loop_io control = { .fd = args_need_fd(argc, argv, "control"),
		.events = EPOLLIN,
		.on_ready = on_control,
		.data = &control };
	struct loop *loop = NULL;
	int r = loop_new(&loop);
	if (r == 0)
		r = serve_until_stopped(loop, listen_fd, &control);
	loop_free(loop);
	if (r < 0)
		(void)fprintf(stderr, "agentdirs-rehearsal: cannot serve: %s\n", strerror(-r));
	return r < 0;
}
