/* SPDX-License-Identifier: MIT */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BATCH = 64 };

struct loop {
	int epoll_fd;
	bool stopping;
	int code;
	struct epoll_event batch[BATCH]; /* this round's; data.ptr NULL once the source was removed */
	int batch_size;
	struct loop_timer **heap; /* earliest first; heap[i]->index == i + 1 */
	size_t timers, heap_room;
	struct list laters; /* struct loop_later.link, oldest first */
	struct loop_io signal_io;
	void (*on_signal)(void *data, int signal);
	void *signal_data;
};

int loop_new(struct loop **ret)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct loop *loop = xcalloc(1, sizeof(*loop));
	loop->epoll_fd = fd;
	loop->signal_io.fd = -1;
	list_init(&loop->laters);
	*ret = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	loop_remove(&loop->signal_io);
	if (loop->signal_io.fd >= 0)
		close(loop->signal_io.fd);
	close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
	return NULL;
}

int loop_add(struct loop *loop, struct loop_io *io)
{
	assert(!io->loop);
	struct epoll_event event = { .events = io->events, .data.ptr = io };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &event) < 0)
		return -errno;
	io->loop = loop;
	return 0;
}

int loop_set_events(struct loop_io *io, uint32_t events)
{
	if (!io->loop || io->events == events)
		return 0;
	struct epoll_event event = { .events = events, .data.ptr = io };
	io->events = events;
	return epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &event) < 0 ? -errno : 0;
}

void loop_remove(struct loop_io *io)
{
	struct loop *loop = io->loop;
	if (!loop)
		return;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	for (int i = 0; i < loop->batch_size; i++)
		if (loop->batch[i].data.ptr == io)
			loop->batch[i].data.ptr = NULL;
	io->loop = NULL;
}

static void heap_put(struct loop *loop, size_t place, struct loop_timer *timer)
{
	loop->heap[place] = timer;
	timer->index = place + 1;
}

static void heap_up(struct loop *loop, size_t place, struct loop_timer *timer)
{
	while (place > 0 && loop->heap[(place - 1) / 2]->due_ms > timer->due_ms) {
		heap_put(loop, place, loop->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(loop, place, timer);
}

static void heap_down(struct loop *loop, size_t place, struct loop_timer *timer)
{
	for (;;) {
		size_t child = 2 * place + 1;
		if (child + 1 < loop->timers &&
			loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
			child++;
		if (child >= loop->timers || loop->heap[child]->due_ms >= timer->due_ms)
			break;
		heap_put(loop, place, loop->heap[child]);
		place = child;
	}
	heap_put(loop, place, timer);
}

void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t due_ms)
{
	loop_disarm(loop, timer);
	if (loop->timers == loop->heap_room) {
		loop->heap_room = loop->heap_room ? 2 * loop->heap_room : 16;
		loop->heap = xrealloc(loop->heap, loop->heap_room * sizeof(struct loop_timer *));
	}
	timer->due_ms = due_ms;
	heap_up(loop, loop->timers++, timer);
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->index)
		return;
	size_t place = timer->index - 1;
	struct loop_timer *last = loop->heap[--loop->timers];
	timer->index = 0;
	if (last == timer)
		return;
	if (place > 0 && loop->heap[(place - 1) / 2]->due_ms > last->due_ms)
		heap_up(loop, place, last);
	else
		heap_down(loop, place, last);
}

void loop_later(struct loop *loop, struct loop_later *later)
{
	if (later->queued)
		return;
	later->queued = true;
	list_add(&loop->laters, &later->link);
}

void loop_forget(struct loop_later *later)
{
	if (!later->queued)
		return;
	later->queued = false;
	list_remove(&later->link);
}

static void run_ready(struct loop *loop)
{
	for (int i = 0; i < loop->batch_size; i++) {
		struct loop_io *io = loop->batch[i].data.ptr;
		if (io)
			io->on_ready(io->data, loop->batch[i].events);
	}
	loop->batch_size = 0;
}

static void run_timers(struct loop *loop)
{
	int64_t now = clock_now_ms();
	while (loop->timers && loop->heap[0]->due_ms <= now) {
		struct loop_timer *timer = loop->heap[0];
		loop_disarm(loop, timer);
		timer->on_due(timer->data);
	}
}

/* The list is moved aside first: a later that asks again runs in the next round, so a round always ends. */
static void run_laters(struct loop *loop)
{
	struct list now;
	list_init(&now);
	while (!list_is_empty(&loop->laters)) {
		struct list *link = loop->laters.next;
		list_remove(link);
		list_add(&now, link);
	}
	struct loop_later *later;
	while ((later = list_first(&now, struct loop_later, link))) {
		list_remove(&later->link);
		later->queued = false;
		later->on_later(later->data);
	}
}

static int wait_limit(struct loop *loop, int timeout_ms)
{
	if (!list_is_empty(&loop->laters))
		return 0;
	if (!loop->timers)
		return timeout_ms;
	int64_t left = loop->heap[0]->due_ms - clock_now_ms();
	if (left < 0)
		left = 0;
	if (left > 3600 * 1000)
		left = 3600 * 1000;
	return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}

int loop_round(struct loop *loop, int timeout_ms)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, wait_limit(loop, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->batch_size = n < 0 ? 0 : n;
	run_ready(loop);
	run_timers(loop);
	run_laters(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		int r = loop_round(loop, -1);
		if (r < 0)
			return r;
	}
	loop->stopping = false;
	return loop->code;
}

void loop_stop(struct loop *loop, int code)
{
	loop->stopping = true;
	loop->code = code;
}

static void on_signalfd(void *data, uint32_t events)
{
	(void)events;
	struct loop *loop = data;
	struct signalfd_siginfo info;
	while (read(loop->signal_io.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		loop->on_signal(loop->signal_data, (int)info.ssi_signo);
}

int loop_signals(struct loop *loop, const int *signals, size_t count,
	void (*on_signal)(void *data, int signal), void *data)
{
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	loop->on_signal = on_signal;
	loop->signal_data = data;
	loop->signal_io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .on_ready = on_signalfd,
		.data = loop };
	return loop_add(loop, &loop->signal_io);
}
