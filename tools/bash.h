/* SPDX-License-Identifier: MIT */
/*
 * The tool `bash`: one call after another in the persistent shell, each with a
 * time limit and a result.
 *
 * A call ends when its command does, however many jobs it leaves behind.  When it
 * has to be ended (time, interrupt, restart), the whole shell is: TERM to
 * everything in it, KILL after a moment, and the result says what is lost.
 */
#pragma once

#include "tools/args.h"
#include "tools/shell.h"

struct bash;

struct bash_handler {
	/* The call's result.  `text` is lent.  Comes from the loop, never from within bash_run. */
	void (*on_done)(void *data, bool is_error, const struct buf *text);
	void *data;
};

/* All lent, outliving the object.  Takes over processes->on_reaped.  0 or -errno. */
int bash_new(struct loop *loop, struct processes *processes, const char *workdir,
	const struct bash_handler *handler, struct bash **ret);
struct bash *bash_free(struct bash *b); /* ends the shell's process group; NULL is fine */

/* Starts a call; not while one runs. */
void bash_run(struct bash *b, const struct bash_args *args /* its texts lent until on_done */,
	int64_t timeout_ms);

/* Ends the running call, if there is one; its result comes as an error. */
void bash_interrupt(struct bash *b);
