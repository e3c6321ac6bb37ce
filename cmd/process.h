/* SPDX-License-Identifier: MIT */
/* Starting a program with exactly the words, the environment and the descriptors that it shall
 * have. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

enum {
	PROCESS_WORDS_MAX = 16, /* the longest list, of fs, has 12 */
	PROCESS_FDS_MAX = 8,
};

struct process {
	const char *program; /* absolute; lent */
	char *words[PROCESS_WORDS_MAX + 1]; /* argv; owned */
	size_t word_count;
	int fds[PROCESS_FDS_MAX]; /* kept open in the child under the same number; lent */
	size_t fd_count;
	char **environment; /* lent */
	int output; /* what the child's stdout and stderr are; stdin is empty; lent */
};

#define PROCESS_NULL ((struct process){ .output = -1 })

void process_done(struct process *p);
void cleanup_process(struct process *p);

void process_add_word(struct process *p, char *word /* taken */);
/* "name=fd", and passes it on */
void process_add_fd_word(struct process *p, const char *name, int fd);

/* Starts it in this session, with no signal blocked or ignored: its pid, or -errno. */
pid_t process_start(const struct process *p);
