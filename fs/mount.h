/* SPDX-License-Identifier: MIT */
/*
 * Making the mount and undoing it: by mount(2) where that is allowed, else
 * through fusermount3, the setuid helper that ordinary users have for it.
 *
 * libfuse could do the first, but not undo what another process has mounted.
 */
#pragma once

#include "base/loop.h"
#include "base/util.h"

/* Mounts and returns /dev/fuse (given, close-on-exec), or -errno with a sentence.  `allow_other`:
 * for other users too, and the kernel checks permissions. */
int mount_attach(const char *mountpoint, bool allow_other, struct buf *why);

/* Detaches the mount from the directory tree, running rounds of the loop (requests may still come)
 * while the helper works, at most some seconds. */
void mount_detach(const char *mountpoint, struct loop *loop);
