/* SPDX-License-Identifier: MIT */
#include "tools/calls.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

void calls_init(struct calls *calls)
{
	*calls = (struct calls){ 0 };
	list_init(&calls->all);
}

static void drop_input(struct calls *calls, struct call *call)
{
	calls->input_bytes -= call->input.size;
	buf_done(&call->input);
}

void calls_remove(struct calls *calls, struct call *call)
{
	drop_input(calls, call);
	list_remove(&call->link);
	calls->count--;
	buf_done(&call->text);
	free(call);
}

void calls_done(struct calls *calls)
{
	struct call *call;
	list_each(&calls->all, call, struct call, link)
		calls_remove(calls, call);
}

struct call *calls_find(struct calls *calls, struct slice id)
{
	struct call *call;
	list_each(&calls->all, call, struct call, link)
		if (slice_is(id, call->id))
			return call;
	return NULL;
}

struct call *calls_add(struct calls *calls, struct slice id, const struct tool *tool,
	struct slice input)
{
	assert(id.size <= CALL_ID_MAX);
	if (calls->count == SANDBOX_CALLS_MAX ||
		input.size > CALLS_INPUT_BYTES_MAX - calls->input_bytes)
		return NULL;
	struct call *call = xcalloc(1, sizeof(*call));
	memcpy(call->id, id.at, id.size);
	call->tool = tool;
	buf_init(&call->input, input.size + 1);
	(void)buf_add(&call->input, input.at, input.size);
	list_add(&calls->all, &call->link);
	calls->count++;
	calls->input_bytes += input.size;
	return call;
}

/* Which unfinished calls that arrived earlier a call waits for, by what it needs.  A read waits for
 * a write so that it sees it, and a write for a read so that it does not change what was asked for;
 * the shell may take its time without holding up either kind of reading. */
static unsigned waits_for(unsigned needs)
{
	static const unsigned rows[] = {
		[TOOL_READS] = TOOL_WRITES,
		[TOOL_WRITES] = TOOL_READS | TOOL_WRITES | TOOL_EXECUTES,
		[TOOL_EXECUTES] = TOOL_WRITES | TOOL_EXECUTES,
	};
	assert(needs < ARRAY_LEN(rows));
	return rows[needs];
}

struct call *calls_next(struct calls *calls)
{
	unsigned unfinished = 0; /* what the calls seen so far need */
	struct call *call;
	list_each(&calls->all, call, struct call, link) {
		if (call->state == CALL_DONE)
			continue;
		if (call->state == CALL_WAITING && !(unfinished & waits_for(call->tool->needs)))
			return call;
		unfinished |= call->tool->needs;
	}
	return NULL;
}

void calls_finish(struct calls *calls, struct call *call, bool is_error, struct slice text,
	int64_t ended_us)
{
	size_t size = text.size <= TOOL_RESULT_BYTES_MAX ? text.size : TOOL_RESULT_BYTES_MAX;
	call->state = CALL_DONE;
	call->is_error = is_error;
	call->ended_us = ended_us;
	buf_init(&call->text, 3 * (size_t)TOOL_RESULT_BYTES_MAX); /* a foreign byte becomes three */
	utf8_repair(&call->text, text.at, size);
	if (call->text.size > TOOL_RESULT_BYTES_MAX)
		buf_cut(&call->text, utf8_clip(call->text.data, TOOL_RESULT_BYTES_MAX));
	if (!call->text.size)
		(void)buf_add_text(&call->text, "(no output)");
	drop_input(calls, call);
}
