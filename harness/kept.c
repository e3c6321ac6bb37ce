/* SPDX-License-Identifier: MIT */
#include "harness/kept.h"

#include <assert.h>

#include "base/clock.h"

enum {
	KEPT_MS = 60 * 1000,
	KEPT_MAX = 16, /* sessions; the oldest goes first */
	KEPT_BYTES_MAX = 2 << 20, /* of a conversation; a longer one is read again */
};

/* What only the turn needed is forgotten. */
static void settle(struct active *a)
{
	assert(!a->request && !a->effect_count);
	record_clear(a);
	preview_clear(a);
	calls_clear(a);
	buf_done(&a->preview);
	buf_done(&a->delta);
}

static void drop_oldest(struct harness *h)
{
	(void)active_free(list_first(&h->kept, struct active, link));
}

static size_t count_kept(const struct harness *h)
{
	size_t count = 0;
	for (const struct list *at = h->kept.next; at != &h->kept; at = at->next)
		count++;
	return count;
}

void kept_add(struct harness *h, struct active *a)
{
	if (a->unusable || a->prompt.messages.size > KEPT_BYTES_MAX) {
		(void)active_free(a);
		return;
	}
	settle(a);
	harness_leave(h, a);
	list_add(&h->kept, &a->link);
	a->kept_ms = clock_now_ms();
	if (count_kept(h) > KEPT_MAX)
		drop_oldest(h);
}

static bool is_true(struct harness *h, const struct active *a)
{
	struct session s;
	return session_get(h->store, a->num, &s) > 0 && !s.object.archived_us &&
		s.fold.status == SESSION_IDLE && s.fold.events == a->events &&
		s.agent == a->agent_num && s.agent_version == a->agent_version;
}

struct active *kept_take(struct harness *h, int64_t session)
{
	struct active *a;
	list_each (&h->kept, a, struct active, link) {
		if (a->num != session)
			continue;
		if (!is_true(h, a))
			return active_free(a);
		list_remove(&a->link);
		harness_enter(h, a);
		a->kept_ms = 0;
		return a;
	}
	return NULL;
}

bool kept_expire(struct harness *h)
{
	struct active *a;
	bool any = false;
	int64_t before_ms = clock_now_ms() - KEPT_MS;
	while ((a = list_first(&h->kept, struct active, link)) && a->kept_ms <= before_ms) {
		(void)active_free(a);
		any = true;
	}
	return any;
}

void kept_clear(struct harness *h)
{
	struct active *a;
	while ((a = list_first(&h->kept, struct active, link)))
		(void)active_free(a);
}
