/* SPDX-License-Identifier: MIT */
#include "fs/flush.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

enum { STATUS_BYTES_MAX = 16 << 10 }; /* of /proc/N/status */

int flush_process_of(int thread)
{
	char path[32];
	cleanup(buf) struct buf text = BUF_INIT(STATUS_BYTES_MAX);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", thread);
	if (io_read_file(AT_FDCWD, path, STATUS_BYTES_MAX - 1, &text) < 0)
		return 0;
	const char *line = strstr(buf_text(&text), "\nTgid:");
	return line ? atoi(line + strlen("\nTgid:")) : 0;
}

bool flush_completes(bool pending, int flusher, int opener, int (*process_of)(int thread))
{
	if (!pending || flusher == opener)
		return pending;
	int process = process_of(flusher);
	return process && (process == opener || process == process_of(opener));
}
