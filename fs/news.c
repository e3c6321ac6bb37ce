/* SPDX-License-Identifier: MIT */
#include "fs/news.h"

#include "fs/preview.h"
#include "store/hint.h"

enum {
	LOOK_MS = 1000,
	CHANGED_MAX = 64, /* sessions remembered by number in one round; more mean "any" */
};

struct news {
	struct fs *fs;
	struct loop_io io;
	struct loop_timer look;
	struct loop_later later;
	struct hint_reader reader;
	int64_t version; /* store_data_version at the last look */
	int64_t changed[CHANGED_MAX];
	size_t changed_count;
	bool any_changed;
	void (*on_change)(void *data, int64_t session);
	void *data;
};

static void note_change(struct news *news, int64_t session)
{
	loop_later(news->fs->loop, &news->later);
	for (size_t i = 0; i < news->changed_count; i++)
		if (news->changed[i] == session)
			return;
	if (news->changed_count == CHANGED_MAX)
		news->any_changed = true;
	else
		news->changed[news->changed_count++] = session;
}

static void take_delta(struct news *news, const struct hint *hint)
{
	struct session session;
	if (session_get(news->fs->store, hint->session, &session) != 1)
		return;
	/* The log may already have what the hint announces: it is searched from the request's
	 * start. */
	uint64_t after = hint->after && hint->after < session.fold.events ? hint->after
									  : session.fold.events;
	previews_take(news->fs->previews, hint->session, after, hint->text);
}

void news_take(struct news *news)
{
	struct hint hint;
	while (hint_receive(news->fs->hints, &news->reader, &hint) == 1) {
		if (hint.kind == HINT_DELTA)
			take_delta(news, &hint);
		note_change(news, hint.session);
	}
}

static void on_hints(void *data, uint32_t events)
{
	struct news *news = data;
	news_take(news);
	if (events & (EPOLLHUP | EPOLLERR))
		loop_remove(&news->io); /* the timer still looks */
}

static void on_look(void *data)
{
	struct news *news = data;
	loop_arm(news->fs->loop, &news->look, clock_now_ms() + LOOK_MS);
	int64_t version = store_data_version(news->fs->store);
	if (version == news->version)
		return;
	news->version = version;
	news->any_changed = true;
	loop_later(news->fs->loop, &news->later);
}

static void on_later(void *data)
{
	struct news *news = data;
	fs_forget_known(news->fs);
	if (news->any_changed)
		news->on_change(news->data, 0);
	for (size_t i = 0; !news->any_changed && i < news->changed_count; i++)
		news->on_change(news->data, news->changed[i]);
	news->changed_count = 0;
	news->any_changed = false;
}

int news_new(struct fs *fs, void (*on_change)(void *data, int64_t session), void *data,
	struct news **ret)
{
	struct news *news = xcalloc(1, sizeof(*news));
	news->fs = fs;
	news->on_change = on_change;
	news->data = data;
	news->io = (struct loop_io){ .fd = fs->hints, .events = EPOLLIN, .on_ready = on_hints,
		.data = news };
	news->look = (struct loop_timer){ .on_due = on_look, .data = news };
	news->later = (struct loop_later){ .on_later = on_later, .data = news };
	int r = loop_add(fs->loop, &news->io);
	if (r < 0) {
		free(news);
		return r;
	}
	news->version = store_data_version(fs->store);
	loop_arm(fs->loop, &news->look, clock_now_ms() + LOOK_MS);
	*ret = news;
	return 0;
}

struct news *news_free(struct news *news)
{
	if (!news)
		return NULL;
	loop_remove(&news->io);
	loop_disarm(news->fs->loop, &news->look);
	loop_forget(&news->later);
	hint_reader_done(&news->reader);
	free(news);
	return NULL;
}
