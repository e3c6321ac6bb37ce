/* SPDX-License-Identifier: MIT */
/*
 * When a message is complete.
 *
 * A message is neither a write(2), since shells write line by line, nor an open
 * file, since `exec 3>input` sends many.  What marks its end is a close by the
 * process that opened the file: it reaches us as FLUSH, once for each descriptor
 * that is closed, also for the copies that child processes inherit and close
 * when they exit, in the middle of somebody else's message.
 *
 *	{ echo a; ls; echo b; } > input   FLUSH by the shell with nothing written yet, WRITE by it,
 *	                                  WRITE and FLUSH by ls, WRITE and FLUSH by the shell: one
 *	exec 3>input; echo a >&3; …       bash closes a copy after each echo: one each
 *
 * So a FLUSH completes the message when bytes are pending and it comes from the
 * opener's process.  The kernel tells threads, not processes: a program may
 * open in one thread and close in another.
 */
#pragma once

#include <stdbool.h>

/* The process of a thread, 0 when the thread is gone. */
int flush_process_of(int thread);

/* `process_of` is flush_process_of but in tests. */
bool flush_completes(bool pending, int flusher, int opener, int (*process_of)(int thread));
