/* SPDX-License-Identifier: MIT */
/* Anything at all as what the hands of a sandbox say to the harness. */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fields.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"

enum { INPUT_MAX = 32 << 10 }; /* what surely fits into the socket */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct sandboxes *all;
	int results, deaths;
};

static void on_ready(void *data, const char *session, const char *instance, bool fresh)
{
	struct run *run = data;
	sandbox_execute(sandbox_find(run->all, session), "x", "bash", slice_of(""), 1000);
}

static void on_result(void *data, const char *session, const struct sandbox_result *result)
{
	struct run *run = data;
	assert(result->text.size <= TOOL_RESULT_BYTES_MAX);
	assert(utf8_is_valid(result->text.at, result->text.size));
	assert(result->started_us >= 0 && result->started_us <= result->ended_us);
	assert(slice_is(slice_of(result->call), "x") && ++run->results == 1);
}

static void on_dead(void *data, const char *session, const char *why)
{
	struct run *run = data;
	assert(++run->deaths == 1 && *why);
}

/* Reads the request for a sandbox and answers it with a stream, whose far end is returned. */
static int answer_open(int spawner)
{
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	cleanup(buf) struct buf reply = BUF_INIT(4096);
	int fds[IO_FDS_MAX], ends[2];
	size_t count;
	if (io_recv_packet(spawner, SANDBOX_PACKET_MAX, &packet, fds, &count) <= 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	(void)fields_add_text(&reply, "request", fields_find(buf_slice(&packet), "request").at);
	(void)fields_add_text(&reply, "instance", "i");
	(void)io_send_packet(spawner, reply.data, reply.size, &ends[1], 1);
	close(ends[1]);
	return ends[0];
}

static void say_hello(int hands)
{
	cleanup(buf) struct buf list = BUF_INIT(4096);
	cleanup(buf) struct buf frame = BUF_INIT(4096);
	(void)fields_add_text(&list, "say", "hello");
	(void)fields_add_int(&list, "protocol", SANDBOX_PROTOCOL);
	(void)fields_add_text(&list, "instance", "i");
	(void)frame_add(&frame, buf_slice(&list));
	(void)io_write_all(hands, frame.data, frame.size);
}

/* The first byte says whether a proper hello comes before the rest. */
static void talk(struct loop *loop, struct run *run, int spawner, const uint8_t *data, size_t size)
{
	(void)sandbox_open(run->all, "s", "/w");
	cleanup(fd) int hands = answer_open(spawner);
	if (hands < 0 || size == 0)
		return;
	if (data[0] & 1)
		say_hello(hands);
	(void)io_write_all(hands, data + 1, size - 1);
	for (int i = 0; i < 4; i++)
		(void)loop_round(loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };
	struct sandbox_handler handler = { .on_ready = on_ready, .on_result = on_result,
		.on_dead = on_dead, .data = &run };
	struct loop *loop;
	int ends[2];
	if (size > INPUT_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	if (loop_new(&loop) == 0) {
		if (sandboxes_new(loop, ends[0], &handler, &run.all) == 0)
			talk(loop, &run, ends[1], data, size);
		(void)loop_round(loop, 0);
		run.all = sandboxes_free(run.all);
		loop = loop_free(loop);
	}
	close(ends[0]);
	close(ends[1]);
	return 0;
}
