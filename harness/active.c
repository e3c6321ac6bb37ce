/* SPDX-License-Identifier: MIT */
#include "harness/active.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "store/log.h"
#include "store/queue.h"

static const char surroundings[] =
	"You work in a sandbox: a private Linux machine without network access. The working directory is "
	"/workspace; files there are kept between turns and can be seen by the user. The rest of the file "
	"system is read-only or temporary. The user does not see what tools print, only what you say.";

/* --- loading --- */

/* Follows the log far enough to know what is open: a request without its end, calls without results. */
static void fold_open(struct active *a, const cJSON *event)
{
	const char *type = json_text(event, "type");
	if (!type)
		return;
	if (strcmp(type, "span.model_request_start") == 0) {
		calls_clear(a);
		(void)snprintf(a->request_id, ID_SIZE, "%s", json_text(event, "id"));
	} else if (strcmp(type, "span.model_request_end") == 0) {
		a->request_id[0] = '\0';
	} else if (strcmp(type, "agent.tool_use") == 0) {
		ops_fold_call(a, event);
		a->calls[a->call_count - 1].recovered = true;
	} else if (strcmp(type, "agent.tool_result") == 0) {
		struct call *call = calls_find(a, json_text(event, "tool_use_id"));
		if (call)
			call->state = CALL_LOGGED;
	}
}

static int read_log(struct active *a, uint64_t events, struct buf *why)
{
	for (uint64_t seq = 1; seq <= events; seq++) {
		cleanup(json) cJSON *event = log_event(a->harness->store, a->num, seq);
		if (!event)
			return fail(why, EIO, "session %s: event %llu of the log cannot be read", a->id,
				(unsigned long long)seq);
		(void)prompt_event(&a->prompt, event);
		fold_open(a, event);
	}
	a->events = events;
	return 0;
}

static enum turn_input found_in(const struct active *a, const struct session *session)
{
	if (session->fold.status == SESSION_RESCHEDULING)
		return TURN_FOUND_BACKOFF;
	if (session->fold.status != SESSION_RUNNING)
		return TURN_INPUTS;
	bool open = calls_in(a, CALL_OPEN) + calls_in(a, CALL_DONE) > 0;
	return open && !a->request_id[0] ? TURN_FOUND_WORKING : TURN_FOUND_ASKING;
}

static int load_agent(struct active *a, const struct session *session, struct buf *why)
{
	int error = 0;
	a->agent = object_body(a->harness->store, session->agent, session->agent_version, &error);
	if (!a->agent)
		return fail(why, ENOENT, "session %s: its agent cannot be read", a->id);
	a->agent_num = session->agent;
	a->agent_version = session->agent_version;
	const char *name = json_text(a->agent, "name");
	a->agent_name = xstrdup(name ? name : "");
	if (prompt_set_head(&a->prompt, a->agent, surroundings) < 0)
		return fail(why, EFBIG, "session %s: its agent's definition is too large", a->id);
	return 0;
}

static int load(struct active *a, const struct session *session, struct buf *why)
{
	a->workspace = session_workspace(a->harness->store, &session->object);
	int r = load_agent(a, session, why);
	if (r >= 0)
		r = read_log(a, session->fold.events, why);
	a->found = r >= 0 ? found_in(a, session) : TURN_INPUTS;
	return r;
}

static void on_retry_due(void *data)
{
	struct active *a = data;
	a->due = true;
	active_ready(a);
}

/* The sandbox stopped answering: its calls are over, and it goes. */
static void on_tools_late(void *data)
{
	struct active *a = data;
	struct sandbox *sandbox = sandbox_find(a->harness->sandboxes, a->id);
	if (sandbox)
		sandbox_discard(sandbox);
	for (size_t i = 0; i < a->call_count; i++)
		if (a->calls[i].state == CALL_SENT)
			calls_finish(&a->calls[i], true,
				slice_of("The sandbox stopped answering and was discarded; what this call did "
					 "is not known. The files in /workspace are kept."));
	active_ready(a);
}

static void set_ids(struct active *a, const char *id)
{
	const char *digits = strchr(id, '_');
	(void)snprintf(a->id, ID_SIZE, "%s", id);
	(void)snprintf(a->thread, ID_SIZE, "sthr%s", digits ? digits : "_");
}

struct active *active_load(struct harness *h, int64_t num, struct buf *why)
{
	struct session session;
	int r = session_get(h->store, num, &session);
	if (r <= 0 || session.object.archived_us || session.fold.status == SESSION_TERMINATED) {
		fail(why, ENOENT, "session %lld is gone or ended", (long long)num);
		return NULL;
	}
	struct active *a = xcalloc(1, sizeof(*a));
	a->harness = h;
	a->num = num;
	a->found = TURN_INPUTS;
	a->retry = (struct loop_timer){ .on_due = on_retry_due, .data = a };
	a->tools_timer = (struct loop_timer){ .on_due = on_tools_late, .data = a };
	preview_init(a);
	a->answer.retry_after_ms = -1;
	list_init(&a->mark);
	list_add(&h->actives, &a->link);
	h->active_count++;
	set_ids(a, session.object.id);
	prompt_init(&a->prompt);
	if (load(a, &session, why) < 0)
		return active_free(a);
	return a;
}

struct active *active_free(struct active *a)
{
	if (!a)
		return NULL;
	if (a->request)
		model_cancel(a->request);
	loop_disarm(a->harness->loop, &a->retry);
	loop_disarm(a->harness->loop, &a->tools_timer);
	list_remove(&a->mark);
	list_remove(&a->link);
	if (!a->kept_ms)
		a->harness->active_count--;
	record_clear(a);
	preview_clear(a);
	calls_clear(a);
	prompt_done(&a->prompt);
	buf_done(&a->preview);
	buf_done(&a->delta);
	cJSON_Delete(a->agent);
	free(a->agent_name);
	free(a->workspace);
	free(a);
	return NULL;
}

void active_ready(struct active *a)
{
	if (list_is_empty(&a->mark))
		list_add(&a->harness->marked, &a->mark);
	loop_later(a->harness->loop, &a->harness->round);
}

/* --- what has happened --- */

/* Whether the queue holds something that starts or continues a turn. */
static enum turn_input queued_input(struct active *a)
{
	enum turn_input input = TURN_INPUTS;
	int64_t num = 0;
	cJSON *event;
	while (queue_next(a->harness->store, a->num, num, &num, &event) > 0) {
		bool message = strcmp(json_text(event, "type"), "user.message") == 0;
		cJSON_Delete(event);
		input = TURN_QUEUED_QUIET;
		if (message)
			return TURN_QUEUED;
	}
	return input;
}

static bool interrupt_is_queued(struct active *a)
{
	int64_t num;
	cJSON *event = NULL;
	int r = queue_interrupt(a->harness->store, a->num, &num, &event);
	if (r > 0)
		cJSON_Delete(event);
	return r > 0;
}

static enum turn_input answered_input(struct active *a)
{
	a->answer.ready = false;
	if (a->answer.input == TURN_ANSWERED && queued_input(a) == TURN_QUEUED)
		return TURN_ANSWERED_MORE;
	if (a->answer.input == TURN_FAULT && !ops_may_retry(a))
		return TURN_FAILURE;
	return a->answer.input;
}

/* The next thing that has happened, most urgent first; TURN_INPUTS when there is none. */
static enum turn_input next_input(struct active *a)
{
	enum turn_input found = a->found;
	if (found != TURN_INPUTS) {
		a->found = TURN_INPUTS;
		return found;
	}
	if (a->woken && interrupt_is_queued(a))
		return TURN_INTERRUPT;
	if (a->answer.ready)
		return answered_input(a);
	if (calls_in(a, CALL_DONE))
		return calls_in(a, CALL_OPEN) + calls_in(a, CALL_SENT) ? TURN_RESULT : TURN_RESULTS;
	if (a->due) {
		a->due = false;
		return TURN_DUE;
	}
	if (a->phase == TURN_IDLE && a->woken)
		return queued_input(a);
	return TURN_INPUTS;
}

static void enter_phase(struct active *a, enum turn_phase phase)
{
	if (phase != TURN_BACKOFF)
		loop_disarm(a->harness->loop, &a->retry);
	a->phase = phase;
	a->woken |= phase == TURN_IDLE; /* what was queued meanwhile starts the next turn */
}

int active_advance(struct active *a)
{
	enum turn_input input;
	while (!a->effect_count && (input = next_input(a)) != TURN_INPUTS) {
		const struct turn_row *row = turn_next(a->phase, input);
		if (!row)
			continue;
		int r = ops_log(a, row);
		if (r < 0)
			return r;
		enter_phase(a, row->next);
	}
	if (!a->effect_count) /* else the effects come first, then the session is looked at again */
		a->woken = false;
	return 0;
}

bool active_has_input(const struct active *a)
{
	return a->woken || a->due || a->answer.ready || a->found != TURN_INPUTS || calls_in(a, CALL_DONE);
}
