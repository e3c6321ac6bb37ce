/* SPDX-License-Identifier: MIT */
/*
 * One answer of the model: its content, why it stops, and what it costs.
 *
 * A pure function of the request, the scene and a seed.  How it travels (events,
 * deltas, breaks) is wire.h's business.
 */
#pragma once

#include "base/id.h"
#include "rehearsal/cache.h"
#include "rehearsal/scene.h"

enum part_kind {
	PART_TEXT,
	PART_THINKING, /* text may be hidden: then only the signature travels */
	PART_CALL, /* tool_use or server_tool_use; text is the input, JSON or a cut piece of it */
	PART_WHOLE, /* text is the block as JSON; it has no deltas */
	PART_UNKNOWN, /* a block type that no client knows */
};

struct part {
	enum part_kind kind;
	const char *type; /* static */
	char *text;
	size_t size;
	char *name; /* calls */
	char id[ID_SIZE]; /* calls */
	char signature[48]; /* thinking */
	bool is_cut; /* the input is no JSON */
};

struct reply {
	char id[ID_SIZE];
	const char *model; /* static */
	struct part *parts;
	size_t part_count;
	const char *stop_reason; /* static */
	char *stop_sequence; /* NULL */
	const char *refusal; /* category, static; NULL */
	struct usage usage; /* the caller fills in the input's part */
};

/* `fault` NULL: none; only those about the answer's end (max_tokens, context, pause) matter here.
 * `seed` makes the ids. */
void reply_init(struct reply *reply, const struct request *r, const struct scene *scene,
	const struct fault *fault, uint64_t seed);

/* An answer with the recorded blocks, an array as replay_take gives it. */
void reply_init_recorded(
	struct reply *reply, const struct request *r, const cJSON *blocks, uint64_t seed);

/* An answer that says only this. */
void reply_init_words(
	struct reply *reply, const struct request *r, const char *words, uint64_t seed);

void reply_done(struct reply *reply);

/* The cumulative usage object as JSON. */
void usage_print(struct buf *out, const struct usage *usage, int64_t output);
