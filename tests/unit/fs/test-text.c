/* SPDX-License-Identifier: MIT */
/* Values as texts and back, and what links mean. */
#include <errno.h>
#include <string.h>

#include "fs/link.h"
#include "fs/text.h"
#include "tests/unit/test.h"

static void test_round_trips(void)
{
	static const struct {
		const char *value, *shown;
	} texts[] = {
		{ "", "" },
		{ "one line", "one line\n" },
		{ "ends in a newline\n", "ends in a newline\n\n" },
		{ "\n", "\n\n" },
		{ "zwei Z\xc3\xbcge\nlang", "zwei Z\xc3\xbcge\nlang\n" },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup(buf) struct buf out = BUF_INIT(0);
		cleanup(json) cJSON *value = cJSON_CreateString(texts[i].value), *back = NULL;
		CHECK(text_show(value, &out) >= 0);
		CHECK_TEXT(buf_text(&out), texts[i].shown);
		CHECK_INT(text_parse(buf_slice(&out), &back, NULL), 0);
		CHECK_TEXT(cJSON_IsNull(back) ? "" : back->valuestring, texts[i].value);
	}
}

static void test_refusals(void)
{
	cJSON *value = NULL;
	cleanup(buf) struct buf why = BUF_INIT(0);
	CHECK_INT(text_parse((struct slice){ "\xff", 1 }, &value, &why), -EILSEQ);
	CHECK(why.size > 0);
	CHECK_INT(text_parse((struct slice){ "a\0b", 3 }, &value, NULL), -EILSEQ);
	CHECK_INT(text_parse_json(slice_of("{"), &value, NULL), -EINVAL);
	CHECK_INT(text_parse_json(slice_of(""), &value, NULL), -EINVAL);
	CHECK(!value);
}

static void test_links(void)
{
	static const struct {
		const char *target, *folder, *name; /* NULL: refused */
		int64_t version;
	} links[] = {
		{ "../../agents/coder", "agents", "coder", 0 },
		{ "../../agents/coder/versions/3", "agents", "coder", 3 },
		{ "agents/coder", "agents", "coder", 0 },
		{ "/mnt/agents/coder", "agents", "coder", 0 },
		{ "../../coder", NULL, "coder", 0 },
		{ "../../coder/versions/12", NULL, "coder", 12 },
		{ "coder", NULL, "coder", 0 },
		{ "coder", "agents", NULL, 0 },
		{ "../../environments/coder", "agents", NULL, 0 },
		{ "../../agents/coder/versions/0", "agents", NULL, 0 },
		{ "../../agents/coder/versions/3x", "agents", NULL, 0 },
		{ "../../agents/coder/versions/", "agents", NULL, 0 },
		{ "../../agents/", "agents", NULL, 0 },
		{ "", NULL, NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		struct link link = { 0 };
		CHECK_INT(link_parse(links[i].target, links[i].folder, &link), !!links[i].name);
		CHECK_TEXT(link.name, links[i].name ? links[i].name : "");
		CHECK_INT(link.version, links[i].version);
	}
}

int main(void)
{
	json_setup();
	test_round_trips();
	test_refusals();
	test_links();
	return test_done();
}
