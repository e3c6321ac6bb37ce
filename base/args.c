/* SPDX-License-Identifier: MIT */
#include "base/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"

const char *args_text(int argc, char **argv, const char *name, const char *fallback)
{
	size_t n = strlen(name);
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			return argv[i] + n + 1;
	return fallback;
}

int64_t args_int(int argc, char **argv, const char *name, int64_t fallback)
{
	const char *text = args_text(argc, argv, name, NULL);
	if (!text)
		return fallback;
	char *end;
	long long value = strtoll(text, &end, 10);
	return *text && !*end ? value : fallback;
}

const char *args_need(int argc, char **argv, const char *name)
{
	const char *value = args_text(argc, argv, name, NULL);
	if (value)
		return value;
	(void)fprintf(stderr, "%s: started without %s=; this program is started by `agentdirs mount`\n",
		argv[0], name);
	exit(2);
}

int args_need_fd(int argc, char **argv, const char *name)
{
	int fd = atoi(args_need(argc, argv, name));
	if (io_set_cloexec(fd, true) == 0)
		return fd;
	(void)fprintf(stderr, "%s: %s=%d is not an open descriptor\n", argv[0], name, fd);
	exit(2);
}
