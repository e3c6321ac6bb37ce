/* SPDX-License-Identifier: MIT */
#include "base/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int io_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;
	while (size > 0) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int io_read_file(int dir, const char *path, size_t max, struct buf *ret)
{
	cleanup(fd) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = buf_read_all(ret, fd, max);
	return n < 0 ? (int)n : 0;
}

int io_write_file(int dir, const char *path, const void *data, size_t size, unsigned mode)
{
	cleanup(free) char *temporary = xprintf("%s.%d~", path, (int)getpid());
	cleanup(fd) int fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	int r = io_write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, temporary, dir, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, temporary, 0);
	return r;
}

int io_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int io_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

union fd_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
};

int io_send_packet(int socket, const void *data, size_t size, const int *fds, size_t fd_count)
{
	assert(fd_count <= IO_FDS_MAX);
	union fd_space space = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd_count) {
		msg.msg_control = space.bytes;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static size_t take_fds(struct msghdr *msg, int ret_fds[static IO_FDS_MAX])
{
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n && count < IO_FDS_MAX; i++)
			memcpy(&ret_fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return count;
}

int io_recv_packet(int socket, size_t max, struct buf *ret, int ret_fds[static IO_FDS_MAX],
	size_t *ret_fd_count)
{
	*ret_fd_count = 0;
	buf_clear(ret);
	char *to = buf_reserve(ret, max);
	if (!to)
		return -EMSGSIZE;
	union fd_space space = { 0 };
	struct iovec iov = { .iov_base = to, .iov_len = max };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes) };
	ssize_t n;
	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_fd_count = take_fds(&msg, ret_fds);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < *ret_fd_count; i++)
			close(ret_fds[i]);
		*ret_fd_count = 0;
		return -EMSGSIZE;
	}
	ret->size = (size_t)n;
	ret->data[n] = '\0';
	return n > 0 || *ret_fd_count ? 1 : 0;
}

int io_make_dirs(const char *path, unsigned mode)
{
	cleanup(free) char *copy = xstrdup(path);
	if (!*copy)
		return -ENOENT;
	for (char *at = copy + 1;; at++) {
		char here = *at;
		if (here != '/' && here != '\0')
			continue;
		*at = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*at = here;
		if (here == '\0')
			return 0;
	}
}
