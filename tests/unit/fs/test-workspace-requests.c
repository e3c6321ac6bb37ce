/* SPDX-License-Identifier: MIT */
/*
 * What the kernel cannot send, or sends only after a restart: requests made by
 * hand.  Inodes and handles of an earlier life, and names that would leave the
 * directory, are answered with an error, each once, and change nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <unistd.h>

#include "base/util.h"
#include "fs/workspace.h"
#include "tests/unit/test.h"

enum { BODY_MAX = 1024 };

static struct {
	int count, error; /* answers since the last request, and what the last one said */
	char body[64 << 10];
} answer;

static struct fuse_session *session;

static ssize_t hear(int fd, struct iovec *iov, int count, void *data)
{
	const struct fuse_out_header *head = iov[0].iov_base;
	answer.count++;
	answer.error = head->error;
	size_t size = 0;
	for (int i = 0; i < count; i++) {
		if (i && size + iov[i].iov_len <= sizeof(answer.body))
			memcpy(answer.body + size - sizeof(*head), iov[i].iov_base, iov[i].iov_len);
		size += iov[i].iov_len;
	}
	return (ssize_t)size;
}

static ssize_t no_read(int fd, void *to, size_t size, void *data)
{
	return 0;
}

/* Sends a request; the errno of the answer, or -1 if there was not exactly one. */
static int ask(uint32_t opcode, uint64_t ino, const void *body, size_t size)
{
	struct {
		struct fuse_in_header head;
		char body[BODY_MAX]; /* zeros behind what was given, so that names end */
	} request = { .head = { .opcode = opcode, .unique = 2, .nodeid = ino } };
	memcpy(request.body, body, size);
	request.head.len = sizeof(request);
	struct fuse_buf buf = { .mem = &request, .size = sizeof(request), .fd = -1 };
	answer.count = 0;
	fuse_session_process_buf(session, &buf);
	return answer.count == 1 ? -answer.error : -1;
}

/* The same with a structure and up to two names behind it. */
static int ask_names(uint32_t opcode, uint64_t ino, const void *head, size_t head_size,
	const char *one, const char *two)
{
	char body[BODY_MAX] = { 0 };
	if (head_size)
		memcpy(body, head, head_size);
	memcpy(body + head_size, one, strlen(one));
	memcpy(body + head_size + strlen(one) + 1, two, strlen(two));
	return ask(opcode, ino, body, sizeof(body) - 1);
}

static void start(void)
{
	static const struct fuse_custom_io io = { .writev = hear, .read = no_read };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	fuse_opt_add_arg(&args, "test");
	session = fuse_session_new(&args, workspace_ops(), sizeof(struct fuse_lowlevel_ops), NULL);
	fuse_opt_free_args(&args);
	CHECK_INT(fuse_session_custom_io(session, &io, open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	struct fuse_init_in init = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION };
	CHECK_INT(ask(FUSE_INIT, 0, &init, sizeof(init)), 0);
}

static const uint32_t BY_INODE[] = { FUSE_GETATTR, FUSE_SETATTR, FUSE_READLINK, FUSE_OPEN,
	FUSE_OPENDIR, FUSE_STATFS, FUSE_ACCESS };
static const uint32_t BY_HANDLE[] = { FUSE_READ, FUSE_WRITE, FUSE_READDIR, FUSE_READDIRPLUS,
	FUSE_FSYNC, FUSE_FSYNCDIR, FUSE_FALLOCATE, FUSE_LSEEK, FUSE_COPY_FILE_RANGE };
static const uint64_t NUMBERS[] = { 0, 1, UINT64_C(1) << 63, UINT64_MAX,
	UINT64_C(0x8000000000001000) };

static void test_unknown(uint64_t top)
{
	char body[BODY_MAX];
	for (size_t n = 0; n < ARRAY_LEN(NUMBERS); n++) {
		memset(body, 0, sizeof(body));
		for (size_t i = 0; i < ARRAY_LEN(BY_INODE); i++)
			CHECK_INT(ask(BY_INODE[i], NUMBERS[n], body, 200), ESTALE);
		CHECK_INT(ask_names(FUSE_LOOKUP, NUMBERS[n], NULL, 0, "x", ""), ESTALE);
		CHECK_INT(ask_names(FUSE_UNLINK, NUMBERS[n], NULL, 0, "x", ""), ESTALE);
		struct fuse_copy_file_range_in copy = {
			.fh_in = NUMBERS[n], .nodeid_out = top, .fh_out = NUMBERS[n]
		};
		memcpy(body, &copy, sizeof(copy)); /* a handle comes first in all of these */
		for (size_t i = 0; i < ARRAY_LEN(BY_HANDLE); i++)
			CHECK_INT(ask(BY_HANDLE[i], top, body, 200), ESTALE);
		CHECK_INT(ask(FUSE_RELEASE, top, body, 200), 0);
		CHECK_INT(ask(FUSE_FORGET, NUMBERS[n], body, 200), -1); /* has no answer */
	}
}

static void test_names(uint64_t top)
{
	static const char *const bad[] = { "", ".", "..", "../outside", "a/b", "/etc" };
	struct fuse_mkdir_in mkdir_in = { .mode = 0700 };
	struct fuse_mknod_in mknod_in = { .mode = S_IFREG | 0600 };
	struct fuse_create_in create_in = { .flags = O_WRONLY, .mode = 0600 };
	struct fuse_rename2_in rename_in = { .newdir = top };
	struct fuse_link_in link_in = { .oldnodeid = top };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_INT(ask_names(FUSE_LOOKUP, top, NULL, 0, bad[i], ""), EINVAL);
		CHECK_INT(ask_names(FUSE_UNLINK, top, NULL, 0, bad[i], ""), EINVAL);
		CHECK_INT(ask_names(FUSE_RMDIR, top, NULL, 0, bad[i], ""), EINVAL);
		CHECK_INT(ask_names(FUSE_SYMLINK, top, NULL, 0, bad[i], "text"), EINVAL);
		CHECK_INT(ask_names(FUSE_MKDIR, top, &mkdir_in, sizeof(mkdir_in), bad[i], ""),
			EINVAL);
		CHECK_INT(ask_names(FUSE_MKNOD, top, &mknod_in, sizeof(mknod_in), bad[i], ""),
			EINVAL);
		CHECK_INT(ask_names(FUSE_CREATE, top, &create_in, sizeof(create_in), bad[i], ""),
			EINVAL);
		CHECK_INT(ask_names(FUSE_LINK, top, &link_in, sizeof(link_in), bad[i], ""), EINVAL);
		CHECK_INT(ask_names(FUSE_RENAME2, top, &rename_in, sizeof(rename_in), bad[i], "x"),
			EINVAL);
		CHECK_INT(ask_names(FUSE_RENAME2, top, &rename_in, sizeof(rename_in), "x", bad[i]),
			EINVAL);
	}
	mknod_in.mode = S_IFCHR | 0600;
	CHECK_INT(ask_names(FUSE_MKNOD, top, &mknod_in, sizeof(mknod_in), "device", ""), EPERM);
	rename_in.newdir = 1;
	CHECK_INT(ask_names(FUSE_RENAME2, top, &rename_in, sizeof(rename_in), "x", "x"), EXDEV);
	link_in.oldnodeid = 1;
	CHECK_INT(ask_names(FUSE_LINK, top, &link_in, sizeof(link_in), "x", ""), EXDEV);
}

/* The top moved into a directory below it, by the kernel's word: the table must not become a
 * circle. */
static void test_circle(uint64_t top)
{
	struct fuse_mkdir_in mkdir_in = { .mode = 0700 };
	CHECK_INT(ask_names(FUSE_MKDIR, top, &mkdir_in, sizeof(mkdir_in), "a", ""), 0);
	uint64_t a = ((struct fuse_entry_out *)answer.body)->nodeid;
	CHECK_INT(ask_names(FUSE_MKDIR, a, &mkdir_in, sizeof(mkdir_in), "b", ""), 0);
	uint64_t b = ((struct fuse_entry_out *)answer.body)->nodeid;
	struct fuse_rename2_in in = { .newdir = b };
	CHECK_INT(ask_names(FUSE_RENAME2, top, &in, sizeof(in), "a", "c"), EINVAL);
	in.flags = RENAME_EXCHANGE;
	in.newdir = top;
	CHECK_INT(ask_names(FUSE_RENAME2, b, &in, sizeof(in), "c", "a"), EINVAL);
	CHECK_INT(ask_names(FUSE_RMDIR, a, NULL, 0, "b", ""), 0);
	CHECK_INT(ask_names(FUSE_RMDIR, top, NULL, 0, "a", ""), 0);
	char body[BODY_MAX] = { 0 };
	CHECK_INT(ask(FUSE_GETATTR, b, body, 100), ESTALE);
}

static int count_names(const char *path)
{
	DIR *dir = opendir(path);
	int count = -2; /* "." and ".." */
	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count;
}

int main(void)
{
	char base[] = "/tmp/workspace-requests-XXXXXX";
	CHECK(mkdtemp(base) != NULL);
	cleanup(free) char *path = xprintf("%s/w", base);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(workspace_setup(getuid(), getgid()), 0);
	struct fuse_entry_param top;
	CHECK_INT(workspace_root(7, path, &top), 0);
	CHECK(workspace_owns(top.ino) && !workspace_owns(1));
	CHECK_INT(top.attr.st_ino, workspace_root_number(7, WORKSPACE_MAIN, 0));
	start();

	test_unknown(top.ino);
	test_names(top.ino);
	test_circle(top.ino);
	CHECK_INT(count_names(base), 1);
	CHECK_INT(count_names(path), 0);

	workspace_forget_session(7);
	CHECK_INT(ask_names(FUSE_LOOKUP, top.ino, NULL, 0, "x", ""), ESTALE);
	struct fuse_entry_param again;
	CHECK_INT(workspace_root(7, path, &again), 0);
	CHECK(again.ino != top.ino);
	workspace_forget(top.ino, 1);
	CHECK_INT(rmdir(path), 0);
	CHECK_INT(workspace_root(7, path, &again), -ENOENT);
	fuse_session_destroy(session);
	workspace_done();
	CHECK_INT(rmdir(base), 0);
	return test_done();
}
