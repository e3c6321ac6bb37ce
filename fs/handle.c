/* SPDX-License-Identifier: MIT */
#include "fs/handle.h"

#include <assert.h>
#include <errno.h>

#include "fs/live.h"
#include "fs/scratch.h"

enum {
	BUCKETS = 1024,
	RENDERED_BYTES_MAX = 256 << 20, /* a transcript, the largest of the rendered files */
};

_Static_assert(HANDLE_COUNTER_BITS + HANDLE_OPENER_BITS + HANDLE_GENERATION_BITS == 63,
	"handles are signed numbers in the store");

struct handles {
	struct list buckets[BUCKETS]; /* struct handle.link */
	uint64_t counter;
};

struct handles *handles_new(void)
{
	struct handles *handles = xcalloc(1, sizeof(*handles));
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&handles->buckets[i]);
	return handles;
}

static void handle_free(struct handle *h)
{
	list_remove(&h->link);
	buf_done(&h->text);
	free(h->live);
	free(h);
}

static void free_one(void *data, struct handle *h)
{
	handle_free(h);
}

/* Records in `keep` stay: a successor may want them. */
struct handles *handles_free(struct handles *handles)
{
	if (!handles)
		return NULL;
	handles_each(handles, free_one, NULL);
	free(handles);
	return NULL;
}

void handles_each(struct handles *handles, void (*on_handle)(void *data, struct handle *h),
	void *data)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct handle *h;
		list_each (&handles->buckets[i], h, struct handle, link)
			on_handle(data, h);
	}
}

static struct list *bucket(struct handles *handles, uint64_t number)
{
	return &handles->buckets[number % BUCKETS];
}

static struct handle *find(struct handles *handles, uint64_t number)
{
	struct handle *h;
	list_each (bucket(handles, number), h, struct handle, link)
		if (h->number == number)
			return h;
	return NULL;
}

int handle_opener(uint64_t number)
{
	return (int)(number >> HANDLE_COUNTER_BITS & ((1 << HANDLE_OPENER_BITS) - 1));
}

static uint64_t next_number(struct fs *fs, int opener)
{
	uint64_t generation = keep_generation(fs->keep) & ((1 << HANDLE_GENERATION_BITS) - 1);
	uint64_t who = (uint64_t)opener & ((1 << HANDLE_OPENER_BITS) - 1);
	uint64_t count = ++fs->handles->counter & ((1 << HANDLE_COUNTER_BITS) - 1);
	return (generation << HANDLE_OPENER_BITS | who) << HANDLE_COUNTER_BITS | count;
}

static int handle_new(struct fs *fs, uint64_t inode, uint64_t number, struct handle **ret)
{
	struct place at = { 0 };
	struct scratch_file *file = scratch_get(fs->scratch, scratch_serial(inode));
	if (!file && !place_of(inode, &at))
		return -ESTALE;
	struct handle *h = xcalloc(1, sizeof(*h));
	h->number = number;
	h->at = at;
	h->scratch = file;
	if (file)
		scratch_opened(file);
	buf_init(&h->text, RENDERED_BYTES_MAX);
	list_add(bucket(fs->handles, number), &h->link);
	*ret = h;
	return 0;
}

static int render(struct fs *fs, const struct handle *h, struct buf *out)
{
	if (!h->at.node || !h->at.node->show || h->blank)
		return 0;
	int r = h->at.node->show(fs, h->at, out);
	return r < 0 ? r : out->overflow ? -EFBIG : 0;
}

int handle_catch_up(struct fs *fs, struct handle *h, uint64_t offset)
{
	uint64_t size;
	if (!(h->at.node->flags & NODE_GROWS) || offset < h->text.size)
		return 0;
	int r = h->at.node->size(fs, h->at, &size);
	if (r < 0 || size <= h->text.size)
		return r;
	cleanup(buf) struct buf text = BUF_INIT(RENDERED_BYTES_MAX);
	r = render(fs, h, &text);
	if (r < 0)
		return r;
	struct buf old = h->text;
	h->text = text;
	text = old;
	return 0;
}

static bool is_document(const struct handle *h)
{
	return h->at.node && h->at.node->save && h->writing;
}

int handle_open(struct fs *fs, uint64_t inode, bool writing, int opener, struct handle **ret,
	struct buf *why)
{
	struct handle *h;
	int r = handle_new(fs, inode, next_number(fs, opener), &h);
	if (r < 0)
		return r;
	h->writing = writing;
	if (h->at.node && h->at.node->open)
		r = h->at.node->open(fs, h, why);
	if (r >= 0)
		r = render(fs, h, &h->text);
	if (r >= 0 && is_document(h)) {
		h->kept = keep_take(fs->keep, h->number);
		r = h->kept ? 0 : -ENFILE;
	}
	if (r < 0) {
		handle_close(fs, h);
		return r;
	}
	*ret = h;
	return 0;
}

int handle_get(struct fs *fs, uint64_t inode, uint64_t number, struct handle **ret)
{
	struct handle *h = find(fs->handles, number);
	if (!h) {
		int r = handle_new(fs, inode, number, &h);
		if (r < 0)
			return r;
		h->kept = keep_find(fs->keep, number);
		h->lost = h->kept && h->kept->loose;
		h->writing = true;
		h->pending = h->at.node && h->at.node->accept; /* committing nothing is fine */
		h->offset = UINT64_MAX; /* no stream reads there: the first read seeks */
		(void)render(fs, h, &h->text); /* a file that is gone by now reads as empty */
	}
	*ret = h;
	return 0;
}

void handle_close(struct fs *fs, struct handle *h)
{
	keep_release(h->kept);
	if (h->scratch)
		scratch_closed(fs->scratch, h->scratch);
	handle_free(h);
}

void handle_set_pending(struct handle *h, bool pending)
{
	h->pending = pending;
	if (h->kept && h->at.node && h->at.node->save)
		h->kept->loose = pending;
}
