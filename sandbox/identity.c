/* SPDX-License-Identifier: MIT */
/* Who the sandbox is outside, and how it becomes root inside. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/steps.h"

enum {
	/* Far above the ranges that adduser, subuid and container runtimes hand out. */
	PRIVATE_ID_FIRST = 1 << 30,
	PRIVATE_ID_MASK = (1 << 30) - 1,
};

/* FNV-1a, folded; spread is all that is asked of it. */
static unsigned hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return (unsigned)(hash ^ hash >> 32);
}

void sandbox_identity(const char *session, unsigned *ret_uid, unsigned *ret_gid)
{
	bool is_root = geteuid() == 0;
	unsigned private_id = PRIVATE_ID_FIRST + (hash_text(session) & PRIVATE_ID_MASK);
	*ret_uid = is_root ? private_id : geteuid();
	*ret_gid = is_root ? private_id : getegid();
}

static int write_map(const char *path, const char *text, struct buf *why)
{
	cleanup(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
	return r < 0 ? fail(why, -r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int write_one_id(const char *path, unsigned host_id, struct buf *why)
{
	char text[32];
	(void)snprintf(text, sizeof(text), "0 %u 1\n", host_id);
	return write_map(path, text, why);
}

/* The process was cloned with the host identity as its effective one, so it may map that one id
 * itself and nobody has to write the maps for it.  "deny" is the kernel's condition for that, and
 * keeps groups that are there to exclude somebody from being dropped. */
static int write_maps(const struct sandbox_spec *spec, struct buf *why)
{
	int r = write_map("/proc/self/setgroups", "deny", why);
	if (r == 0)
		r = write_one_id("/proc/self/gid_map", spec->host_gid, why);
	if (r == 0)
		r = write_one_id("/proc/self/uid_map", spec->host_uid, why);
	return r;
}

/* Changing ids makes a process undumpable, which gives /proc/self to the host's root; and it clears
 * the death signal, which is therefore set behind it. */
int step_identity(const struct sandbox_spec *spec, struct buf *why)
{
	assert(spec->host_uid != 0 && spec->host_gid != 0);
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return fail(why, errno, "cannot open /proc/self to itself: %s", strerror(errno));
	int r = write_maps(spec, why);
	if (r < 0)
		return r;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail(why, errno, "cannot become root inside: %s", strerror(errno));
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return fail(why, errno, "cannot set the death signal: %s", strerror(errno));
	return 0;
}
