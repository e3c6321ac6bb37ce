/* SPDX-License-Identifier: MIT */
#include "cmd/restart.h"

int64_t restart_pause(struct restart *r, int64_t life_ms, bool was_ready, int tries_max)
{
	r->ends = life_ms >= RESTART_GOOD_MS ? 1 : r->ends + 1;
	r->unready = was_ready ? 0 : r->unready + 1;
	if (r->unready >= tries_max)
		return -1;
	int64_t pause = 0;
	for (int n = RESTART_AT_ONCE; n < r->ends && pause < RESTART_PAUSE_MAX_MS; n++)
		pause = pause ? 2 * pause : RESTART_PAUSE_MIN_MS;
	return pause < RESTART_PAUSE_MAX_MS ? pause : RESTART_PAUSE_MAX_MS;
}
