/* SPDX-License-Identifier: MIT */
/* Each message and what it is read as, written as one line: rounds in brackets, c: calls, f: faults. */
#include <fcntl.h>
#include <inttypes.h>

#include "base/io.h"
#include "base/json.h"
#include "rehearsal/script.h"
#include "tests/unit/test.h"

static const struct {
	const char *text, *want;
} cases[] = {
	{ "hello", "[hello]" },
	{ "hello\nyou\n", "[hello|you|]" },
	{ "", "[]" },
	{ "! ls -l", "[c:bash{\"command\":\"ls -l\"}]" },
	{ "! echo \"a\\b\"\r\n", "[c:bash{\"command\":\"echo \\\"a\\\\b\\\"\"}]" },
	{ "!ls\n! \n!", "[!ls|! |!]" },
	{ "Look.\n! a\n@grep {\"x\": [1]}\nThen more.",
		"[Look.|Then more. c:bash{\"command\":\"a\"} c:grep{\"x\": [1]}]" },
	{ "@a {}\nthen\n@b {}\nthen\n@c {}", "[c:a{}][c:b{}][c:c{}]" },
	{ "hi\nthen\nthen\n! a\nthen\n", "[hi c:bash{\"command\":\"a\"}][]" },
	{ "then what?\nand then", "[then what?|and then]" },
	{ "@alice hello\n@ {}\nx @b {}", "[@alice hello|@ {}|x @b {}]" },
	{ "@a{\"b\":1}", "[c:a{\"b\":1}]" },
	{ "@a {\"b\":}", "[]!the input of @a is not JSON (at byte 5 of 6)" },
	{ "@a {} x", "[]!the input of @a is not JSON (at byte 3 of 4)" },
	{ "say done", "[ s:done]" },
	{ "! a\nsay one\nsay two", "[c:bash{\"command\":\"a\"}][ s:one|two]" },
	{ "say \nsaying", "[say |saying]" },
	{ "%overload", "[ f:1x1/529/-1]" },
	{ "%overload 2\n%rate_limit 3 7", "[ f:2x1/529/-1 f:3x1/429/7]" },
	{ "%error 2 401\n%error", "[ f:2x1/401/-1 f:1x1/500/-1]" },
	{ "%cut\n%cut 2 tool\n%cut 1 start", "[ f:1x2/0/0 f:2x2/0/1 f:1x2/0/2]" },
	{ "%garbage 2\n%stream_error\n%silence 1 2s", "[ f:2x3/0/0 f:1x4/0/0 f:1x5/0/2000]" },
	{ "%max_tokens\n%context\n%pause", "[ f:1x6/0/0 f:1x7/0/0 t f:1x8/0/0 t]" },
	{ "! a\n%overload\nthen\n%overload 2",
		"[c:bash{\"command\":\"a\"} f:1x1/529/-1][ f:2x1/529/-1]" },
	{ "%slow 50ms\n%think\n%redacted\n%unknown\n%empty",
		"[ slow 50 think redacted empty unknown]" },
	{ "%slow 1m\n%long 7\n%pings 3\n%invalid_input\n%refuse bio\n%help",
		"[ slow 60000 pings 3 long 7 invalid refuse bio help]" },
	{ "%refuse", "[ refuse general_harms]" },
	{ "%5 of them\n%", "[%5 of them|%]" },
	{ "%nothing 5", "[]!there is no directive %nothing; %help lists them" },
	{ "%overload 0", "[]!%overload [N]: 0 is not a number from 1 to 1000" },
	{ "%overload 1001", "[]!%overload [N]: 1001 is not a number from 1 to 1000" },
	{ "%overload x\n%cut", "[ f:1x2/0/0]!%overload [N]: x is not a number from 1 to 1000" },
	{ "%overload 1 2", "[]!%overload takes nothing more after that: 2" },
	{ "%think 1", "[]!%think takes nothing more after that: 1" },
	{ "%slow", "[]!%slow needs a duration such as 50ms, 2s or 1m" },
	{ "%slow 5", "[]!%slow DURATION: 5 is not a duration such as 50ms, 2s or 1m" },
	{ "%slow 61m", "[]!%slow DURATION: 61m is not a duration such as 50ms, 2s or 1m" },
	{ "%slow 99999999999999999999s",
		"[]!%slow DURATION: 99999999999999999999s is not a duration such as 50ms, 2s or 1m" },
	{ "%long", "[]!%long needs a number from 1 to 200000" },
	{ "%error 1 418", "[]!%error [N] [STATUS]: 418 is not an HTTP status that the API uses" },
	{ "%cut 1 head", "[]!%cut [N] [text|tool|start]: head is not text, tool or start" },
	{ "%refuse me", "[]!%refuse [CATEGORY]: me is not a category of refusals" },
	{ "replay: /a b/c", "[] replay /a b/c" },
	{ "replay: x", "[]!replay: needs an absolute path" },
};

static void print_text(struct buf *out, const struct buf *text)
{
	for (size_t i = 0; i < text->size; i++)
		buf_add_char(out, text->data[i] == '\n' ? '|' : text->data[i]);
}

static void print_manner(struct buf *out, const struct manner *m)
{
	const struct {
		const char *name;
		int64_t value;
		bool shown;
	} fields[] = { { "slow", m->slow_ms, true }, { "pings", m->pings, true },
		{ "think", m->think }, { "redacted", m->redacted }, { "empty", m->empty },
		{ "unknown", m->unknown }, { "long", m->long_words, true },
		{ "invalid", m->invalid_input } };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (fields[i].value)
			buf_printf(out, " %s", fields[i].name);
		if (fields[i].value && fields[i].shown)
			buf_printf(out, " %" PRId64, fields[i].value);
	}
	if (m->refuse)
		buf_printf(out, " refuse %s", directive_category(m->refuse));
	if (m->help)
		buf_add_text(out, " help");
}

static void print_round(struct buf *out, const struct round *round)
{
	buf_add_text(out, "[");
	print_text(out, &round->words);
	for (size_t i = 0; i < round->call_count; i++)
		buf_printf(out, "%sc:%s%s", out->data[out->size - 1] == '[' ? "" : " ",
			round->calls[i].name, round->calls[i].input);
	if (round->say.size)
		buf_add_text(out, " s:");
	print_text(out, &round->say);
	for (size_t i = 0; i < round->fault_count; i++) {
		const struct fault *f = &round->faults[i];
		buf_printf(out, " f:%" PRId64 "x%d/%" PRId64 "/%" PRId64 "%s", f->count,
			(int)f->kind, f->status, f->value, f->by_text ? " t" : "");
	}
	print_manner(out, &round->manner);
	buf_add_text(out, "]");
}

static void check_case(const char *text, const char *want)
{
	cleanup(buf) struct buf got = BUF_INIT(1 << 20);
	struct script script;
	script_init(&script);
	script_add(&script, text);
	for (size_t i = 0; i < script.round_count; i++)
		print_round(&got, &script.rounds[i]);
	if (script.replay)
		buf_printf(&got, " replay %s", script.replay);
	if (script.wrong.size)
		buf_printf(&got, "!%s", buf_text(&script.wrong));
	CHECK_TEXT(buf_text(&got), want);
	script_done(&script);
}

static void test_limits(void)
{
	cleanup(buf) struct buf text = BUF_INIT(1 << 20);
	struct script script;
	for (int i = 0; i < 300; i++)
		buf_add_text(&text, "@a {}\nthen\n");
	script_init(&script);
	script_add(&script, buf_text(&text));
	CHECK_INT(script.round_count, ROUNDS_MAX);
	CHECK_TEXT(buf_text(&script.wrong), "the script has more than 256 rounds");
	script_done(&script);
	buf_clear(&text);
	for (int i = 0; i < 300; i++)
		buf_add_text(&text, "@a {}\n");
	script_init(&script);
	script_add(&script, buf_text(&text));
	CHECK_INT(script.rounds[0].call_count, CALLS_MAX);
	CHECK_TEXT(buf_text(&script.wrong), "a round has more than 256 calls");
	script_done(&script);
	buf_clear(&text);
	for (int i = 0; i < 20; i++)
		buf_add_text(&text, "%cut\n");
	script_init(&script);
	script_add(&script, buf_text(&text));
	CHECK_INT(script.rounds[0].fault_count, FAULTS_MAX);
	CHECK_TEXT(buf_text(&script.wrong), "more than 16 faults in one round");
	script_done(&script);
}

static void test_plain(void)
{
	struct script script;
	script_init(&script);
	script_add(&script, "just\nwords");
	CHECK(script.is_plain);
	script_done(&script);
	script_init(&script);
	script_add(&script, "words\nthen");
	CHECK(!script.is_plain);
	script_done(&script);
}

/* Messages that were not answered one by one: all lines count, but manners only in the last text. */
static void test_texts(void)
{
	cleanup(buf) struct buf got = BUF_INIT(1000);
	struct script script;
	script_init(&script);
	script_add(&script, "one\n%refuse\n%cut\n! a");
	script_add(&script, "two\n%think\n%cut 2");
	print_round(&got, &script.rounds[0]);
	CHECK_TEXT(buf_text(&got), "[one|two c:bash{\"command\":\"a\"} f:1x2/0/0 f:2x2/0/0 think]");
	CHECK_INT(script.rounds[0].faults[0].text, 0);
	CHECK_INT(script.rounds[0].faults[1].text, 1);
	script_done(&script);
}

/* docs/rehearsal.md shows every row of both tables in these words. */
static void check_row(const char *page, const char *form, const char *help)
{
	cleanup(buf) struct buf row = BUF_INIT(1000);
	buf_add_text(&row, "| `");
	for (const char *c = form; *c; c++)
		buf_printf(&row, "%s%c", *c == '|' ? "\\" : "", *c);
	while (row.data[row.size - 1] == ' ')
		buf_cut(&row, row.size - 1);
	buf_printf(&row, "` | %s |\n", help);
	CHECK(strstr(page, buf_text(&row)));
	if (!strstr(page, buf_text(&row)))
		printf("#   missing: %s", buf_text(&row));
}

static void test_page(const char *path)
{
	cleanup(buf) struct buf page = BUF_INIT(1 << 20);
	const struct line_kind *kind;
	const struct directive *d;
	CHECK_INT(io_read_file(AT_FDCWD, path, 1 << 20, &page), 0);
	for (size_t i = 0; (kind = script_line_kind_at(i)); i++)
		check_row(buf_text(&page), kind->form, kind->help);
	for (size_t i = 0; (d = directive_at(i)); i++) {
		cleanup(free) char *form = xprintf("%%%s %s", d->name, d->args);
		check_row(buf_text(&page), form, d->help);
	}
}

int main(int argc, char **argv)
{
	json_setup();
	if (argc == 2)
		test_page(argv[1]);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(cases[i].text, cases[i].want);
	test_limits();
	test_plain();
	test_texts();
	return test_done();
}
