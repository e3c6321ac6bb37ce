/* SPDX-License-Identifier: MIT */
/*
 * Where a conversation stands: which message is the script, and which of its
 * rounds the next answer is.
 *
 * The script is what the last user turn that has any text says; turns that hold
 * only tool results lead on to its next round.  A system message between turns
 * counts only when it holds a directive, so that a notice does not end a script.
 * A `replay:` stays in force through later messages of plain words.
 */
#pragma once

#include "rehearsal/request.h"
#include "rehearsal/script.h"

struct scene {
	char *text; /* all of the script */
	struct script script;
	size_t turn; /* in request.turns, where the script stands */
	size_t round; /* of the script; may lie past the last */
	/* The assistant's turn that this answer continues, or NULL; lent from the request. */
	const struct turn *paused;
	char *replay; /* recording to answer from, or NULL */
	size_t replay_index; /* which of its answers */
};

void scene_init(struct scene *scene, const struct request *r);
void scene_done(struct scene *scene);

/* The round to be played now; an empty one past the end of the script.  Lent from the scene. */
const struct round *scene_round(const struct scene *scene);

/* Names the point of the conversation at which a fault of this round was asked for, to count it
 * by: all that was said up to there, or that text alone, and the round. */
uint64_t scene_key(const struct scene *scene, const struct request *r, const struct fault *fault);
