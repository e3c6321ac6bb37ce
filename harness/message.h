/* SPDX-License-Identifier: MIT */
/*
 * Puts a streamed message together: the JSON of one event in, the message as far
 * as it is known out.
 *
 * What it does not know (events, blocks, members) it keeps or passes over, as the
 * API asks of its clients; what contradicts itself (text for a block that never
 * began) is an error, because then bytes were lost on the way.
 *
 * The message is true only after MESSAGE_COMPLETE: nothing of a half one may be
 * acted upon.
 */
#pragma once

#include "base/json.h"
#include "harness/model.h"

enum {
	MESSAGE_MEMORY_MAX = 64 << 20, /* text of all events of one message */
	MESSAGE_BLOCKS_MAX = 4096, /* content blocks, and above their indexes */
};

struct message;

struct message *message_new(void);
struct message *message_free(struct message *message);

enum message_what {
	MESSAGE_NOTHING, /* taken in; nothing to show */
	MESSAGE_PIECE, /* *ret_piece is filled; lent until the next push */
	MESSAGE_LIFE, /* a ping: the server lives, the model may or may not */
	MESSAGE_COMPLETE, /* the end was seen; later events are ignored */
	MESSAGE_ERROR, /* the server gave up and said why: message_error() */
	MESSAGE_GARBAGE, /* not JSON, or it contradicts what came before; says why */
	MESSAGE_TOO_BIG,
};

/* Takes in the data of one event.  A PIECE_BLOCK_START's text is what
 * a text block begins with, mostly nothing. */
enum message_what message_push(struct message *message, struct slice data,
	struct model_piece *ret_piece, struct buf *why);

const cJSON *message_json(const struct message *message); /* complete after MESSAGE_COMPLETE only */
const cJSON *message_usage(const struct message *message); /* so far; NULL at first */
const cJSON *message_error(const struct message *message); /* the whole error event, or NULL */
