/* SPDX-License-Identifier: MIT */
/* Pieces and finished messages become one text; told as scripts of what arrives. */
#include "fs/live.h"
#include "tests/unit/test.h"

struct step {
	char what; /* 'p'iece (text so far), 'm'essage, 'x' failed */
	const char *id, *text;
};

static const struct {
	const char *about;
	struct step steps[6];
	const char *want;
	uint64_t abandoned;
} cases[] = {
	{ "only the finished message", { { 'm', "a", "hello" } }, "hello\n", 0 },
	{ "pieces, then the message", { { 'p', "a", "he" }, { 'p', "a", "hell" }, { 'm', "a", "hello" } },
		"hello\n", 0 },
	{ "all of it in pieces", { { 'p', "a", "hello" }, { 'm', "a", "hello" } }, "hello\n", 0 },
	{ "it ends with a newline by itself", { { 'p', "a", "hi\n" }, { 'm', "a", "hi\n" } }, "hi\n", 0 },
	{ "two messages", { { 'm', "a", "one" }, { 'p', "b", "t" }, { 'm', "b", "two" } }, "one\ntwo\n", 0 },
	{ "the same piece twice", { { 'p', "a", "he" }, { 'p', "a", "he" } }, "he", 0 },
	{ "a failed request, then another", { { 'p', "a", "lost" }, { 'x' }, { 'p', "b", "fo" },
		{ 'm', "b", "found" } }, "lost\nfound\n", 5 },
	{ "a failure nobody noticed", { { 'p', "a", "lost" }, { 'm', "b", "found" } }, "lost\nfound\n", 5 },
	{ "a failure before any word", { { 'x' }, { 'm', "a", "hi" } }, "hi\n", 0 },
	{ "an empty message", { { 'm', "a", "" }, { 'm', "b", "x" } }, "x\n", 0 },
	{ "a message shorter than its pieces", { { 'p', "a", "hello" }, { 'm', "a", "hell" } }, "hello\n", 0 },
};

static void run(struct live *live, const struct step *step, struct buf *out)
{
	if (step->what == 'p')
		live_piece(live, step->id, slice_of(step->text), out);
	else if (step->what == 'm')
		live_message(live, step->id, slice_of(step->text), out);
	else
		live_abandon(live, out);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct live live = { 0 };
		cleanup(buf) struct buf out = BUF_INIT(0);
		for (size_t k = 0; k < ARRAY_LEN(cases[i].steps) && cases[i].steps[k].what; k++)
			run(&live, &cases[i].steps[k], &out);
		printf("# %s\n", cases[i].about);
		CHECK_TEXT(buf_text(&out), cases[i].want);
		CHECK_INT(live.abandoned, cases[i].abandoned);
	}
	return test_done();
}
