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
			return fail(why, EIO, "event %llu of the session's log cannot be read",
				(unsigned long long)seq);
		(void)prompt_event(&a->prompt, event);
		fold_open(a, event);
	}
	a->events = events;
	return 0;
}

/* The phase in which a predecessor left the session: asking, when a request has no end, or when everything is
 * answered and no request begun. */
static enum turn_phase phase_in(const struct active *a, const struct session *session)
{
	if (session->fold.status == SESSION_RESCHEDULING)
		return TURN_BACKOFF;
	if (session->fold.status != SESSION_RUNNING)
		return TURN_IDLE;
	bool open = calls_in(a, CALL_OPEN) + calls_in(a, CALL_DONE) > 0;
	return open && !a->request_id[0] ? TURN_WORKING : TURN_ASKING;
}

static int load_agent(struct active *a, const struct session *session, struct buf *why)
{
	int error = 0;
	a->agent_num = session->agent;
	a->agent_version = session->agent_version;
	a->agent = object_body(a->harness->store, session->agent, session->agent_version, &error);
	const char *name = json_text(a->agent, "name");
	a->agent_name = xstrdup(name ? name : "");
	if (!a->agent)
		return fail(why, ENOENT, "the session's agent cannot be read; choose another in a new session");
	if (!cJSON_IsString(json_path(a->agent, "model.id")))
		return fail(why, EINVAL, "the session's agent names no model");
	if (prompt_set_head(&a->prompt, a->agent, surroundings) < 0)
		return fail(why, EFBIG, "the definition of the session's agent is too large for a request");
	return 0;
}

/* What cannot be used is said in the log, by the turn machine like everything else. */
static void load(struct active *a, const struct session *session)
{
	cleanup(buf) struct buf why = BUF_INIT(1000);
	a->workspace = session_workspace(a->harness->store, &session->object);
	int r = load_agent(a, session, &why);
	if (r >= 0)
		r = read_log(a, session->fold.events, &why);
	a->phase = phase_in(a, session);
	a->found = a->phase != TURN_IDLE;
	a->unusable = r < 0;
	if (a->unusable)
		record_failure(a, "unknown_error", buf_text(&why));
}

static void on_retry_due(void *data)
{
	struct active *a = data;
	a->due = true;
	active_ready(a);
}

static void on_calls_late(void *data)
{
	calls_late(data);
}

static void set_ids(struct active *a, const char *id)
{
	const char *digits = strchr(id, '_');
	(void)snprintf(a->id, ID_SIZE, "%s", id);
	(void)snprintf(a->thread, ID_SIZE, "sthr%s", digits ? digits : "_");
}

/* 1 and the session, 0 when it is gone, archived or over, or -errno. */
static int get_live(struct store *store, int64_t num, struct session *ret)
{
	int r = session_get(store, num, ret);
	return r <= 0 ? r : !ret->object.archived_us && ret->fold.status != SESSION_TERMINATED;
}

int active_load(struct harness *h, int64_t num, struct active **ret)
{
	struct session session;
	int r = get_live(h->store, num, &session);
	if (r <= 0)
		return r;
	struct active *a = xcalloc(1, sizeof(*a));
	a->harness = h;
	a->num = num;
	a->retry = (struct loop_timer){ .on_due = on_retry_due, .data = a };
	a->calls_timer = (struct loop_timer){ .on_due = on_calls_late, .data = a };
	preview_init(a);
	a->answer.retry_after_ms = -1;
	list_init(&a->mark);
	set_ids(a, session.object.id);
	harness_enter(h, a);
	prompt_init(&a->prompt);
	load(a, &session);
	*ret = a;
	return 1;
}

struct active *active_free(struct active *a)
{
	if (!a)
		return NULL;
	if (a->request)
		model_cancel(a->request);
	loop_disarm(a->harness->loop, &a->retry);
	loop_disarm(a->harness->loop, &a->calls_timer);
	list_remove(&a->mark);
	if (a->kept_ms)
		list_remove(&a->link);
	else
		harness_leave(a->harness, a);
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

/* The next thing that has happened, most urgent first; TURN_INPUTS when there is none.  An interrupt is looked
 * for each time, whether or not its hint has come: what else is queued may only be taken when there is none. */
static enum turn_input next_input(struct active *a)
{
	if (interrupt_is_queued(a))
		return TURN_INTERRUPT;
	if (a->unusable)
		return a->phase != TURN_IDLE || queued_input(a) != TURN_INPUTS ? TURN_FAILURE : TURN_INPUTS;
	if (a->found) {
		a->found = false;
		return TURN_FOUND;
	}
	if (a->answer.ready)
		return answered_input(a);
	if (a->phase == TURN_WORKING && calls_in(a, CALL_DONE))
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

/* Nothing that has happened means anything any more. */
static void forget(struct active *a)
{
	a->woken = a->due = a->found = a->answer.ready = false;
}

int active_advance(struct active *a)
{
	enum turn_input input;
	struct session session;
	int r = a->phase == TURN_IDLE ? get_live(a->harness->store, a->num, &session) : 1;
	if (r < 0)
		return r;
	if (r == 0) { /* archived or deleted since it was loaded; a session that runs cannot be */
		forget(a);
		return 0;
	}
	while (!a->effect_count && (input = next_input(a)) != TURN_INPUTS) {
		const struct turn_row *row = turn_next(a->phase, input);
		if (!row)
			continue;
		r = ops_log(a, row);
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
	return a->woken || a->due || a->answer.ready || a->found ||
		(a->phase == TURN_WORKING && calls_in(a, CALL_DONE));
}
