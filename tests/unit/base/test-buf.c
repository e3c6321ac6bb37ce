/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/unit/test.h"

int main(void)
{
	struct buf b = BUF_INIT(8);
	CHECK_TEXT(buf_text(&b), "");
	CHECK_INT(buf_add_text(&b, "12345678"), 0);
	CHECK_INT(buf_add_char(&b, '9'), -EFBIG);
	CHECK(b.overflow);
	CHECK_TEXT(buf_text(&b), "12345678");
	buf_consume(&b, 3);
	CHECK_TEXT(buf_text(&b), "45678");
	CHECK_INT(buf_printf(&b, "%d", 123456), -EFBIG);
	CHECK_INT(buf_printf(&b, "%d", 9), 0);
	CHECK_TEXT(buf_text(&b), "456789");
	buf_consume(&b, 100);
	CHECK_INT(b.size, 0);
	char *taken = buf_take(&b);
	CHECK_TEXT(taken, "");
	free(taken);

	int ends[2];
	CHECK_INT(pipe(ends), 0);
	CHECK_INT(write(ends[1], "hello", 5), 5);
	close(ends[1]);
	struct buf file = BUF_INIT(100);
	CHECK_INT(buf_read_all(&file, ends[0], 5), 5);
	CHECK_TEXT(buf_text(&file), "hello");
	close(ends[0]);
	buf_done(&file);

	CHECK_INT(pipe(ends), 0);
	CHECK_INT(write(ends[1], "12345678", 8), 8);
	close(ends[1]);
	buf_clear(&b);
	CHECK_INT(buf_read_all(&b, ends[0], 100), 8); /* exactly what fits */
	CHECK_TEXT(buf_text(&b), "12345678");
	CHECK_INT(buf_read_all(&b, ends[0], 100), 0);
	buf_clear(&b);
	close(ends[0]);

	int null = open("/dev/zero", O_RDONLY);
	buf_init(&file, 10000);
	CHECK_INT(buf_read_all(&file, null, 5000), -EFBIG);
	CHECK_INT(file.size, 0);
	close(null);
	buf_done(&file);

	CHECK_INT(fail(&b, ENOENT, "no %s", "x"), -ENOENT);
	CHECK_TEXT(buf_text(&b), "no x");
	CHECK_INT(fail(NULL, EIO, "lost"), -EIO);
	CHECK_INT(fail(&b, EIO, "%s", "1234567\xc3\xa9 and more"), -EIO); /* b takes 8 bytes */
	CHECK_TEXT(buf_text(&b), "1234567");
	buf_done(&b);
	return test_done();
}
