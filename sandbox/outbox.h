/* SPDX-License-Identifier: MIT */
/*
 * Packets that wait until a SOCK_SEQPACKET socket takes them, in order.  While any wait, the
 * socket is watched for EPOLLOUT, and its owner calls outbox_flush when that comes.
 */
#pragma once

#include "base/fields.h"
#include "base/loop.h"

struct outbox {
	struct loop_io *io; /* lent: the socket as the owner watches it */
	uint32_t also; /* events that are watched while packets wait, besides EPOLLOUT */
	struct list packets; /* struct packet.link, oldest first; see outbox.c */
	size_t count, max;
};

void outbox_init(struct outbox *o, struct loop_io *io, uint32_t also, size_t max);
void outbox_done(struct outbox *o); /* drops what waits */

/* Sends or queues one packet.  0; -ENOBUFS when `max` wait already; -EMSGSIZE when the bytes have
 * overflowed. */
int outbox_add(struct outbox *o, struct buf *bytes /* emptied */,
	int fd /* taken in any case; -1: none */);

void outbox_flush(struct outbox *o);
bool outbox_is_empty(const struct outbox *o);
