/* SPDX-License-Identifier: MIT */
/* `agentdirs doctor`: prints the table of checks with what this machine answers. */
#include <stdio.h>
#include <string.h>

#include "base/wrap.h"
#include "cmd/checks.h"
#include "cmd/command.h"

static const char *const verdicts[] = {
	[CHECK_REQUIRED] = "MISSING", [CHECK_USEFUL] = "without",
};

static void say_row(const char *verdict, const char *name, const char *words)
{
	cleanup(buf) struct buf row = BUF_INIT(4096);
	(void)buf_printf(&row, "%-8s %-12s ", verdict, name);
	wrap_text(&row, row.size, row.size, words);
	(void)fputs(buf_text(&row), stdout);
}

/* True when the main job cannot run because of it. */
static bool examine(const struct check *row, const struct settings *settings)
{
	cleanup(buf) struct buf words = BUF_INIT(2048);
	int r = row->run(settings, &words);
	say_row(r < 0 ? verdicts[row->need] : "ok", row->name,
		words.size ? buf_text(&words) : strerror(-r));
	if (r < 0)
		say_row("", "", row->remedy);
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
