/* SPDX-License-Identifier: MIT */
#include "fs/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/io.h"
#include "fs/mount.h"

enum {
	NOTIFY_RESEND = 7, /* since Linux 6.9; not in the headers of Debian 12 */
	REQUEST_MAX = (1 << 20) + (64 << 10), /* max_write and its header, as libfuse has it */
	REQUESTS_A_ROUND = 32, /* then hints and timers get their turn */
};

#define AGAIN_BIT (1ULL << 63) /* FUSE_UNIQUE_RESEND */

struct transport {
	struct transport_setup setup;
	struct loop *loop;
	struct loop_io io;
	struct fuse_session *tree, *workspace; /* workspace: NULL when there is none */
	char *space; /* owned, REQUEST_MAX */
	const struct fuse_in_header *now; /* the request being processed, NULL between two */
	size_t now_size;
};

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *data)
{
	return writev(fd, iov, count);
}

static ssize_t device_read(int fd, void *to, size_t size, void *data)
{
	return read(fd, to, size);
}

static const struct fuse_custom_io device_io = { .writev = device_writev, .read = device_read };

static void process(struct fuse_session *session, struct slice request)
{
	struct fuse_buf buf = { .mem = (void *)request.at, .size = request.size, .fd = -1 };
	fuse_session_process_buf(session, &buf);
}

static int session_new(const struct transport_setup *setup, const struct fuse_lowlevel_ops *ops,
	struct fuse_session **ret)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	if (fuse_opt_add_arg(&args, "agentdirs") < 0)
		abort();
	struct fuse_session *session = fuse_session_new(&args, ops, sizeof(*ops), setup->data);
	fuse_opt_free_args(&args);
	cleanup(fd) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!session || fd < 0 || fuse_session_custom_io(session, &device_io, fd) != 0) {
		if (session)
			fuse_session_destroy(session);
		return -EINVAL;
	}
	(void)steal_fd(&fd); /* the session closes it */
	*ret = session;
	return 0;
}

/* From now on it answers. */
static int session_connect(struct fuse_session *session, int device)
{
	return dup3(device, fuse_session_fd(session), O_CLOEXEC) < 0 ? -errno : 0;
}

/* The same for a session that has missed the first request. */
static int session_join(struct fuse_session *session, int device, struct slice init)
{
	process(session, init);
	return session_connect(session, device);
}

/* FORGETs of many inodes come in one request; the tree's own need no answer and no action, so only
 * the workspace's are left in it. */
static void forget_foreign(struct fuse_in_header *head)
{
	struct fuse_batch_forget_in *batch = (void *)(head + 1);
	struct fuse_forget_one *all = (void *)(batch + 1);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < batch->count; i++)
		if (all[i].nodeid >> TRANSPORT_FOREIGN)
			all[kept++] = all[i];
	batch->count = kept;
	head->len = (uint32_t)(sizeof(*head) + sizeof(*batch) + kept * sizeof(*all));
}

static void dispatch(struct transport *t, struct fuse_in_header *head, size_t size)
{
	struct slice request = { .at = (char *)head, .size = size };
	bool foreign = t->workspace && head->nodeid >> TRANSPORT_FOREIGN;
	if (head->opcode == FUSE_INIT) {
		if (t->setup.on_init)
			t->setup.on_init(t->setup.data, request);
		if (t->workspace)
			(void)session_join(t->workspace, t->io.fd, request);
	} else if (head->opcode == FUSE_BATCH_FORGET) {
		forget_foreign(head);
		request.size = head->len;
		foreign = t->workspace;
	}
	t->now = head;
	t->now_size = size;
	if (t->setup.on_request)
		t->setup.on_request(t->setup.data);
	process(foreign ? t->workspace : t->tree, request);
	t->now = NULL;
}

/* 1 handled, 0 nothing there, -errno when the connection is over. */
static int receive_one(struct transport *t)
{
	ssize_t n = read(t->io.fd, t->space, REQUEST_MAX);
	if (n >= (ssize_t)sizeof(struct fuse_in_header)) {
		dispatch(t, (struct fuse_in_header *)t->space, (size_t)n);
		return 1;
	}
	if (n >= 0)
		return -EIO;
	if (errno == ENOENT || errno == EINTR)
		return 1; /* the caller went away before the request was read */
	return errno == EAGAIN ? 0 : -errno;
}

static void on_device(void *data, uint32_t events)
{
	struct transport *t = data;
	int r = 1;
	for (int i = 0; i < REQUESTS_A_ROUND && r > 0; i++)
		r = receive_one(t);
	if (r >= 0)
		return;
	loop_remove(&t->io);
	t->setup.on_gone(t->setup.data);
}

static struct transport *transport_new(struct loop *loop, const struct transport_setup *setup)
{
	struct transport *t = xcalloc(1, sizeof(*t));
	t->setup = *setup;
	t->loop = loop;
	t->io = (struct loop_io){ .fd = -1, .events = EPOLLIN, .on_ready = on_device, .data = t };
	t->space = xmalloc(REQUEST_MAX);
	return t;
}

static void cleanup_transport(struct transport **t)
{
	*t = transport_free(*t);
}

static int new_sessions(struct transport *t)
{
	int r = session_new(&t->setup, t->setup.tree, &t->tree);
	if (r == 0 && t->setup.workspace)
		r = session_new(&t->setup, t->setup.workspace, &t->workspace);
	return r;
}

static int start(struct transport *t)
{
	int r = io_set_nonblock(t->io.fd);
	return r < 0 ? r : loop_add(t->loop, &t->io);
}

int transport_mount(struct loop *loop, const struct transport_setup *setup, struct transport **ret,
	struct buf *why)
{
	cleanup(transport) struct transport *t = transport_new(loop, setup);
	int r = new_sessions(t);
	if (r < 0)
		return fail(why, -r, "the FUSE library refused to start");
	t->io.fd = mount_attach(setup->mountpoint, setup->allow_other, why);
	if (t->io.fd < 0)
		return t->io.fd;
	r = session_connect(t->tree, t->io.fd); /* the other joins when the first request comes */
	if (r == 0)
		r = start(t);
	if (r < 0)
		return fail(why, -r, "cannot serve the mount: %s", strerror(-r));
	*ret = steal(t);
	return 0;
}

static int send_notice(int device, int code, const void *body, size_t size)
{
	struct fuse_out_header head = { .len = (uint32_t)(sizeof(head) + size), .error = code };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)body, size } };
	return writev(device, parts, size ? 2 : 1) < 0 ? -errno : 0;
}

int transport_take_over(struct loop *loop, const struct transport_setup *setup, int device,
	struct slice init, struct transport **ret, struct buf *why)
{
	cleanup(transport) struct transport *t = transport_new(loop, setup);
	t->io.fd = device;
	int r = new_sessions(t);
	if (r == 0)
		r = session_join(t->tree, device, init);
	if (r == 0 && t->workspace)
		r = session_join(t->workspace, device, init);
	if (r < 0)
		return fail(why, -r, "the FUSE library refused to go on");
	if (send_notice(device, NOTIFY_RESEND, NULL, 0) < 0)
		return fail(why, ENOTSUP,
			"this kernel cannot send requests again (Linux before 6.9)");
	r = start(t);
	if (r < 0)
		return fail(why, -r, "cannot serve the mount: %s", strerror(-r));
	*ret = steal(t);
	return 0;
}

int transport_device(const struct transport *t)
{
	return t->io.fd;
}

void transport_unmount(struct transport *t)
{
	mount_detach(t->setup.mountpoint, t->loop);
}

struct transport *transport_free(struct transport *t)
{
	if (!t)
		return NULL;
	loop_remove(&t->io);
	if (t->tree)
		fuse_session_destroy(t->tree);
	if (t->workspace)
		fuse_session_destroy(t->workspace);
	cleanup_fd(&t->io.fd);
	free(t->space);
	free(t);
	return NULL;
}

bool transport_is_again(const struct transport *t)
{
	return t->now && t->now->unique & AGAIN_BIT;
}

uint64_t transport_request_id(const struct transport *t)
{
	return t->now ? t->now->unique & ~AGAIN_BIT : 0;
}

uint64_t transport_poll_key(const struct transport *t)
{
	const struct fuse_poll_in *poll;
	if (!t->now || t->now->opcode != FUSE_POLL || t->now_size < sizeof(*t->now) + sizeof(*poll))
		return 0;
	poll = (const void *)(t->now + 1);
	return poll->flags & FUSE_POLL_SCHEDULE_NOTIFY ? poll->kh : 0;
}

void transport_wake_poll(struct transport *t, uint64_t poll_key)
{
	struct fuse_notify_poll_wakeup_out body = { .kh = poll_key };
	(void)send_notice(t->io.fd, FUSE_NOTIFY_POLL, &body, sizeof(body));
}
