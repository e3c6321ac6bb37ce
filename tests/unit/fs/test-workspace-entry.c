/* SPDX-License-Identifier: MIT */
/* The table of entries: numbers, places, counts. */
#include "fs/workspace_entry.h"

#include <errno.h>
#include <sys/stat.h>

#include "fs/workspace_opened.h"
#include "tests/unit/test.h"

static struct tree *const TREE = (struct tree *)&test_count; /* only carried about */

static struct identity file(uint64_t inode)
{
	return (struct identity){ .device = 1, .inode = inode, .born_ns = 7, .type = S_IFREG };
}

static struct identity directory(uint64_t inode)
{
	return (struct identity){ .device = 1, .inode = inode, .born_ns = 7, .type = S_IFDIR };
}

static struct entry *see(struct entry *parent, const char *name, struct identity who)
{
	return entry_see(TREE, parent, name, &who);
}

static const char *path_of(const struct entry *entry, struct buf *b)
{
	return entry_path(entry, b) == 0 ? buf_text(b) : "(stale)";
}

static void test_identity(void)
{
	struct entry *top = see(NULL, "", directory(1));
	struct entry *a = see(top, "a", file(2));
	CHECK(top->id & ENTRY_OWNED_BIT && a->id & ENTRY_OWNED_BIT && a->id != top->id);
	CHECK(see(top, "a", file(2)) == a);
	CHECK_INT(a->lookups, 2);
	CHECK(entry_find(a->id) == a && entry_at(top, "a") == a);
	CHECK(!entry_find(0) && !entry_find(~UINT64_C(0)) && !entry_at(top, "b"));

	struct identity reborn = file(2), turned = file(2), away = file(2);
	reborn.born_ns = 8;
	turned.type = S_IFLNK;
	away.device = 2;
	CHECK(!identity_is(&a->who, &reborn) && !identity_is(&a->who, &turned) &&
		!identity_is(&a->who, &away));

	/* Another object of the name is another entry; the old one stays for the kernel. */
	struct entry *b = see(top, "a", reborn);
	CHECK(b != a && b->id != a->id && a->gone && !b->gone && entry_at(top, "a") == b);
	CHECK(entry_find(a->id) == a);
	CHECK(!entry_forget(a, 2));
	CHECK(entry_at(top, "a") == b);
	CHECK(!entry_forget(b, 1));
	CHECK(!entry_at(top, "a"));
	CHECK(entry_forget(top, 1) == TREE);
}

static void test_hard_links_are_two_places(void)
{
	struct entry *top = see(NULL, "", directory(1));
	struct entry *deep = see(top, "d", directory(2));
	struct entry *one = see(top, "l", file(3)), *two = see(deep, "l", file(3));
	CHECK(one != two);
	CHECK_INT(entry_depth(one), 1);
	CHECK_INT(entry_depth(two), 2);
	entry_done();
}

/* The sandbox moved d/s to s: the old entry keeps its place and goes stale only when it is looked
 * at. */
static void test_moved_behind_our_back(void)
{
	struct buf b = BUF_INIT(0);
	struct entry *top = see(NULL, "", directory(1)), *d = see(top, "d", directory(2));
	struct entry *old = see(d, "s", directory(3)), *x = see(old, "x", file(4));
	struct entry *new = see(top, "s", directory(3));
	CHECK(new != old);
	CHECK_INT(entry_depth(old), 2);
	CHECK_INT(entry_depth(new), 1);
	CHECK_TEXT(path_of(x, &b), "d/s/x");
	entry_drop(entry_at(d, "s"));
	CHECK_INT(entry_path(x, &b), -ESTALE);
	CHECK_TEXT(path_of(new, &b), "s");
	buf_done(&b);
	entry_done();
}

static void test_rename(void)
{
	struct buf b = BUF_INIT(0);
	struct entry *top = see(NULL, "", directory(1));
	struct entry *d = see(top, "d", directory(2)), *e = see(top, "e", directory(3));
	struct entry *x = see(d, "x", file(4)), *y = see(e, "y", file(5));
	CHECK(entry_is_within(x, d) && entry_is_within(d, d) && !entry_is_within(x, e));

	entry_move(d, "x", e, "y"); /* over y */
	CHECK(y->gone && entry_at(e, "y") == x && !entry_at(d, "x"));
	CHECK_TEXT(path_of(x, &b), "e/y");
	entry_move(d, "unknown", e, "y"); /* what was unknown is there now */
	CHECK(x->gone && !entry_at(e, "y"));

	struct entry *z = see(e, "z", file(6));
	entry_swap(top, "d", e, "z");
	CHECK_TEXT(path_of(z, &b), "d");
	CHECK_TEXT(path_of(d, &b), "e/z");
	entry_swap(top, "d", e, "unknown");
	CHECK_TEXT(path_of(z, &b), "e/unknown");
	entry_swap(e, "unknown", e, "unknown");
	entry_move(e, "unknown", e, "unknown");
	CHECK_TEXT(path_of(z, &b), "e/unknown");

	/* Holders follow: once everything is forgotten, nothing is left. */
	CHECK(!entry_forget(top, 1));
	CHECK(!entry_forget(e, 1));
	CHECK(!entry_forget(d, 1));
	CHECK(!entry_forget(x, 1));
	CHECK(!entry_forget(y, 1));
	CHECK(entry_forget(z, 1) == TREE);
	buf_done(&b);
}

static void test_paths(void)
{
	struct buf b = BUF_INIT(0);
	struct entry *top = see(NULL, "", directory(1)), *at = top;
	CHECK_TEXT(path_of(top, &b), "");
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	int depth = 0, r = 0;
	while (r == 0 && depth < 1000) {
		at = see(at, name, directory(10 + (uint64_t)depth++));
		r = entry_path(at, &b);
	}
	CHECK_INT(r, -ENAMETOOLONG);
	CHECK_INT(depth, ENTRY_PATH_BYTES_MAX / 256 + 1);
	CHECK_INT(entry_depth(at), depth);
	buf_done(&b);
	entry_done();
}

static void test_bounds(void)
{
	struct entry *top = see(NULL, "", directory(1));
	char name[16];
	size_t made = 1;
	for (; made < ENTRIES_MAX + 10; made++) {
		snprintf(name, sizeof(name), "%zu", made);
		if (!see(top, name, file(made + 1)))
			break;
	}
	CHECK_INT(made, ENTRIES_MAX);
	CHECK(see(top, "17", file(18)) == entry_at(top, "17")); /* what is known is still found */
	CHECK(!entry_forget(entry_at(top, "17"), 2));
	CHECK(see(top, "new", file(5)) != NULL);
	entry_done();
	CHECK(!entry_find(ENTRY_OWNED_BIT | 5));
}

static void test_opened(void)
{
	struct entry *top = see(NULL, "", directory(1)), *x = see(top, "x", file(2));
	struct opened *a = opened_new(x, 1000000, false), *b = opened_new(x, 1000001, true);
	CHECK(a && b && a->handle != b->handle);
	CHECK(opened_find(a->handle) == a && opened_find(b->handle) == b);
	CHECK(!opened_find(0) && !opened_find(a->handle + OPENED_MAX) &&
		!opened_find(a->handle ^ 1));
	CHECK(opened_of(x, false) && opened_of(x, true) == b && !opened_of(top, false));

	CHECK(!entry_forget(x, 1)); /* held by what is open */
	CHECK(entry_find(x->id) == x);
	uint64_t handle = a->handle;
	CHECK(!opened_free(a));
	CHECK(!opened_find(handle));
	CHECK(!opened_free(b));
	CHECK(!entry_at(top, "x"));

	size_t count = 0;
	while (opened_new(top, 1000000, false))
		count++;
	CHECK_INT(count, OPENED_MAX);
	CHECK_INT(top->holders, OPENED_MAX);
	opened_done();
	entry_done();
}

int main(void)
{
	test_identity();
	test_hard_links_are_two_places();
	test_moved_behind_our_back();
	test_rename();
	test_paths();
	test_bounds();
	test_opened();
	return test_done();
}
