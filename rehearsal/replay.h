/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of a recorded session: push the lines of its events log, pull
 * the k-th answer.
 *
 * An answer is what stands between span.model_request_start and its _end:
 * agent.thinking, agent.message and the agent's tool uses.  Requests that failed
 * gave no answer and are skipped, as are events posted from other threads.
 */
#pragma once

#include "base/json.h"

struct replay {
	size_t wanted; /* which answer, the first is 0 */
	size_t seen; /* complete answers so far */
	bool found;
	cJSON *blocks; /* of the answer that is being read, or was found */
};

void replay_init(struct replay *replay, size_t wanted);
void replay_done(struct replay *replay);

/* 0: go on; 1: found; -EINVAL for a line that is no event, with a sentence. */
int replay_push(struct replay *replay, const char *line, size_t size, struct buf *why);

/* The answer once found, given: an array of blocks text, thinking, tool_use (name and input). */
cJSON *replay_take(struct replay *replay);
