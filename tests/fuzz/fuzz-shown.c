/* SPDX-License-Identifier: MIT */
/* What a model wrote, on its way to people: each line as an event in the transcript, and all of it as a hint. */
#include <assert.h>
#include <string.h>

#include "fs/preview.h"
#include "fs/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show_line(struct slice line)
{
	cleanup(json) cJSON *event = json_parse(line.at, line.size, NULL);
	cleanup(buf) struct buf once = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
	if (!event)
		return;
	int r = transcript_event(event, &once);
	assert(transcript_event(event, &again) == r);
	assert(r < 0 || (once.size == again.size && strcmp(buf_text(&once), buf_text(&again)) == 0));
	assert(r < 0 || !once.size || once.data[once.size - 1] == '\n'); /* pieces do not run together */
}

static void preview(struct slice lines)
{
	struct previews *previews = previews_new();
	previews_take(previews, 1, 0, lines);
	const struct preview *p = previews_find(previews, 1);
	assert(!p || (p->lines.size <= PREVIEW_BYTES_MAX && p->text.size <= PREVIEW_BYTES_MAX));
	previews_free(previews);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_setup();
	struct slice all = { (const char *)data, size };
	preview(all);
	for (struct slice rest = all; rest.size;) {
		const char *end = memchr(rest.at, '\n', rest.size);
		size_t line = end ? (size_t)(end - rest.at) : rest.size;
		show_line((struct slice){ rest.at, line });
		line += end != NULL;
		rest.at += line;
		rest.size -= line;
	}
	return 0;
}
