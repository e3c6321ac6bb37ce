/* SPDX-License-Identifier: MIT */
/* The tool `write`: a whole file in one step. */
#include <errno.h>

#include "tools/file.h"
#include "tools/run.h"

int write_run(const struct tool_run *run, const void *args, struct buf *ret_text)
{
	const struct write_args *a = args;
	struct place place;
	if (!a->file_path.size)
		return fail(ret_text, EINVAL, "write: file_path is required");
	int r = place_find(run, a->file_path, &place, ret_text);
	if (r == 0)
		r = file_replace(&place, a->file_path, "write", a->content, ret_text);
	if (r < 0)
		return r;
	return buf_printf(ret_text, "wrote %zu bytes to %.*s", a->content.size,
		(int)a->file_path.size, a->file_path.at);
}
