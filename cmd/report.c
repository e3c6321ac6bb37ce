/* SPDX-License-Identifier: MIT */
#include "cmd/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/say.h"

enum letter { LETTER_PROGRESS = 'p', LETTER_READY = 'r', LETTER_FAILED = 'f' };

static void tell(int report, enum letter letter, const char *text)
{
	if (report < 0)
		return;
	cleanup(buf) struct buf packet = BUF_INIT(REPORT_BYTES_MAX);
	(void)buf_add_char(&packet, (char)letter);
	(void)buf_add_text(&packet, text);
	(void)io_send_packet(report, packet.data, packet.size, NULL, 0);
}

void report_progress(int report, const char *what)
{
	tell(report, LETTER_PROGRESS, what);
}

void report_ready(int report)
{
	tell(report, LETTER_READY, "");
}

void report_failed(int report, const char *why)
{
	tell(report, LETTER_FAILED, why);
}

int report_wait(int report, struct buf *why)
{
	cleanup(buf) struct buf packet = BUF_INIT(REPORT_BYTES_MAX + 1);
	int fds[IO_FDS_MAX];
	size_t fd_count;
	while (io_recv_packet(report, REPORT_BYTES_MAX, &packet, fds, &fd_count) == 1) {
		const char *text = packet.data + 1;
		if (packet.data[0] == LETTER_PROGRESS)
			say_progress(text);
		if (packet.data[0] == LETTER_READY)
			return 0;
		if (packet.data[0] == LETTER_FAILED)
			return fail(why, ECANCELED, "%s", text);
	}
	return fail(why, ECANCELED, "the supervisor ended before the tree was ready; "
		"its log in the store says more");
}

static int leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || setsid() < 0 || chdir("/") < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

pid_t report_fork(int *ret_report)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid_t pid = fork();
	int error = errno;
	close(ends[pid == 0 ? 0 : 1]);
	if (pid < 0) {
		close(ends[0]);
		return -error;
	}
	*ret_report = ends[pid == 0 ? 1 : 0];
	if (pid == 0 && leave_terminal() < 0) {
		report_failed(*ret_report, "the supervisor cannot leave this terminal");
		_exit(1);
	}
	return pid;
}
