/* SPDX-License-Identifier: MIT */
/*
 * `echo` to the first byte of the model request, through a real mount: from
 * before the open of `input` (what the shell's `echo hi > input` does: open,
 * write, close) to the request's arrival at a server on TCP, which is this
 * program.  The baseline beside it is the start of `bash -c :`.
 *
 *	bench-echo AGENTDIRS DIR [ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/measure.h"
#include "tests/bench/server.h"

enum {
	ROUNDS = 200,
	ROUNDS_BEFORE = 5, /* not counted */
	LONG_ROUNDS = 20, /* with a long log, after it has become long */
};

static void run(char **argv /* taken */)
{
	int status = 0;
	pid_t pid = start(argv);
	(void)need_call(waitpid(pid, &status, 0), "waitpid");
	if (status)
		(void)need(-ECHILD, "agentdirs");
}

static void write_input(const char *path)
{
	static const char text[] = "Hello there.\n";
	int fd = need_call(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), path);
	(void)need_call((int)write(fd, text, sizeof(text) - 1), path);
	(void)need_call(close(fd), path);
}

static void wait_for_idle(const char *path)
{
	char line[256];
	cleanup(fd) int fd = need_call(open(path, O_RDONLY | O_CLOEXEC), path);
	while (need_call((int)read(fd, line, sizeof(line)), path) > 0)
		;
}

struct talk {
	struct server *server;
	char *input, *wait; /* owned */
};

static void talk_begin(
	struct talk *talk, struct server *server, const char *mountpoint, const char *name)
{
	cleanup(free) char *dir = xprintf("%s/sessions/%s", mountpoint, name);
	(void)need_call(mkdir(dir, 0700), dir);
	*talk = (struct talk){ server, xprintf("%s/input", dir), xprintf("%s/wait", dir) };
}

static void talk_end(struct talk *talk)
{
	free(talk->input);
	free(talk->wait);
}

/* `sample` NULL: not counted. */
static void talk_round(struct talk *talk, struct sample *sample)
{
	int64_t from = now_ns();
	write_input(talk->input);
	int64_t first = server_receive(talk->server);
	if (sample)
		sample_add(sample, from, first);
	(void)server_answer(talk->server, NULL, 0);
	wait_for_idle(talk->wait);
}

/* The first message of a new session, and a late one of a long conversation. */
static void measure(struct server *server, const char *mountpoint, int rounds)
{
	struct sample first = SAMPLE("echo first"), late = SAMPLE("echo late"),
		      bash = SAMPLE("echo bash -c :");
	struct talk talk;
	for (int i = -ROUNDS_BEFORE; i < rounds; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "first-%d", i + ROUNDS_BEFORE);
		talk_begin(&talk, server, mountpoint, name);
		sample_bash(&bash);
		talk_round(&talk, i >= 0 ? &first : NULL);
		talk_end(&talk);
	}
	talk_begin(&talk, server, mountpoint, "late");
	for (int i = 0; i < rounds; i++)
		talk_round(&talk, NULL);
	for (int i = 0; i < LONG_ROUNDS; i++)
		talk_round(&talk, &late);
	talk_end(&talk);
	sample_print(&first);
	sample_print(&late);
	sample_print(&bash);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fprintf(stderr, "usage: bench-echo AGENTDIRS DIR [ROUNDS]\n");
		return 2;
	}
	struct server server;
	cleanup(free) char *dir = xprintf("%s/bench-echo-XXXXXX", argv[2]);
	(void)need_call(mkdtemp(dir) ? 0 : -1, dir);
	cleanup(free) char *mountpoint = xprintf("%s/mnt", dir);
	cleanup(free) char *url = xprintf("http://127.0.0.1:%d", server_listen_anywhere(&server));
	(void)setenv("ANTHROPIC_API_KEY", "bench", 1);
	(void)unsetenv("ANTHROPIC_AUTH_TOKEN");
	run((char *[]){ xstrdup(argv[1]), xstrdup("mount"), xstrdup("--store"),
		xprintf("%s/store", dir), xstrdup("--base-url"), xstrdup(url), xstrdup(mountpoint),
		NULL });
	measure(&server, mountpoint, argc > 3 ? atoi(argv[3]) : ROUNDS);
	run((char *[]){ xstrdup(argv[1]), xstrdup("umount"), xstrdup("--store"),
		xprintf("%s/store", dir), xstrdup(mountpoint), NULL });
	server_done(&server);
	remove_tree(dir);
	return 0;
}
