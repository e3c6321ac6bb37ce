/* SPDX-License-Identifier: MIT */
/*
 * What one event looks like to a reader, as Markdown, whatever came before it.
 * Which pieces belong together and in which order they stand: transcript.h.
 *
 * What the model, its tools and the user wrote is hostile to the layout: it
 * stands as a paragraph of its own, in a fence that it cannot end, or in a code
 * span if it is one harmless line.
 */
#pragma once

#include "base/json.h"

enum { PIECE_BLOCK_BYTES = 4000 }; /* of an argument or a result; the rest is in `events` */

enum piece_kind {
	PIECE_NONE, /* nothing to see */
	PIECE_WORD, /* somebody else than the agent */
	PIECE_AGENT, /* the agent's words */
	PIECE_CALL, /* the agent calls a tool */
	PIECE_NOTE, /* something about a call */
	PIECE_RESULT, /* the last thing about a call */
};

struct piece {
	enum piece_kind kind;
	const char *call; /* the id of the call that it is about, lent by the event; may be NULL */
};

/* Adds what the event looks like: nothing, or paragraphs with an empty line behind each.  An
 * overflow of `out` is left for the caller to see. */
struct piece piece_show(const cJSON *event, struct buf *out);
