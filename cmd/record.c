/* SPDX-License-Identifier: MIT */
#include "cmd/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cmd/flat.h"

enum {
	RECORD_BYTES_MAX = 8 << 10, /* a path and three numbers */
	LOCK_WAIT_MS = 3000, /* children of a supervisor that was killed let go within this */
	DYING_MS = 300,
	LOCK_STEP_MS = 20,
};

void record_done(struct record *r)
{
	free(r->mountpoint);
	*r = (struct record){ 0 };
}

void cleanup_record(struct record *r)
{
	record_done(r);
}

/* The command's name, field 2, may contain blanks and parentheses: count from its last one. */
int64_t process_start_time(pid_t pid)
{
	char path[32], text[1024];
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	cleanup(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoll(at + 1, NULL, 10) : -ESRCH;
}

int record_write(const char *store, const char *mountpoint)
{
	cleanup(free) char *path = xprintf("%s/run", store);
	cleanup(free) char *text = xprintf(
		"supervisor_pid %d\nsupervisor_start %lld\nmountpoint %s\nversion %s\n",
		(int)getpid(),
		(long long)process_start_time(getpid()), mountpoint, AGENTDIRS_VERSION);
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600);
}

void record_remove(const char *store)
{
	cleanup(free) char *path = xprintf("%s/run", store);
	(void)unlink(path);
}

int record_parse(struct slice text, struct record *ret)
{
	int64_t pid = flat_find_int(text, "supervisor_pid", 0);
	int64_t start = flat_find_int(text, "supervisor_start", 0);
	char *mountpoint = flat_find_text(text, "mountpoint");
	if (pid <= 1 || pid > INT32_MAX || start <= 0 || !mountpoint) {
		free(mountpoint);
		return -EPROTO;
	}
	*ret = (struct record){ .pid = (pid_t)pid, .start = start, .mountpoint = mountpoint };
	return 0;
}

int record_read(const char *store, struct record *ret)
{
	cleanup(free) char *path = xprintf("%s/run", store);
	cleanup(buf) struct buf text = BUF_INIT(RECORD_BYTES_MAX);
	int r = io_read_file(AT_FDCWD, path, RECORD_BYTES_MAX, &text);
	return r < 0 ? r : record_parse(buf_slice(&text), ret);
}

/* First the descriptor, then the look: whatever the look sees is what the descriptor holds,
 * unless that has died, and then a signal to it goes nowhere. */
int record_open_process(const struct record *r)
{
	cleanup(fd) int fd = pidfd_open(r->pid, 0);
	if (fd < 0)
		return -errno;
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	if (process_start_time(r->pid) != r->start || poll(&ended, 1, 0) != 0)
		return -ESRCH;
	return steal_fd(&fd);
}

static bool owner_lives(const char *store)
{
	cleanup(record) struct record owner = { 0 };
	if (record_read(store, &owner) < 0)
		return false;
	cleanup(fd) int fd = record_open_process(&owner);
	return fd >= 0;
}

/* Whoever lives and serves will not let go; but one that was just killed looks alive for a
 * moment, and the children that it left hold the lock until they have ended. */
static int wait_for_lock(int fd, const char *store)
{
	int64_t began = clock_now_ms();
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int64_t waited = clock_now_ms() - began;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (waited >= (owner_lives(store) ? DYING_MS : LOCK_WAIT_MS))
			return -EBUSY;
		(void)poll(NULL, 0, LOCK_STEP_MS);
	}
	return 0;
}

static int say_busy(const char *store, struct buf *why)
{
	cleanup(record) struct record other = { 0 };
	if (record_read(store, &other) < 0)
		return fail(why, EBUSY, "the store %s is in use by another agentdirs; choose "
			"another with --store DIR", store);
	return fail(why, EBUSY, "the store %s is in use by the agentdirs with pid %d, mounted at "
		"%s; use that, end it with `agentdirs umount %s`, or choose another with "
		"--store DIR", store, (int)other.pid, other.mountpoint, other.mountpoint);
}

int record_lock(const char *store, int *ret_fd, struct buf *why)
{
	cleanup(free) char *path = xprintf("%s/lock", store);
	cleanup(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(why, errno, "%s cannot be opened: %s", path, strerror(errno));
	int r = wait_for_lock(fd, store);
	if (r == -EBUSY)
		return say_busy(store, why);
	if (r < 0)
		return fail(why, -r, "%s cannot be locked: %s", path, strerror(-r));
	*ret_fd = steal_fd(&fd);
	return 0;
}
