/* SPDX-License-Identifier: MIT */
#include "cmd/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void say_error(const char *format, ...)
{
	say_progress(NULL);
	va_list args;
	va_start(args, format);
	(void)fputs("agentdirs: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
}

void say_progress(const char *text)
{
	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "\r\033[K%s%s", text ? text : "", text ? " ..." : "");
	(void)fflush(stderr);
}
