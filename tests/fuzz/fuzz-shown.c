/* SPDX-License-Identifier: MIT */
/* What a model wrote, on its way to people: each line as an event of a transcript, and all of it as a hint. */
#include <assert.h>
#include <string.h>

#include "fs/piece.h"
#include "fs/preview.h"
#include "fs/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show_line(struct slice line, struct transcript *t, struct buf *out)
{
	cleanup(json) cJSON *event = json_parse(line.at, line.size, NULL);
	cleanup(buf) struct buf piece = BUF_INIT(1 << 20);
	if (!event)
		return;
	(void)piece_show(event, &piece);
	assert(!piece.size || piece.overflow || piece.data[piece.size - 1] == '\n'); /* do not run together */
	(void)transcript_event(t, event, out);
	assert(t->call_count <= TRANSCRIPT_CALLS_MAX);
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
	struct transcript t;
	transcript_init(&t);
	cleanup(buf) struct buf out = BUF_INIT(1 << 20);
	for (struct slice rest = all; rest.size;) {
		const char *end = memchr(rest.at, '\n', rest.size);
		size_t line = end ? (size_t)(end - rest.at) : rest.size;
		show_line((struct slice){ rest.at, line }, &t, &out);
		line += end != NULL;
		rest.at += line;
		rest.size -= line;
	}
	transcript_done(&t);
	return 0;
}
