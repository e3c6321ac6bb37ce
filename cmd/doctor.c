/* SPDX-License-Identifier: MIT */
/* `agentdirs doctor`: prints the table of checks with what this machine answers. */
#include <stdio.h>
#include <string.h>

#include "cmd/checks.h"
#include "cmd/command.h"

static const char *const verdicts[] = {
	[CHECK_REQUIRED] = "MISSING", [CHECK_USEFUL] = "without",
};

/* True when the main job cannot run because of it. */
static bool examine(const struct check *row, const struct settings *settings)
{
	cleanup(buf) struct buf words = BUF_INIT(2048);
	int r = row->run(settings, &words);
	(void)printf("%-8s %-12s %s\n", r < 0 ? verdicts[row->need] : "ok", row->name,
		words.size ? buf_text(&words) : strerror(-r));
	if (r < 0)
		(void)printf("%-8s %-12s %s\n", "", "", row->remedy);
	return r < 0 && row->need == CHECK_REQUIRED;
}

int doctor_command(const struct settings *settings, char **operands)
{
	int missing = 0;
	for (const struct check *row = checks_table; row->name; row++)
		missing += examine(row, settings);
	if (!missing)
		return EXIT_DONE;
	(void)printf("\n%d of the things that agentdirs needs %s missing.\n", missing,
		missing == 1 ? "is" : "are");
	return EXIT_DID_NOT_WORK;
}
