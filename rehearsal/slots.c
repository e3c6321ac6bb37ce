/* SPDX-License-Identifier: MIT */
#include "rehearsal/slots.h"

#include <assert.h>

#include "base/util.h"

enum { NEIGHBOURS = 8 };

struct slots {
	size_t count;
	struct slot slot[];
};

struct slots *slots_new(size_t count)
{
	assert(count >= NEIGHBOURS && (count & (count - 1)) == 0);
	struct slots *slots = xcalloc(1, sizeof(*slots) + count * sizeof(struct slot));
	slots->count = count;
	return slots;
}

struct slots *slots_free(struct slots *slots)
{
	free(slots);
	return NULL;
}

static struct slot *neighbour(struct slots *slots, uint64_t key, size_t i)
{
	return &slots->slot[(key + i) & (slots->count - 1)];
}

/* Key 0 means a free slot, so a digest that happens to be 0 goes by another name. */
static uint64_t stored_key(uint64_t key)
{
	return key ? key : 1;
}

struct slot *slots_find(struct slots *slots, uint64_t key)
{
	key = stored_key(key);
	for (size_t i = 0; i < NEIGHBOURS; i++) {
		struct slot *slot = neighbour(slots, key, i);
		if (slot->key == key)
			return slot;
	}
	return NULL;
}

struct slot *slots_put(struct slots *slots, uint64_t key)
{
	struct slot *slot = slots_find(slots, key);
	if (slot)
		return slot;
	key = stored_key(key);
	slot = neighbour(slots, key, 0);
	for (size_t i = 1; slot->key && i < NEIGHBOURS; i++) {
		struct slot *other = neighbour(slots, key, i);
		if (!other->key || other->stamp < slot->stamp)
			slot = other;
	}
	*slot = (struct slot){ .key = key };
	return slot;
}
