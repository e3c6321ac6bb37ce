/* SPDX-License-Identifier: MIT */
/* Makes a workspace the sandbox's own, on the host's side. */
#pragma once

#include "base/buf.h"

/* Opens the directory, which must exist and not be a link.  Its descriptor (O_PATH), or -errno with
 * `why`. */
int workspace_open(const char *path, struct buf *why);

/* Gives the directory and what is in it to uid and gid: whatever belongs to somebody else, without
 * following links or leaving the file system.  Files that have another name are left alone.  0, or
 * -errno with `why`. */
int workspace_adopt(int workspace, unsigned uid, unsigned gid, struct buf *why);
