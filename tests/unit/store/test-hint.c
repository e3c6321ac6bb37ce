/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/hint.h"
#include "tests/unit/test.h"

int main(void)
{
	int ends[2];
	struct hint_reader reader = { 0 };
	struct hint got;
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends),
		0); /* blocking: hints must not block anyway */
	CHECK_INT(hint_receive(ends[1], &reader, &got), 0);

	CHECK_INT(hint_send(ends[0], &(struct hint){ HINT_WAKE, 7, { 0 } }), 0);
	CHECK_INT(hint_send(ends[0],
			  &(struct hint){ HINT_DELTA, 1LL << 40, slice_of("{\"a\":1}\n") }),
		0);
	CHECK_INT(hint_receive(ends[1], &reader, &got), 1);
	CHECK_INT(got.kind, HINT_WAKE);
	CHECK_INT(got.session, 7);
	CHECK_INT(got.text.size, 0);
	CHECK_INT(hint_receive(ends[1], &reader, &got), 1);
	CHECK_INT(got.kind, HINT_DELTA);
	CHECK_INT(got.session, 1LL << 40);
	CHECK(slice_is(got.text, "{\"a\":1}\n"));

	/* Foreign bytes are passed over, what follows is read. */
	CHECK_INT(send(ends[0], "\x05garbage", 8, 0), 8);
	CHECK_INT(hint_send(ends[0], &(struct hint){ HINT_APPENDED, 9, { 0 } }), 0);
	CHECK_INT(hint_receive(ends[1], &reader, &got), 1);
	CHECK_INT(got.kind, HINT_APPENDED);

	/* A full socket drops, and the largest hint fits. */
	static char text[HINT_BYTES_MAX];
	memset(text, 'x', sizeof(text));
	int sent = 0, r;
	while ((r = hint_send(ends[0], &(struct hint){ HINT_DELTA, 1, { text, sizeof(text) } })) ==
		0)
		sent++;
	CHECK_INT(r, -EAGAIN);
	CHECK(sent > 0);
	CHECK_INT(hint_receive(ends[1], &reader, &got), 1);
	CHECK_INT(got.text.size, sizeof(text));
	CHECK(memcmp(got.text.at, text, sizeof(text)) == 0);

	close(ends[0]);
	while ((r = hint_receive(ends[1], &reader, &got)) > 0)
		continue;
	CHECK_INT(r, -EPIPE);
	close(ends[1]);
	hint_reader_done(&reader);
	return test_done();
}
