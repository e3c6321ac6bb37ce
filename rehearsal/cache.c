/* SPDX-License-Identifier: MIT */
#include "rehearsal/cache.h"

#include "rehearsal/slots.h"

enum {
	ENTRIES = 1 << 14, /* 1,000 busy conversations, four breakpoints each, and some past ones */
	LOOK_BACK = 20, /* positions, the breakpoint itself included */
};

/* In a slot the stamp is when the entry expires and the value is its time to live, both in ms. */
struct cache {
	struct slots *slots;
};

struct cache *cache_new(void)
{
	struct cache *cache = xcalloc(1, sizeof(*cache));
	cache->slots = slots_new(ENTRIES);
	return cache;
}

struct cache *cache_free(struct cache *cache)
{
	if (!cache)
		return NULL;
	slots_free(cache->slots);
	free(cache);
	return NULL;
}

static struct slot *find_live(struct cache *cache, uint64_t hash, int64_t now_ms)
{
	struct slot *slot = slots_find(cache->slots, hash);
	return slot && slot->stamp > now_ms ? slot : NULL;
}

/* How many positions are read from the cache: up to and including the longest entry that is
 * found. */
static size_t count_read(struct cache *cache, const struct prefix *prefix, int64_t now_ms)
{
	for (size_t mark = prefix->count; mark-- > 0;) {
		if (!prefix->spots[mark].ttl_s)
			continue;
		for (size_t back = 0; back < LOOK_BACK && back <= mark; back++)
			if (find_live(cache, prefix->spots[mark - back].hash, now_ms))
				return mark - back + 1;
	}
	return 0;
}

static void refresh(struct cache *cache, uint64_t hash, int64_t now_ms)
{
	struct slot *slot = find_live(cache, hash, now_ms);
	if (slot)
		slot->stamp = now_ms + slot->value;
}

static void write_entry(struct cache *cache, const struct spot *spot, int64_t now_ms)
{
	struct slot *slot = slots_put(cache->slots, spot->hash);
	slot->value = (int64_t)spot->ttl_s * 1000;
	slot->stamp = now_ms + slot->value;
}

void cache_account(struct cache *cache, const struct prefix *prefix, int64_t shortest,
	int64_t now_ms, struct usage *ret)
{
	size_t read = count_read(cache, prefix, now_ms);
	int64_t cached = read ? prefix->spots[read - 1].tokens : 0;
	*ret = (struct usage){ .cache_read = cached };
	for (size_t i = 0; i < prefix->count; i++) {
		const struct spot *spot = &prefix->spots[i];
		if (i < read)
			refresh(cache, spot->hash, now_ms);
		if (i < read || !spot->ttl_s || spot->tokens < shortest)
			continue;
		*(spot->ttl_s == TTL_LONG_S ? &ret->cache_1h : &ret->cache_5m) +=
			spot->tokens - cached;
		cached = spot->tokens;
		write_entry(cache, spot, now_ms);
	}
	ret->input = prefix->tokens - cached;
}
