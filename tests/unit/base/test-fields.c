/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/fields.h"
#include "tests/unit/test.h"

static void test_round_trip(void)
{
	struct buf b = BUF_INIT(1 << 16);
	fields_add_text(&b, "do", "execute");
	fields_add(&b, "input", "a\0b", 3);
	fields_add_int(&b, "timeout_ms", -120000);
	fields_add_text(&b, "absent", NULL);
	struct slice list = buf_slice(&b);
	CHECK(slice_is(fields_find(list, "do"), "execute"));
	CHECK_INT(fields_find(list, "input").size, 3);
	CHECK_INT(fields_find_int(list, "timeout_ms", 0), -120000);
	CHECK_INT(fields_find_int(list, "do", 7), 7);
	CHECK(!fields_find(list, "absent").at);
	struct fields f = fields_read(list);
	struct slice name, value;
	int n = 0;
	while (fields_next(&f, &name, &value))
		n++;
	CHECK_INT(n, 3);
	CHECK(!f.malformed);
	buf_done(&b);
}

/* Every shorter prefix of a list is either a shorter list or malformed, and never read past. */
static void test_malformed(void)
{
	struct buf b = BUF_INIT(1 << 16);
	fields_add_text(&b, "a", "one");
	fields_add_text(&b, "bb", "two");
	int wrong = 0;
	for (size_t cut = 1; cut < b.size; cut++) {
		char *copy = xmalloc(cut);
		memcpy(copy, b.data, cut);
		struct fields f = fields_read((struct slice){ copy, cut });
		struct slice name, value;
		size_t used = 0;
		while (fields_next(&f, &name, &value))
			used = (size_t)(value.at + value.size + 1 - copy);
		if (f.malformed == (used == cut))
			wrong++;
		free(copy);
	}
	CHECK_INT(wrong, 0);
	buf_done(&b);
}

static void test_frames(void)
{
	struct buf in = BUF_INIT(1 << 16);
	struct slice list;
	CHECK_INT(frame_peek(&in, 100, &list), 0);
	CHECK_INT(frame_add(&in, slice_of("abc")), 0);
	CHECK_INT(frame_add(&in, slice_of("")), 0);
	CHECK_INT(frame_peek(&in, 100, &list), 1);
	CHECK_INT(list.size, 3);
	CHECK_INT(frame_peek(&in, 2, &list), -EPROTO);
	CHECK_INT(frame_peek(&in, 3, &list), 1);
	frame_drop(&in, list);
	CHECK_INT(frame_peek(&in, 100, &list), 1);
	CHECK_INT(list.size, 0);
	frame_drop(&in, list);
	CHECK_INT(in.size, 0);
	buf_done(&in);
}

int main(void)
{
	test_round_trip();
	test_malformed();
	test_frames();
	return test_done();
}
