/* SPDX-License-Identifier: MIT */
/* The table's invariants, and what inode numbers and handle numbers mean. */
#include <string.h>

#include "fs/handle.h"
#include "fs/nodes.h"
#include "fs/scratch.h"
#include "tests/unit/test.h"

/* Numbers of rows are for ever: a mount may live through an upgrade.  Only ever add to this list.
 * */
static const struct {
	unsigned id;
	const char *path;
} forever[] = {
	{ 1, "" }, { 2, "README" }, { 3, "status" }, { 4, "error" }, { 5, "last" }, { 10, "agents" },
	{ 11, "agents/default" }, { 12, "agents/*" }, { 20, "agents/*/versions/*" },
	{ 21, "agents/*/versions/*/agent.json" }, { 30, "environments" }, { 32, "environments/*" },
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
	const struct node *session = node_any(sessions, NULL);
	CHECK_TEXT(session->path, "sessions/*");
	CHECK_TEXT(node_named(session, "input")->path, "sessions/*/input");
	CHECK(!node_named(root, "input"));
	CHECK(!node_named(sessions, "*"));
	CHECK(!node_named(root, "session"));
	CHECK(!node_any(root, NULL));
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
		for (const struct node *n = NULL; (n = node_any(directory, n));)
			reached++;
	}
	CHECK_INT(reached, rows);
}

static bool is_kept(struct place place)
{
	struct place back;
	return place_of(place_inode(place), &back) && back.node == place.node &&
		back.object == place.object && back.item == place.item;
}

static void test_inodes(void)
{
	struct place back, place = { node_by_id(54), 123456789 };
	CHECK(is_kept(place));
	CHECK(is_kept((struct place){ node_by_id(21), 1, 1 }));
	CHECK(is_kept((struct place){ node_by_id(21), (1LL << 39) - 1, ITEM_NUM_MAX }));
	CHECK(!is_kept((struct place){ node_by_id(54), 7, 1 })); /* no second star */
	CHECK(!is_kept((struct place){ node_by_id(50), 7 })); /* no star */
	CHECK(!is_kept((struct place){ node_by_id(54), 0 })); /* a star without its number */
	CHECK_INT(place_inode((struct place){ node_by_id(1), 0 }), 1); /* FUSE_ROOT_ID */
	CHECK(!place_of(1ULL << 63 | place_inode(place), &back)); /* a workspace's */
	CHECK(!place_of(scratch_inode(7), &back));
	CHECK_INT(scratch_serial(scratch_inode(7)), 7);
	CHECK_INT(scratch_serial(place_inode(place)), 0);
	CHECK_INT(scratch_serial(1ULL << 63 | scratch_inode(7)), 0);
	CHECK(!place_of(99 /* no such row */, &back));
}

/* Down by place_below and up by place_parent is the same way. */
static void test_ways(void)
{
	struct place root = { node_by_id(1) }, agents = place_below(root, node_by_id(10), 0);
	struct place agent = place_below(agents, node_by_id(12), 7);
	struct place versions = place_below(agent, node_by_id(19), 0);
	struct place version = place_below(versions, node_by_id(20), 3);
	struct place file = place_below(version, node_by_id(21), 0);
	CHECK(file.object == 7 && file.item == 3);
	CHECK_INT(place_inode(place_parent(file)), place_inode(version));
	CHECK_INT(place_inode(place_parent(version)), place_inode(versions));
	CHECK_INT(place_inode(place_parent(agent)), place_inode(agents));
	CHECK_INT(place_inode(place_parent(agents)), 1);
}

static void test_temporary(void)
{
	static const char *const temporary[] = { ".k.swp", ".#k", "#k#", "k~", "4913", "sedAb1Cd2",
		"CuaB3dE4", "XXqWe1rT", "gawk.a1B2c3", "k.tmp", "k.lock", "k.rejected", ".rsync.XyZ" };
	static const char *const lasting[] = { "k", "team", "owner-2", "4914", "sed", "sediment",
		"sed-ab1cd", "Cuckoos", "XX", "tmp", "a.b", "weather.json" };
	for (size_t i = 0; i < ARRAY_LEN(temporary); i++)
		CHECK(scratch_name_is_temporary(temporary[i]));
	for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
		CHECK(!scratch_name_is_temporary(lasting[i]));
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

/* Each run of white space as one blank, so that it does not matter where lines end. */
static char *unwrapped(const char *text)
{
	cleanup(buf) struct buf out = BUF_INIT(0);
	while (*text) {
		size_t word = strcspn(text, " \n");
		buf_printf(&out, "%.*s ", (int)word, text);
		text += word + strspn(text + word, " \n");
	}
	return buf_take(&out);
}

static void test_readme(void)
{
	cleanup(buf) struct buf text = BUF_INIT(0);
	nodes_print(&text);
	CHECK(strstr(buf_text(&text), "\nsessions/  "));
	CHECK(strstr(buf_text(&text), "\n  NAME/  "));
	CHECK(strstr(buf_text(&text), "\n    input  "));
	CHECK(strstr(buf_text(&text), "\n    versions/  "));
	CHECK(strstr(buf_text(&text), "\n      N/  "));
	CHECK(!strchr(buf_text(&text), '*'));
	cleanup(free) char *words = unwrapped(buf_text(&text));
	for (size_t i = 1; node_at(i); i++)
		CHECK(strstr(words, node_at(i)->help));
}

int main(void)
{
	nodes_check();
	test_numbers();
	test_names();
	test_listing();
	test_inodes();
	test_ways();
	test_temporary();
	test_flags();
	test_readme();
	CHECK_INT(handle_opener(((5ULL << HANDLE_OPENER_BITS | 4711) << HANDLE_COUNTER_BITS) | 99), 4711);
	return test_done();
}
