/* SPDX-License-Identifier: MIT */
#include "store/hint.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/fields.h"

enum { PACKET_MAX = HINT_BYTES_MAX + 200 }; /* the text and the names and sizes around it */

/* Both calls say MSG_DONTWAIT: a hint is never worth waiting for, whatever the socket's mode. */
int hint_send(int socket, const struct hint *hint)
{
	assert(hint->text.size <= HINT_BYTES_MAX);
	cleanup(buf) struct buf packet = BUF_INIT(PACKET_MAX);
	(void)fields_add_int(&packet, "kind", hint->kind);
	(void)fields_add_int(&packet, "session", hint->session);
	if (hint->after)
		(void)fields_add_int(&packet, "after", (int64_t)hint->after);
	if (hint->text.size)
		(void)fields_add(&packet, "text", hint->text.at, hint->text.size);
	assert(!packet.overflow);
	if (send(socket, packet.data, packet.size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static bool read_hint(struct slice packet, struct hint *ret)
{
	int64_t kind = fields_find_int(packet, "kind", 0);
	if (kind < HINT_WAKE || kind > HINT_DELTA)
		return false;
	struct slice text = fields_find(packet, "text");
	*ret = (struct hint){ (enum hint_kind)kind, fields_find_int(packet, "session", 0),
		text.at ? text : slice_of(""), (uint64_t)fields_find_int(packet, "after", 0) };
	return true;
}

int hint_receive(int socket, struct hint_reader *reader, struct hint *ret)
{
	if (!reader->space)
		reader->space = xmalloc(PACKET_MAX);
	for (;;) {
		ssize_t n = recv(socket, reader->space, PACKET_MAX, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -EPIPE;
		if (read_hint((struct slice){ reader->space, (size_t)n }, ret))
			return 1;
		/* A malformed one is as good as a lost one. */
	}
}

void hint_reader_done(struct hint_reader *reader)
{
	free(reader->space);
	reader->space = NULL;
}
