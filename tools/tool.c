/* SPDX-License-Identifier: MIT */
#include "tools/tool.h"

#include <string.h>

#include "sandbox/protocol.h"
#include "tools/args.h"

#ifdef TOOLS_DESCRIBE_ONLY
#define RUN(function) NULL
#else
#include "tools/run.h"
#define RUN(function) function
#endif

static const struct param bash_params[] = {
	{ "command", PARAM_TEXT, offsetof(struct bash_args, command),
		.help = "The command or script to run." },
	{ "restart", PARAM_BOOL, offsetof(struct bash_args, restart),
		.help = "Start with a clean shell: ends every process that earlier calls left "
			"behind." },
	{ "timeout_ms", PARAM_INT, offsetof(struct bash_args, timeout_ms), .min = 0,
		.max = TOOL_TIMEOUT_MS_MAX, .help = "Default 120000, at most 600000." },
	{ 0 },
};

static const struct param read_params[] = {
	{ "file_path", PARAM_TEXT, offsetof(struct read_args, file_path), .required = true,
		.help = "Absolute, or relative to the working directory." },
	{ "view_range", PARAM_RANGE, offsetof(struct read_args, view_range),
		.help = "[first line, last line], counted from 1; last 0 means to the end." },
	{ 0 },
};

static const struct param write_params[] = {
	{ "file_path", PARAM_TEXT, offsetof(struct write_args, file_path), .required = true,
		.help = "Absolute, or relative to the working directory." },
	{ "content", PARAM_TEXT, offsetof(struct write_args, content), .required = true,
		.help = "The whole new content." },
	{ 0 },
};

static const struct param edit_params[] = {
	{ "file_path", PARAM_TEXT, offsetof(struct edit_args, file_path), .required = true,
		.help = "Absolute, or relative to the working directory." },
	{ "old_string", PARAM_TEXT, offsetof(struct edit_args, old_string), .required = true,
		.help = "The exact text to replace, white space and line ends included." },
	{ "new_string", PARAM_TEXT, offsetof(struct edit_args, new_string), .required = true,
		.help = "The text that takes its place, taken literally; may be empty." },
	{ "replace_all", PARAM_BOOL, offsetof(struct edit_args, replace_all),
		.help = "Replace every occurrence." },
	{ 0 },
};

static const struct param glob_params[] = {
	{ "pattern", PARAM_TEXT, offsetof(struct glob_args, pattern), .required = true,
		.help = "Knows *, ?, [abc], {a,b} and ** for any number of directories; "
			"relative." },
	{ "path", PARAM_TEXT, offsetof(struct glob_args, path),
		.help = "The directory to search; default is the working directory." },
	{ 0 },
};

static const struct param grep_params[] = {
	{ "pattern", PARAM_TEXT, offsetof(struct grep_args, pattern), .required = true,
		.help = "A Perl-compatible regular expression, matched line by line." },
	{ "path", PARAM_TEXT, offsetof(struct grep_args, path),
		.help = "The file or directory to search; default is the working directory." },
	{ 0 },
};

/* In the order of the toolset.  The texts are bytes of every request: to change one costs each
 * session its prompt cache. */
static const struct tool tools[] = {
	{
		.name = "bash",
		.description =
			"Run a command in a persistent bash. Working directory, variables, "
			"functions and background jobs carry over to the next call. There is no "
			"terminal and stdin is empty. stdout and stderr come back together; of "
			"long output the last 100 KiB. A non-zero exit status is an error and is "
			"shown as [exit N]. Start servers with & and redirect their output to a "
			"file.",
		.params = bash_params,
		.args_size = sizeof(struct bash_args),
		.needs = TOOL_EXECUTES,
	},
	{
		.name = "read",
		.description =
			"Read a text file of at most 256 KiB, or some of its lines. The text comes "
			"back as it is, without line numbers.",
		.params = read_params,
		.args_size = sizeof(struct read_args),
		.needs = TOOL_READS,
		.run = RUN(read_run),
	},
	{
		.name = "write",
		.description =
			"Write a whole file in one step, creating parent directories. Replaces an "
			"existing file and keeps its mode.",
		.params = write_params,
		.args_size = sizeof(struct write_args),
		.needs = TOOL_WRITES,
		.run = RUN(write_run),
	},
	{
		.name = "edit",
		.description =
			"Replace old_string by new_string in a text file of at most 256 KiB. "
			"old_string must match exactly and occur once, unless replace_all is true.",
		.params = edit_params,
		.args_size = sizeof(struct edit_args),
		.needs = TOOL_WRITES,
		.run = RUN(edit_run),
	},
	{
		.name = "glob",
		.description =
			"List the files whose path matches a pattern such as **/*.c, newest first, "
			"at most 200. Does not look into .git and node_modules.",
		.params = glob_params,
		.args_size = sizeof(struct glob_args),
		.needs = TOOL_READS,
		.run = RUN(glob_run),
	},
	{
		.name = "grep",
		.description =
			"Search the lines of text files with a regular expression. Prints "
			"path:line:text, at most 100 KiB. Does not look into .git and "
			"node_modules.",
		.params = grep_params,
		.args_size = sizeof(struct grep_args),
		.needs = TOOL_READS,
		.run = RUN(grep_run),
	},
};

_Static_assert(sizeof(struct edit_args) <= TOOL_ARGS_SIZE_MAX, "the largest row fits");

const struct tool *tool_at(size_t index)
{
	return index < ARRAY_LEN(tools) ? &tools[index] : NULL;
}

const struct tool *tool_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}
