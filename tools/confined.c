/* SPDX-License-Identifier: MIT */
#include "tools/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"

enum { STATUS_BYTES_MAX = 16 << 10 };

static const struct {
	const char *line, *value, *meaning;
} wanted[] = {
	{ "CapEff:", "0000000000000000", "capabilities are in effect" },
	{ "CapPrm:", "0000000000000000", "capabilities are permitted" },
	{ "CapBnd:", "0000000000000000", "capabilities can be gained" },
	{ "NoNewPrivs:", "1", "programs may gain privileges" },
	{ "Seccomp:", "2", "system calls are not filtered" },
};

/* The value of the line that begins with `name`, without white space; absent when there is none. */
static struct slice line_value(const char *status, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = status; at && *at; at = strchr(at, '\n'), at += at != NULL) {
		if (strncmp(at, name, n) != 0)
			continue;
		at += n + strspn(at + n, " \t");
		return (struct slice){ at, strcspn(at, " \t\n") };
	}
	return (struct slice){ 0 };
}

int confined_judge(const char *status, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!slice_is(line_value(status, wanted[i].line), wanted[i].value))
			return fail(why, EPERM, "not confined: %s (%s is not %s)",
				wanted[i].meaning, wanted[i].line, wanted[i].value);
	return 0;
}

int confined_check(struct buf *why)
{
	cleanup(buf) struct buf status = BUF_INIT(STATUS_BYTES_MAX);
	int r = io_read_file(AT_FDCWD, "/proc/self/status", STATUS_BYTES_MAX, &status);
	if (r < 0)
		return fail(why, -r,
			"not confined, as far as can be told: cannot read /proc/self/status");
	return confined_judge(buf_text(&status), why);
}
