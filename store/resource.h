/* SPDX-License-Identifier: MIT */
/* What is attached to a session (reference section 5.1): files, repositories, memory stores. */
#pragma once

#include "base/json.h"

/* Checks a list of resources as people write it and builds the form that the session shows, each
 * with id, mount_path and times.  0 (given); -EINVAL with a sentence that names the field; -ENOENT
 * a memory store, as there are none.  Whether a file exists is not known here: whoever mounts it
 * says so.  Tokens of repositories are refused: they are secrets, and what is here is shown. */
int resources_apply(const cJSON *wanted, cJSON **ret, struct buf *why);

/* The same for vault_ids: each must name a vault. */
int vault_ids_apply(const cJSON *wanted, cJSON **ret, struct buf *why);
