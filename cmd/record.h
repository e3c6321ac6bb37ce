/* SPDX-License-Identifier: MIT */
/*
 * STORE/run: which supervisor serves the store, and where, so that the other
 * subcommands find it.  STORE/lock (flock) is what makes it the only one; the
 * record alone proves nothing, so a pid is believed only together with the time
 * at which that process started.
 */
#pragma once

#include "base/buf.h"

struct record {
	pid_t pid;
	int64_t start; /* field 22 of /proc/PID/stat, clock ticks since boot */
	char *mountpoint; /* absolute, resolved; owned */
};
void record_done(struct record *r);
void cleanup_record(struct record *r);

int record_write(const char *store, const char *mountpoint); /* for this process: 0 or -errno */
void record_remove(const char *store);

/* 0, or -EPROTO when it is garbled. */
int record_parse(struct slice text, struct record *ret);

/* The same from the store's file; also -ENOENT there is none, -errno. */
int record_read(const char *store, struct record *ret);

/* A descriptor of the process, when it is still the one that wrote the record: given.  -ESRCH
 * when it is gone. */
int record_open_process(const struct record *r);

/* The start time of a process; -ESRCH when there is none. */
int64_t process_start_time(pid_t pid);

/* Takes the lock of the store for as long as a copy of the descriptor is open: given.  -EBUSY
 * another agentdirs has it, with a sentence that says which; -errno. */
int record_lock(const char *store, int *ret_fd, struct buf *why);
