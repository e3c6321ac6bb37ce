/* SPDX-License-Identifier: MIT */
/* Our other executables: beside this one, in a folder beside this one (a build tree), else in
 * the directory for helper programs of the installation. */
#pragma once

#include "base/buf.h"

/* The program that the spawner gives to every sandbox. */
#define PROGRAMS_HANDS "agentdirs-hands"
#define PROGRAMS_HANDS_FOLDER "tools"

/* The absolute path of an executable of that name; `folder` is where a build tree has it.
 * -ENOENT with a sentence that names the places. */
int programs_find(const char *name, const char *folder, char **ret_path, struct buf *why);

/* A sealed copy of a program in memory, which nobody can change or replace while it runs.
 * Given. */
int programs_seal(const char *path, int *ret_fd, struct buf *why);
