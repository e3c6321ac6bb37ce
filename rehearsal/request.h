/* SPDX-License-Identifier: MIT */
/*
 * A request as the model sees it: all content blocks in one row, and the turns
 * that they form.
 *
 * The API merges neighbouring messages of one role, and a plain string is short
 * for one text block; here both are done once, so that nobody else needs to know.
 * Making the view never fails: what has the wrong shape is left out of it and is
 * found by the rules of check.h, which look at the JSON too.
 */
#pragma once

#include "base/json.h"
#include "rehearsal/models.h"

enum role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLES };

struct block {
	enum role role;
	const char *type; /* "text" for a plain string */
	const cJSON *json; /* the block, or the string that is short for it */
	int message, index; /* where it stands: messages.M.content.I */
};

struct turn {
	enum role role;
	size_t first, count; /* of request.blocks */
};

struct request {
	const cJSON *json; /* lent */
	const char *betas; /* of the anthropic-beta header, lent; "" none */
	bool counting; /* count_tokens: neither max_tokens nor stream */
	const struct model *model; /* NULL when unknown */
	struct block *blocks;
	size_t block_count;
	struct turn *turns;
	size_t turn_count;
};

void request_init(struct request *r, const cJSON *json /* lent, outlives r */,
	const char *betas /* lent */, bool counting);
void request_done(struct request *r);

bool request_has_beta(const struct request *r, const char *name);

/* Text of a text block, NULL for another type. */
const char *block_text(const struct block *block);

/* "tool_use" blocks of the turn, "server_tool_use" …: the next one at or after *at, or NULL. */
const struct block *turn_next_block(
	const struct request *r, const struct turn *turn, const char *type, size_t *at);

/* True when the turn ends with a server tool call that has no result yet: the API paused there. */
bool turn_is_paused(const struct request *r, const struct turn *turn);
