/* SPDX-License-Identifier: MIT */
#include "harness/rest.h"

#include <string.h>

enum {
	REST_MS = 10 * 60 * 1000,
	RESTS_MAX = 64, /* the oldest goes first */
};

struct rest {
	struct list link; /* harness.rests */
	char session[ID_SIZE];
	int64_t since_ms;
};

static struct rest *find(struct harness *h, const char *session_id)
{
	struct rest *rest;
	list_each (&h->rests, rest, struct rest, link)
		if (strcmp(rest->session, session_id) == 0)
			return rest;
	return NULL;
}

static void rest_free(struct rest *rest)
{
	list_remove(&rest->link);
	free(rest);
}

static struct rest *oldest(struct harness *h)
{
	return list_first(&h->rests, struct rest, link);
}

static void discard_oldest(struct harness *h)
{
	struct sandbox *sandbox = sandbox_find(h->sandboxes, oldest(h)->session);
	if (sandbox)
		sandbox_discard(sandbox);
	rest_free(oldest(h));
}

static size_t count(struct harness *h)
{
	size_t n = 0;
	for (const struct list *at = h->rests.next; at != &h->rests; at = at->next)
		n++;
	return n;
}

void rest_begin(struct harness *h, const char *session_id)
{
	if (!sandbox_find(h->sandboxes, session_id) || find(h, session_id))
		return;
	struct rest *rest = xcalloc(1, sizeof(*rest));
	memcpy(rest->session, session_id, strnlen(session_id, ID_SIZE - 1));
	rest->since_ms = clock_now_ms();
	list_add(&h->rests, &rest->link);
	if (count(h) > RESTS_MAX)
		discard_oldest(h);
}

void rest_end(struct harness *h, const char *session_id)
{
	struct rest *rest = find(h, session_id);
	if (rest)
		rest_free(rest);
}

void rests_expire(struct harness *h)
{
	int64_t before_ms = clock_now_ms() - REST_MS;
	while (oldest(h) && oldest(h)->since_ms <= before_ms)
		discard_oldest(h);
}

void rests_clear(struct harness *h)
{
	while (oldest(h))
		rest_free(oldest(h));
}
