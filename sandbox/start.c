/* SPDX-License-Identifier: MIT */
/*
 * Starting a sandbox: one clone3 with all namespaces, made under the identity that the
 * sandbox will have.
 *
 * Root could write the id maps of a child that it cloned as root, but the child would
 * have to wait for it.  Instead the caller takes the private uid as its effective one
 * for the moment of the clone; then the child owns its user namespace and maps itself.
 *
 * How far the child came travels over a pipe that exec closes: nothing means success.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fields.h"
#include "base/io.h"
#include "sandbox/enter.h"

enum { REPORT_BYTES_MAX = 4096 }; /* fits into a pipe at once, so a report is whole or absent */

static void report_failure(int report, const char *step, int error, const struct buf *why)
{
	cleanup(buf) struct buf packet = BUF_INIT(REPORT_BYTES_MAX);
	(void)fields_add_text(&packet, "step", step);
	(void)fields_add_int(&packet, "errno", error);
	(void)fields_add_text(&packet, "error", buf_text(why));
	(void)io_write_all(report, packet.data, packet.size);
}

static _Noreturn void run_child(const struct sandbox_spec *spec, int report)
{
	cleanup(buf) struct buf why = BUF_INIT(REPORT_BYTES_MAX / 2);
	const char *step = "";
	int r = sandbox_enter(spec, &step, &why);
	if (r < 0)
		report_failure(report, step, -r, &why);
	_exit(r < 0);
}

/* Groups of root's would come along into the sandbox, where nobody can drop them.  The capabilities
 * must outlast the change of the effective uid: some kernels let only their owner make a user
 * namespace. */
static int prepare_root(void)
{
	if (setgroups(0, NULL) < 0)
		return -errno;
	return prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0 ? -errno : 0;
}

static int set_effective(unsigned uid, unsigned gid)
{
	return setegid(gid) < 0 || seteuid(uid) < 0 ? -errno : 0;
}

static int become(const struct sandbox_spec *spec, struct buf *why)
{
	if (geteuid() == spec->host_uid)
		return 0;
	int r = prepare_root();
	if (r == 0)
		r = set_effective(spec->host_uid, spec->host_gid);
	if (r < 0)
		return fail(why, -r, "cannot become uid %u: %s", spec->host_uid, strerror(-r));
	return 0;
}

/* Staying somebody else would be worse than dying. */
static void become_again(unsigned uid, unsigned gid)
{
	if (geteuid() != uid && set_effective(uid, gid) < 0)
		abort();
}

static pid_t clone_child(int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int clone_as(const struct sandbox_spec *spec, int report, struct sandbox_process *ret,
	struct buf *why)
{
	unsigned uid = geteuid(), gid = getegid();
	int r = become(spec, why);
	if (r < 0) {
		become_again(uid, gid);
		return r;
	}
	ret->pid = clone_child(&ret->pidfd);
	if (ret->pid == 0)
		run_child(spec, report);
	r = errno;
	become_again(uid, gid);
	return ret->pid > 0 ? 0 : fail(why, r, "cannot make namespaces: %s", strerror(r));
}

/* The child finds the workspace as its working directory: that follows a process into new
 * namespaces, and a path to it may not be open to the identity. */
static int clone_there(const struct sandbox_spec *spec, int report, struct sandbox_process *ret,
	struct buf *why)
{
	cleanup(fd) int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (before < 0 || fchdir(spec->workspace) < 0)
		return fail(why, errno, "cannot enter the workspace: %s", strerror(errno));
	int r = clone_as(spec, report, ret, why);
	if (fchdir(before) < 0)
		abort();
	return r;
}

/* A copy above the place that the control socket takes in the child; close-on-exec. */
static int lift(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SANDBOX_CONTROL_FD + 1);
}

int sandbox_start(const struct sandbox_spec *spec, struct sandbox_process *ret, struct buf *why)
{
	assert(spec->host_uid != 0 && spec->host_gid != 0);
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(why, errno, "cannot make a pipe: %s", strerror(errno));
	cleanup(fd) int read_end = ends[0];
	cleanup(fd) int report = lift(ends[1]);
	cleanup(fd) int hands = lift(spec->hands);
	struct sandbox_spec lifted = *spec;
	struct sandbox_process process;
	lifted.hands = hands;
	close(ends[1]);
	if (report < 0 || (spec->hands >= 0 && hands < 0))
		return fail(why, errno, "cannot copy a descriptor: %s", strerror(errno));
	int r = clone_there(&lifted, report, &process, why);
	if (r < 0)
		return r;
	process.report = steal_fd(&read_end);
	*ret = process;
	return 0;
}

static int copy_report(struct slice packet, struct buf *ret_step, struct buf *why)
{
	struct slice step = fields_find(packet, "step"), error = fields_find(packet, "error");
	buf_clear(ret_step);
	(void)buf_add_text(ret_step, step.at ? step.at : "");
	return fail(why, (int)fields_find_int(packet, "errno", EPROTO), "%s",
		error.at ? error.at : "it ended without saying why");
}

int sandbox_report(int report, struct buf *ret_step, struct buf *why)
{
	char bytes[REPORT_BYTES_MAX];
	ssize_t n = read(report, bytes, sizeof(bytes));
	if (n < 0)
		return -errno;
	return n == 0 ? 1 : copy_report((struct slice){ bytes, (size_t)n }, ret_step, why);
}
