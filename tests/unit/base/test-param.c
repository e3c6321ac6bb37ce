/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/param_json.h"
#include "tests/unit/test.h"

struct args {
	struct slice path;
	int64_t timeout;
	bool all;
	struct param_range range;
};

static const struct param params[] = {
	{ "path", PARAM_TEXT, offsetof(struct args, path), .required = true, .help = "A path." },
	{ "timeout", PARAM_INT, offsetof(struct args, timeout), .fallback = 5, .min = 0, .max = 10 },
	{ "all", PARAM_BOOL, offsetof(struct args, all) },
	{ "range", PARAM_RANGE, offsetof(struct args, range) },
	{ 0 },
};

static const struct {
	const char *input, *why; /* why NULL: accepted */
} cases[] = {
	{ "{\"path\":\"x\"}", NULL },
	{ "{\"path\":\"x\",\"timeout\":10,\"all\":true,\"range\":[1,-1],\"other\":1}", NULL },
	{ "{\"path\":\"x\",\"timeout\":null,\"range\":[]}", NULL },
	{ "[]", "the input must be an object" },
	{ "{}", "path is required" },
	{ "{\"path\":1}", "path must be a string" },
	{ "{\"path\":\"x\",\"timeout\":11}", "timeout must be between 0 and 10" },
	{ "{\"path\":\"x\",\"timeout\":1.5}", "timeout must be a whole number" },
	{ "{\"path\":\"x\",\"all\":1}", "all must be true or false" },
	{ "{\"path\":\"x\",\"range\":[1]}", "range must be [first, last]" },
};

int main(void)
{
	json_setup();
	struct buf packed = BUF_INIT(1000), why = BUF_INIT(1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *input = json_parse(cases[i].input, strlen(cases[i].input), NULL);
		buf_clear(&packed);
		int r = param_pack(params, input, &packed, &why);
		CHECK_INT(r, cases[i].why ? -EINVAL : 0);
		if (cases[i].why)
			CHECK_TEXT(buf_text(&why), cases[i].why);
		cJSON_Delete(input);
	}
	struct args args;
	cJSON *input = json_parse(cases[1].input, strlen(cases[1].input), NULL);
	buf_clear(&packed);
	CHECK_INT(param_pack(params, input, &packed, &why), 0);
	cJSON_Delete(input);
	CHECK_INT(param_unpack(params, buf_slice(&packed), &args, &why), 0);
	CHECK(slice_is(args.path, "x"));
	CHECK_INT(args.timeout, 10);
	CHECK(args.all && args.range.given);
	CHECK_INT(args.range.first, 1);
	CHECK_INT(args.range.last, -1);
	buf_clear(&packed);
	fields_add_text(&packed, "path", "y");
	CHECK_INT(param_unpack(params, buf_slice(&packed), &args, &why), 0);
	CHECK_INT(args.timeout, 5);
	CHECK(!args.all && !args.range.given);
	fields_add_text(&packed, "timeout", "5x");
	CHECK_INT(param_unpack(params, buf_slice(&packed), &args, &why), -EINVAL);

	cJSON *schema = param_schema(params);
	char *text = json_to_text(schema);
	CHECK_TEXT(text, "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\","
		"\"description\":\"A path.\"},\"timeout\":{\"type\":\"integer\"},\"all\":{\"type\":"
		"\"boolean\"},\"range\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
		"\"required\":[\"path\"]}");
	free(text);
	cJSON_Delete(schema);
	buf_done(&packed);
	buf_done(&why);
	return test_done();
}
