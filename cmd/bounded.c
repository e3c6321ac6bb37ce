/* SPDX-License-Identifier: MIT */
#include "cmd/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* The child must hold nothing: when it hangs it would keep a mount or a lock alive. */
static _Noreturn void child(bounded_work *work, void *data, int out)
{
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(out, 3) < 0)
		_exit(EIO);
	(void)close_range(4, ~0U, 0);
	_exit(-work(data, 3));
}

int bounded_start(bounded_work *work, void *data, struct bounded *ret)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		child(work, data, ends[1]);
	int r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	*ret = (struct bounded){ .pid = pid, .out = ends[0] };
	return 0;
}

int bounded_result(int wait_status)
{
	return WIFEXITED(wait_status) ? -WEXITSTATUS(wait_status) : -EIO;
}

/* Until the end of the pipe: 0, or -ETIMEDOUT. */
static int collect(int fd, int64_t due_ms, size_t max, struct buf *ret_out)
{
	for (;;) {
		int64_t left = due_ms - clock_now_ms();
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		char piece[4096];
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n == 0)
			return 0;
		size_t room = n < 0 || ret_out->size >= max ? 0 : max - ret_out->size;
		(void)buf_add(ret_out, piece, n > 0 && (size_t)n < room ? (size_t)n : room);
	}
}

int bounded_run(bounded_work *work, void *data, int timeout_ms, size_t max, struct buf *ret_out)
{
	struct bounded b;
	int r = bounded_start(work, data, &b);
	if (r < 0)
		return r;
	cleanup(fd) int out = b.out;
	cleanup(buf) struct buf dropped = BUF_INIT(1);
	r = collect(out, clock_now_ms() + timeout_ms, ret_out ? max : 0,
		ret_out ? ret_out : &dropped);
	if (r < 0) {
		(void)kill(b.pid, SIGKILL);
		(void)waitpid(b.pid, NULL, WNOHANG);
		return r;
	}
	int status;
	while (waitpid(b.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return bounded_result(status);
}
