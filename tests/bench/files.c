/* SPDX-License-Identifier: MIT */
/*
 * stat(2) of a path that the kernel knows already, and a whole file read in large
 * pieces, as `cat` does.
 *
 *	bench-files PATH
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/measure.h"

enum {
	STATS = 200, /* samples, of so many calls each: */
	STATS_EACH = 100,
	READS = 9,
	PIECE = 128 << 10,
};

static void measure_stat(const char *path)
{
	struct sample sample = SAMPLE("100 stats");
	for (int i = 0; i < STATS; i++) {
		struct stat st;
		int64_t from = now_ns();
		for (int k = 0; k < STATS_EACH; k++)
			(void)need_call(stat(path, &st), path);
		sample_add(&sample, from, now_ns());
	}
	sample_print(&sample);
}

static void measure_read(const char *path)
{
	static char bytes[PIECE];
	struct sample sample = SAMPLE("read");
	for (int i = 0; i < READS; i++) {
		int64_t from = now_ns();
		cleanup(fd) int fd = need_call(open(path, O_RDONLY | O_CLOEXEC), path);
		while (need_call((int)read(fd, bytes, sizeof(bytes)), path) > 0)
			;
		sample_add(&sample, from, now_ns());
	}
	sample_print(&sample);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "usage: bench-files PATH\n");
		return 2;
	}
	measure_stat(argv[1]);
	measure_read(argv[1]);
	return 0;
}
