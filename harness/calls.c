/* SPDX-License-Identifier: MIT */
/*
 * Tool calls: from the agent.tool_use event to the sandbox and back.
 *
 * A call happens once.  Its event is in the log before the sandbox hears of it;
 * the sandbox remembers what it did by the event's id until the result is in the
 * log.  A later harness therefore simply asks again with the same id.  The one
 * case in which asking again would be wrong is a sandbox that died together with
 * the harness: the store names the instance that may have been given calls, and
 * if that one is gone the call is answered with "not known whether it ran".
 */
#include <errno.h>
#include <string.h>

#include "base/param_json.h"
#include "base/utf8.h"
#include "harness/harness.h"

enum { GRACE_MS = 30 * 1000 /* beyond the sandbox's own deadline for a call */ };

static void call_done(struct call *call)
{
	free(call->tool_use_id);
	free(call->name);
	buf_done(&call->input);
	buf_done(&call->text);
}

void calls_clear(struct active *a)
{
	for (size_t i = 0; i < a->call_count; i++)
		call_done(&a->calls[i]);
	free(steal(a->calls));
	a->call_count = 0;
	loop_disarm(a->harness->loop, &a->calls_timer);
}

void calls_finish(struct call *call, bool is_error, struct slice text)
{
	call->state = CALL_DONE;
	call->is_error = is_error;
	buf_clear(&call->text);
	if (memchr(text.at, '\0', text.size)) /* JSON would end there */
		utf8_repair(&call->text, text.at, text.size);
	else
		(void)buf_add(&call->text, text.at, text.size);
}

static void refuse(struct call *call, const char *why)
{
	calls_finish(call, true, slice_of(why));
}

struct call *calls_add(struct active *a, const char *event_id, const char *tool_use_id, const char *name,
	const cJSON *input, const char *refusal)
{
	a->calls = xrealloc(a->calls, (a->call_count + 1) * sizeof(*a->calls));
	struct call *call = &a->calls[a->call_count++];
	*call = (struct call){ .tool_use_id = xstrdup(tool_use_id), .name = xstrdup(name),
		.tool = tool_find(name), .input = BUF_INIT(TOOL_INPUT_BYTES_MAX),
		.text = BUF_INIT(2 * TOOL_RESULT_BYTES_MAX) };
	memcpy(call->id, event_id, strnlen(event_id, ID_SIZE - 1));
	cleanup(buf) struct buf why = BUF_INIT(1000);
	cleanup(free) char *sentence = NULL;
	if (refusal)
		refuse(call, refusal);
	else if (a->call_count > SANDBOX_CALLS_MAX)
		refuse(call, "too many tool calls in one answer; make fewer at a time");
	else if (!call->tool)
		refuse(call, sentence = xprintf("tool '%s' not found", name));
	else if (!prompt_offers_tool(a->agent, name))
		refuse(call, sentence = xprintf("tool '%s' is not enabled for this agent", name));
	else if (param_pack(call->tool->params, input, &call->input, &why) < 0)
		refuse(call, sentence = xprintf("%s: %s", name, buf_text(&why)));
	return call;
}

struct call *calls_find(struct active *a, const char *event_id)
{
	for (size_t i = 0; i < a->call_count; i++)
		if (strcmp(a->calls[i].id, event_id) == 0)
			return &a->calls[i];
	return NULL;
}

size_t calls_in(const struct active *a, enum call_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < a->call_count; i++)
		count += a->calls[i].state == state;
	return count;
}

/* The packed field is decimal text; absent and 0 mean the default. */
static int64_t call_timeout_ms(const struct call *call)
{
	int64_t asked = fields_find_int(buf_slice(&call->input), "timeout_ms", 0);
	if (asked <= 0)
		return TOOL_TIMEOUT_MS_DEFAULT;
	return asked < TOOL_TIMEOUT_MS_MAX ? asked : TOOL_TIMEOUT_MS_MAX;
}

/* The sandbox bounds each call; this bounds a sandbox that has stopped answering.  Calls may run one after
 * another, so the time begins anew with each result, but with nothing else. */
static void watch(struct active *a)
{
	int64_t longest = 0;
	for (size_t i = 0; i < a->call_count; i++)
		if (a->calls[i].state == CALL_SENT && call_timeout_ms(&a->calls[i]) > longest)
			longest = call_timeout_ms(&a->calls[i]);
	if (longest)
		loop_arm(a->harness->loop, &a->calls_timer, clock_now_ms() + longest + GRACE_MS);
	else
		loop_disarm(a->harness->loop, &a->calls_timer);
}

static const char outcome_unknown[] =
	"It is not known whether this call ran: the sandbox and the harness were lost while it was open. It "
	"may have completed, partly or not at all. Check the state of the files before repeating it.";

/* Records durably which instance the calls go to, before the first of them goes. */
static int note_instance(struct active *a, const char *instance, const char *noted)
{
	if (strcmp(noted, instance) == 0)
		return 0;
	return session_set_sandbox(a->harness->store, a->num, instance);
}

/* Calls that an instance may have been given that is gone now.  The new one is not noted before these have their
 * results: else a third harness would take it for the one that knows them. */
static void refuse_lost(struct active *a, const struct sandbox *sandbox, const char *noted)
{
	bool elsewhere = *noted && strcmp(noted, sandbox_instance(sandbox)) != 0;
	for (size_t i = 0; elsewhere && i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->state == CALL_OPEN && call->recovered && !sandbox_knows(sandbox, call->id))
			refuse(call, outcome_unknown);
	}
}

static void send_calls(struct active *a, struct sandbox *sandbox)
{
	for (size_t i = 0; i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->state != CALL_OPEN)
			continue;
		call->state = CALL_SENT;
		sandbox_execute(sandbox, call->id, call->name, buf_slice(&call->input),
			call_timeout_ms(call));
	}
	watch(a);
	if (calls_in(a, CALL_DONE))
		active_ready(a);
}

void calls_execute(struct active *a)
{
	if (!calls_in(a, CALL_OPEN)) {
		active_ready(a);
		return;
	}
	struct sandbox *sandbox = sandbox_open(a->harness->sandboxes, a->id, a->workspace);
	if (!sandbox_is_ready(sandbox))
		return; /* on_ready calls again */
	char noted[ID_SIZE];
	int r = session_sandbox(a->harness->store, a->num, noted);
	if (r >= 0)
		refuse_lost(a, sandbox, noted);
	if (r >= 0 && calls_in(a, CALL_OPEN))
		r = note_instance(a, sandbox_instance(sandbox), noted);
	if (r >= 0) {
		send_calls(a, sandbox);
		return;
	}
	for (size_t i = 0; i < a->call_count; i++)
		if (a->calls[i].state == CALL_OPEN)
			refuse(&a->calls[i], "the call was not run: the store cannot be written");
	active_ready(a);
}

/* What an interrupted call still answers is not waited for: on_sandbox_result acknowledges results that nobody
 * asks for any more.  A call that an earlier harness began can only be ended with its sandbox. */
void calls_stop(struct active *a)
{
	struct sandbox *sandbox = sandbox_find(a->harness->sandboxes, a->id);
	bool orphans = false;
	for (size_t i = 0; i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->abandoned && sandbox && sandbox_is_ready(sandbox))
			sandbox_interrupt(sandbox, call->id);
		orphans |= call->abandoned && call->recovered && !sandbox;
		call->abandoned = false;
	}
	if (orphans)
		sandbox_discard(sandbox_open(a->harness->sandboxes, a->id, a->workspace));
	watch(a);
}

void calls_acknowledge(struct active *a)
{
	for (size_t i = 0; i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->state != CALL_LOGGED || !call->ran)
			continue;
		call->ran = false;
		struct sandbox *sandbox = sandbox_find(a->harness->sandboxes, a->id);
		if (sandbox && sandbox_is_ready(sandbox))
			sandbox_acknowledge(sandbox, call->id);
	}
}

void calls_take_result(struct active *a, struct call *call, const struct sandbox_result *result)
{
	calls_finish(call, result->is_error, result->text);
	call->ran = true;
	call->started_us = result->started_us;
	call->ended_us = result->ended_us;
	watch(a);
	active_ready(a);
}

void calls_lose(struct active *a, const char *why)
{
	cleanup(free) char *begun = xprintf("The sandbox ended while this call was open (%s). The call may have "
		"completed, partly or not at all. The next call gets a new sandbox with the same /workspace.",
		why);
	cleanup(free) char *unbegun = xprintf("This call was not run: %s.", why);
	for (size_t i = 0; i < a->call_count; i++) {
		struct call *call = &a->calls[i];
		if (call->state == CALL_SENT || (call->state == CALL_OPEN && call->recovered))
			calls_finish(call, true, slice_of(begun));
		else if (call->state == CALL_OPEN)
			calls_finish(call, true, slice_of(unbegun));
	}
	watch(a);
	active_ready(a);
}

void calls_late(struct active *a)
{
	struct sandbox *sandbox = sandbox_find(a->harness->sandboxes, a->id);
	if (sandbox)
		sandbox_discard(sandbox);
	calls_lose(a, "it stopped answering and was discarded");
}
