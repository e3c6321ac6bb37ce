/* SPDX-License-Identifier: MIT */
/*
 * A tool turn: from the last byte of a response that calls a tool to the first
 * byte of the next request, with a real spawner, sandbox and bash, and a durable
 * log.  This program is the model's server and so sees both bytes.  Beside it, in
 * the pauses in which a model would think, the baseline: starting `bash -c :` and
 * waiting for its end.
 *
 *	bench-turn HARNESS SPAWNER HANDS DIR [ROUNDS]
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "store/event.h"
#include "store/hint.h"
#include "store/queue.h"
#include "store/session.h"
#include "tests/bench/measure.h"
#include "tests/bench/server.h"

enum {
	ROUNDS = 300,
	CALLS_BEFORE = 5, /* not counted: the sandbox is made, the paths become warm */
	PAUSE_US = 2000, /* between the parts of an answer */
};

struct crew {
	char *dir;
	struct store *store;
	struct server server;
	int hints;
	pid_t spawner, harness;
};

static void pair(int ends[2])
{
	(void)need_call(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), "socketpair");
}

static void crew_start(struct crew *crew, char **programs)
{
	int hints[2], spawner[2], control[2];
	cleanup(buf) struct buf why = BUF_INIT(1000);
	cleanup(free) char *socket_path = xprintf("%s/model", crew->dir);
	cleanup(free) char *store = xprintf("%s/store", crew->dir);
	if (store_open(store, &crew->store, &why) < 0 ||
		store_prepare(crew->store, "claude-sonnet-5", &why) < 0)
		(void)need(-EIO, buf_text(&why));
	server_listen_at(&crew->server, socket_path);
	pair(hints);
	pair(spawner);
	pair(control);
	crew->hints = hints[0];
	cleanup(fd) int hands = sealed_copy(programs[2]);
	cleanup(fd) int key = need_call(memfd_create("key", 0), "memfd_create");
	char *spawner_words[] = { xstrdup(programs[1]), xprintf("socket=%d", spawner[1]),
		xprintf("control=%d", control[1]), xprintf("hands=%d", hands), NULL };
	char *harness_words[] = { xstrdup(programs[0]), xprintf("store=%s", store),
		xprintf("hints=%d", hints[1]), xprintf("spawner=%d", spawner[0]),
		xprintf("control=%d", control[1]), xprintf("key=%d", key),
		xstrdup("base_url=http://bench"), xprintf("model_socket=%s", socket_path), NULL };
	crew->spawner = start(spawner_words);
	crew->harness = start(harness_words);
}

static void crew_stop(struct crew *crew)
{
	stop(crew->harness);
	stop(crew->spawner);
	server_done(&crew->server);
	crew->store = store_close(crew->store);
	remove_tree(crew->dir);
}

static int64_t make_session(struct crew *crew, const char *name)
{
	struct session session;
	cleanup(buf) struct buf why = BUF_INIT(1000);
	(void)need(session_make(crew->store, name, &session, &why), "session_make");
	return session.object.num;
}

static void say(struct crew *crew, int64_t session)
{
	cleanup(json) cJSON *events = NULL;
	(void)need(event_parse_input("Work.", 5, true, &events, NULL), "event_parse_input");
	(void)need(queue_add(crew->store, session, events), "queue_add");
	struct hint hint = { HINT_WAKE, session, { 0 } };
	(void)hint_send(crew->hints, &hint);
}

/* The harness may not be kept waiting because nobody takes its hints. */
static void drain_hints(struct crew *crew)
{
	static struct hint_reader reader;
	struct hint hint;
	while (hint_receive(crew->hints, &reader, &hint) > 0)
		;
	hint_reader_done(&reader);
}

/* One conversation in which the model calls the same command again and again. */
static void measure_turns(struct crew *crew, const char *name, const char *command, int rounds)
{
	struct sample turn = SAMPLE(name);
	cleanup(free) char *bash_name = xprintf("%s bash -c :", name);
	struct sample bash = SAMPLE(bash_name);
	say(crew, make_session(crew, name));
	(void)server_receive(&crew->server);
	for (int i = 0; i < CALLS_BEFORE + rounds; i++) {
		sample_bash(&bash);
		int64_t last = server_answer(&crew->server, command, PAUSE_US);
		int64_t first = server_receive(&crew->server);
		if (i >= CALLS_BEFORE)
			sample_add(&turn, last, first);
		drain_hints(crew);
	}
	(void)server_answer(&crew->server, NULL, PAUSE_US);
	sample_print(&turn);
	sample_print(&bash);
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		(void)fprintf(stderr, "usage: bench-turn HARNESS SPAWNER HANDS DIR [ROUNDS]\n");
		return 2;
	}
	json_setup();
	int rounds = argc > 5 ? atoi(argv[5]) : ROUNDS;
	cleanup(free) char *dir = xprintf("%s/bench-turn-XXXXXX", argv[4]);
	struct crew crew = { .dir = mkdtemp(dir) };
	(void)need_call(crew.dir ? 0 : -1, dir);
	crew_start(&crew, argv + 1);
	measure_turns(&crew, "builtin", ":", rounds);
	measure_turns(&crew, "program", "/bin/true", rounds);
	crew_stop(&crew);
	return 0;
}
