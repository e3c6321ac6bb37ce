/* SPDX-License-Identifier: MIT */
/*
 * The agent's words as they come: pieces of a message that is being written, and
 * the finished message from the log, made into one text without seams.
 *
 * The pieces of a message are a prefix of it, so what is left to say when it is
 * finished is its rest.  A message that is never finished (its request failed)
 * was shown and cannot be taken back; its line is ended and the next one
 * follows.  Pure: no store, no clock.
 */
#pragma once

#include "base/buf.h"
#include "base/id.h"

struct live {
	char id[ID_SIZE]; /* of the message being shown, "" between two */
	size_t shown; /* bytes of it given out */
	uint64_t abandoned; /* bytes given out that are in no finished message */
};

/* `so_far` is the whole text of message `id` that is known now. */
void live_piece(struct live *live, const char *id, struct slice so_far, struct buf *out);

/* The message is finished. */
void live_message(struct live *live, const char *id, struct slice text, struct buf *out);

/* Whatever was being written will never be finished. */
void live_abandon(struct live *live, struct buf *out);
