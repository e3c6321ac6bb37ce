/* SPDX-License-Identifier: MIT */
/*
 * `agentdirs umount`: finds the supervisor, asks it to stop, waits for it.
 *
 * Who answers at the mount point may be anybody's program, and this may be run by
 * root.  So what the tree says is a hint to a run record, and a process gets a
 * signal only when it belongs to the user to whom, as the kernel says, the mount
 * belongs: a false tree can at most end its maker's own processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cmd/bounded.h"
#include "cmd/command.h"
#include "cmd/flat.h"
#include "cmd/mountpoint.h"
#include "cmd/mounts.h"
#include "cmd/record.h"
#include "cmd/say.h"
#include "cmd/supervise.h"

enum {
	FILE_BYTES_MAX = 64 << 10, /* status, run, /proc/PID/status: a page or two */
	GONE_MS = 5000, /* children of a killed supervisor unmount by themselves within this */
	GONE_STEP_MS = 20,
};

/* Both files are read in the child: a false tree may name a store that hangs, too. */
static int print_record(void *mountpoint, int out)
{
	cleanup(free) char *path = xprintf("%s/status", (const char *)mountpoint);
	cleanup(buf) struct buf status = BUF_INIT(FILE_BYTES_MAX + 1),
				text = BUF_INIT(FILE_BYTES_MAX + 1);
	int r = io_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &status);
	if (r < 0)
		return r;
	cleanup(free) char *store = flat_find_text(buf_slice(&status), "store");
	cleanup(free) char *run = xprintf("%s/run", store ? store : "");
	r = io_read_file(AT_FDCWD, run, FILE_BYTES_MAX, &text);
	return r < 0 ? r : io_write_all(out, buf_text(&text), text.size);
}

/* The run record of the store that the tree says it shows. */
static int ask_tree(const char *mountpoint, struct record *ret)
{
	cleanup(buf) struct buf text = BUF_INIT(FILE_BYTES_MAX + 1);
	int r = bounded_run(print_record, (void *)mountpoint, MOUNTPOINT_ANSWER_MS, FILE_BYTES_MAX,
		&text);
	return r < 0 ? r : record_parse(buf_slice(&text), ret);
}

/* A descriptor of the supervisor that a record names for this mount point; -ESRCH. */
static int open_recorded(const struct record *record, const char *mountpoint)
{
	if (strcmp(record->mountpoint, mountpoint) != 0)
		return -ESRCH;
	return record_open_process(record);
}

static int64_t user_of(pid_t pid)
{
	cleanup(free) char *path = xprintf("/proc/%d/status", (int)pid);
	cleanup(buf) struct buf text = BUF_INIT(FILE_BYTES_MAX);
	if (io_read_file(AT_FDCWD, path, FILE_BYTES_MAX - 1, &text) < 0)
		return -1;
	const char *at = strstr(buf_text(&text), "\nUid:\t");
	return at ? strtoll(at + 6, NULL, 10) : -1;
}

static bool may_be_signalled(const struct record *record, const struct mount *mount)
{
	return mount->user < 0 || user_of(record->pid) == mount->user;
}

/* First as the tree says, then as the store of the settings does, which helps when the tree is
 * dead. */
static int find_supervisor(const char *mountpoint, const struct mount *mount,
	const struct settings *settings, struct record *ret)
{
	int fd = -ESRCH;
	if (mount->type && ask_tree(mountpoint, ret) == 0)
		fd = open_recorded(ret, mountpoint);
	if (fd < 0) {
		record_done(ret);
		if (record_read(settings->store, ret) == 0)
			fd = open_recorded(ret, mountpoint);
	}
	if (fd >= 0 && !may_be_signalled(ret, mount)) {
		close(fd);
		fd = -ESRCH;
	}
	return fd;
}

static int stop_supervisor(int process, const struct record *record, struct buf *why)
{
	if (pidfd_send_signal(process, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return fail(why, errno, "the supervisor (pid %d) cannot be told to stop: %s; it is "
			"another user's", (int)record->pid, strerror(errno));
	say_progress("waiting for running tool calls and unmounting");
	struct pollfd ended = { .fd = process, .events = POLLIN };
	if (poll(&ended, 1, SUPERVISE_STOP_MS_MAX) > 0)
		return 0;
	return fail(why, ETIMEDOUT, "the supervisor (pid %d) did not stop within %d s; `kill -9 "
		"%d` and `agentdirs umount` again end it the hard way", (int)record->pid,
		SUPERVISE_STOP_MS_MAX / 1000, (int)record->pid);
}

static bool is_mounted(const char *mountpoint)
{
	cleanup(mount) struct mount mount = { 0 };
	return mounts_look(mountpoint, &mount) > 0 && mount_is_ours(&mount);
}

/* What is there without a supervisor is dead, or about to go by itself. */
static int clear_rest(const char *mountpoint, struct buf *why)
{
	int64_t due = clock_now_ms() + GONE_MS;
	while (is_mounted(mountpoint)) {
		int r = mountpoint_answers(mountpoint, MOUNTPOINT_ANSWER_MS);
		if (r == -ENOTCONN || r == -ECONNABORTED || clock_now_ms() >= due)
			return mountpoint_detach(mountpoint, why);
		(void)poll(NULL, 0, GONE_STEP_MS);
	}
	return 0;
}

static int end_mount(const char *operand, const struct settings *settings, struct buf *why)
{
	cleanup(free) char *mountpoint = NULL;
	cleanup(mount) struct mount mount = { .user = -1 };
	cleanup(record) struct record record = { 0 };
	int r = mountpoint_resolve(operand, &mountpoint, why);
	if (r < 0)
		return r;
	if (mounts_look(mountpoint, &mount) > 0 && !mount_is_ours(&mount))
		mount_done(&mount);
	cleanup(fd) int process = find_supervisor(mountpoint, &mount, settings, &record);
	if (process < 0 && !mount.type)
		return fail(why, ENOENT, "%s is not an agentdirs mount; `grep agentdirs "
			"/proc/self/mounts` lists those there are", mountpoint);
	r = process < 0 ? 0 : stop_supervisor(process, &record, why);
	return r < 0 ? r : clear_rest(mountpoint, why);
}

int umount_command(const struct settings *settings, char **operands)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	int r = end_mount(operands[0], settings, &why);
	say_progress(NULL);
	if (r == 0)
		return EXIT_DONE;
	say_error("%s", buf_text(&why));
	return EXIT_DID_NOT_WORK;
}
