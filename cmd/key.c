/* SPDX-License-Identifier: MIT */
#include "cmd/key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { KEY_BYTES_MAX = 8 << 10 }; /* an API key has about 110, a signed token up to some thousand */

/* In order of precedence, as the SDKs have it. */
static const struct source {
	const char *variable;
	const char *kind;
} sources[] = {
	{ "ANTHROPIC_API_KEY", "api_key" },
	{ "ANTHROPIC_AUTH_TOKEN", "auth_token" },
};

static const struct source *find_variable(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const char *value = getenv(sources[i].variable);
		if (value && *value)
			return &sources[i];
	}
	return NULL;
}

/* A key file of the config file is a habit, a variable is a wish for this call; a key file of
 * the command line or of the environment is a wish, too, and more explicit. */
static bool file_wins(const struct settings *settings)
{
	return settings->key_file &&
		(settings->key_file_source > SOURCE_FILE || !find_variable());
}

const char *key_source(const struct settings *settings)
{
	if (file_wins(settings))
		return settings->key_file;
	const struct source *source = find_variable();
	return source ? source->variable : NULL;
}

/* Over the bytes themselves: unsetenv only forgets where they are. */
static void wipe_variables(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		char *value = getenv(sources[i].variable);
		if (value)
			explicit_bzero(value, strlen(value));
		(void)unsetenv(sources[i].variable);
	}
}

/* Anything else in a header line would be another header. */
static bool is_key(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isgraph((unsigned char)text[i]))
			return false;
	return size > 0;
}

static int store_key(int fd, const char *kind, const char *value, size_t size, const char *from,
	struct buf *why)
{
	if (!is_key(value, size))
		return fail(why, EINVAL, "%s holds no key: one line without blanks is expected",
			from);
	int r = io_write_all(fd, kind, strlen(kind));
	if (r >= 0)
		r = io_write_all(fd, "\n", 1);
	if (r >= 0)
		r = io_write_all(fd, value, size);
	if (r >= 0)
		r = io_write_all(fd, "\n", 1);
	return r < 0 ? fail(why, -r, "the key cannot be kept: %s", strerror(-r)) : 0;
}

static int store_text(int fd, char *text, size_t size, const char *from, struct buf *why)
{
	static const char bearer[] = "Bearer ";
	while (size && isspace((unsigned char)text[size - 1]))
		size--;
	size_t skip = strlen(bearer);
	if (size > skip && memcmp(text, bearer, skip) == 0)
		return store_key(fd, "auth_token", text + skip, size - skip, from, why);
	return store_key(fd, "api_key", text, size, from, why);
}

static int open_key_file(const char *path, int *ret_fd, struct buf *why)
{
	cleanup(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(why, errno, "the key file %s cannot be read (%s)", path,
			strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(why, EINVAL, "the key file %s is not an ordinary file", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fail(why, EPERM, "the key file %s is open to others; `chmod 600 %s`", path,
			path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int store_file(int fd, const char *path, struct buf *why)
{
	cleanup(fd) int from = -1;
	int r = open_key_file(path, &from, why);
	if (r < 0)
		return r;
	char text[KEY_BYTES_MAX];
	ssize_t n = read(from, text, sizeof(text));
	if (n < 0)
		r = fail(why, errno, "the key file %s cannot be read (%s)", path, strerror(errno));
	else if (n == sizeof(text))
		r = fail(why, EINVAL, "the key file %s is larger than any key", path);
	else
		r = store_text(fd, text, (size_t)n, path, why);
	explicit_bzero(text, sizeof(text));
	return r;
}

static int store_any(const struct settings *settings, int fd, struct buf *why)
{
	if (settings->offline)
		return 0;
	if (file_wins(settings))
		return store_file(fd, settings->key_file, why);
	const struct source *source = find_variable();
	if (!source)
		return fail(why, ENOENT, "there is no model key; set ANTHROPIC_API_KEY (or give "
			"--key-file FILE), or use the built-in rehearsal model with --offline");
	const char *value = getenv(source->variable);
	return store_key(fd, source->kind, value, strlen(value), source->variable, why);
}

static int seal(int fd)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int key_load(const struct settings *settings, int *ret_fd, struct buf *why)
{
	cleanup(fd) int fd = memfd_create("key", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? fail(why, errno, "memfd_create: %s", strerror(errno)) :
			 store_any(settings, fd, why);
	wipe_variables();
	if (r < 0)
		return r;
	r = seal(fd);
	if (r < 0)
		return fail(why, -r, "the key cannot be sealed: %s", strerror(-r));
	*ret_fd = steal_fd(&fd);
	return 0;
}
