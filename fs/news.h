/* SPDX-License-Identifier: MIT */
/*
 * What other processes did: hints that arrive at once, and once a second a look
 * at the store's version, so that a lost hint costs a second and nothing else.
 */
#pragma once

#include "fs/fs.h"

struct news;

/* on_change comes at the end of a round in which something was heard; session 0 means any.  0 or
 * -errno. */
int news_new(struct fs *fs, void (*on_change)(void *data, int64_t session), void *data,
	struct news **ret);
struct news *news_free(struct news *news); /* NULL is fine */

/* Takes the hints that are there.  Called before the log is looked at, so that previews of a
 * message are always seen before the message: the harness sends them first. */
void news_take(struct news *news);
