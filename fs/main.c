/* SPDX-License-Identifier: MIT */
/*
 * The program agentdirs-fs: serves the mounted tree.  No network, no key.
 *
 * Started without device= it mounts, gives the supervisor a copy of /dev/fuse,
 * and keeps the kernel's first request; started with device= it goes on where a
 * predecessor stopped, and nobody who uses the tree notices.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/control.h"
#include "base/io.h"
#include "base/json.h"
#include "fs/errors.h"
#include "fs/fuse.h"
#include "fs/news.h"
#include "fs/preview.h"
#include "fs/scratch.h"
#include "fs/transcript.h"
#include "fs/workspace.h"
#include "store/queue.h"

enum { EXIT_CANNOT_SERVE = 2 };

struct process {
	struct fs fs;
	struct loop_io control_io;
	struct fuse_lowlevel_ops workspace;
	struct transport_setup setup;
	int memory, device; /* device -1: mount */
	bool gone; /* somebody else unmounted */
};

static void on_request(void *data)
{
	fs_forget_known(data);
}

static void on_init(void *data, struct slice request)
{
	struct fs *fs = data;
	(void)keep_set_init(fs->keep, request); /* too large: a restart mounts anew */
}

static void on_gone(void *data)
{
	struct fs *fs = data;
	container_of(fs, struct process, fs)->gone = true;
	loop_stop(fs->loop, 0);
}

static void on_change(void *data, int64_t session)
{
	struct fs *fs = data;
	waiting_wake(fs->waiting, session);
}

static void on_signal(void *data, int signal)
{
	struct process *p = data;
	loop_stop(p->fs.loop, 0);
}

static void take_packet(struct process *p, const struct buf *packet)
{
	if (!slice_is(fields_find(buf_slice(packet), "do"), "facts"))
		return;
	buf_clear(&p->fs.facts);
	buf_add(&p->fs.facts, packet->data, packet->size);
}

static void on_control(void *data, uint32_t events)
{
	struct process *p = data;
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX);
	int fds[IO_FDS_MAX];
	size_t fd_count = 0;
	int r = io_recv_packet(p->control_io.fd, CONTROL_PACKET_MAX, &packet, fds, &fd_count);
	for (size_t i = 0; r > 0 && i < fd_count; i++)
		close(fds[i]);
	if (r > 0)
		take_packet(p, &packet);
	else if (r != -EAGAIN && r != -EMSGSIZE)
		loop_stop(p->fs.loop, 0); /* the supervisor is gone */
}

static void read_words(struct process *p, int argc, char **argv)
{
	p->fs.hints = args_need_fd(argc, argv, "hints");
	p->control_io = (struct loop_io){ .fd = args_need_fd(argc, argv, "control"),
		.events = EPOLLIN,
		.on_ready = on_control,
		.data = p };
	p->memory = args_need_fd(argc, argv, "init");
	p->device = args_text(argc, argv, "device", NULL) ? args_need_fd(argc, argv, "device") : -1;
	p->fs.umask = (mode_t)strtol(args_text(argc, argv, "umask", "077"), NULL, 8) & 0777;
	p->fs.model = args_need(argc, argv, "model");
	p->fs.offline = args_int(argc, argv, "offline", 0);
	p->setup = (struct transport_setup){ .mountpoint = args_need(argc, argv, "mountpoint"),
		.allow_other = args_int(argc, argv, "allow_other", 0),
		.tree = fuse_tree_ops(),
		.workspace = &p->workspace,
		.data = &p->fs,
		.on_request = on_request,
		.on_init = on_init,
		.on_gone = on_gone };
}

static int start_fs(struct process *p, const char *store_dir, struct buf *why)
{
	struct fs *fs = &p->fs;
	fs->uid = geteuid();
	fs->gid = getegid();
	fs->started_us = clock_wall_us();
	buf_init(&fs->facts, CONTROL_PACKET_MAX);
	fs->errors = errors_new();
	fs->scratch = scratch_new();
	fs->handles = handles_new();
	fs->previews = previews_new();
	fs->transcripts = transcripts_new();
	int r = store_open(store_dir, &fs->store, why);
	if (r < 0)
		return r;
	r = keep_open(p->memory, p->device < 0, &fs->keep);
	if (r < 0)
		return fail(why, -r, "the memory file of the mount cannot be used: %s",
			strerror(-r));
	struct wait_door door = fuse_door(fs);
	fs->waiting = waiting_new(fs, &door, waiting_timeout_ms());
	r = news_new(fs, on_change, fs, &fs->news);
	return r < 0 ? fail(why, -r, "the hint socket cannot be watched: %s", strerror(-r)) : 0;
}

static int send_device(int control, int device)
{
	cleanup(buf) struct buf packet = BUF_INIT(CONTROL_PACKET_MAX);
	(void)fields_add_text(&packet, "say", "mounted");
	return io_send_packet(control, packet.data, packet.size, &device, 1);
}

/* Messages that an earlier mount left unfinished are complete now: nobody can add to them. */
static int mount_anew(struct process *p, struct buf *why)
{
	int r = draft_commit_all(p->fs.store);
	if (r < 0)
		return fail(why, -r, "unfinished messages cannot be queued: %s", strerror(-r));
	r = objects_first(&p->fs, why);
	if (r < 0)
		return r;
	r = transport_mount(p->fs.loop, &p->setup, &p->fs.transport, why);
	if (r < 0)
		return r;
	r = send_device(p->control_io.fd, transport_device(p->fs.transport));
	return r < 0 ? fail(why, -r, "the supervisor does not listen: %s", strerror(-r)) : 0;
}

static int go_on(struct process *p, struct buf *why)
{
	struct slice init = keep_init(p->fs.keep);
	if (!init.size)
		return fail(why, ENOTSUP, "the mount was not ready when its process died");
	int r = transport_take_over(p->fs.loop, &p->setup, steal_fd(&p->device), init,
		&p->fs.transport, why);
	if (r == 0)
		waiting_wake_polls(p->fs.waiting);
	return r;
}

static int start(struct process *p, const char *store_dir, struct buf *why)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	nodes_check();
	int r = loop_new(&p->fs.loop);
	if (r == 0)
		r = loop_signals(p->fs.loop, signals, ARRAY_LEN(signals), on_signal, p);
	if (r == 0)
		r = loop_add(p->fs.loop, &p->control_io);
	if (r < 0)
		return fail(why, -r, "the event loop cannot start: %s", strerror(-r));
	r = start_fs(p, store_dir, why);
	if (r < 0)
		return r;
	r = workspace_setup(p->fs.uid, p->fs.gid);
	if (r < 0)
		return fail(why, -r, "workspaces cannot be shown: %s", strerror(-r));
	fuse_workspace_ops(&p->workspace);
	return p->device < 0 ? mount_anew(p, why) : go_on(p, why);
}

/* Everybody who waits is answered before the mount goes, or it could not go. */
static void stop(struct process *p)
{
	waiting_end(p->fs.waiting, ESHUTDOWN);
	(void)draft_commit_all(p->fs.store);
	if (!p->gone)
		transport_unmount(p->fs.transport);
	(void)draft_commit_all(p->fs.store); /* what came in the meantime */
}

static void finish(struct process *p)
{
	struct fs *fs = &p->fs;
	if (fs->waiting)
		waiting_end(fs->waiting, ESHUTDOWN);
	fs->transport = transport_free(fs->transport);
	workspace_done();
	fs->news = news_free(fs->news);
	fs->waiting = waiting_free(fs->waiting);
	fs->handles = handles_free(fs->handles);
	fs->transcripts = transcripts_free(fs->transcripts);
	fs->previews = previews_free(fs->previews);
	fs->scratch = scratch_free(fs->scratch);
	fs->errors = errors_free(fs->errors);
	buf_done(&fs->facts);
	fs->keep = keep_close(fs->keep);
	fs->store = store_close(fs->store);
	loop_remove(&p->control_io);
	fs->loop = loop_free(fs->loop);
}

int main(int argc, char **argv)
{
	struct process p = { .device = -1 };
	cleanup(buf) struct buf why = BUF_INIT(4096);
	json_setup();
	read_words(&p, argc, argv);
	(void)chdir("/"); /* nothing of ours may stand in the mount */
	umask(077);
	int r = start(&p, args_need(argc, argv, "store"), &why);
	if (r < 0) {
		(void)control_say_failed(p.control_io.fd, buf_text(&why));
		finish(&p);
		return EXIT_CANNOT_SERVE;
	}
	(void)control_say_ready(p.control_io.fd);
	r = loop_run(p.fs.loop);
	stop(&p);
	finish(&p);
	return r < 0 ? 1 : r;
}
