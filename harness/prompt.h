/* SPDX-License-Identifier: MIT */
/*
 * The prompt: a fold of the log into the bytes of the next request.
 *
 * The serialised conversation is only ever appended to, so building a request
 * costs what is new and the bytes that the prompt cache has seen never change.
 * The same function is applied to an event when it is logged and when a later
 * harness reads it back, so both send the same bytes.
 *
 * The cache is steered without touching those bytes: one breakpoint at the end of
 * the system prompt, and the request's automatic one, whose field stands before
 * the messages.
 */
#pragma once

#include "base/json.h"

struct prompt {
	struct buf head; /* everything before the messages: model, system, tools */
	struct buf messages; /* the messages so far; the last one is not closed */
	const char *role; /* of the open message; NULL before the first */
	size_t message_start; /* where it begins */
	size_t request_start; /* where the answer to the open request begins */
	bool has_substance; /* the open message has a block that is not thinking */
	bool has_blocks;
	uint64_t *call_ids; /* hashes of the ids of all calls; owned */
	size_t call_id_count, call_id_room;
};

enum {
	PROMPT_BYTES_MAX = 32 << 20, /* the API's request limit */
	PROMPT_PARTS = 3,
	PROMPT_TOOL_NAME_MAX = 64, /* bytes, as ids of calls: what the API takes back */
	PROMPT_CALL_ID_MAX = 64,
};

/* What names of tools and ids of calls are made of. */
#define PROMPT_NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

void prompt_init(struct prompt *p);
void prompt_done(struct prompt *p);

/* Sets the head from an agent's body: model, system, tools.  `notes` is added to the system prompt: what the
 * agent must know of its surroundings.  0 or -EFBIG. */
int prompt_set_head(struct prompt *p, const cJSON *agent, const char *notes);

/* Folds one event of the log.  0, or -EFBIG when the conversation is too large for a request. */
int prompt_event(struct prompt *p, const cJSON *event);

/* Takes an id that the model gave to a call.  False when the API would refuse it in the next request: it is
 * used in this conversation already, or not of the API's form. */
bool prompt_claim_call_id(struct prompt *p, const char *id);

/* The id of an agent.tool_use event's call in the conversation, which the result repeats: the model's if it was
 * good, else the event's own.  Lent from the event. */
const char *prompt_call_id(const cJSON *event);

/* The request's body as parts, lent until the prompt changes. */
void prompt_parts(struct prompt *p, struct slice ret_parts[static PROMPT_PARTS]);

/* Whether the agent's toolset has this built-in tool switched on. */
bool prompt_offers_tool(const cJSON *agent, const char *name);
