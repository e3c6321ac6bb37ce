/* SPDX-License-Identifier: MIT */
/* A subcommand: one file, one row in main.c, which checks what the row declares before it calls. */
#pragma once

#include "cmd/settings.h"

enum { EXIT_DONE = 0, EXIT_DID_NOT_WORK = 1, EXIT_WRONG_USAGE = 2 };

struct command {
	const char *name; /* NULL ends the table */
	int (*run)(const struct settings *settings, char **operands /* NULL-terminated */);
	unsigned user; /* its bit in the settings table */
	int operands_min, operands_max;
	const char *operands; /* in the usage line */
	const char *help; /* one line */
	const char *more; /* what else `agentdirs help NAME` says */
};

/* Each returns one of the exit codes and has said what is to be said. */
int mount_command(const struct settings *settings, char **operands);
int umount_command(const struct settings *settings, char **operands);
int status_command(const struct settings *settings, char **operands);
int doctor_command(const struct settings *settings, char **operands);
