/* SPDX-License-Identifier: MIT */
/*
 * How the supervisor in the background tells the command that started it what
 * happens, until the tree can be used: packets of one letter and a text on a
 * SOCK_SEQPACKET pair, whose end without "ready" means that it died.
 */
#pragma once

#include "base/buf.h"

enum { REPORT_BYTES_MAX = 4 << 10 };

void report_progress(int report, const char *what); /* report -1: nobody listens */
void report_ready(int report);
void report_failed(int report, const char *why);

/* Shows progress on the terminal until the end is known: 0 ready, or -ECANCELED with the
 * supervisor's sentence. */
int report_wait(int report, struct buf *why);

/* Goes to the background: 0 in the new process, which is in a session of its own with nothing
 * but /dev/null on its standard descriptors, and has *ret_report to tell with; its pid in the
 * old one, which has *ret_report to wait on.  -errno. */
pid_t report_fork(int *ret_report);
