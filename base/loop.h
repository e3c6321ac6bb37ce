/* SPDX-License-Identifier: MIT */
/*
 * The event loop: one per process, no threads.
 *
 * A round is: wait, run the ready descriptors, run the timers that are due, then
 * run what loop_later collected.  Callbacks should only read and mark; the work
 * that many of them cause belongs into a `later`, which runs once however often
 * it was asked for.  Sources are structs of the owner, linked in, never copied.
 * Removing any source from any callback is safe.
 */
#pragma once

#include <signal.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/list.h"

struct loop;

int loop_new(struct loop **ret); /* 0 or -errno */
struct loop *loop_free(struct loop *loop); /* NULL is fine; the sources stay their owners' */

/* Runs rounds until loop_stop; returns the code given there, or -errno when waiting failed. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);

/* Runs one round, waiting at most timeout_ms (-1: no limit).  For tests. */
int loop_round(struct loop *loop, int timeout_ms);

/* A descriptor.  `events` are EPOLLIN, EPOLLOUT; level-triggered; the callback gets what is ready (EPOLLHUP
 * and EPOLLERR included).  The descriptor stays the owner's: remove the source, then close. */
struct loop_io {
	int fd;
	uint32_t events;
	void (*on_ready)(void *data, uint32_t events);
	void *data;
	struct loop *loop; /* NULL while not added */
};
int loop_add(struct loop *loop, struct loop_io *io /* lent until removed */); /* 0 or -errno */
int loop_set_events(struct loop_io *io, uint32_t events);
void loop_remove(struct loop_io *io); /* fine when not added */

/* A timer, armed for one time; monotonic milliseconds (clock_now_ms). */
struct loop_timer {
	void (*on_due)(void *data);
	void *data;
	int64_t due_ms;
	size_t index; /* in the loop's heap + 1; 0 while not armed */
};
void loop_arm(struct loop *loop, struct loop_timer *timer /* lent until due */, int64_t due_ms);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Work for the end of this round (or of the next, when asked for while the end of a round runs). */
struct loop_later {
	void (*on_later)(void *data);
	void *data;
	struct list link; /* loop.laters */
	bool queued;
};
void loop_later(struct loop *loop, struct loop_later *later);
void loop_forget(struct loop_later *later);

/* Delivers signals of the set to on_signal in the loop; blocks them for the process.  Children must reset
 * their mask.  One call per loop. */
int loop_signals(struct loop *loop, const int *signals, size_t count,
	void (*on_signal)(void *data, int signal), void *data);
