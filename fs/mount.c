/* SPDX-License-Identifier: MIT */
#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"

enum { DETACH_MS = 3000 };

static const char helper[] = "fusermount3";

static const char *options_for_all(bool allow_other)
{
	return allow_other ? ",allow_other,default_permissions" : "";
}

static int mount_directly(const char *mountpoint, bool allow_other)
{
	cleanup(fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	cleanup(free) char *options = xprintf("fd=%d,rootmode=%o,user_id=%u,group_id=%u%s", fd,
		S_IFDIR, (unsigned)geteuid(), (unsigned)getegid(), options_for_all(allow_other));
	if (mount("agentdirs", mountpoint, "fuse.agentdirs", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* Signals are blocked here for the loop; a child must not inherit that.  `channel` (-1: none)
 * becomes the helper's descriptor of the same number. */
static pid_t start_helper(char *const argv[], int channel)
{
	pid_t child = -1;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t actions;
	sigset_t none;
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&actions);
	if (channel >= 0) /* onto itself: only takes close-on-exec away */
		posix_spawn_file_actions_adddup2(&actions, channel, channel);
	if (posix_spawnp(&child, argv[0], &actions, &attr, argv, environ) != 0)
		child = -1;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return child;
}

/* The helper mounts and sends the descriptor as a message of one byte. */
static int receive_device(int channel)
{
	cleanup(buf) struct buf byte = BUF_INIT(64);
	int fds[IO_FDS_MAX];
	size_t count = 0;
	int r = io_recv_packet(channel, 16, &byte, fds, &count);
	for (size_t i = 1; r > 0 && i < count; i++)
		close(fds[i]);
	return r > 0 && count > 0 ? fds[0] : -EPERM;
}

static int mount_by_helper(const char *mountpoint, bool allow_other)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	cleanup(fd) int ours = ends[0];
	cleanup(fd) int theirs = ends[1];
	cleanup(free) char *options = xprintf("fsname=agentdirs,subtype=agentdirs,nosuid,nodev%s",
		options_for_all(allow_other));
	cleanup(free) char *number = xprintf("%d", theirs);
	char *argv[] = { (char *)helper, (char *)"-o", options, (char *)"--", (char *)mountpoint,
		NULL };
	setenv("_FUSE_COMMFD", number, 1);
	pid_t child = start_helper(argv, theirs);
	unsetenv("_FUSE_COMMFD");
	if (child < 0)
		return -ENOENT;
	close(steal_fd(&theirs));
	int device = receive_device(ours);
	(void)waitpid(child, NULL, 0);
	return device;
}

/* A mount whose process died without a successor answers ENOTCONN until it is taken away. */
static void clear_dead(const char *mountpoint)
{
	struct stat st;
	if (stat(mountpoint, &st) < 0 && errno == ENOTCONN)
		mount_detach(mountpoint, NULL);
}

int mount_attach(const char *mountpoint, bool allow_other, struct buf *why)
{
	clear_dead(mountpoint);
	int device = mount_directly(mountpoint, allow_other);
	if (device == -EPERM || device == -EACCES)
		device = mount_by_helper(mountpoint, allow_other);
	if (device >= 0)
		return device;
	return fail(why, -device,
		"cannot mount on %s (%s); check that /dev/fuse exists, that %s is installed, "
		"and that the directory is yours",
		mountpoint, strerror(-device), helper);
}

void mount_detach(const char *mountpoint, struct loop *loop)
{
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno != EPERM)
		return;
	char *argv[] = { (char *)helper, (char *)"-u", (char *)"-q", (char *)"-z", (char *)"--",
		(char *)mountpoint, NULL };
	pid_t child = start_helper(argv, -1);
	int64_t end_ms = clock_now_ms() + DETACH_MS;
	while (child > 0 && waitpid(child, NULL, WNOHANG) == 0 && clock_now_ms() < end_ms) {
		if (loop)
			(void)loop_round(loop, 10);
		else
			usleep(1000);
	}
}
