/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files, and the files of the directories, that are
 * given: the corpus as a test, with any compiler, a line of TAP for each.  No file
 * at all is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

enum { FILE_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int runs;

static int run_file(int dir, const char *name)
{
	cleanup(buf) struct buf bytes = BUF_INIT(FILE_MAX);
	int r = io_read_file(dir, name, FILE_MAX, &bytes);
	if (r < 0)
		return r;
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&bytes), bytes.size);
	printf("ok %d - %s\n", ++runs, name);
	return 0;
}

static int run_directory(DIR *dir)
{
	const struct dirent *entry;
	int r = 0;
	while (r == 0 && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			r = run_file(dirfd(dir), entry->d_name);
	return r;
}

static int run(const char *path)
{
	DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOTDIR ? run_file(AT_FDCWD, path) : -errno;
	int r = run_directory(dir);
	closedir(dir);
	return r;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int r = run(argv[i]);
		if (r < 0) {
			fprintf(stderr, "replay: %s: %s\n", argv[i], strerror(-r));
			return 1;
		}
	}
	printf("1..%d\n", runs);
	return runs ? 0 : 1;
}
