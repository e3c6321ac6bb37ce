/* SPDX-License-Identifier: MIT */
#include "cmd/rendezvous.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "rehearsal.sock"

enum { BACKLOG = 64 }; /* one connection per running session, opened one after the other */

static char *private_directory(void)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	bool is_usable = base && *base == '/' && strlen(base) < 64 && access(base, W_OK) == 0;
	char *path = xprintf("%s/agentdirs.XXXXXX", is_usable ? base : "/tmp");
	if (mkdtemp(path))
		return path;
	free(path);
	return NULL;
}

static char *choose_path(const char *store)
{
	char *path = xprintf("%s/" SOCKET_NAME, store);
	if (strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return path;
	free(path);
	cleanup(free) char *directory = private_directory();
	return directory ? xprintf("%s/" SOCKET_NAME, directory) : NULL;
}

/* The store is locked, so a socket that is there already was left by a crash. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)stpncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	cleanup(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, BACKLOG) < 0)
		return -errno;
	return steal_fd(&fd);
}

int rendezvous_make(const char *store, char **ret_path, int *ret_fd, struct buf *why)
{
	cleanup(free) char *path = choose_path(store);
	if (!path)
		return fail(why, errno, "no directory for a socket: %s", strerror(errno));
	int fd = listen_at(path);
	if (fd < 0)
		return fail(why, -fd, "%s cannot be made: %s", path, strerror(-fd));
	*ret_path = steal(path);
	*ret_fd = fd;
	return 0;
}

void rendezvous_remove(const char *path, const char *store)
{
	if (!path)
		return;
	(void)unlink(path);
	cleanup(free) char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	if (strcmp(directory, store) != 0)
		(void)rmdir(directory);
}
