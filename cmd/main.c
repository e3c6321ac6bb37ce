/* SPDX-License-Identifier: MIT */
/* The command `agentdirs`: finds the subcommand, reads the settings, checks what the row asks
 * for. */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/say.h"

static const struct command commands[] = {
	{ "mount", mount_command, FOR_MOUNT, 1, 1, "[options] MOUNTPOINT",
		"start everything and mount; return when the tree is usable",
		"Creates the mount point and the store where they are missing, and clears a\n"
		"dead mount that a crash has left.  The key comes from ANTHROPIC_API_KEY or\n"
		"ANTHROPIC_AUTH_TOKEN or --key-file, never from an argument.\n" },
	{ "umount", umount_command, FOR_UMOUNT, 1, 1, "[options] MOUNTPOINT",
		"finish cleanly and unmount",
		"Running tool calls end or are recorded; what was accepted is kept and goes on\n"
		"with the next mount.  Clears a dead mount, too.\n" },
	{ "status", status_command, FOR_STATUS, 0, 1, "[options] [MOUNTPOINT]",
		"one screen: sessions, who waits for a person, tokens, money, model",
		"Without a mount point: of the one that serves the store.\n" },
	{ "doctor", doctor_command, FOR_DOCTOR, 0, 0, "[options]",
		"check what this machine allows, and say what to do about each miss",
		"Ends with 1 when the main job cannot run.\n" },
	{ 0 },
};

static const struct command *find(const char *name)
{
	for (const struct command *row = commands; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

static int print_commands(void)
{
	(void)printf("usage: agentdirs SUBCOMMAND [options] ...\n\n"
		"Claude agents as directories.\n\n");
	for (const struct command *row = commands; row->name; row++)
		(void)printf("  %-8s %s\n", row->name, row->help);
	(void)printf("\n`agentdirs help SUBCOMMAND` lists its options; README in the mounted tree\n"
		"says how to use it.\n");
	return EXIT_DONE;
}

static int print_help(const struct command *row)
{
	cleanup(buf) struct buf options = BUF_INIT(16 << 10);
	settings_help(row->user, &options);
	cleanup(free) char *file = settings_file();
	(void)printf("usage: agentdirs %s %s\n\n%s.\n%s\n", row->name, row->operands, row->help,
		row->more);
	(void)printf("options [and their environment variables]:\n%s", buf_text(&options));
	(void)printf("\nEach option can also be a line without the dashes, such as `max-running 8` or\n"
		"`offline yes`, in %s\n", file ? file : "~/.config/agentdirs/config");
	return EXIT_DONE;
}

static int wrong_usage(const struct command *row, const char *why)
{
	say_error("%s: %s", row->name, why);
	(void)fprintf(stderr, "usage: agentdirs %s %s\n", row->name, row->operands);
	return EXIT_WRONG_USAGE;
}

static int check_operands(const struct command *row, char **operands)
{
	int count = 0;
	while (operands[count])
		count++;
	if (count < row->operands_min)
		return wrong_usage(row, "a mount point is needed");
	if (count > row->operands_max)
		return wrong_usage(row, row->operands_max ? "only one mount point can be given" :
							    "it takes no mount point");
	return EXIT_DONE;
}

/* --help is answered whatever the config file holds. */
static int run(const struct command *row, char **words)
{
	cleanup(settings) struct settings settings = { 0 };
	cleanup(buf) struct buf file_why = BUF_INIT(1024), words_why = BUF_INIT(1024);
	bool help = false;
	int from_file = settings_load(&settings, &file_why);
	int from_words = settings_from_words(&settings, words, row->user, &help, &words_why);
	if (help)
		return print_help(row);
	if (from_words < 0)
		return wrong_usage(row, buf_text(&words_why));
	if (from_file < 0) {
		say_error("%s", buf_text(&file_why));
		return EXIT_DID_NOT_WORK;
	}
	int wrong = check_operands(row, words);
	if (wrong)
		return wrong;
	if (!settings.store) {
		say_error("HOME is not set, so there is no place for the store; give --store DIR");
		return EXIT_DID_NOT_WORK;
	}
	return row->run(&settings, words);
}

static int help_command(const char *name)
{
	const struct command *row = name ? find(name) : NULL;
	if (row)
		return print_help(row);
	if (!name)
		return print_commands();
	say_error("there is no subcommand \"%s\"; `agentdirs help` lists them", name);
	return EXIT_WRONG_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	if (!name) {
		say_error("a subcommand is needed; `agentdirs help` lists them");
		return EXIT_WRONG_USAGE;
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help_command(argv[2]);
	if (strcmp(name, "--version") == 0) {
		(void)printf("agentdirs " AGENTDIRS_VERSION "\n");
		return EXIT_DONE;
	}
	const struct command *row = find(name);
	return row ? run(row, argv + 2) : help_command(name);
}
