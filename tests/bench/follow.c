/* SPDX-License-Identifier: MIT */
/*
 * An append to a reader that is blocked in `follow`, beside a pipe's round.
 *
 * This program stands in the harness's place: it appends to the log and sends
 * the hint, to a real agentdirs-fs with a real mount; its child is the reader.
 * Time runs from the end of the append (durable by then) to the return of the
 * reader's read(2).  The pipe's round has as many switches between processes: there
 * and back.  Beside them, the append itself, and the disk's own share of it.
 *
 *	bench-follow AGENTDIRS-FS DIR [ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "store/event.h"
#include "store/hint.h"
#include "store/log.h"
#include "store/session.h"
#include "tests/bench/measure.h"

enum {
	ROUNDS = 2000,
	ROUNDS_BEFORE = 20, /* not counted */
	SETTLE_US = 200, /* for the reader to block again */
	EVENT_BYTES = 300, /* a small event */
};

struct stage {
	char *dir, *mountpoint;
	struct store *store;
	int64_t session;
	int hints;
	pid_t fs;
	int disk; /* a plain file */
	int to_reader[2], from_reader[2]; /* pipes */
};

static void pair(int ends[2])
{
	(void)need_call(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), "socketpair");
}

/* The first packet is the mount's descriptor, the second says that it serves. */
static void wait_until_ready(int control)
{
	enum { PACKETS = 2, PACKET_MAX = 16 << 10 };
	(void)need_call(fcntl(control, F_SETFL, 0), "F_SETFL");
	for (int i = 0; i < PACKETS; i++) {
		cleanup(buf) struct buf packet = BUF_INIT(PACKET_MAX);
		int fds[IO_FDS_MAX];
		size_t count = 0;
		int r = io_recv_packet(control, PACKET_MAX, &packet, fds, &count);
		(void)need(r == 0 ? -EPIPE : r, "waiting for the file system");
		for (size_t k = 0; k < count; k++)
			(void)close(fds[k]);
	}
}

static void start_fs(struct stage *stage, const char *program, const char *store)
{
	int hints[2], control[2];
	pair(hints);
	pair(control);
	stage->hints = hints[0];
	cleanup(fd) int init = need_call(memfd_create("init", 0), "memfd_create");
	(void)need_call(fcntl(control[0], F_SETFD, FD_CLOEXEC), "F_SETFD");
	char *words[] = { xstrdup(program), xprintf("store=%s", store),
		xprintf("mountpoint=%s", stage->mountpoint), xprintf("hints=%d", hints[1]),
		xprintf("control=%d", control[1]), xprintf("init=%d", init),
		xstrdup("model=claude-sonnet-5"), NULL };
	stage->fs = start(words);
	(void)close(control[1]);
	wait_until_ready(control[0]);
}

static void stage_open(struct stage *stage, const char *program)
{
	struct session session;
	cleanup(buf) struct buf why = BUF_INIT(1000);
	cleanup(free) char *store = xprintf("%s/store", stage->dir);
	cleanup(free) char *disk = xprintf("%s/disk", stage->dir);
	stage->mountpoint = xprintf("%s/mnt", stage->dir);
	(void)need_call(mkdir(stage->mountpoint, 0700), stage->mountpoint);
	if (store_open(store, &stage->store, &why) < 0 ||
		store_prepare(stage->store, "claude-sonnet-5", &why) < 0 ||
		session_make(stage->store, "bench", &session, &why) < 0)
		(void)need(-EIO, buf_text(&why));
	stage->session = session.object.num;
	stage->disk = need_call(open(disk, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), disk);
	(void)need_call(pipe2(stage->to_reader, O_CLOEXEC), "pipe");
	(void)need_call(pipe2(stage->from_reader, O_CLOEXEC), "pipe");
	start_fs(stage, program, store);
}

static void stage_close(struct stage *stage)
{
	stop(stage->fs);
	(void)close(stage->disk);
	stage->store = store_close(stage->store);
	remove_tree(stage->dir);
	free(stage->mountpoint);
}

/* --- the reader --- */

static void tell_time(int to)
{
	int64_t now = now_ns();
	(void)need_call((int)write(to, &now, sizeof(now)), "write");
}

/* Answers each byte from the pipe, until there is none; then follows the log. */
static _Noreturn void read_all(const struct stage *stage)
{
	char bytes[64 << 10];
	cleanup(free) char *path = xprintf("%s/sessions/bench/follow", stage->mountpoint);
	(void)close(stage->to_reader[1]);
	while (need_call((int)read(stage->to_reader[0], bytes, 1), "read") > 0)
		tell_time(stage->from_reader[1]);
	int fd = need_call(open(path, O_RDONLY | O_CLOEXEC), path);
	tell_time(stage->from_reader[1]);
	while (need_call((int)read(fd, bytes, sizeof(bytes)), path) > 0)
		tell_time(stage->from_reader[1]);
	_exit(0);
}

static pid_t start_reader(const struct stage *stage)
{
	pid_t pid = need_call(fork(), "fork");
	if (pid == 0)
		read_all(stage);
	return pid;
}

static int64_t reader_time(const struct stage *stage)
{
	int64_t at = 0;
	if (read(stage->from_reader[0], &at, sizeof(at)) != sizeof(at))
		(void)need(-EPIPE, "the reader has ended");
	return at;
}

/* --- what is measured --- */

static void pipe_rounds(struct stage *stage, int rounds)
{
	struct sample round = SAMPLE("pipe round");
	for (int i = -ROUNDS_BEFORE; i < rounds; i++) {
		(void)usleep(SETTLE_US);
		int64_t from = now_ns();
		(void)need_call((int)write(stage->to_reader[1], "x", 1), "write");
		(void)reader_time(stage);
		if (i >= 0)
			sample_add(&round, from, now_ns());
	}
	(void)close(stage->to_reader[1]);
	sample_print(&round);
}

static void append(struct stage *stage, const char *text)
{
	cleanup(json) cJSON *event = event_new("agent.message");
	cJSON *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	(void)need(log_append(stage->store, stage->session, event, NULL), "log_append");
}

static void write_to_disk(struct stage *stage, const char *text, struct sample *disk)
{
	int64_t from = now_ns();
	(void)need_call((int)write(stage->disk, text, strlen(text)), "write");
	(void)need_call(fdatasync(stage->disk), "fdatasync");
	sample_add(disk, from, now_ns());
}

static void follow_rounds(struct stage *stage, int rounds)
{
	struct sample follow = SAMPLE("follow"), whole = SAMPLE("append"), disk = SAMPLE("disk");
	struct hint hint = { HINT_APPENDED, stage->session, { 0 } };
	char text[EVENT_BYTES + 1];
	memset(text, 'x', EVENT_BYTES);
	text[EVENT_BYTES] = '\0';
	(void)reader_time(stage); /* the open */
	for (int i = -ROUNDS_BEFORE; i < rounds; i++) {
		write_to_disk(stage, text, &disk);
		(void)usleep(SETTLE_US);
		int64_t from = now_ns();
		append(stage, text);
		int64_t appended = now_ns();
		(void)need(hint_send(stage->hints, &hint), "hint_send");
		int64_t seen = reader_time(stage);
		if (i >= 0) {
			sample_add(&whole, from, appended);
			sample_add(&follow, appended, seen);
		}
	}
	sample_print(&follow);
	sample_print(&whole);
	sample_print(&disk);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fprintf(stderr, "usage: bench-follow AGENTDIRS-FS DIR [ROUNDS]\n");
		return 2;
	}
	json_setup();
	int rounds = argc > 3 ? atoi(argv[3]) : ROUNDS;
	cleanup(free) char *dir = xprintf("%s/bench-follow-XXXXXX", argv[2]);
	struct stage stage = { .dir = mkdtemp(dir) };
	(void)need_call(stage.dir ? 0 : -1, dir);
	stage_open(&stage, argv[1]);
	pid_t reader = start_reader(&stage);
	pipe_rounds(&stage, rounds);
	follow_rounds(&stage, rounds);
	stop(reader);
	stage_close(&stage);
	return 0;
}
