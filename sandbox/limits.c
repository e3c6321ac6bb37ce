/* SPDX-License-Identifier: MIT */
/*
 * Per-process limits.  They bound what one sandbox can take where no cgroup is
 * delegated; NPROC counts all processes of the sandbox, since it is set inside its
 * user namespace.
 */
#include "sandbox/rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/steps.h"

const struct limit sandbox_limits[] = {
	/* Not 0: a core_pattern with a pipe ignores 0 and would run the host's handler, as root, on
	 * a core that the sandbox made.  1 is what the kernel takes for "never". */
	{ RLIMIT_CORE, "core", 1 },
	{ RLIMIT_NOFILE, "nofile", 4096 },
	{ RLIMIT_NPROC, "nproc", 512 },
	{ RLIMIT_MEMLOCK, "memlock", 64 << 10 },
	{ RLIMIT_MSGQUEUE, "msgqueue", 800 << 10 },
	{ RLIMIT_SIGPENDING, "sigpending", 4096 },
	/* Data, not address space: language runtimes reserve far more than they use. */
	{ RLIMIT_DATA, "data", (rlim_t)4 << 30 },
	{ RLIMIT_FSIZE, "fsize", (rlim_t)8 << 30 },
	{ RLIMIT_RTPRIO, "rtprio", 0 },
	{ RLIMIT_NICE, "nice", 0 },
	{ .name = NULL }
};

static int set_limit(const struct limit *row)
{
	struct rlimit now;
	if (getrlimit(row->resource, &now) < 0)
		return -errno;
	/* A stricter limit of the person's own stays. */
	rlim_t max = now.rlim_max < row->max ? now.rlim_max : row->max;
	return setrlimit(row->resource, &(struct rlimit){ max, max }) < 0 ? -errno : 0;
}

/* When memory runs out, the kernel takes a sandbox before any of the processes that can make a new
 * one. Refused only where the mount was started as even more expendable. */
static int set_oom_score(void)
{
	cleanup(fd) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_all(fd, "500", 3);
	return r == -EACCES ? 0 : r;
}

int step_limits(const struct sandbox_spec *spec, struct buf *why)
{
	for (const struct limit *row = sandbox_limits; row->name; row++) {
		int r = set_limit(row);
		if (r < 0)
			return fail(why, -r, "cannot limit %s: %s", row->name, strerror(-r));
	}
	int r = set_oom_score();
	return r < 0 ? fail(why, -r, "cannot set oom_score_adj: %s", strerror(-r)) : 0;
}
