/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this folder share: time, samples, and children.
 *
 * Each program prints lines of "NAME UNIT P10 P50 P90 COUNT", separated by tabs;
 * tests/bench/run reads them.  A step that fails ends the program with one
 * sentence: a benchmark has nobody to forward an error to.
 */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/* Monotonic; the same for all processes. */
int64_t now_ns(void);

struct sample {
	const char *name;
	size_t count, room;
	double *us; /* owned */
};

#define SAMPLE(name_) ((struct sample){ .name = (name_) })

void sample_add(struct sample *s, int64_t from_ns, int64_t to_ns);
void sample_print(struct sample *s); /* prints, and frees what was sampled */
void print_figure(const char *name, const char *unit, double value); /* a sample of one */

/* The baseline of what a turn costs: starts `bash -c :` and waits for its end. */
void sample_bash(struct sample *s);

/* Ends the program with "WHAT: reason" unless r >= 0. */
int need(int r, const char *what); /* -errno */
int need_call(int r, const char *what); /* -1 and errno */

/* Starts a program that dies with us.  `argv` is made of given strings and is freed. */
pid_t start(char **argv /* taken */);
void stop(pid_t pid); /* SIGTERM, and waits */

/* A sealed copy of a program, as the spawner wants its hands. */
int sealed_copy(const char *path);

void remove_tree(const char *path);
