/* SPDX-License-Identifier: MIT */
/* Content blocks: one row per type, with where it may stand and which fields it has. */
#pragma once

#include "rehearsal/request.h"

enum place {
	PLACE_USER = 1 << ROLE_USER,
	PLACE_ASSISTANT = 1 << ROLE_ASSISTANT,
	PLACE_MID_SYSTEM = 1 << ROLE_SYSTEM, /* a message of role "system" */
	PLACE_SYSTEM = 1 << ROLES, /* the request's own system */
	PLACE_RESULT = 2 << ROLES, /* within a tool_result */
};

/* Checks one block and what lies within it.  `path` names it in the sentence
 * ("messages.0.content.1"). 0, or -EINVAL with the API's sentence. */
int blocks_check(const cJSON *block, enum place place, const char *path, struct buf *why);

/* Checks what may stand where the API takes a text or an array of blocks. */
int blocks_check_content(const cJSON *content, enum place place, const char *path, struct buf *why);
