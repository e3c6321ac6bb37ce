/* SPDX-License-Identifier: MIT */
/* The first byte says how the stream is cut; whole and cut it must give the same events. */
#include <assert.h>
#include <string.h>

#include "harness/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step_all(struct sse *sse, struct buf *out)
{
	struct sse_event event;
	enum sse_what what;
	while ((what = sse_step(sse, &event)) != SSE_MORE) {
		assert(what != SSE_TOO_BIG);
		if (what == SSE_GARBAGE) {
			(void)buf_add_char(out, '!');
			continue;
		}
		(void)buf_printf(out, "%zu %s=", event.data.size, event.name);
		(void)buf_add(out, event.data.at, event.data.size);
	}
}

/* The pieces are copies that die at once, so that the sanitizer sees a byte that is kept too long. */
static void parse(const char *stream, size_t size, size_t piece, struct buf *out)
{
	struct sse sse;
	sse_init(&sse);
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		char *copy = xmalloc(n);
		memcpy(copy, stream + at, n);
		sse_push(&sse, (struct slice){ copy, n });
		step_all(&sse, out);
		free(copy);
	}
	sse_done(&sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(buf) struct buf whole = BUF_INIT(64 << 20);
	cleanup(buf) struct buf cut = BUF_INIT(64 << 20);
	if (size < 2)
		return 0;
	parse((const char *)data + 1, size - 1, size, &whole);
	parse((const char *)data + 1, size - 1, 1 + data[0] % 16, &cut);
	assert(whole.size == cut.size);
	assert(memcmp(buf_text(&whole), buf_text(&cut), whole.size) == 0);
	return 0;
}
