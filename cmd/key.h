/* SPDX-License-Identifier: MIT */
/*
 * The model key on its way to the one process that needs it, the harness.
 *
 * It comes from a file or from the environment, never from an argument, and goes
 * into a sealed memfd: "api_key\nVALUE\n" or "auth_token\nVALUE\n", empty when
 * there is none.  After that no other copy is left in this process: what was read
 * is wiped, and so is the place in the process's first environment that
 * /proc/PID/environ shows.
 */
#pragma once

#include "cmd/settings.h"

/* Where a key would come from, as a phrase such as "ANTHROPIC_API_KEY"; NULL when there is
 * none.  Reads nothing. */
const char *key_source(const struct settings *settings);

/* *ret_fd is given, at its beginning.  -ENOENT there is no key and the settings are not
 * offline; -EPERM the file can be read by others; -EINVAL it holds no key; -errno; each with a
 * sentence.  Offline the memfd is empty.  Whatever happens, no key is in the environment
 * afterwards. */
int key_load(const struct settings *settings, int *ret_fd, struct buf *why);
