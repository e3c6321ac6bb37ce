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

enum { ROUNDS = 50, ROUNDS_MAX = 10000, BLOCK = 10, WAIT_MS = 10000 };

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

static void run_block(size_t which, int64_t *times)
{
	for (int i = 0; i < BLOCK; i++) {
		int64_t begin = clock_now_us();
		cases[which].run();
		times[i] = clock_now_us() - begin;
	}
}

static void print(size_t which, int64_t *times, size_t count, int64_t *base)
{
	qsort(times, count, sizeof(*times), by_value);
	int64_t median = times[count / 2];
	if (which == 0)
		*base = median;
	printf("%-22s %6lld us  %.2f\n", cases[which].name, (long long)median,
		(double)median / (double)*base);
}

/* Interleaved, so that a disturbance of the machine hits all cases alike; in blocks, since a
 * shell that has just forked pays for its copied pages at the next command, whatever that is. */
static void measure(int rounds)
{
	size_t count = (size_t)rounds * BLOCK;
	int64_t *times = xcalloc(ARRAY_LEN(cases) * count, sizeof(*times)), base = 1;
	for (int i = 0; i < rounds; i++)
		for (size_t c = 0; c < ARRAY_LEN(cases); c++)
			run_block(c, times + c * count + (size_t)i * BLOCK);
	for (size_t c = 0; c < ARRAY_LEN(cases); c++)
		print(c, times + c * count, count, &base);
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
