/* SPDX-License-Identifier: MIT */
/* Descriptors: whole reads and writes, and packets that carry descriptors. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

enum { IO_FDS_MAX = 8 };

/* Writes everything, through short writes and EINTR.  0 or -errno. */
int io_write_all(int fd, const void *data, size_t size);

/* Reads a whole file of at most `max` bytes into `ret`: 0, -EFBIG or -errno.  `dir` as in openat(2). */
int io_read_file(int dir, const char *path, size_t max, struct buf *ret);

/* Replaces a file in one step (temporary sibling, fsync, rename).  0 or -errno. */
int io_write_file(int dir, const char *path, const void *data, size_t size, unsigned mode);

int io_set_nonblock(int fd);
int io_set_cloexec(int fd, bool on);

/* One packet on a SOCK_SEQPACKET socket, with up to IO_FDS_MAX descriptors (lent).
 * 0, -EAGAIN when the other side is full, or -errno.  Never raises SIGPIPE. */
int io_send_packet(int socket, const void *data, size_t size, const int *fds, size_t fd_count);

/* Receives one packet of at most `max` bytes into `ret` (replacing what was there) and its descriptors,
 * which are given (close-on-exec); *ret_fd_count says how many.  Returns 1 for a packet, 0 at end of file,
 * -EAGAIN when there is none, -EMSGSIZE when it was larger (dropped, descriptors closed), or -errno. */
int io_recv_packet(int socket, size_t max, struct buf *ret, int ret_fds[static IO_FDS_MAX],
	size_t *ret_fd_count);

/* mkdir -p for an absolute or relative path, each new component with `mode`.  0 or -errno. */
int io_make_dirs(const char *path, unsigned mode);
