/* SPDX-License-Identifier: MIT */
/*
 * The persistent bash: one process that is told one command after another.
 *
 * How a command gets in and its end is noticed decides what can go wrong:
 *
 *   - The text lies in a memfd that bash reads with `.`, so an open quote, a
 *     syntax error, a here-document without an end or `return` concern that text
 *     only.  The script that bash executes is a pipe, into which two short lines
 *     go for each command:
 *		builtin . /proc/self/fd/251 >&252 2>&1;builtin echo NONCE $?>&253
 *		set +eu
 *   - The status comes back on a descriptor of its own, behind a number that no
 *     output can guess, so neither `exec >/dev/null` nor a noisy job disturbs it.
 *     bash runs lines in order, so the pipe holds all output when the status is in.
 *   - bash's own stdout and stderr are /dev/null: what `set -x` and `set -v` say
 *     about our lines is nobody's business.
 *   - The second line waits unread while the command runs.  When it is gone and
 *     no status came, the shell has stopped listening to us (`set -n`,
 *     `exec 253>&-`): shell_is_lost.  It also takes back -e and -u, which would
 *     make the first failing command of a later call end the shell.
 *   - That the shell itself ended (`exit`, `exec`, kill) is seen by its parent, not
 *     by the end of a pipe, which background jobs may hold open.
 */
#pragma once

#include <linux/limits.h>

#include "base/loop.h"
#include "base/util.h"
#include "tools/process.h"
#include "tools/ring.h"

/* How bash calls the command's text in its messages. */
#define SHELL_COMMAND_PATH "/proc/self/fd/251"

enum { SHELL_NONCE_SIZE = 17 };

struct shell {
	struct loop *loop; /* lent, like processes and workdir */
	struct processes *processes;
	const char *workdir;
	struct process process; /* on_exit is set by the owner */
	bool alive;
	int command_fd; /* memfd with the command's text */
	int script_fd; /* -1 while not alive */
	int output_fd; /* the write end, for this shell and the next: jobs of one outlive it */
	struct loop_io output, status;
	struct ring ring; /* output not yet taken */
	struct buf status_line;
	char nonce[SHELL_NONCE_SIZE]; /* of the command that runs; "" when none does */
	void (*on_status)(void *data, int status); /* the command has ended; should only mark */
	void *data;
};

/* Makes the channels, not the process.  0 or -errno.  process.on_exit, on_status and data are the
 * owner's to set, before shell_start. */
int shell_init(struct shell *s, struct loop *loop, struct processes *processes,
	const char *workdir);
void shell_done(struct shell *s); /* closes the channels; the process is not touched */

/* Starts bash in `dir`, or in the working directory when `dir` cannot be entered.  0 or -errno. */
int shell_start(struct shell *s, const char *dir);

/* To be called when process.on_exit was. */
void shell_ended(struct shell *s);

/* Runs a command; with `come_back` in the working directory.  0 or -errno; -EBUSY: the shell does not
 * read its lines, and will not. */
int shell_send(struct shell *s, struct slice command, bool come_back);

/* Reads what the output pipe holds now into the ring. */
void shell_drain(struct shell *s);

/* The command's lines were read, and yet no status has come. */
bool shell_is_lost(const struct shell *s);

/* Where the shell is; false when it cannot be told.  A deleted directory ends in " (deleted)". */
bool shell_cwd(const struct shell *s, char ret[static PATH_MAX]);
