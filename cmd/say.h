/* SPDX-License-Identifier: MIT */
/* What the command says to the person who called it: one line on stderr for what went wrong,
 * and on a terminal one passing line for what it is doing. */
#pragma once

#include "base/util.h"

/* A sentence that names the thing, the reason and the way out, without its newline. */
void say_error(const char *format, ...) print_like(1, 2);

/* Replaces the passing line; NULL wipes it.  Nothing when stderr is no terminal. */
void say_progress(const char *text);
