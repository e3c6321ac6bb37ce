/* SPDX-License-Identifier: MIT */
/*
 * What a tool call costs in the hands, beside a bare `bash -c :` measured in the
 * same rounds.  Prints one line per case: name, median in microseconds, ratio.
 *
 *	bench-hands PATH-OF-AGENTDIRS-HANDS [rounds]
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/io.h"
#include "tests/unit/tools/hands-client.h"

enum { ROUNDS = 500, ROUNDS_MAX = 100000, WAIT_MS = 10000 };

extern char **environ;

static struct hands_client client;
static int stream;
static unsigned calls;

static void wrong(const char *what)
{
	(void)fprintf(stderr, "bench-hands: %s\n", what);
	exit(1);
}

static void bash_c(void)
{
	char *const argv[] = { (char *)"bash", (char *)"-c", (char *)":", NULL };
	pid_t pid;
	if (posix_spawn(&pid, "/bin/bash", NULL, NULL, argv, environ) != 0 ||
		waitpid(pid, NULL, 0) != pid)
		wrong("cannot run bash");
}

static void ping(void)
{
	hands_say(stream, "ping", NULL);
	if (!hands_expect(stream, "pong", WAIT_MS))
		wrong("no pong");
}

static void command(const char *text)
{
	struct hands_result r;
	char id[16];
	(void)snprintf(id, sizeof(id), "c%u", calls++);
	if (!hands_bash(stream, id, text, WAIT_MS, &r) || r.is_error)
		wrong("the command failed");
	hands_result_done(&r);
}

static void shell_builtin(void)
{
	command(":");
}

static void shell_program(void)
{
	command("/bin/true");
}

static void read_file(void)
{
	struct hands_result r;
	struct buf input = BUF_INIT(1000);
	char id[16];
	(void)snprintf(id, sizeof(id), "r%u", calls++);
	(void)fields_add_text(&input, "file_path", "file");
	hands_execute(stream, id, "read", buf_slice(&input), WAIT_MS);
	if (!hands_result(stream, WAIT_MS, &r) || r.is_error)
		wrong("cannot read");
	hands_say(stream, "acknowledge", id);
	hands_result_done(&r);
	buf_done(&input);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "bash -c :", bash_c }, /* what the others are compared with */
	{ "null round trip", ping },
	{ "persistent :", shell_builtin },
	{ "persistent /bin/true", shell_program },
	{ "read a small file", read_file },
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* Interleaved, so that a disturbance of the machine hits all cases alike. */
static void measure(int rounds)
{
	int64_t *times = xcalloc(ARRAY_LEN(cases) * (size_t)rounds, sizeof(*times));
	for (int i = 0; i < rounds; i++)
		for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
			int64_t begin = clock_now_us();
			cases[c].run();
			times[c * (size_t)rounds + (size_t)i] = clock_now_us() - begin;
		}
	int64_t base = 1;
	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		int64_t *mine = times + c * (size_t)rounds;
		qsort(mine, (size_t)rounds, sizeof(*mine), by_value);
		base = c == 0 ? mine[rounds / 2] : base;
		printf("%-22s %6lld us  %.2f\n", cases[c].name, (long long)mine[rounds / 2],
			(double)mine[rounds / 2] / (double)base);
	}
	free(times);
}

int main(int argc, char **argv)
{
	char work[] = "/tmp/agentdirs-bench-XXXXXX";
	int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
	if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX || !mkdtemp(work))
		wrong("usage: bench-hands PATH-OF-AGENTDIRS-HANDS [rounds]");
	cleanup(free) char *file = xprintf("%s/file", work);
	if (io_write_file(-1, file, "text\n", 5, 0644) < 0)
		wrong("cannot write");
	hands_start(&client, argv[1], work);
	stream = hands_stream(&client, NULL);
	command(":");
	measure(rounds);
	close(stream);
	(void)hands_stop(&client);
	(void)unlink(file);
	(void)rmdir(work);
	return 0;
}
