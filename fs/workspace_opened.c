/* SPDX-License-Identifier: MIT */
#include "fs/workspace_opened.h"

#include <assert.h>
#include <sys/random.h>
#include <unistd.h>

#include "fs/workspace_slow.h"

static struct {
	struct opened *slots[OPENED_MAX]; /* owned */
	size_t count;
	size_t next; /* where the search for a free slot begins */
	uint64_t serial; /* 0: not begun */
} table;

static uint64_t next_serial(void)
{
	if (!table.serial) {
		ssize_t n = getrandom(&table.serial, sizeof(table.serial), 0);
		assert(n == sizeof(table.serial));
		table.serial |= 1;
	}
	return table.serial++;
}

struct opened *opened_new(struct entry *entry, int fd, bool writable)
{
	if (table.count == OPENED_MAX) {
		close(fd);
		return NULL;
	}
	while (table.slots[table.next])
		table.next = (table.next + 1) % OPENED_MAX;
	struct opened *opened = xcalloc(1, sizeof(*opened));
	*opened = (struct opened){
		.handle = next_serial() * OPENED_MAX + table.next,
		.entry = entry,
		.fd = fd,
		.writable = writable,
	};
	entry_hold(entry);
	list_add(&entry->opened, &opened->link);
	table.slots[table.next] = opened;
	table.count++;
	return opened;
}

struct opened *opened_find(uint64_t handle)
{
	struct opened *opened = table.slots[handle % OPENED_MAX];
	return opened && opened->handle == handle ? opened : NULL;
}

struct opened *opened_of(const struct entry *entry, bool writable)
{
	struct opened *opened;
	list_each ((struct list *)&entry->opened, opened, struct opened, link) {
		if (!writable || opened->writable)
			return opened;
	}
	return NULL;
}

struct tree *opened_free(struct opened *opened)
{
	struct entry *entry = opened->entry;
	table.slots[opened->handle % OPENED_MAX] = NULL;
	table.count--;
	list_remove(&opened->link);
	slow_close(opened->fd);
	free(opened);
	return entry_release(entry);
}

void opened_done(void)
{
	for (size_t i = 0; i < OPENED_MAX; i++) {
		if (!table.slots[i])
			continue;
		close(table.slots[i]->fd);
		free(table.slots[i]);
		table.slots[i] = NULL;
	}
	table.count = 0;
}
