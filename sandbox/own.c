/* SPDX-License-Identifier: MIT */
/* What a process has besides a root: signals, a network of its own, a name, a session,
 * descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/steps.h"

/* Ignored signals and the mask survive exec, and the spawner has both.  Nobody ignores real-time
 * ones. */
int step_signals(const struct sandbox_spec *spec, struct buf *why)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	for (int signal = 1; signal <= SIGSYS; signal++)
		(void)sigaction(signal, &standard, NULL); /* KILL and STOP refuse, rightly */
	sigset_t none;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return fail(why, errno, "cannot unblock signals: %s", strerror(errno));
	return 0;
}

/* The namespace has only a loopback, which is down; servers and their clients inside meet there. */
int step_loopback(const struct sandbox_spec *spec, struct buf *why)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	cleanup(fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return fail(why, errno, "cannot bring up the loopback: %s", strerror(errno));
	return 0;
}

int step_hostname(const struct sandbox_spec *spec, struct buf *why)
{
	static const char name[] = "sandbox";
	if (sethostname(name, sizeof(name) - 1) < 0 || setdomainname("", 0) < 0)
		return fail(why, errno, "cannot set the host name: %s", strerror(errno));
	return 0;
}

/* A session of its own has no terminal, so nothing can be typed into the one that the mount was
 * started from.  Keyrings cross namespaces: without a fresh one the sandbox would hold the person's
 * keys. */
int step_session(const struct sandbox_spec *spec, struct buf *why)
{
	if (setsid() < 0)
		return fail(why, errno, "cannot start a session: %s", strerror(errno));
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return fail(why, errno, "cannot join a fresh keyring: %s", strerror(errno));
	return 0;
}

static int open_null(void)
{
	cleanup(fd) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (int standard = 0; standard <= 2; standard++)
		if (dup2(fd, standard) < 0)
			return -errno;
	return 0;
}

/* Marks everything to be closed by exec and puts the control socket, unmarked, at its place.
 * Whoever has that place (the hands' program or the report) is moved out of the way by
 * sandbox_start. */
int step_descriptors(const struct sandbox_spec *spec, struct buf *why)
{
	int r = open_null();
	if (r < 0)
		return fail(why, -r, "cannot open /dev/null: %s", strerror(-r));
	if (close_range(SANDBOX_CONTROL_FD, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return fail(why, errno, "cannot mark descriptors: %s", strerror(errno));
	if (spec->control < 0)
		return 0;
	r = spec->control == SANDBOX_CONTROL_FD ? fcntl(SANDBOX_CONTROL_FD, F_SETFD, 0) :
						  dup2(spec->control, SANDBOX_CONTROL_FD);
	return r < 0 ? fail(why, errno, "cannot place the control socket: %s", strerror(errno)) : 0;
}
