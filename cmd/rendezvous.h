/* SPDX-License-Identifier: MIT */
/* The Unix socket at which the harness finds the rehearsal model. */
#pragma once

#include "base/buf.h"

/* Makes and listens: in the store, or, when that path is too long for a socket, in a fresh
 * private directory. *ret_path is given; the descriptor, too.  -errno with a sentence. */
int rendezvous_make(const char *store, char **ret_path, int *ret_fd, struct buf *why);

/* Removes it, and the directory made for it.  NULL is fine. */
void rendezvous_remove(const char *path, const char *store);
