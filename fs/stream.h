/* SPDX-License-Identifier: MIT */
/*
 * Files that wait at their end: `follow`, `live`, `wait`.
 *
 * A stream is a handle whose `text` holds bytes that were not read yet; the
 * row's `follow` adds more.  Each answered read notes in handle->kept where it
 * began and ended, in the stream and in the source behind it, so that a
 * successor of this process goes on at the right byte.
 */
#pragma once

#include "fs/handle.h"

/* Whether a read at `offset` would be answered now: 1 (bytes are in h->text, or it has ended), 0 it
 * must wait, or -errno. */
int stream_look(struct fs *fs, struct handle *h, uint64_t offset);

/* Takes at most `size` bytes after stream_look said 1; empty at the end.  Lent from `out`. */
struct slice stream_take(struct handle *h, size_t size, struct buf *out);

/* Begins a stream that was never read: notes from where and for what it waits.  -ENFILE. */
int stream_open(struct fs *fs, struct handle *h, int64_t start, int64_t goal);

/* The number of the last queue entry of the session, 0 when the queue is empty. */
int64_t stream_goal(struct fs *fs, int64_t session);

/* Whether all queue entries up to `goal` are worked off and the session needs nobody, or somebody.
 * 1, 0 or -errno. */
int stream_settled(struct fs *fs, int64_t session, int64_t goal);

/* Offset, in the log, at which a stream that an earlier process served goes on; -1 when it was not
 * read there. */
int64_t stream_resume(const struct handle *h, uint64_t offset);
