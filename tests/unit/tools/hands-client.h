/* SPDX-License-Identifier: MIT */
/* A harness small enough for tests: starts agentdirs-hands and speaks its protocol. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

struct hands_client {
	pid_t pid;
	int control;
};

/* Starts the program unconfined, in `workdir`. */
void hands_start(struct hands_client *c, const char *program, const char *workdir);

/* Ends it by closing the control socket; its exit status. */
int hands_stop(struct hands_client *c);

/* A new stream; its hello has been read, with the ids it listed, each with a space behind it, in
 * `ret_known` (NULL is fine). */
int hands_stream(struct hands_client *c, struct buf *ret_known);

struct hands_result {
	char call[64];
	bool is_error;
	struct buf text;
	int64_t started_us, ended_us;
};

/* `input` is a packed list. */
void hands_execute(int stream, const char *call, const char *tool, struct slice input,
	int64_t timeout_ms);
void hands_say(int stream, const char *what, const char *call);

/* The next result, waiting at most `wait_ms`; false when there is none. */
bool hands_result(int stream, int wait_ms, struct hands_result *ret);
void hands_result_done(struct hands_result *r);

/* Waits for a frame that says `what`. */
bool hands_expect(int stream, const char *what, int wait_ms);

/* bash with one command: execute, result, acknowledge. */
bool hands_bash(int stream, const char *call, const char *command, int64_t timeout_ms,
	struct hands_result *ret);
