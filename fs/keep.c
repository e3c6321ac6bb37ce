/* SPDX-License-Identifier: MIT */
#include "fs/keep.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEEP_MAGIC = 0x6b656501 }; /* changes with struct kept */

struct image {
	uint32_t magic;
	uint32_t init_size;
	uint64_t generation;
	char init[KEEP_INIT_MAX];
	struct kept records[KEEP_RECORDS];
};

struct keep {
	struct image *image; /* shared mapping */
	size_t next_free; /* where the search for a free record begins */
};

int keep_open(int memory, bool fresh, struct keep **ret)
{
	if (ftruncate(memory, sizeof(struct image)) < 0)
		return -errno;
	struct image *image =
		mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (image == MAP_FAILED)
		return -errno;
	if (fresh)
		memset(image, 0, sizeof(*image));
	else if (image->magic != KEEP_MAGIC || image->init_size > KEEP_INIT_MAX) {
		munmap(image, sizeof(*image));
		return -EPROTO;
	}
	image->magic = KEEP_MAGIC;
	image->generation++;
	struct keep *keep = xcalloc(1, sizeof(*keep));
	keep->image = image;
	*ret = keep;
	return 0;
}

struct keep *keep_close(struct keep *keep)
{
	if (!keep)
		return NULL;
	munmap(keep->image, sizeof(*keep->image));
	free(keep);
	return NULL;
}

uint64_t keep_generation(const struct keep *keep)
{
	return keep->image->generation;
}

int keep_set_init(struct keep *keep, struct slice request)
{
	if (request.size > KEEP_INIT_MAX)
		return -EFBIG;
	memcpy(keep->image->init, request.at, request.size);
	keep->image->init_size = (uint32_t)request.size;
	return 0;
}

struct slice keep_init(const struct keep *keep)
{
	return (struct slice){ .at = keep->image->init, .size = keep->image->init_size };
}

struct kept *keep_take(struct keep *keep, uint64_t handle)
{
	for (size_t i = 0; i < KEEP_RECORDS; i++) {
		struct kept *record = &keep->image->records[keep->next_free++ % KEEP_RECORDS];
		if (record->handle)
			continue;
		*record = (struct kept){ .handle = handle };
		return record;
	}
	return NULL;
}

struct kept *keep_find(struct keep *keep, uint64_t handle)
{
	for (size_t i = 0; i < KEEP_RECORDS; i++)
		if (keep->image->records[i].handle == handle)
			return &keep->image->records[i];
	return NULL;
}

void keep_release(struct kept *record)
{
	if (record)
		*record = (struct kept){ 0 };
}

struct kept *keep_next(struct keep *keep, struct kept *after)
{
	struct kept *end = keep->image->records + KEEP_RECORDS;
	for (struct kept *at = after ? after + 1 : keep->image->records; at < end; at++)
		if (at->handle)
			return at;
	return NULL;
}
