/* SPDX-License-Identifier: MIT */
/* What links say when they are read through the mount: a table, and the rule that holds for all of
 * them. */
#include "fs/workspace_link.h"
#include "tests/unit/test.h"

static const struct {
	unsigned depth; /* of the directory that holds the link */
	const char *text, *shown;
} CASES[] = {
	/* inside: as they are */
	{ 0, "a", "a" },
	{ 0, "a/b/c", "a/b/c" },
	{ 0, ".", "." },
	{ 0, "./a//b/", "./a//b/" },
	{ 0, "...", "..." },
	{ 0, "..a/b..", "..a/b.." },
	{ 1, "..", ".." },
	{ 1, "../", "../" },
	{ 1, "../a", "../a" },
	{ 2, "../../a", "../../a" },
	{ 2, ".././../a", ".././../a" },
	{ 3, "../../a", "../../a" },
	{ 0, "user@host.12:34", "user@host.12:34" }, /* emacs' lock */
	{ 0, "\xff\xfe", "\xff\xfe" },
	{ 0, "outside:x", "outside:x" },
	/* "..", but not in front: collapsed, for the name before it may be a link to a higher
	 * place */
	{ 0, "a/..", "." },
	{ 0, "a/../b", "b" },
	{ 0, "a/./../b/", "b" },
	{ 1, "a/../../b", "../b" },
	{ 1, "../a/../b", "../b" },
	{ 2, "a/b/../../../../c", "../../c" },
	/* out */
	{ 0, "..", "outside:.." },
	{ 0, "../x", "outside:..\\x" },
	{ 0, "./../x", "outside:.\\..\\x" },
	{ 1, "../../x", "outside:..\\..\\x" },
	{ 1, "a/../../../x", "outside:a\\..\\..\\..\\x" },
	{ 0, "a/../..", "outside:a\\..\\.." },
	{ 2, "../../../../../../etc/passwd", "outside:..\\..\\..\\..\\..\\..\\etc\\passwd" },
	{ 0, "/etc/passwd", "outside:\\etc\\passwd" },
	{ 3, "/", "outside:\\" },
	{ 3, "/proc/self/root/etc", "outside:\\proc\\self\\root\\etc" },
	{ 3, "/workspaces/a", "outside:\\workspaces\\a" },
	{ 3, "/workspac", "outside:\\workspac" },
	{ 3, "/workspace/../etc", "outside:\\workspace\\..\\etc" },
	{ 3, "/workspace/a/../../etc", "outside:\\workspace\\a\\..\\..\\etc" },
	{ 3, "/x/../workspace/a", "outside:\\x\\..\\workspace\\a" },
	/* absolute, as the sandbox sees the workspace: relative */
	{ 0, "/workspace", "." },
	{ 0, "/workspace/", "." },
	{ 0, "/workspace/a", "a" },
	{ 2, "/workspace", "../.." },
	{ 2, "/workspace/a/b", "../../a/b" },
	{ 1, "//workspace//a/./b/", "../a/b" },
	{ 1, "/./workspace/a/../b", "../b" },
	{ 0, "", "outside:" },
};

/* Follows a shown text as the kernel does, where each name may be a link to the top of the
 * workspace (the worst that a name that was judged can be): whether it ever leaves. */
static bool leaves(const char *shown, unsigned depth)
{
	if (*shown == '/')
		return true;
	int level = (int)depth;
	for (const char *at = shown; *at;) {
		size_t size = strcspn(at, "/");
		if (size == 2 && memcmp(at, "..", 2) == 0)
			level--;
		else if (size && !(size == 1 && *at == '.'))
			level = 0;
		if (level < 0)
			return true;
		at += size + strspn(at + size, "/");
	}
	return false;
}

static void test_table(void)
{
	struct buf shown = BUF_INIT(2 * LINK_TEXT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		link_text_show(CASES[i].text, "/workspace", CASES[i].depth, &shown);
		CHECK_TEXT(buf_text(&shown), CASES[i].shown);
		CHECK(!leaves(buf_text(&shown), CASES[i].depth));
	}
	link_text_show("/mnt/session/outputs/a", "/mnt/session/outputs", 1, &shown);
	CHECK_TEXT(buf_text(&shown), "../a");
	link_text_show("/mnt/session/a", "/mnt/session/outputs", 1, &shown);
	CHECK_TEXT(buf_text(&shown), "outside:\\mnt\\session\\a");
	buf_done(&shown);
}

/* Every text of up to seven pieces, at every depth that matters. */
static void test_all_small(void)
{
	static const char *const pieces[] = { "/", "..", "a", ".", "/workspace" };
	struct buf shown = BUF_INIT(2 * LINK_TEXT_MAX), text = BUF_INIT(200);
	size_t bad = 0, tried = 0, kept = 0;
	for (unsigned code = 1; code < 78125; code++) {
		buf_clear(&text);
		for (unsigned rest = code; rest; rest /= ARRAY_LEN(pieces))
			buf_add_text(&text, pieces[rest % ARRAY_LEN(pieces)]);
		for (unsigned depth = 0; depth < 3; depth++) {
			link_text_show(buf_text(&text), "/workspace", depth, &shown);
			tried++;
			bad += leaves(buf_text(&shown), depth) || !shown.size;
			kept += strcmp(buf_text(&shown), buf_text(&text)) == 0;
		}
	}
	CHECK_INT(bad, 0);
	CHECK(kept > 1000);
	printf("# %zu texts tried, %zu shown as they are\n", tried, kept);
	buf_done(&shown);
	buf_done(&text);
}

static void test_long(void)
{
	struct buf shown = BUF_INIT(2 * LINK_TEXT_MAX);
	char text[LINK_TEXT_MAX + 1] = "/";
	memset(text + 1, 'x', LINK_TEXT_MAX - 1);
	link_text_show(text, "/workspace", 0, &shown);
	CHECK_INT(shown.size, 255); /* one name: looked up, it is ENOENT rather than ENAMETOOLONG */
	CHECK(strncmp(buf_text(&shown), "outside:\\xxx", 12) == 0);
	text[0] = 'x';
	link_text_show(text, "/workspace", 0, &shown);
	CHECK_INT(shown.size, LINK_TEXT_MAX);
	memcpy(text, "/workspace/", 11);
	link_text_show(text, "/workspace", 2000, &shown); /* too long when rewritten */
	CHECK_INT(shown.size, 255);
	buf_done(&shown);
}

int main(void)
{
	test_table();
	test_all_small();
	test_long();
	CHECK(link_text_is_outside("outside:\\etc"));
	CHECK(!link_text_is_outside("outside"));
	return test_done();
}
