/* SPDX-License-Identifier: MIT */
#include "tests/bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- samples --- */

void sample_add(struct sample *s, int64_t from_ns, int64_t to_ns)
{
	if (s->count == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->us = xrealloc(s->us, s->room * sizeof(*s->us));
	}
	s->us[s->count++] = (double)(to_ns - from_ns) / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_line(const char *name, const char *unit, const double *values, size_t count)
{
	printf("%s\t%s\t%.3f\t%.3f\t%.3f\t%zu\n", name, unit, values[count / 10], values[count / 2],
		values[count * 9 / 10], count);
	(void)fflush(stdout);
}

void sample_print(struct sample *s)
{
	qsort(s->us, s->count, sizeof(*s->us), compare);
	if (s->count)
		print_line(s->name, "us", s->us, s->count);
	free(s->us);
	*s = SAMPLE(s->name);
}

void print_figure(const char *name, const char *unit, double value)
{
	print_line(name, unit, &value, 1);
}

void sample_bash(struct sample *s)
{
	static char *const argv[] = { (char *)"bash", (char *)"-c", (char *)":", NULL };
	pid_t pid;
	int64_t from = now_ns();
	(void)need(-posix_spawn(&pid, "/bin/bash", NULL, NULL, argv, environ), "bash");
	(void)need_call(waitpid(pid, NULL, 0), "waitpid");
	sample_add(s, from, now_ns());
}

/* --- errors --- */

int need(int r, const char *what)
{
	if (r >= 0)
		return r;
	(void)fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

int need_call(int r, const char *what)
{
	return need(r < 0 ? -errno : r, what);
}

/* --- children --- */

pid_t start(char **argv)
{
	pid_t pid = need_call(fork(), "fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return pid;
}

void stop(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
}

int sealed_copy(const char *path)
{
	cleanup(fd) int from = need_call(open(path, O_RDONLY | O_CLOEXEC), path);
	int fd = need_call(memfd_create("hands", MFD_ALLOW_SEALING), "memfd_create");
	while (need_call((int)sendfile(fd, from, NULL, 1 << 20), "sendfile") > 0)
		;
	(void)need_call(
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
		"F_ADD_SEALS");
	return fd;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
