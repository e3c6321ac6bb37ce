/* SPDX-License-Identifier: MIT */
/*
 * Thinking: which kinds a model takes, and the signature of a thinking block.
 *
 * A signature made here names the text that it was made for, so that an edited
 * block is found as the API finds it.  Signatures of others (a conversation that
 * began with the real API) cannot be checked and are let through.
 */
#pragma once

#include "rehearsal/request.h"

enum { SIGNATURE_SIZE = 48 };

void thinking_sign(const char *text, char ret_signature[static SIGNATURE_SIZE]);

/* True when the request shows the text of thinking blocks, false when only signatures travel. */
bool thinking_is_shown(const struct request *r);

/* Each: 0, or -EINVAL with the API's sentence. */
int check_thinking(const struct request *r, struct buf *why);
int check_signatures(const struct request *r, struct buf *why);
