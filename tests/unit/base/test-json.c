/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "tests/unit/test.h"

static const struct {
	const char *text;
	bool good;
} parse_cases[] = {
	{ "{}", true },
	{ " [1,2] \n", true },
	{ "{} x", false },
	{ "", false },
	{ "{\"a\":\"\\u0000\"}", false },
	{ "{\"a\":\"\\\\u0000\"}", true },
	{ "\"\\ud83d\\ude00\"", true },
	{ "\"\\uD83D\\uDE00\"", true },
	{ "\"\\u\x10\x10\x10\x10\"", false },
	{ "\"\\uzzzz\"", false },
	{ "\"\\u12\"", false },
	{ "\"\\ud83d\"", false },
	{ "\"\\ude00\"", false },
	{ "\"\xff\"", false },
	{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	  "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", false },
	{ "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", true },
};

static const struct {
	const char *text, *want;
} repair_cases[] = {
	{ "{\"a\":\"x\\u0000y\"}", "{\"a\":\"x\\ufffdy\"}" },
	{ "\"\\\\u0000\"", "\"\\\\u0000\"" },
	{ "\"\\ud800\\u0041\"", "\"\\ufffd\\u0041\"" },
	{ "\"\\u12\"", "\"\\u12\"" },
	{ "\"\\uzzzz \\u0000\\", "\"\\uzzzz \\ufffd\\" },
	{ "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
};

int main(void)
{
	json_setup();
	struct buf why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(parse_cases); i++) {
		const char *text = parse_cases[i].text;
		cJSON *json = json_parse(text, strlen(text), &why);
		CHECK((json != NULL) == parse_cases[i].good);
		if ((json != NULL) != parse_cases[i].good)
			printf("#   %s\n", text);
		cJSON_Delete(json);
	}
	for (size_t i = 0; i < ARRAY_LEN(repair_cases); i++) {
		struct buf text = BUF_INIT(1000);
		buf_add_text(&text, repair_cases[i].text);
		json_repair(&text);
		CHECK_TEXT(buf_text(&text), repair_cases[i].want);
		buf_done(&text);
	}
	struct buf out = BUF_INIT(1000);
	json_quote(&out, "a\"\\\n\x01\xc3\xa9", 7);
	CHECK_TEXT(buf_text(&out), "\"a\\\"\\\\\\n\\u0001\xc3\xa9\"");

	static const char nested[] = "{\"a\":{\"b\":\"c\"},\"n\":3,\"A\":1}";
	cJSON *json = json_parse(nested, strlen(nested), &why);
	CHECK_TEXT(cJSON_GetStringValue(json_path(json, "a.b")), "c");
	CHECK(!json_path(json, "a.x.y"));
	CHECK_INT(json_depth(json), 2);
	CHECK_INT(json_depth(json_get(json, "n")), 0);
	CHECK_INT(json_int(json, "n", 0), 3);
	CHECK_INT(json_int(json, "a", 9), 9);
	cJSON_Delete(json);
	buf_done(&out);
	buf_done(&why);
	return test_done();
}
