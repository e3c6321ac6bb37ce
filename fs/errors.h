/* SPDX-License-Identifier: MIT */
/*
 * The sentences behind errnos: time, who, what was tried, why not, what to do.
 *
 * An errno is all that a system call can carry; the sentence that belongs to it
 * is kept here and shown in the nearest `error` file.  In memory and bounded: it
 * is for the person who looks now.
 */
#pragma once

#include "base/buf.h"

enum { ERRORS_KEPT = 256 }; /* of all sessions and the root together; the oldest go first */

struct errors;

struct errors *errors_new(void);
struct errors *errors_free(struct errors *errors);

/* `session` 0 is the root.  The same sentence twice in a row about one thing is kept once. */
void errors_add(struct errors *errors, int64_t session, int pid, const char *sentence);
void errors_clear(struct errors *errors, int64_t session);

/* The last refusal of the session as one line, and when it was: the wall clock, 0 when there is
 * none. */
int64_t errors_last(const struct errors *errors, int64_t session, struct buf *out);

/* All kept lines of the session, oldest first. */
void errors_show(const struct errors *errors, int64_t session, struct buf *out);

/* What an errno of ours means and what to do, where nobody has said it better.  Lent. */
const char *errors_meaning(int error);
