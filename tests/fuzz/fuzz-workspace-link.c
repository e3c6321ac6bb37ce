/* SPDX-License-Identifier: MIT */
/* Any link text, at the depth that the first byte says: what is shown never leads out. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "fs/workspace_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the kernel would follow it, if every name in it led to the top. */
static void follow(const char *at, int level)
{
	assert(*at && *at != '/');
	while (*at) {
		size_t size = strcspn(at, "/");
		if (size == 2 && memcmp(at, "..", 2) == 0)
			level--;
		else if (size != 1 || *at != '.')
			level = 0;
		assert(level >= 0);
		at += size + strspn(at + size, "/");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > LINK_TEXT_MAX)
		return 0;
	cleanup(free) char *text = xstrndup(data + 1, size - 1);
	cleanup(buf) struct buf shown = BUF_INIT(2 * LINK_TEXT_MAX);
	link_text_show(text, "/workspace", data[0] % 8, &shown);
	assert(shown.size <= LINK_TEXT_MAX && shown.size == strlen(buf_text(&shown)));
	follow(buf_text(&shown), data[0] % 8);
	return 0;
}
