/* SPDX-License-Identifier: MIT */
#include "sandbox/outbox.h"

#include <errno.h>

#include "base/io.h"

struct packet {
	struct list link; /* outbox.packets */
	struct buf bytes;
	int fd; /* -1: none */
};

void outbox_init(struct outbox *o, struct loop_io *io, uint32_t also, size_t max)
{
	*o = (struct outbox){ .io = io, .also = also, .max = max };
	list_init(&o->packets);
}

static void packet_free(struct outbox *o, struct packet *packet)
{
	list_remove(&packet->link);
	o->count--;
	cleanup_fd(&packet->fd);
	buf_done(&packet->bytes);
	free(packet);
}

void outbox_done(struct outbox *o)
{
	struct packet *packet;
	while ((packet = list_first(&o->packets, struct packet, link)))
		packet_free(o, packet);
}

/* What a socket refuses for good is dropped: the other side is told nothing worse than if it had
 * died. */
void outbox_flush(struct outbox *o)
{
	struct packet *packet;
	while ((packet = list_first(&o->packets, struct packet, link))) {
		const struct buf *b = &packet->bytes;
		int r = io_send_packet(o->io->fd, b->data, b->size, &packet->fd, packet->fd >= 0);
		if (r == -EAGAIN)
			break;
		packet_free(o, packet);
	}
	(void)loop_set_events(o->io, packet ? EPOLLOUT | o->also : EPOLLIN);
}

int outbox_add(struct outbox *o, struct buf *bytes, int fd)
{
	cleanup(fd) int taken = fd;
	if (bytes->overflow)
		return -EMSGSIZE;
	if (o->count == o->max)
		return -ENOBUFS;
	struct packet *packet = xcalloc(1, sizeof(*packet));
	packet->bytes = *bytes;
	packet->fd = steal_fd(&taken);
	*bytes = BUF_INIT(bytes->max);
	list_add(&o->packets, &packet->link);
	o->count++;
	outbox_flush(o);
	return 0;
}

bool outbox_is_empty(const struct outbox *o)
{
	return list_is_empty(&o->packets);
}
