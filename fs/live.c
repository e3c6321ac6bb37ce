/* SPDX-License-Identifier: MIT */
#include "fs/live.h"

#include <stdio.h>
#include <string.h>

void live_abandon(struct live *live, struct buf *out)
{
	if (live->shown) {
		buf_add_char(out, '\n');
		live->abandoned += live->shown + 1;
	}
	live->id[0] = '\0';
	live->shown = 0;
}

static void turn_to(struct live *live, const char *id, struct buf *out)
{
	if (strcmp(live->id, id) == 0)
		return;
	live_abandon(live, out);
	(void)snprintf(live->id, sizeof(live->id), "%s", id);
}

void live_piece(struct live *live, const char *id, struct slice so_far, struct buf *out)
{
	turn_to(live, id, out);
	if (so_far.size <= live->shown)
		return;
	buf_add(out, so_far.at + live->shown, so_far.size - live->shown);
	live->shown = so_far.size;
}

void live_message(struct live *live, const char *id, struct slice text, struct buf *out)
{
	live_piece(live, id, text, out);
	if (text.size && text.at[text.size - 1] != '\n')
		buf_add_char(out, '\n');
	live->id[0] = '\0';
	live->shown = 0;
}
