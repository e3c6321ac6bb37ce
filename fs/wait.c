/* SPDX-License-Identifier: MIT */
#include "fs/wait.h"

#include <assert.h>
#include <errno.h>

#include "base/io.h"
#include "fs/stream.h"

struct waiter {
	struct list link; /* waiting.parked */
	void *request; /* owned until answered */
	struct handle *handle;
	uint64_t offset;
	size_t size;
	int64_t since_ms;
};

struct waiting {
	struct fs *fs;
	struct wait_door door;
	struct list parked; /* struct waiter.link, oldest first */
	size_t count;
	int64_t timeout_ms;
	int ended; /* errno for whoever would wait from now on; 0 while serving */
	struct loop_timer timer; /* armed for the oldest, when there is a timeout */
	struct buf out; /* one answer */
};

static void on_timer(void *data);

struct waiting *waiting_new(struct fs *fs, const struct wait_door *door, int64_t timeout_ms)
{
	struct waiting *waiting = xcalloc(1, sizeof(*waiting));
	waiting->fs = fs;
	waiting->door = *door;
	waiting->timeout_ms = timeout_ms;
	waiting->timer = (struct loop_timer){ .on_due = on_timer, .data = waiting };
	list_init(&waiting->parked);
	return waiting;
}

struct waiting *waiting_free(struct waiting *waiting)
{
	if (!waiting)
		return NULL;
	assert(list_is_empty(&waiting->parked));
	loop_disarm(waiting->fs->loop, &waiting->timer);
	buf_done(&waiting->out);
	free(waiting);
	return NULL;
}

static int64_t sysctl_seconds(const char *path)
{
	cleanup(buf) struct buf text = BUF_INIT(64);
	return io_read_file(-1, path, 32, &text) < 0 ? 0 : strtoll(buf_text(&text), NULL, 10);
}

int64_t waiting_timeout_ms(void)
{
	int64_t usual = sysctl_seconds("/proc/sys/fs/fuse/default_request_timeout");
	int64_t most = sysctl_seconds("/proc/sys/fs/fuse/max_request_timeout");
	int64_t seconds = usual && (!most || usual < most) ? usual : most;
	return seconds * 1000;
}

static void *unpark(struct waiting *waiting, struct waiter *w)
{
	void *request = w->request;
	list_remove(&w->link);
	waiting->count--;
	free(w);
	return request;
}

static void arm(struct waiting *waiting)
{
	struct waiter *oldest = list_first(&waiting->parked, struct waiter, link);
	loop_disarm(waiting->fs->loop, &waiting->timer);
	if (oldest && waiting->timeout_ms)
		loop_arm(waiting->fs->loop, &waiting->timer,
			oldest->since_ms + waiting->timeout_ms / 2);
}

static void on_timer(void *data)
{
	struct waiting *waiting = data;
	int64_t now = clock_now_ms();
	struct waiter *w;
	while ((w = list_first(&waiting->parked, struct waiter, link)) &&
		w->since_ms + waiting->timeout_ms / 2 <= now)
		waiting->door.refuse(unpark(waiting, w), EINTR);
	arm(waiting);
}

static void park(struct waiting *waiting, void *request, struct handle *h, uint64_t offset,
	size_t size)
{
	if (waiting->ended || waiting->count >= WAITERS_MAX) {
		waiting->door.refuse(request, waiting->ended ? waiting->ended : EAGAIN);
		return;
	}
	if (waiting->door.watch(request, waiting)) {
		waiting->door.refuse(request, EINTR);
		return;
	}
	struct waiter *w = xcalloc(1, sizeof(*w));
	*w = (struct waiter){ .request = request, .handle = h, .offset = offset, .size = size,
		.since_ms = clock_now_ms() };
	list_add(&waiting->parked, &w->link);
	waiting->count++;
	if (waiting->count == 1)
		arm(waiting);
}

void waiting_read(struct waiting *waiting, void *request, struct handle *h, uint64_t offset,
	size_t size, bool nonblock)
{
	int r = stream_look(waiting->fs, h, offset);
	if (r < 0)
		waiting->door.refuse(request, -r);
	else if (r > 0)
		waiting->door.answer(request, stream_take(h, size, &waiting->out));
	else if (nonblock)
		waiting->door.refuse(request, EAGAIN);
	else
		park(waiting, request, h, offset, size);
}

int waiting_poll(struct waiting *waiting, struct handle *h, uint64_t poll_key)
{
	if (poll_key && h->kept)
		h->kept->poll_key = poll_key;
	return stream_look(waiting->fs, h, h->offset == UINT64_MAX ? 0 : h->offset);
}

static bool is_about(const struct handle *h, int64_t session)
{
	return !session || h->at.object == session;
}

static void wake_parked(struct waiting *waiting, int64_t session)
{
	struct waiter *w;
	list_each (&waiting->parked, w, struct waiter, link) {
		if (!is_about(w->handle, session))
			continue;
		int r = stream_look(waiting->fs, w->handle, w->offset);
		if (r == 0)
			continue;
		struct handle *h = w->handle;
		size_t size = w->size;
		void *request = unpark(waiting, w);
		if (r < 0)
			waiting->door.refuse(request, -r);
		else
			waiting->door.answer(request, stream_take(h, size, &waiting->out));
	}
}

struct poll_wake {
	struct waiting *waiting;
	int64_t session;
};

static void wake_poller(void *data, struct handle *h)
{
	const struct poll_wake *wake = data;
	if (!h->kept || !h->kept->poll_key || !is_about(h, wake->session))
		return;
	if (waiting_poll(wake->waiting, h, 0) == 0)
		return;
	uint64_t key = h->kept->poll_key;
	h->kept->poll_key = 0;
	wake->waiting->door.wake_poll(wake->waiting->door.data, key);
}

void waiting_wake(struct waiting *waiting, int64_t session)
{
	wake_parked(waiting, session);
	struct poll_wake wake = { waiting, session };
	handles_each(waiting->fs->handles, wake_poller, &wake);
	arm(waiting);
}

void waiting_interrupted(struct waiting *waiting, void *request)
{
	struct waiter *w;
	list_each (&waiting->parked, w, struct waiter, link)
		if (w->request == request) {
			waiting->door.refuse(unpark(waiting, w), EINTR);
			return;
		}
}

void waiting_wake_polls(struct waiting *waiting)
{
	for (struct kept *k = NULL; (k = keep_next(waiting->fs->keep, k));)
		if (k->poll_key)
			waiting->door.wake_poll(waiting->door.data, k->poll_key);
}

void waiting_forget(struct waiting *waiting, struct handle *h)
{
	struct waiter *w;
	list_each (&waiting->parked, w, struct waiter, link)
		if (w->handle == h)
			waiting->door.refuse(unpark(waiting, w), EINTR);
}

void waiting_end(struct waiting *waiting, int error)
{
	waiting->ended = error;
	struct waiter *w;
	list_each (&waiting->parked, w, struct waiter, link)
		waiting->door.refuse(unpark(waiting, w), error);
}
