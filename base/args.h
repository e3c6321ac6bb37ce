/* SPDX-License-Identifier: MIT */
/* How the supervisor tells a child process what it needs: `name=value` words in argv.  Secrets never
 * travel here; they come through an inherited descriptor that such a word names. */
#pragma once

#include <stdint.h>

/* The value of the word, or `fallback`. */
const char *args_text(int argc, char **argv, const char *name, const char *fallback);
int64_t args_int(int argc, char **argv, const char *name, int64_t fallback);

/* The same for a word that must be there: says so on stderr and exits with 2 when it is not. */
const char *args_need(int argc, char **argv, const char *name);
int args_need_fd(int argc, char **argv, const char *name); /* also marks it close-on-exec */
