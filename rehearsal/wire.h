/* SPDX-License-Identifier: MIT */
/*
 * An answer as bytes: server-sent events one at a time, or one JSON message.
 *
 *	stream  := message_start block* message_delta message_stop
 *	block   := content_block_start content_block_delta* content_block_stop
 *
 * The events are made as they are asked for, so a slow stream costs its content
 * and not its events.  A fault breaks the stream in the middle of a part.
 */
#pragma once

#include "rehearsal/reply.h"

enum wire_step {
	WIRE_EVENT, /* bytes were added; go on */
	WIRE_PAUSE, /* bytes were added, and a slow stream waits here */
	WIRE_END, /* nothing was added; the stream is complete */
	WIRE_CUT, /* nothing was added; the connection breaks here */
};

struct wire {
	const struct reply *reply; /* lent, outlives the wire */
	struct manner manner;
	struct fault fault; /* FAULT_CUT, FAULT_GARBAGE, FAULT_STREAM_ERROR; others do not matter */
	enum wire_stage {
		STAGE_START,
		STAGE_PING,
		STAGE_BLOCK_START,
		STAGE_DELTA,
		STAGE_SIGNATURE,
		STAGE_BLOCK_STOP,
		STAGE_MESSAGE_DELTA,
		STAGE_MESSAGE_STOP,
		STAGE_END,
		STAGE_CUT,
		STAGES,
	} stage;
	size_t part, offset; /* what is sent next */
	size_t break_part,
		break_offset; /* where the fault happens; break_part == part_count: at the end */
	int64_t pings_left;
	bool opened; /* the current part had its first delta */
};

void wire_init(struct wire *wire, const struct reply *reply, const struct manner *manner,
	const struct fault *fault /* NULL none */);

enum wire_step wire_next(struct wire *wire, struct buf *out);

/* The same answer as the body of a response without streaming. */
void wire_message(struct buf *out, const struct reply *reply);
