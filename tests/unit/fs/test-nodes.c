/* SPDX-License-Identifier: MIT */
/* The table's invariants, and what inode numbers and handle numbers mean. */
#include <string.h>

#include "fs/handle.h"
#include "fs/nodes.h"
#include "tests/unit/test.h"

/* Numbers of rows are for ever: a mount may live through an upgrade.  Only ever add to this list.
 * */
static const struct {
	unsigned id;
	const char *path;
} forever[] = {
	{ 1, "" }, { 2, "README" }, { 3, "status" }, { 4, "error" }, { 5, "last" }, { 10, "agents" },
	{ 11, "agents/default" }, { 12, "agents/*" }, { 30, "environments" }, { 32, "environments/*" },
	{ 50, "sessions" }, { 51, "sessions/*" }, { 54, "sessions/*/input" }, { 55, "sessions/*/events" },
	{ 58, "sessions/*/status" }, { 62, "sessions/*/title" }, { 68, "sessions/*/wait" },
	{ 69, "sessions/*/follow" }, { 70, "sessions/*/live" }, { 200, "by-id" }, { 201, "by-id/*" },
};

static void test_numbers(void)
{
	for (size_t i = 0; i < ARRAY_LEN(forever); i++)
		CHECK_TEXT(node_by_id(forever[i].id) ? node_by_id(forever[i].id)->path : NULL,
			forever[i].path);
	CHECK(!node_by_id(0));
	CHECK(!node_by_id(NODE_ID_SCRATCH));
}

static void test_names(void)
{
	const struct node *root = node_by_id(1), *sessions = node_named(root, "sessions");
	const struct node *session = node_any(sessions);
	CHECK_TEXT(session->path, "sessions/*");
	CHECK_TEXT(node_named(session, "input")->path, "sessions/*/input");
	CHECK(!node_named(root, "input"));
	CHECK(!node_named(sessions, "*"));
	CHECK(!node_named(root, "session"));
	CHECK(!node_any(root));
	CHECK(node_parent(session) == sessions);
	CHECK(node_parent(root) == root);
	CHECK_TEXT(node_name(node_named(session, "transcript.md")), "transcript.md");
}

/* Each row is reached from its parent exactly once. */
static void test_listing(void)
{
	size_t rows = 0, reached = 1;
	for (const struct node *directory; (directory = node_at(rows)); rows++) {
		for (const struct node *n = NULL; (n = node_next(directory, n));)
			reached++;
		reached += node_any(directory) != NULL;
	}
	CHECK_INT(reached, rows);
}

static void test_inodes(void)
{
	struct place back, place = { node_by_id(54), 123456789 };
	CHECK(place_of(place_inode(place), &back));
	CHECK(back.node == place.node && back.object == place.object);
	CHECK_INT(place_inode((struct place){ node_by_id(1), 0 }), 1); /* FUSE_ROOT_ID */
	CHECK(!place_of(1ULL << 63 | place_inode(place), &back)); /* a workspace's */
	CHECK(!place_of(scratch_inode(7), &back));
	CHECK_INT(scratch_serial(scratch_inode(7)), 7);
	CHECK_INT(scratch_serial(place_inode(place)), 0);
	CHECK_INT(scratch_serial(1ULL << 63 | scratch_inode(7)), 0);
	CHECK(!place_of(99 /* no such row */, &back));
}

static void test_flags(void)
{
	CHECK(node_can_wait(node_by_id(69)));
	CHECK(!node_can_wait(node_by_id(55)));
	CHECK(node_is_writable(node_by_id(54)));
	CHECK(!node_is_writable(node_by_id(55)));
	CHECK(node_is_replaceable(node_by_id(11)));
	for (size_t i = 0; node_at(i); i++) /* what may wait is never met by grep -r */
		CHECK(!node_can_wait(node_at(i)) || node_at(i)->flags & NODE_UNLISTED);
}

static void test_readme(void)
{
	cleanup(buf) struct buf text = BUF_INIT(0);
	nodes_print(&text);
	CHECK(strstr(buf_text(&text), "  sessions/NAME/input\n"));
	CHECK(!strchr(buf_text(&text), '*'));
	for (size_t i = 1; node_at(i); i++)
		CHECK(strstr(buf_text(&text), node_at(i)->help));
}

int main(void)
{
	nodes_check();
	test_numbers();
	test_names();
	test_listing();
	test_inodes();
	test_flags();
	test_readme();
	CHECK_INT(handle_opener(((5ULL << HANDLE_OPENER_BITS | 4711) << HANDLE_COUNTER_BITS) | 99), 4711);
	return test_done();
}
