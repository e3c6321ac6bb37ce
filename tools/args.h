/* SPDX-License-Identifier: MIT */
/* What each tool is asked: the structs that the parameter tables of tool.c fill.  Texts are
 * lent. */
#pragma once

#include "base/param.h"

struct bash_args {
	struct slice command;
	bool restart;
	int64_t timeout_ms; /* 0: TOOL_TIMEOUT_MS_DEFAULT */
};

struct read_args {
	struct slice file_path;
	struct param_range view_range; /* lines, 1-based, inclusive; last <= 0: to the end */
};

struct write_args {
	struct slice file_path, content;
};

struct edit_args {
	struct slice file_path, old_string, new_string;
	bool replace_all;
};

struct glob_args {
	struct slice pattern, path;
};

struct grep_args {
	struct slice pattern, path;
};
