/* SPDX-License-Identifier: MIT */
/* What is kept in memory: sentences, scratch files, and what outlives the process. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/errors.h"
#include "fs/keep.h"
#include "fs/scratch.h"
#include "tests/unit/test.h"

static size_t lines_of(const struct errors *errors, int64_t session)
{
	cleanup(buf) struct buf out = BUF_INIT(0);
	errors_show(errors, session, &out);
	size_t n = 0;
	for (size_t i = 0; i < out.size; i++)
		n += out.data[i] == '\n';
	return n;
}

static void test_errors(void)
{
	struct errors *errors = errors_new();
	cleanup(buf) struct buf out = BUF_INIT(0);
	CHECK_INT(errors_last(errors, 1, &out), 0);
	errors_add(errors, 1, 10, "first");
	errors_add(errors, 2, 10, "other");
	errors_add(errors, 1, 10, "second");
	errors_add(errors, 1, 10, "second");
	CHECK_INT(lines_of(errors, 1), 2);
	CHECK(errors_last(errors, 1, &out) > 0);
	CHECK(strstr(buf_text(&out), " pid 10: second\n"));
	errors_clear(errors, 1);
	CHECK_INT(lines_of(errors, 1), 0);
	CHECK_INT(lines_of(errors, 2), 1);
	for (int i = 0; i < 3 * ERRORS_KEPT; i++)
		errors_add(errors, 3, i, "again");
	CHECK_INT(lines_of(errors, 3), ERRORS_KEPT);
	errors_free(errors);
}

static void test_documents(void)
{
	cleanup(buf) struct buf text = BUF_INIT(100);
	CHECK_INT(document_write(&text, 3, "abc", 3, 10), 0);
	CHECK_INT(memcmp(text.data, "\0\0\0abc", 7), 0);
	CHECK_INT(document_write(&text, 0, "xy", 2, 10), 0);
	CHECK_INT(text.size, 6);
	CHECK_INT(document_write(&text, 8, "abc", 3, 10), -EFBIG);
	CHECK_INT(document_write(&text, UINT64_MAX, "a", 1, 10), -EFBIG);
	CHECK_INT(document_resize(&text, 1, 10), 0);
	CHECK_TEXT(buf_text(&text), "x");
	CHECK_INT(document_resize(&text, 11, 10), -EFBIG);
}

static void test_scratch(void)
{
	struct scratch *scratch = scratch_new();
	struct scratch_file *a, *b, *c;
	CHECK_INT(scratch_make(scratch, 7, "a~", 0100600, &a), 0);
	CHECK_INT(scratch_make(scratch, 7, "a~", 0100600, &b), -EEXIST);
	CHECK_INT(scratch_make(scratch, 8, "a~", 0100600, &b), 0);
	CHECK(scratch_find(scratch, 7, "a~") == a && scratch_find(scratch, 8, "a~") == b);
	CHECK_INT(scratch_write(scratch, a, 0, "text", 4), 0);
	CHECK_INT(scratch_write(scratch, a, SCRATCH_BYTES_MAX, "x", 1), -ENOSPC);
	CHECK_INT(scratch_make(scratch, 7, "c", 0100600, &c), 0);
	CHECK_INT(scratch_rename(scratch, c, "a~"), 0); /* replaces a, which nobody has open */
	CHECK(scratch_find(scratch, 7, "a~") == c && !scratch_find(scratch, 7, "c"));
	scratch_opened(c);
	uint64_t serial = c->serial;
	scratch_remove(scratch, c);
	CHECK(!scratch_find(scratch, 7, "a~"));
	CHECK(scratch_get(scratch, serial) == c); /* as an unlinked open file */
	scratch_closed(scratch, c);
	CHECK(!scratch_get(scratch, serial));
	char name[16];
	int made = 0;
	for (int i = 0; i < 2 * SCRATCH_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		made += scratch_make(scratch, 9, name, 0100600, &c) == 0;
	}
	CHECK_INT(made, SCRATCH_FILES_MAX);
	scratch_hide(scratch, 42);
	CHECK(scratch_is_hidden(scratch, 42) && !scratch_is_hidden(scratch, 43));
	scratch_unhide(scratch, 42);
	CHECK(!scratch_is_hidden(scratch, 42));
	scratch_free(scratch);
}

static void test_keep(void)
{
	int memory = memfd_create("keep", MFD_CLOEXEC);
	struct keep *keep;
	CHECK_INT(keep_open(memory, false, &keep), -EPROTO); /* nothing was kept yet */
	CHECK_INT(keep_open(memory, true, &keep), 0);
	CHECK_INT(keep_generation(keep), 1);
	CHECK_INT(keep_init(keep).size, 0);
	CHECK_INT(keep_set_init(keep, (struct slice){ "init", 4 }), 0);
	struct kept *record = keep_take(keep, 77);
	record->start = 5;
	CHECK(keep_take(keep, 78) != record);
	keep_release(keep_find(keep, 78));
	keep_close(keep);

	CHECK_INT(keep_open(memory, false, &keep), 0); /* the successor */
	CHECK_INT(keep_generation(keep), 2);
	CHECK_INT(memcmp(keep_init(keep).at, "init", 4), 0);
	CHECK_INT(keep_find(keep, 77)->start, 5);
	CHECK(!keep_find(keep, 78));
	CHECK(keep_next(keep, NULL)->handle == 77 && !keep_next(keep, keep_next(keep, NULL)));
	int taken = 1;
	for (uint64_t i = 0; i < KEEP_RECORDS && keep_take(keep, 1000 + i); i++)
		taken++;
	CHECK_INT(taken, KEEP_RECORDS);
	keep_close(keep);
	CHECK_INT(keep_open(memory, true, &keep), 0); /* a new mount */
	CHECK_INT(keep_generation(keep), 1);
	CHECK(!keep_next(keep, NULL));
	keep_close(keep);
	close(memory);
}

int main(void)
{
	test_errors();
	test_documents();
	test_scratch();
	test_keep();
	return test_done();
}
