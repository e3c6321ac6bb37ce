/* SPDX-License-Identifier: MIT */
#include "harness/sse.h"

#include <assert.h>
#include <string.h>

void sse_init(struct sse *sse)
{
	*sse = (struct sse){
		.line = BUF_INIT(SSE_LINE_BYTES_MAX),
		.data = BUF_INIT(SSE_EVENT_BYTES_MAX),
	};
}

void sse_done(struct sse *sse)
{
	buf_done(&sse->line);
	buf_done(&sse->data);
	sse->in = sse->view = (struct slice){ 0 };
}

void sse_push(struct sse *sse, struct slice bytes)
{
	assert(sse->in.size == 0);
	sse->in = bytes;
}

static void in_drop(struct sse *sse, size_t size)
{
	sse->in.at += size;
	sse->in.size -= size;
}

static const char *find_line_end(struct slice in)
{
	const char *lf = memchr(in.at, '\n', in.size);
	const char *cr = memchr(in.at, '\r', lf ? (size_t)(lf - in.at) : in.size);
	return cr ? cr : lf;
}

/* Takes one whole line off the input: 1 and the line, 0 when its end has not come, -EFBIG.  The
 * line is lent until the next call. */
static int next_line(struct sse *sse, struct slice *ret)
{
	if (sse->skip_lf && sse->in.size) {
		sse->skip_lf = false;
		if (*sse->in.at == '\n')
			in_drop(sse, 1);
	}
	const char *end = sse->in.size ? find_line_end(sse->in) : NULL;
	struct slice part = { sse->in.at, end ? (size_t)(end - sse->in.at) : sse->in.size };
	bool whole = end && !sse->line.size;
	int r = whole || !part.size ? 0 : buf_add(&sse->line, part.at, part.size);
	if (r < 0)
		return r;
	in_drop(sse, part.size + (end ? 1 : 0));
	if (!end)
		return 0;
	sse->skip_lf = *end == '\r';
	*ret = whole ? part : buf_slice(&sse->line);
	return 1;
}

/* Moves the data that is lent from somewhere else into our own buffer. */
static int keep_view(struct sse *sse)
{
	if (!sse->view.at)
		return 0;
	struct slice view = sse->view;
	sse->view = (struct slice){ 0 };
	return buf_add(&sse->data, view.at, view.size);
}

static int take_data(struct sse *sse, struct slice value, bool lasting)
{
	int r = keep_view(sse);
	if (r == 0 && sse->data_lines++)
		r = buf_add_char(&sse->data, '\n');
	if (r < 0)
		return r;
	if (lasting && sse->data_lines == 1 && value.size <= SSE_EVENT_BYTES_MAX) {
		sse->view = value;
		return 0;
	}
	return buf_add(&sse->data, value.at, value.size);
}

static void take_name(struct sse *sse, struct slice value)
{
	size_t n = value.size < SSE_NAME_SIZE ? value.size : SSE_NAME_SIZE - 1;
	memcpy(sse->name, value.at, n);
	sse->name[n] = '\0';
}

/* Fields that we do not know are allowed; a "name" that nobody would give a field says that these
 * bytes are not what they claim to be. */
static bool is_field_name(struct slice name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.at[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

static struct slice skip_byte_order_mark(struct sse *sse, struct slice line)
{
	static const char mark[] = "\xef\xbb\xbf";
	bool first = !sse->begun;
	sse->begun = true;
	if (first && line.size >= 3 && memcmp(line.at, mark, 3) == 0)
		return (struct slice){ line.at + 3, line.size - 3 };
	return line;
}

/* `lasting`: the line's bytes stay until the pushed input is used up. */
static enum sse_what take_line(struct sse *sse, struct slice line, bool lasting)
{
	const char *colon = memchr(line.at, ':', line.size);
	struct slice name = { line.at, colon ? (size_t)(colon - line.at) : line.size };
	struct slice value = { line.at + name.size, 0 };
	if (colon)
		value = (struct slice){ colon + 1, line.size - name.size - 1 };
	if (value.size && *value.at == ' ')
		value = (struct slice){ value.at + 1, value.size - 1 };
	if (slice_is(name, "data"))
		return take_data(sse, value, lasting) < 0 ? SSE_TOO_BIG : SSE_MORE;
	if (slice_is(name, "event"))
		take_name(sse, value);
	else if (!is_field_name(name))
		return SSE_GARBAGE;
	return SSE_MORE;
}

static void forget_event(struct sse *sse)
{
	buf_clear(&sse->data);
	sse->view = (struct slice){ 0 };
	sse->data_lines = 0;
	sse->name[0] = '\0';
	sse->dispatched = false;
}

/* A blank line: hands out what was gathered.  An event without data is none. */
static enum sse_what dispatch(struct sse *sse, struct sse_event *ret)
{
	struct slice data = sse->view.at ? sse->view : buf_slice(&sse->data);
	if (!data.size) {
		forget_event(sse);
		return SSE_MORE;
	}
	*ret = (struct sse_event){ .name = sse->name, .data = data };
	sse->dispatched = true;
	return SSE_EVENT;
}

enum sse_what sse_step(struct sse *sse, struct sse_event *ret)
{
	struct slice line;
	int r;
	if (sse->dispatched)
		forget_event(sse);
	while ((r = next_line(sse, &line)) > 0) {
		bool lasting = line.at != sse->line.data;
		line = skip_byte_order_mark(sse, line);
		enum sse_what what =
			line.size ? take_line(sse, line, lasting) : dispatch(sse, ret);
		buf_clear(&sse->line);
		if (what != SSE_MORE)
			return what;
	}
	return r < 0 || keep_view(sse) < 0 ? SSE_TOO_BIG : SSE_MORE;
}
