/* SPDX-License-Identifier: MIT */
/* The requests of the kernel, answered by the rows of the node table.  Nothing here knows a file's
 * name. */
#pragma once

#include "fs/fs.h"
#include "fs/transport.h"
#include "fs/wait.h"

/* Operations on the tree; their user data is the struct fs.  Lent. */
const struct fuse_lowlevel_ops *fuse_tree_ops(void);

/* Operations on what is shown from the host (workspace.h), made safe for a connection that is
 * shared: what it does not support is answered here, because ENOSYS would switch some of it off for
 * the tree as well. */
void fuse_workspace_ops(struct fuse_lowlevel_ops *ret);

/* How parked reads are answered. */
struct wait_door fuse_door(struct fs *fs);
