/* SPDX-License-Identifier: MIT */
/*
 * Between libfuse and the kernel: receive, reply, notify, and taking a live
 * mount over from a process that died.
 *
 * libfuse knows neither several sets of operations nor a second start on one
 * mount, and needs to know neither: a session of it is an interpreter of request
 * bytes that writes answers to a descriptor.  So requests are read here, once,
 * and given to the session that the top bit of the inode number chooses; a
 * session that has to hear the kernel's first request although it was answered
 * already (every session but one) gets it while its descriptor still is
 * /dev/null, and then has /dev/fuse put in that place.
 */
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "base/loop.h"

struct transport;

struct transport_setup {
	const char *mountpoint; /* lent, outlives the transport */
	bool allow_other; /* other users too, with the kernel's permission checks */
	const struct fuse_lowlevel_ops *tree; /* operations on inodes with bit 63 clear */
	const struct fuse_lowlevel_ops *workspace; /* on the others; NULL: there are none */
	void *data; /* given to both, see fuse_req_userdata */
	void (*on_request)(void *data); /* before each request; may be NULL */
	void (*on_init)(void *data, struct slice request); /* the first one, to be kept */
	void (*on_gone)(void *data); /* unmounted, or the connection was aborted */
};

enum { TRANSPORT_FOREIGN = 63 }; /* bit of inode numbers that chooses `workspace` */

/* Mounts.  0, or -errno with a sentence. */
int transport_mount(struct loop *loop, const struct transport_setup *setup, struct transport **ret,
	struct buf *why);

/* Goes on with a live mount: `device` is its /dev/fuse (given, also on failure), `init` its first
 * request. Every request that was read but not answered comes again.  -ENOTSUP with a sentence when
 * this kernel cannot do that (before 6.9). */
int transport_take_over(struct loop *loop, const struct transport_setup *setup, int device,
	struct slice init, struct transport **ret, struct buf *why);

int transport_device(const struct transport *t); /* lent */

/* Detaches the mount, still answering requests meanwhile, at most some seconds.  Nobody may be
 * waiting. */
void transport_unmount(struct transport *t);
struct transport *transport_free(struct transport *t); /* NULL is fine */

/* About the request whose operation runs now. */
bool transport_is_again(const struct transport *t); /* an earlier process may have acted on it */
uint64_t transport_poll_key(const struct transport *t); /* poll: who to wake; 0 when nobody waits */

/* The same number for a request however often it was sent. */
uint64_t transport_request_id(const struct transport *t);

/* Makes the kernel ask again whether the file is readable. */
void transport_wake_poll(struct transport *t, uint64_t poll_key);
