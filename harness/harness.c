/* SPDX-License-Identifier: MIT */
/*
 * The round.  Callbacks (a hint, a piece of an answer, a tool's result, a timer)
 * only note what has happened and mark the session.  At the end of the loop's
 * round all marked sessions are taken through the turn machine inside one
 * transaction, it is committed, and only then do the effects happen.  So
 * everything that came in together shares one commit, and nothing is done that
 * the log does not explain.
 *
 * If the commit fails, nothing has happened: the marked sessions are dropped from
 * memory and read again from the log a little later.
 */
#include "harness/harness.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/trim.h"
#include "harness/kept.h"
#include "harness/rest.h"

enum {
	LOOK_MS = 1000, /* how late a lost hint may be noticed */
	TRIM_MS = 5000, /* without work: memory goes back to the system */
	DUE_PAGE = 64,
	FAILURES_MAX = 5, /* times that the wait for a better store doubles: to half a minute */
	STOP_POLL_MS = 20,
};

/* --- the store's health --- */

/* Said once; then the next look tries again, later and later. */
static void store_failed(struct harness *h, int error)
{
	int64_t now_ms = clock_now_ms();
	h->seen_version = -1;
	if (now_ms < h->resume_ms)
		return;
	if (h->failures == 0)
		(void)fprintf(stderr, "the store cannot be used: %s; trying again\n", strerror(-error));
	h->resume_ms = now_ms + ((int64_t)LOOK_MS << h->failures);
	h->failures += h->failures < FAILURES_MAX;
}

static void store_worked(struct harness *h)
{
	if (h->failures)
		(void)fprintf(stderr, "the store can be used again\n");
	h->failures = 0;
	h->resume_ms = 0;
}

/* --- sessions --- */

static struct list *num_bucket(struct harness *h, int64_t num)
{
	return &h->by_num[(uint64_t)num % HARNESS_BUCKETS];
}

static struct list *id_bucket(struct harness *h, const char *id)
{
	uint32_t hash = 0;
	for (; *id; id++)
		hash = 31 * hash + (unsigned char)*id;
	return &h->by_id[hash % HARNESS_BUCKETS];
}

void harness_enter(struct harness *h, struct active *a)
{
	list_add(&h->actives, &a->link);
	list_add(num_bucket(h, a->num), &a->by_num);
	list_add(id_bucket(h, a->id), &a->by_id);
	h->active_count++;
}

void harness_leave(struct harness *h, struct active *a)
{
	list_remove(&a->link);
	list_remove(&a->by_num);
	list_remove(&a->by_id);
	h->active_count--;
}

struct active *harness_find(struct harness *h, const char *session_id)
{
	struct active *a;
	list_each (id_bucket(h, session_id), a, struct active, by_id)
		if (strcmp(a->id, session_id) == 0)
			return a;
	return NULL;
}

static struct active *find_num(struct harness *h, int64_t num)
{
	struct active *a;
	list_each (num_bucket(h, num), a, struct active, by_num)
		if (a->num == num)
			return a;
	return NULL;
}

/* Makes a session active; NULL when it must wait, or there is nothing to do for it any more. */
static struct active *activate(struct harness *h, int64_t session)
{
	if (h->stopping)
		return NULL;
	if (h->active_count >= h->running_max) {
		h->starved_from = h->starved ? h->starved_from : session;
		h->starved = true;
		return NULL;
	}
	struct active *a = kept_take(h, session);
	int r = a ? 1 : active_load(h, session, &a);
	if (r < 0)
		store_failed(h, r);
	return r > 0 ? a : NULL;
}

static void wake(struct active *a)
{
	a->woken = true;
	active_ready(a);
}

void harness_wake(struct harness *h, int64_t session)
{
	struct active *a = find_num(h, session);
	if (!a)
		a = activate(h, session);
	if (!a)
		return;
	rest_end(h, a->id);
	h->worked_ms = clock_now_ms();
	wake(a);
}

/* Those from the number `from` to below `to`, as long as there is a place. */
static void wake_range(struct harness *h, int64_t from, int64_t to)
{
	int64_t nums[DUE_PAGE];
	int count;
	while ((count = session_due(h->store, from - 1, nums, DUE_PAGE)) > 0)
		for (int i = 0; i < count; i++) {
			if (nums[i] >= to || h->starved)
				return;
			harness_wake(h, nums[i]);
			from = nums[i] + 1;
		}
}

/* Wakes the sessions that have something to do.  Begins where there was no place for more the last time, so that
 * nobody waits for ever behind lower numbers. */
static void wake_due(struct harness *h)
{
	int64_t from = h->starved ? h->starved_from : 0;
	h->starved = false;
	wake_range(h, from, INT64_MAX);
	wake_range(h, 0, from);
}

/* At the start, and when a hint may have been lost. */
static void wake_all(struct harness *h)
{
	struct active *a;
	list_each (&h->actives, a, struct active, link)
		wake(a);
	wake_due(h);
}

/* Gives a place that became free to a session that waits for one. */
static void feed_starved(struct harness *h)
{
	if (h->starved && h->active_count < h->running_max)
		wake_due(h);
}

/* A turn leaves holes in the heap, and code in memory that the next hour may not need. */
static void trim(struct harness *h)
{
	if (h->active_count || !h->worked_ms || h->worked_ms > clock_now_ms() - TRIM_MS)
		return;
	(void)malloc_trim(0);
	trim_code();
	h->worked_ms = 0;
}

static void on_look(void *data)
{
	struct harness *h = data;
	int64_t version = store_data_version(h->store);
	if (version != h->seen_version && clock_now_ms() >= h->resume_ms) {
		h->seen_version = version;
		wake_all(h);
	}
	rests_expire(h);
	if (kept_expire(h))
		h->worked_ms = clock_now_ms();
	trim(h);
	loop_arm(h->loop, &h->look_timer, clock_now_ms() + LOOK_MS);
}

static void on_hints(void *data, uint32_t events)
{
	struct harness *h = data;
	struct hint hint;
	while (hint_receive(h->hints, &h->hint_reader, &hint) > 0)
		if (hint.kind == HINT_WAKE)
			harness_wake(h, hint.session);
}

/* --- the round --- */

static int log_marked(struct harness *h, struct list *marked)
{
	struct active *a;
	int r = store_begin(h->store);
	if (r < 0)
		return r;
	list_each (marked, a, struct active, mark) {
		r = active_advance(a);
		if (r < 0)
			return r;
	}
	return store_commit(h->store, STORE_DURABLE);
}

/* Sessions whose memory may differ from the log are read again. */
static void drop_marked(struct harness *h, struct list *marked, int error)
{
	struct active *a;
	while ((a = list_first(marked, struct active, mark)))
		(void)active_free(a);
	store_failed(h, error);
}

static void finish(struct harness *h, struct active *a)
{
	struct hint hint = { HINT_APPENDED, a->num, { 0 } };
	(void)hint_send(h->hints, &hint);
	if (a->phase != TURN_IDLE || active_has_input(a))
		return;
	char id[ID_SIZE];
	memcpy(id, a->id, ID_SIZE);
	h->worked_ms = clock_now_ms();
	kept_add(h, a);
	rest_begin(h, id);
}

static void on_round(void *data)
{
	struct harness *h = data;
	struct list marked;
	struct active *a;
	list_init(&marked);
	while ((a = list_first(&h->marked, struct active, mark))) {
		list_remove(&a->mark);
		preview_send(a);
		if (active_has_input(a))
			list_add(&marked, &a->mark);
	}
	if (list_is_empty(&marked))
		return;
	int r = log_marked(h, &marked);
	if (r < 0) {
		store_rollback(h->store);
		drop_marked(h, &marked, r);
		return;
	}
	store_worked(h);
	while ((a = list_first(&marked, struct active, mark))) {
		list_remove(&a->mark);
		if (a->effect_count)
			active_ready(a);
		ops_act(a);
		finish(h, a);
	}
	feed_starved(h);
}

/* --- the sandboxes' news --- */

static void on_sandbox_ready(void *data, const char *session, const char *instance, bool fresh)
{
	struct active *a = harness_find(data, session);
	if (a && a->phase == TURN_WORKING)
		calls_execute(a);
	else if (!a)
		rest_begin(data, session);
}

/* Whether the log has closed all calls of a session that is not active. */
static bool is_at_rest(struct harness *h, const char *id)
{
	struct object object;
	struct session session = { 0 };
	int r = object_by_id(h->store, id, &object);
	if (r > 0)
		r = session_get(h->store, object.num, &session);
	return r == 0 || (r > 0 && session.fold.status == SESSION_IDLE);
}

/* A result may be forgotten by the sandbox only when the log has it, or has closed the call without it (an
 * interrupt).  Else it is asked for again: the session may have been dropped from memory meanwhile. */
static void on_sandbox_result(void *data, const char *session, const struct sandbox_result *result)
{
	struct harness *h = data;
	struct active *a = harness_find(h, session);
	struct call *call = a ? calls_find(a, result->call) : NULL;
	bool awaited = call && (call->state == CALL_OPEN || call->state == CALL_SENT);
	bool closed = call ? call->state == CALL_LOGGED : a || is_at_rest(h, session);
	struct sandbox *sandbox = sandbox_find(h->sandboxes, session);
	if (awaited)
		calls_take_result(a, call, result);
	else if (closed && sandbox)
		sandbox_acknowledge(sandbox, result->call);
}

static void on_sandbox_dead(void *data, const char *session, const char *why)
{
	struct harness *h = data;
	struct active *a = harness_find(h, session);
	rest_end(h, session);
	if (a && a->phase == TURN_WORKING)
		calls_lose(a, why);
}

/* --- life --- */

static int needs(int r, const char *what, struct buf *why)
{
	return r < 0 ? fail(why, -r, "%s cannot be used: %s", what, strerror(-r)) : 0;
}

static int open_parts(struct harness *h, const struct harness_config *config, struct buf *why)
{
	const struct sandbox_handler handler = { on_sandbox_ready, on_sandbox_result, on_sandbox_dead, h };
	int r = store_open(config->store_dir, &h->store, why);
	if (r >= 0)
		r = needs(model_new(h->loop, &config->model, &h->model), "the model's URL or key", why);
	if (r >= 0)
		r = needs(sandboxes_new(h->loop, config->spawner, &handler, &h->sandboxes),
			"the spawner's socket", why);
	h->hint_io = (struct loop_io){ .fd = config->hints, .events = EPOLLIN, .on_ready = on_hints,
		.data = h };
	return r < 0 ? r : needs(loop_add(h->loop, &h->hint_io), "the hints' socket", why);
}

int harness_new(struct loop *loop, const struct harness_config *config, struct harness **ret, struct buf *why)
{
	struct harness *h = xcalloc(1, sizeof(*h));
	h->loop = loop;
	h->hints = config->hints;
	h->running_max = config->running_max;
	h->look_timer = (struct loop_timer){ .on_due = on_look, .data = h };
	h->round = (struct loop_later){ .on_later = on_round, .data = h };
	list_init(&h->actives);
	list_init(&h->kept);
	list_init(&h->marked);
	list_init(&h->rests);
	for (size_t i = 0; i < HARNESS_BUCKETS; i++) {
		list_init(&h->by_num[i]);
		list_init(&h->by_id[i]);
	}
	int r = open_parts(h, config, why);
	if (r < 0) {
		(void)harness_free(h);
		return r;
	}
	h->seen_version = -1;
	on_look(h);
	*ret = h;
	return 0;
}

static void on_stop_poll(void *data)
{
	struct harness *h = data;
	struct active *a;
	size_t running = 0;
	list_each (&h->actives, a, struct active, link)
		running += calls_in(a, CALL_SENT) + calls_in(a, CALL_DONE);
	if (!running || clock_now_ms() >= h->stop_deadline_ms)
		loop_stop(h->loop, 0);
	else
		loop_arm(h->loop, &h->stop_timer, clock_now_ms() + STOP_POLL_MS);
}

void harness_stop(struct harness *h, int64_t deadline_ms)
{
	if (h->stopping)
		return;
	h->stopping = true;
	h->stop_deadline_ms = deadline_ms;
	h->stop_timer = (struct loop_timer){ .on_due = on_stop_poll, .data = h };
	on_stop_poll(h);
}

struct harness *harness_free(struct harness *h)
{
	if (!h)
		return NULL;
	struct active *a;
	while ((a = list_first(&h->actives, struct active, link)))
		(void)active_free(a);
	kept_clear(h);
	rests_clear(h);
	loop_forget(&h->round);
	loop_disarm(h->loop, &h->look_timer);
	loop_disarm(h->loop, &h->stop_timer);
	loop_remove(&h->hint_io);
	hint_reader_done(&h->hint_reader);
	h->model = model_free(h->model);
	h->sandboxes = sandboxes_free(h->sandboxes);
	h->store = store_close(h->store);
	free(h);
	return NULL;
}
