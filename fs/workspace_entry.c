/* SPDX-License-Identifier: MIT */
#include "fs/workspace_entry.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

enum {
	BUCKETS = 1 << 17, /* chains of 8 when the table is full; 1 MiB each */
};

static struct {
	struct entry **by_id, **by_name; /* NULL until the first entry */
	uint64_t next_id;
	uint64_t hash_key; /* secret, see name_hash */
	size_t count;
} table;

static uint64_t random_number(void)
{
	uint64_t number = 0;
	ssize_t n = getrandom(&number, sizeof(number), 0);
	assert(n == sizeof(number));
	return number;
}

static void table_init(void)
{
	if (table.by_id)
		return;
	table.by_id = xcalloc(BUCKETS, sizeof(*table.by_id));
	table.by_name = xcalloc(BUCKETS, sizeof(*table.by_name));
	/* 61 random bits and a counter that cannot carry into bit 63. */
	table.next_id = ENTRY_OWNED_BIT | random_number() >> 3;
	table.hash_key = random_number() >> 4;
}

/* A polynomial over the bytes at a secret point, modulo the prime 2^61 - 1: names that fall into
 * one bucket cannot be chosen by somebody who does not know the point, and the sandbox chooses the
 * names. */
static uint64_t name_hash(uint64_t parent, const char *name)
{
	const uint64_t prime = (UINT64_C(1) << 61) - 1;
	uint64_t hash = parent % prime;
	for (const unsigned char *at = (const unsigned char *)name; *at; at++)
		hash = (uint64_t)(((unsigned __int128)hash * table.hash_key + *at) % prime);
	return hash % BUCKETS;
}

static struct entry **id_bucket(uint64_t id)
{
	return &table.by_id[id % BUCKETS];
}

static struct entry **name_bucket(const struct entry *parent, const char *name)
{
	return &table.by_name[name_hash(parent->id, name)];
}

bool identity_is(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->born_ns == b->born_ns &&
	       a->type == b->type;
}

struct entry *entry_find(uint64_t id)
{
	if (!table.by_id)
		return NULL;
	struct entry *entry = *id_bucket(id);
	while (entry && entry->id != id)
		entry = entry->next_id;
	return entry;
}

struct entry *entry_at(const struct entry *parent, const char *name)
{
	struct entry *entry = *name_bucket(parent, name);
	while (entry && (entry->parent != parent || strcmp(entry->name, name) != 0))
		entry = entry->next_name;
	return entry;
}

static void name_link(struct entry *entry)
{
	struct entry **bucket = name_bucket(entry->parent, entry->name);
	entry->next_name = *bucket;
	*bucket = entry;
}

static void name_unlink(struct entry *entry)
{
	struct entry **at = name_bucket(entry->parent, entry->name);
	while (*at != entry)
		at = &(*at)->next_name;
	*at = entry->next_name;
	entry->next_name = NULL;
}

static bool has_name(const struct entry *entry)
{
	return entry->parent && !entry->gone;
}

void entry_drop(struct entry *entry)
{
	if (!entry || entry->gone)
		return;
	if (has_name(entry))
		name_unlink(entry);
	entry->gone = true;
}

static struct entry *entry_new(
	struct tree *tree, struct entry *parent, const char *name, const struct identity *who)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));
	entry->id = table.next_id++;
	entry->tree = tree;
	entry->parent = parent;
	entry->who = *who;
	entry->name = xstrdup(name);
	list_init(&entry->opened);
	entry->next_id = *id_bucket(entry->id);
	*id_bucket(entry->id) = entry;
	if (parent) {
		entry_hold(parent);
		name_link(entry);
	}
	table.count++;
	return entry;
}

struct entry *entry_see(
	struct tree *tree, struct entry *parent, const char *name, const struct identity *who)
{
	table_init();
	struct entry *entry = parent ? entry_at(parent, name) : NULL;
	if (entry && !identity_is(&entry->who, who)) {
		entry_drop(entry);
		entry = NULL;
	}
	if (!entry && table.count >= ENTRIES_MAX)
		return NULL;
	if (!entry)
		entry = entry_new(tree, parent, name, who);
	entry->lookups++;
	return entry;
}

static void set_name(struct entry *entry, struct entry *parent, const char *name)
{
	struct entry *old = entry->parent;
	entry_hold(parent);
	free(entry->name);
	entry->name = xstrdup(name);
	entry->parent = parent;
	name_link(entry);
	(void)entry_release(old); /* the tree keeps its top: `parent` lies below it */
}

void entry_move(struct entry *from, const char *old_name, struct entry *to, const char *name)
{
	struct entry *entry = entry_at(from, old_name), *over = entry_at(to, name);
	if (entry && entry == over)
		return;
	entry_drop(over);
	if (!entry)
		return;
	assert(!entry_is_within(to, entry));
	name_unlink(entry);
	set_name(entry, to, name);
}

void entry_swap(struct entry *dir_a, const char *name_a, struct entry *dir_b, const char *name_b)
{
	struct entry *a = entry_at(dir_a, name_a), *b = entry_at(dir_b, name_b);
	if (a && a == b)
		return;
	if (a)
		name_unlink(a);
	if (b)
		name_unlink(b);
	if (a)
		set_name(a, dir_b, name_b);
	if (b)
		set_name(b, dir_a, name_a);
}

bool entry_is_within(const struct entry *entry, const struct entry *above)
{
	while (entry && entry != above)
		entry = entry->parent;
	return entry != NULL;
}

unsigned entry_depth(const struct entry *entry)
{
	unsigned depth = 0;
	for (; entry->parent; entry = entry->parent)
		depth++;
	return depth;
}

int entry_path(const struct entry *entry, struct buf *ret)
{
	size_t size = 0;
	for (const struct entry *e = entry; e; e = e->parent) {
		if (e->gone)
			return -ESTALE;
		size += e->parent ? strlen(e->name) + 1 : 0;
	}
	if (size > ENTRY_PATH_BYTES_MAX)
		return -ENAMETOOLONG;
	buf_clear(ret);
	char *start = buf_reserve(ret, size + 1);
	if (!start)
		return -ENAMETOOLONG;
	char *end = start + size;
	*end = '\0';
	for (const struct entry *e = entry; e->parent; e = e->parent) {
		*--end = e == entry ? '\0' : '/';
		size_t name_size = strlen(e->name);
		end -= name_size;
		memcpy(end, e->name, name_size);
	}
	ret->size = size ? size - 1 : 0;
	return 0;
}

void entry_hold(struct entry *entry)
{
	entry->holders++;
}

static void entry_free(struct entry *entry)
{
	assert(list_is_empty(&entry->opened));
	entry_drop(entry);
	struct entry **at = id_bucket(entry->id);
	while (*at != entry)
		at = &(*at)->next_id;
	*at = entry->next_id;
	free(entry->name);
	free(entry);
	table.count--;
}

/* Frees the entry and those above for as long as nobody wants them. */
static struct tree *entry_prune(struct entry *entry)
{
	while (entry && !entry->lookups && !entry->holders) {
		struct entry *parent = entry->parent;
		struct tree *tree = entry->tree;
		entry_free(entry);
		if (!parent)
			return tree;
		parent->holders--;
		entry = parent;
	}
	return NULL;
}

struct tree *entry_release(struct entry *entry)
{
	assert(entry->holders > 0);
	entry->holders--;
	return entry_prune(entry);
}

struct tree *entry_forget(struct entry *entry, uint64_t lookups)
{
	entry->lookups -= lookups < entry->lookups ? lookups : entry->lookups;
	return entry_prune(entry);
}

void entry_done(void)
{
	for (size_t i = 0; table.by_id && i < BUCKETS; i++) {
		struct entry *next;
		for (struct entry *entry = table.by_id[i]; entry; entry = next) {
			next = entry->next_id;
			free(entry->name);
			free(entry);
		}
	}
	free(table.by_id);
	free(table.by_name);
	memset(&table, 0, sizeof(table));
}
