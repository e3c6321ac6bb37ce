/* SPDX-License-Identifier: MIT */
#include "fs/fs.h"

#include <errno.h>

#include "store/hint.h"

int fs_session(struct fs *fs, int64_t num, const struct session **ret)
{
	for (size_t i = 0; i < fs->known_count; i++)
		if (fs->known[i].object.num == num) {
			*ret = &fs->known[i];
			return 0;
		}
	size_t place = fs->known_count < FS_KNOWN_SESSIONS ? fs->known_count : 0;
	int r = session_get(fs->store, num, &fs->known[place]);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	fs->known_count = place + 1;
	*ret = &fs->known[place];
	return 0;
}

int fs_read_ahead(struct fs *fs, int64_t after, int max)
{
	fs->known_count = 0;
	int n = session_page(fs->store, false, after, fs->known,
		max < FS_KNOWN_SESSIONS ? max : FS_KNOWN_SESSIONS);
	fs->known_count = n > 0 ? (size_t)n : 0;
	return n;
}

void fs_forget_known(struct fs *fs)
{
	fs->known_count = 0;
}

void fs_wake_harness(struct fs *fs, int64_t session)
{
	struct hint hint = { .kind = HINT_WAKE, .session = session };
	(void)hint_send(fs->hints, &hint); /* a lost hint costs at most a second */
}
