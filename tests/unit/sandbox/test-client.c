/* SPDX-License-Identifier: MIT */
/*
 * The front door against a spawner and hands that are this program: what it sends, what
 * it makes of answers, and that nothing hostile gets through.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/io.h"
#include "base/limits.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "tests/unit/test.h"

enum { ROUNDS_MAX = 200, ROUND_MS = 20 };

static struct loop *loop;
static struct sandboxes *all;
static int spawner; /* the far end of the front door's socket */
static struct buf seen = { .max = 1 << 20 }; /* what the handler was told, one line each */
static struct buf last_text = { .max = 8 << 20 };
static int64_t last_started, last_ended;

static void on_ready(void *data, const char *session, const char *instance, bool fresh)
{
	(void)buf_printf(&seen, "ready %s %s %d\n", session, instance, fresh);
}

static void on_result(void *data, const char *session, const struct sandbox_result *result)
{
	(void)buf_printf(&seen, "result %s %s %d\n", session, result->call, result->is_error);
	buf_clear(&last_text);
	(void)buf_add(&last_text, result->text.at, result->text.size);
	last_started = result->started_us;
	last_ended = result->ended_us;
}

static bool opens_again;

static void on_dead(void *data, const char *session, const char *why)
{
	(void)buf_printf(&seen, "dead %s: %s\n", session, why);
	CHECK(sandbox_find(all, session) == NULL);
	if (opens_again) {
		opens_again = false;
		CHECK(sandbox_open(all, session, "/w") != NULL);
	}
}

static void rounds(int count)
{
	for (int i = 0; i < count; i++)
		(void)loop_round(loop, 0);
}

/* Until the handler was told something. */
static void await_news(void)
{
	for (int i = 0; i < ROUNDS_MAX && seen.size == 0; i++)
		(void)loop_round(loop, ROUND_MS);
}

static void check_seen(const char *want)
{
	CHECK_TEXT(buf_text(&seen), want);
	buf_clear(&seen);
}

/* The next packet to the spawner, with the request's name kept; false when there is none. */
static char request[SANDBOX_REQUEST_MAX + 1];

static bool next_packet(char *what, size_t size)
{
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t count;
	rounds(2);
	if (io_recv_packet(spawner, SANDBOX_PACKET_MAX, &packet, fds, &count) <= 0)
		return false;
	struct slice list = buf_slice(&packet);
	struct slice name = fields_find(list, "request"), session = fields_find(list, "session");
	(void)snprintf(what, size, "%s %s", fields_find(list, "do").at, session.at);
	if (name.at)
		(void)snprintf(request, sizeof(request), "%s", name.at);
	return true;
}

static void check_packet(const char *want)
{
	char what[128] = "nothing";
	(void)next_packet(what, sizeof(what));
	CHECK_TEXT(what, want);
}

/* Answers a request with a stream; returns the hands' end. */
static int answer(const char *name, const char *instance, bool fresh)
{
	int ends[2];
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	(void)fields_add_text(&packet, "request", name);
	(void)fields_add_text(&packet, "instance", instance);
	(void)fields_add_int(&packet, "fresh", fresh);
	CHECK_INT(io_send_packet(spawner, packet.data, packet.size, &ends[1], 1), 0);
	close(ends[1]);
	rounds(3);
	return ends[0];
}

static void send_frame(int hands, struct buf *list)
{
	cleanup(buf) struct buf frame = BUF_INIT(8 << 20);
	CHECK_INT(frame_add(&frame, buf_slice(list)), 0);
	CHECK_INT(io_write_all(hands, frame.data, frame.size), 0);
	buf_done(list);
}

static void say_hello(int hands, const char *instance, const char *call)
{
	struct buf list = BUF_INIT(1 << 16);
	(void)fields_add_text(&list, "say", "hello");
	(void)fields_add_int(&list, "protocol", SANDBOX_PROTOCOL);
	(void)fields_add_text(&list, "instance", instance);
	(void)fields_add_text(&list, "call", call);
	send_frame(hands, &list);
}

static void say_result(int hands, const char *call, const char *text, size_t size)
{
	struct buf list = BUF_INIT(8 << 20);
	(void)fields_add_text(&list, "say", "result");
	(void)fields_add_text(&list, "call", call);
	(void)fields_add_int(&list, "is_error", 0);
	(void)fields_add(&list, "text", text, size);
	(void)fields_add_int(&list, "started_us", -5);
	(void)fields_add_int(&list, "ended_us", INT64_MAX);
	send_frame(hands, &list);
}

/* What the front door wrote to the hands: the first frame's words. */
static void check_sent(int hands, const char *want_do, const char *want_call)
{
	char bytes[4096];
	rounds(2);
	ssize_t n = recv(hands, bytes, sizeof(bytes), MSG_DONTWAIT);
	CHECK(n > 4);
	struct slice list = { bytes + 4, n > 4 ? (size_t)n - 4 : 0 };
	CHECK_TEXT(fields_find(list, "do").at, want_do);
	CHECK_TEXT(fields_find(list, "call").at, want_call);
}

/* Opens a sandbox up to its hello; returns the hands' end. */
static int bring_up(const char *session, const char *instance)
{
	CHECK(sandbox_open(all, session, "/w") != NULL);
	cleanup(free) char *want = xprintf("open %s", session);
	check_packet(want);
	int hands = answer(request, instance, true);
	say_hello(hands, instance, NULL);
	await_news();
	cleanup(free) char *ready = xprintf("ready %s %s 1\n", session, instance);
	check_seen(ready);
	return hands;
}

static void end(int hands, const char *session)
{
	struct sandbox *s = sandbox_find(all, session);
	if (s)
		sandbox_close(s);
	close(hands);
	rounds(2);
	buf_clear(&seen);
}

static void test_whole_life(void)
{
	struct sandbox *s = sandbox_open(all, "a", "/work/a");
	CHECK(sandbox_open(all, "a", "/work/a") == s);
	CHECK(!sandbox_is_ready(s));
	CHECK_TEXT(sandbox_instance(s), "");
	check_packet("open a");
	check_packet("nothing");
	int hands = answer(request, "i1", false);
	check_seen("");
	say_hello(hands, "i1", "toolu_old");
	await_news();
	check_seen("ready a i1 0\n");
	CHECK(sandbox_is_ready(s));
	CHECK(sandbox_knows(s, "toolu_old") && !sandbox_knows(s, "toolu_new"));
	sandbox_execute(s, "toolu_new", "bash", slice_of("input"), 1000);
	check_sent(hands, "execute", "toolu_new");
	say_result(hands, "toolu_new", "done", 4);
	await_news();
	check_seen("result a toolu_new 0\n");
	CHECK_TEXT(buf_text(&last_text), "done");
	CHECK(last_started == 0 && last_ended <= clock_wall_us() && last_ended > 0);
	sandbox_acknowledge(s, "toolu_new");
	check_sent(hands, "acknowledge", "toolu_new");
	sandbox_interrupt(s, "toolu_old");
	check_sent(hands, "interrupt", "toolu_old");
	sandbox_discard(s);
	check_packet("discard a");
	CHECK(sandbox_find(all, "a") == NULL);
	char c;
	CHECK_INT(recv(hands, &c, 1, 0), 0);
	end(hands, "a");
}

/* A result counts once, and only for a call that was sent. */
static void test_results_once(void)
{
	int hands = bring_up("b", "i");
	struct sandbox *s = sandbox_find(all, "b");
	say_result(hands, "toolu_1", "unasked", 7);
	rounds(5);
	check_seen("");
	sandbox_execute(s, "toolu_1", "read", slice_of(""), 1000);
	sandbox_execute(s, "toolu_1", "read", slice_of(""), 1000);
	say_result(hands, "toolu_1", "first", 5);
	say_result(hands, "toolu_1", "second", 6);
	rounds(5);
	check_seen("result b toolu_1 0\n");
	CHECK_TEXT(buf_text(&last_text), "first");
	end(hands, "b");
}

static void say_unasked(int hands, int count)
{
	for (int i = 0; i < count; i++)
		say_result(hands, "toolu_none", "", 0);
	rounds(5);
}

/* Some unasked words are in order; without an end they would keep the harness from everybody else. */
static void test_strays(void)
{
	int hands = bring_up("n", "i");
	sandbox_execute(sandbox_find(all, "n"), "x", "read", slice_of(""), 1000);
	say_unasked(hands, 200);
	say_result(hands, "x", "asked", 5);
	say_unasked(hands, 200);
	check_seen("result n x 0\n");
	say_unasked(hands, 57);
	check_seen("dead n: the sandbox says what nobody asked for\n");
	check_packet("discard n");
	end(hands, "n");
}

static void test_hostile_text(void)
{
	int hands = bring_up("c", "i");
	struct sandbox *s = sandbox_find(all, "c");
	sandbox_execute(s, "x", "bash", slice_of(""), 1000);
	say_result(hands, "x", "a\xff\0z", 4);
	await_news();
	check_seen("result c x 0\n");
	CHECK_TEXT(buf_text(&last_text), "a\xef\xbf\xbd\xef\xbf\xbdz");
	size_t size = TOOL_RESULT_BYTES_MAX;
	cleanup(free) char *bad = xmalloc(size);
	memset(bad, 0xff, size);
	sandbox_execute(s, "y", "bash", slice_of(""), 1000);
	/* More than the socket holds: written from a child, so that this process can read. */
	pid_t pid = fork();
	if (pid == 0) {
		say_result(hands, "y", bad, size);
		_exit(0);
	}
	await_news();
	check_seen("result c y 0\n");
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK(last_text.size <= TOOL_RESULT_BYTES_MAX);
	CHECK(last_text.size > TOOL_RESULT_BYTES_MAX - 3);
	end(hands, "c");
}

struct violation {
	const char *name;
	const char *say;
	const char *protocol, *instance;
	size_t frame_size; /* announced; 0: that of the list */
	const char *want;
};

/* Before the hello the hands may say nothing else, and the hello must be right. */
static void test_violations(void)
{
	static const struct violation rows[] = {
		{ "v1", "hello", "2", "i", 0,
			"dead v1: the sandbox speaks another version of the protocol\n" },
		{ "v2", "hello", "1", "j", 0,
			"dead v2: the sandbox is not the one that was asked for\n" },
		{ "v3", "howdy", "1", "i", 0,
			"dead v3: the sandbox sent a message that is none\n" },
		{ "v4", NULL, "1", "i", 0, "dead v4: the sandbox sent a message that is none\n" },
		{ "v5", "hello", "1", "i", 3u << 20,
			"dead v5: the sandbox was ended: it sent more than a message may hold\n" },
		{ "v6", "hello", "1", "i", 0xffffffffu,
			"dead v6: the sandbox was ended: it sent more than a message may hold\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct violation *v = &rows[i];
		CHECK(sandbox_open(all, v->name, "/w") != NULL);
		CHECK(next_packet((char[128]){ 0 }, 128));
		int hands = answer(request, "i", true);
		struct buf list = BUF_INIT(4096);
		(void)fields_add_text(&list, "say", v->say);
		(void)fields_add_text(&list, "protocol", v->protocol);
		(void)fields_add_text(&list, "instance", v->instance);
		cleanup(buf) struct buf frame = BUF_INIT(4096);
		CHECK_INT(frame_add(&frame, buf_slice(&list)), 0);
		if (v->frame_size)
			for (int byte = 0; byte < 4; byte++)
				frame.data[byte] = (char)(v->frame_size >> (8 * byte));
		CHECK_INT(io_write_all(hands, frame.data, frame.size), 0);
		buf_done(&list);
		await_news();
		check_seen(v->want);
		cleanup(free) char *discard = xprintf("discard %s", v->name);
		check_packet(discard);
		end(hands, v->name);
	}
}

static void test_refusal(void)
{
	CHECK(sandbox_open(all, "d", "/w") != NULL);
	check_packet("open d");
	cleanup(buf) struct buf packet = BUF_INIT(4096);
	(void)fields_add_text(&packet, "request", request);
	(void)fields_add_text(&packet, "error", "no room");
	(void)fields_add_text(&packet, "step", "root");
	CHECK_INT(io_send_packet(spawner, packet.data, packet.size, NULL, 0), 0);
	await_news();
	check_seen("dead d: the sandbox could not be made: no room (step root)\n");
}

/* Answers that were meant for an earlier harness, or that come twice, are closed. */
static void test_stale_answers(void)
{
	char c;
	int stale = answer("life_of_another-1", "old", true);
	CHECK_INT(recv(stale, &c, 1, MSG_DONTWAIT), 0);
	close(stale);
	CHECK(sandbox_open(all, "e", "/w") != NULL);
	check_packet("open e");
	int first = answer(request, "i", true), second = answer(request, "i", true);
	CHECK_INT(recv(second, &c, 1, MSG_DONTWAIT), 0);
	CHECK(recv(first, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	close(second);
	end(first, "e");
}

static void spawner_says_hello(void)
{
	cleanup(buf) struct buf packet = BUF_INIT(256);
	(void)fields_add_text(&packet, "do", "hello");
	(void)fields_add_text(&packet, "generation", "g");
	CHECK_INT(io_send_packet(spawner, packet.data, packet.size, NULL, 0), 0);
	rounds(3);
}

/* What was asked of a spawner that has died is asked again, under another name. */
static void test_new_spawner(void)
{
	char before[sizeof(request)];
	int ready = bring_up("ready", "i0");
	CHECK(sandbox_open(all, "f", "/w") != NULL);
	check_packet("open f");
	memcpy(before, request, sizeof(before));
	spawner_says_hello();
	check_packet("open f");
	check_packet("nothing");
	CHECK(strcmp(before, request) != 0);
	int stale = answer(before, "i1", true), hands = answer(request, "i2", true);
	say_hello(hands, "i2", NULL);
	await_news();
	check_seen("ready f i2 1\n");
	close(stale);
	end(hands, "f");
	end(ready, "ready");
}

/* The hands' last words count, then on_dead says so once; its owner may open anew from within. */
static void test_death(void)
{
	int hands = bring_up("g", "i");
	sandbox_execute(sandbox_find(all, "g"), "x", "bash", slice_of(""), 1000);
	say_result(hands, "x", "last", 4);
	opens_again = true;
	close(hands);
	rounds(5);
	check_seen("result g x 0\ndead g: the sandbox has ended\n");
	check_packet("open g");
	CHECK(sandbox_find(all, "g") && !sandbox_is_ready(sandbox_find(all, "g")));
	sandbox_close(sandbox_find(all, "g"));
	CHECK(sandbox_find(all, "g") == NULL);
	rounds(3);
	check_seen("");
}

/* Hands that end before they say hello may have been dying when they were asked: asked again,
 * within bounds. */
static void test_silent_ends(void)
{
	CHECK(sandbox_open(all, "m", "/w") != NULL);
	for (int i = 0; i < 3; i++) {
		check_packet("open m");
		close(answer(request, "i", false));
		rounds(3);
		check_seen("");
	}
	check_packet("open m");
	close(answer(request, "i", false));
	await_news();
	check_seen("dead m: the sandbox has ended\n");
	check_packet("nothing");
}

/* Input that does not fit into the socket goes out as the hands take it, whole. */
static void test_large_input(void)
{
	enum { SIZE = 3 << 20 };
	int hands = bring_up("h", "i");
	cleanup(free) char *input = xcalloc(1, SIZE);
	static char bytes[1 << 16];
	size_t got = 0;
	sandbox_execute(sandbox_find(all, "h"), "x", "write", (struct slice){ input, SIZE }, 1000);
	for (int i = 0; i < 10 * ROUNDS_MAX && got < SIZE; i++) {
		ssize_t n = recv(hands, bytes, sizeof(bytes), MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
		rounds(1);
	}
	CHECK(got > SIZE && got < SIZE + 200);
	end(hands, "h");
}

/* Hands that take nothing do not make this process grow without end. */
static void test_full(void)
{
	enum { SIZE = 20 << 20 };
	int hands = bring_up("k", "i");
	cleanup(free) char *input = xcalloc(1, SIZE);
	struct sandbox *s = sandbox_find(all, "k");
	for (int i = 0; i < 4; i++)
		sandbox_execute(s, i & 1 ? "x" : "y", "write", (struct slice){ input, SIZE }, 1000);
	check_seen("");
	await_news();
	check_seen("dead k: the sandbox was ended: it does not take what is sent to it\n");
	check_packet("discard k");
	end(hands, "k");
}

int main(void)
{
	struct sandbox_handler handler = { .on_ready = on_ready, .on_result = on_result,
		.on_dead = on_dead };
	int ends[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	CHECK_INT(loop_new(&loop), 0);
	CHECK_INT(sandboxes_new(loop, ends[0], &handler, &all), 0);
	spawner = ends[1];
	test_whole_life();
	test_results_once();
	test_strays();
	test_hostile_text();
	test_violations();
	test_refusal();
	test_stale_answers();
	test_new_spawner();
	test_death();
	test_silent_ends();
	test_large_input();
	test_full();
	CHECK(sandbox_open(all, "left", "/w") != NULL);
	all = sandboxes_free(all);
	loop = loop_free(loop);
	close(ends[0]);
	close(ends[1]);
	buf_done(&seen);
	buf_done(&last_text);
	return test_done();
}
