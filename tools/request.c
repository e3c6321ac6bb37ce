/* SPDX-License-Identifier: MIT */
#include "tools/request.h"

#include <errno.h>

#include "sandbox/protocol.h"
#include "tools/calls.h"

static const struct {
	const char *word;
	enum request_kind kind;
	bool has_call;
} kinds[] = {
	{ "execute", REQUEST_EXECUTE, true },
	{ "acknowledge", REQUEST_ACKNOWLEDGE, true },
	{ "interrupt", REQUEST_INTERRUPT, true },
	{ "ping", REQUEST_PING, false },
};

static bool is_well_formed(struct slice list)
{
	struct fields f = fields_read(list);
	struct slice name, value;
	while (fields_next(&f, &name, &value))
		;
	return !f.malformed;
}

static struct slice present(struct slice s)
{
	return s.at ? s : slice_of("");
}

static int64_t limited(int64_t timeout_ms)
{
	if (timeout_ms <= 0)
		return TOOL_TIMEOUT_MS_DEFAULT;
	return timeout_ms < TOOL_TIMEOUT_MS_MAX ? timeout_ms : TOOL_TIMEOUT_MS_MAX;
}

static int parse(struct slice list, struct request *ret)
{
	struct slice word = fields_find(list, "do");
	struct request request = { .kind = REQUEST_UNKNOWN };
	bool has_call = false;
	request.call = present(fields_find(list, "call"));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!slice_is(word, kinds[i].word))
			continue;
		request.kind = kinds[i].kind;
		has_call = kinds[i].has_call;
	}
	if (has_call && (!request.call.size || request.call.size > CALL_ID_MAX))
		return -EPROTO;
	request.tool = present(fields_find(list, "tool"));
	request.input = present(fields_find(list, "input"));
	request.timeout_ms = limited(fields_find_int(list, "timeout_ms", 0));
	*ret = request;
	return 1;
}

int request_next(const struct buf *in, struct request *ret, struct slice *ret_frame)
{
	struct slice list;
	int r = frame_peek(in, REQUEST_BYTES_MAX, &list);
	if (r <= 0)
		return r;
	r = is_well_formed(list) ? parse(list, ret) : -EPROTO;
	if (r > 0)
		*ret_frame = list;
	return r;
}

void request_drop(struct buf *in, struct slice frame)
{
	frame_drop(in, frame);
}
