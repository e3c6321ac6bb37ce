/* SPDX-License-Identifier: MIT */
#include "cmd/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static char *own_directory(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	const char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(AGENTDIRS_LIBEXECDIR);
}

int programs_find(const char *name, const char *folder, char **ret_path, struct buf *why)
{
	cleanup(free) char *own = own_directory();
	cleanup(free) char *built = xprintf("%s/%s", own, folder);
	const char *places[] = { own, built, AGENTDIRS_LIBEXECDIR };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		cleanup(free) char *path = xprintf("%s/%s", places[i], name);
		if (access(path, X_OK) == 0) {
			*ret_path = steal(path);
			return 0;
		}
	}
	return fail(why, ENOENT, "the program %s is neither in %s nor in %s; "
		"install agentdirs anew", name, own, AGENTDIRS_LIBEXECDIR);
}

/* Kernels from 6.3 on may forbid executable memfds that do not say so; older ones do not know
 * the flag. */
static int make_memfd(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_EXEC);
	return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

static int copy_all(int to, int from)
{
	ssize_t n;
	do
		n = sendfile(to, from, NULL, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

int programs_seal(const char *path, int *ret_fd, struct buf *why)
{
	cleanup(fd) int from = open(path, O_RDONLY | O_CLOEXEC);
	cleanup(fd) int to = make_memfd("hands");
	if (from < 0 || to < 0)
		return fail(why, errno, "%s cannot be copied into memory: %s", path,
			strerror(errno));
	int r = copy_all(to, from);
	int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	if (r == 0 && fcntl(to, F_ADD_SEALS, seals) < 0)
		r = -errno;
	if (r < 0)
		return fail(why, -r, "%s cannot be sealed in memory: %s", path, strerror(-r));
	*ret_fd = steal_fd(&to);
	return 0;
}
