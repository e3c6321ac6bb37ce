/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "tests/unit/test.h"
#include "tools/glob-match.h"

static const struct {
	const char *pattern, *path;
	bool match;
} cases[] = {
	{ "*.c", "a.c", true },
	{ "*.c", "a.h", false },
	{ "*.c", "sub/a.c", false },
	{ "*", ".hidden", true },
	{ "**/*.c", "a.c", true },
	{ "**/*.c", "x/y/z/a.c", true },
	{ "**/*.c", "x/y/z/a.h", false },
	{ "src/**", "src/a", true },
	{ "src/**", "src/a/b/c", true },
	{ "src/**", "srcs/a", false },
	{ "**", "a/b", true },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "a/x/y/c", false },
	{ "a/**/**/b", "a/b", true },
	{ "**/x/**/y", "x/a/x/y", true },
	{ "./a//b", "a/b", true },
	{ "?", "\xc3\xa9", true },
	{ "?", "\xff", true },
	{ "??", "\xc3\xa9", false },
	{ "a?c", "abc", true },
	{ "a?c", "ac", false },
	{ "*a*b*c", "xxaxxbxxc", true },
	{ "*a*b*c", "xxaxxcxxb", false },
	{ "a**b", "axyzb", true },
	{ "[abc]x", "bx", true },
	{ "[a-c]x", "cx", true },
	{ "[a-c]x", "dx", false },
	{ "[!a-c]x", "dx", true },
	{ "[^a-c]x", "ax", false },
	{ "[]x]", "]", true },
	{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
	{ "[a", "[a", true },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "{a,b}.c", "b.c", true },
	{ "{a,b}.c", "c.c", false },
	{ "{a,b/c}/d", "b/c/d", true },
	{ "{a,{b,c}}", "c", true },
	{ "{a,}x", "x", true },
	{ "{a}", "{a}", true },
	{ "{a", "{a", true },
	{ "a,b", "a,b", true },
	{ "\\{a,b}", "{a,b}", true },
	{ "[.][.]", "..", true }, /* a walk never comes past such a name */
};

static const struct {
	const char *pattern, *why;
} refused[] = {
	{ "", "pattern is required" },
	{ "/etc/*", "absolute pattern not permitted" },
	{ "{a,/etc}/*", "absolute pattern not permitted" },
	{ "../*.go", "'..' is not permitted in the pattern" },
	{ "**/../*.go", "'..' is not permitted in the pattern" },
	{ "{..,x}/*", "'..' is not permitted in the pattern" },
	{ "{a,../outside}/*", "'..' is not permitted in the pattern" },
	{ "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "the pattern has too many alternatives" },
	{ "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
	  "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
		"the pattern is too deep" },
};

static bool matches(const char *pattern, const char *path)
{
	cleanup(glob) struct glob g;
	struct glob_state states[2];
	if (glob_parse(slice_of(pattern), &g, NULL) < 0) {
		g = (struct glob){ 0 };
		return false;
	}
	cleanup(free) char *copy = xstrdup(path);
	char *rest = copy;
	int at = 0;
	glob_begin(&g, &states[0]);
	for (char *name; (name = strsep(&rest, "/")); at = !at)
		if (!glob_enter(&g, &states[at], name, &states[!at]))
			return false;
	return glob_matches(&g, &states[at]);
}

/* A directory in which nothing can match is known before it is read. */
static void test_pruning(void)
{
	struct glob g;
	struct glob_state start, next;
	CHECK_INT(glob_parse(slice_of("src/*.c"), &g, NULL), 0);
	glob_begin(&g, &start);
	CHECK(glob_enter(&g, &start, "src", &next));
	CHECK(!glob_enter(&g, &start, "doc", &next));
	glob_done(&g);
}

int main(void)
{
	struct buf why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_INT(matches(cases[i].pattern, cases[i].path), cases[i].match);
		if (matches(cases[i].pattern, cases[i].path) != cases[i].match)
			printf("#   %s against %s\n", cases[i].pattern, cases[i].path);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct glob g;
		CHECK_INT(glob_parse(slice_of(refused[i].pattern), &g, &why), -EINVAL);
		CHECK_TEXT(buf_text(&why), refused[i].why);
	}
	test_pruning();
	buf_done(&why);
	return test_done();
}
