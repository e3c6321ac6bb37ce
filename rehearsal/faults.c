/* SPDX-License-Identifier: MIT */
#include "rehearsal/faults.h"

#include "rehearsal/digest.h"
#include "rehearsal/slots.h"

enum { COUNTS = 1 << 12 }; /* 1,000 conversations with a few faults each */

struct faults {
	struct slots *slots; /* value: how often it happened; stamp: `clock` at its last use */
	int64_t clock;
};

struct faults *faults_new(void)
{
	struct faults *faults = xcalloc(1, sizeof(*faults));
	faults->slots = slots_new(COUNTS);
	return faults;
}

struct faults *faults_free(struct faults *faults)
{
	if (!faults)
		return NULL;
	slots_free(faults->slots);
	free(faults);
	return NULL;
}

static bool happens(struct faults *faults, uint64_t key, int64_t count)
{
	struct slot *slot = slots_put(faults->slots, key);
	slot->stamp = ++faults->clock;
	return slot->value < count && ++slot->value;
}

static void forget(struct faults *faults, uint64_t key)
{
	struct slot *slot = slots_find(faults->slots, key);
	if (slot)
		slot->value = 0;
}

const struct fault *faults_next(
	struct faults *faults, const struct scene *scene, const struct request *r)
{
	const struct round *round = scene_round(scene);
	uint64_t keys[FAULTS_MAX];
	for (size_t i = 0; i < round->fault_count; i++) {
		keys[i] = digest_int(scene_key(scene, r, &round->faults[i]), i);
		if (happens(faults, keys[i], round->faults[i].count))
			return &round->faults[i];
	}
	for (size_t i = 0; i < round->fault_count; i++)
		forget(faults, keys[i]);
	return NULL;
}
