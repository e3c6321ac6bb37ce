/* SPDX-License-Identifier: MIT */
/* What commands print: whatever the bytes, the text is UTF-8 and has no control characters left. */
#include <assert.h>

#include "base/utf8.h"
#include "tools/clean.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(buf) struct buf out = BUF_INIT(4 * size + 1);
	clean_text(&out, (const char *)data, size);
	assert(!out.overflow && utf8_is_valid(buf_text(&out), out.size));
	for (size_t i = 0; i < out.size; i++)
		assert((unsigned char)out.data[i] >= 0x20 || out.data[i] == '\t' ||
			out.data[i] == '\n');
	clean_line_starts(&out, "ab", "c");
	clean_end(&out);
	return 0;
}
