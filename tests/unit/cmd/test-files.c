/* SPDX-License-Identifier: MIT */
/* What touches files and processes: key, journal, record, mount point, bounded work, sealed
 * programs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/bounded.h"
#include "cmd/journal.h"
#include "cmd/key.h"
#include "cmd/mountpoint.h"
#include "cmd/programs.h"
#include "cmd/record.h"
#include "cmd/rendezvous.h"
#include "tests/unit/test.h"

static struct buf why = { .max = 8192 };
static char dir[] = "/tmp/test-cmd.XXXXXX";

static char *in_dir(const char *name)
{
	return xprintf("%s/%s", dir, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	cleanup(free) char *path = in_dir(name);
	CHECK_INT(io_write_file(AT_FDCWD, path, text, strlen(text), 0600), 0);
	CHECK_INT(chmod(path, mode), 0);
}

static void drop(const char *name)
{
	cleanup(free) char *path = in_dir(name);
	CHECK_INT(unlink(path), 0);
}

/* --- key --- */

static const char *load(const struct settings *s, int want)
{
	static char text[256];
	int fd = -1;
	CHECK_INT(key_load(s, &fd, &why), want);
	text[0] = '\0';
	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		CHECK(write(fd, "x", 1) < 0); /* sealed */
		close(fd);
	}
	CHECK(!getenv("ANTHROPIC_API_KEY") && !getenv("ANTHROPIC_AUTH_TOKEN"));
	return text;
}

static void test_key_variables(void)
{
	struct settings s = { 0 };
	(void)load(&s, -ENOENT);
	CHECK(strstr(buf_text(&why), "ANTHROPIC_API_KEY") && strstr(buf_text(&why), "--offline"));
	(void)setenv("ANTHROPIC_AUTH_TOKEN", "tok", 1);
	CHECK_TEXT(key_source(&s), "ANTHROPIC_AUTH_TOKEN");
	CHECK_TEXT(load(&s, 0), "auth_token\ntok\n");
	(void)setenv("ANTHROPIC_AUTH_TOKEN", "tok", 1);
	(void)setenv("ANTHROPIC_API_KEY", "sk-1", 1);
	CHECK_TEXT(load(&s, 0), "api_key\nsk-1\n");
	(void)setenv("ANTHROPIC_API_KEY", "sk-1\r\nX-Other: 1", 1);
	(void)load(&s, -EINVAL);
	CHECK(!strstr(buf_text(&why), "sk-1")); /* not even a broken key is shown */
	s.offline = true;
	(void)setenv("ANTHROPIC_API_KEY", "sk-1", 1);
	CHECK_TEXT(load(&s, 0), "");
}

/* The bytes themselves go, not only the name: /proc/PID/environ shows the memory. */
static void test_key_is_wiped(void)
{
	struct settings s = { 0 };
	(void)setenv("ANTHROPIC_API_KEY", "sk-secret", 1);
	const char *place = getenv("ANTHROPIC_API_KEY");
	CHECK_TEXT(load(&s, 0), "api_key\nsk-secret\n");
	CHECK_TEXT(place, "");
}

static void test_key_file(void)
{
	cleanup(free) char *path = in_dir("key");
	struct settings s = { .key_file = path, .key_file_source = SOURCE_FILE };
	put("key", "sk-file\n", 0600);
	CHECK_TEXT(load(&s, 0), "api_key\nsk-file\n");
	(void)setenv("ANTHROPIC_API_KEY", "sk-env", 1);
	CHECK_TEXT(load(&s, 0), "api_key\nsk-env\n"); /* the config file is the weaker wish */
	(void)setenv("ANTHROPIC_API_KEY", "sk-env", 1);
	s.key_file_source = SOURCE_COMMAND_LINE;
	CHECK_TEXT(load(&s, 0), "api_key\nsk-file\n");
	put("key", "Bearer tok\n", 0400);
	CHECK_TEXT(load(&s, 0), "auth_token\ntok\n");
	put("key", "", 0600);
	(void)load(&s, -EINVAL);
	put("key", "two words", 0600);
	(void)load(&s, -EINVAL);
	put("key", "sk-file", 0640);
	(void)load(&s, -EPERM);
	CHECK(strstr(buf_text(&why), "chmod 600"));
	put("key", "sk-file", 0604);
	(void)load(&s, -EPERM);
	drop("key");
	(void)load(&s, -ENOENT);
	s.key_file = dir;
	(void)load(&s, -EINVAL);
}

/* --- journal --- */

static size_t size_of(const char *name)
{
	cleanup(free) char *path = in_dir(name);
	struct stat st;
	return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void test_journal(void)
{
	cleanup(free) char *path = in_dir("log");
	cleanup(buf) struct buf text = BUF_INIT(1 << 20);
	struct journal j;
	cleanup(fd) int terminal = dup(STDERR_FILENO);
	CHECK_INT(journal_open(path, LOG_LEVEL_INFO, -1, &j), 0);
	CHECK_INT(io_write_all(STDERR_FILENO, "an assertion\n", 13), 0);
	CHECK_INT(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
	journal_add(&j, "fs", slice_of("one\x1b[2Jtwo\ttab"));
	journal_note(&j, LOG_LEVEL_DEBUG, "supervisor", "not shown");
	journal_note(&j, LOG_LEVEL_ERROR, "supervisor", "shown %d", 5);
	CHECK_INT(io_read_file(AT_FDCWD, path, 4096, &text), 0);
	CHECK(strstr(buf_text(&text), "Z fs: one?[2Jtwo\ttab\n"));
	CHECK(strstr(buf_text(&text), "Z supervisor: shown 5\n"));
	CHECK(!strstr(buf_text(&text), "not shown"));
	CHECK(strstr(buf_text(&text), "an assertion\n"));
	struct stat st;
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	journal_done(&j);
	journal_done(&j);
}

/* However much is said, two files of at most a MiB stay. */
static void test_journal_is_bounded(void)
{
	cleanup(free) char *path = in_dir("log"), *line = xmalloc(JOURNAL_LINE_MAX + 100);
	struct journal j;
	memset(line, 'x', JOURNAL_LINE_MAX + 100);
	cleanup(fd) int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK_INT(journal_open(path, LOG_LEVEL_INFO, nowhere, &j), 0);
	for (int i = 0; i < 700; i++)
		journal_add(&j, "fs", (struct slice){ line, JOURNAL_LINE_MAX + 100 });
	journal_done(&j);
	CHECK(size_of("log") > 0 && size_of("log") <= JOURNAL_BYTES_MAX);
	CHECK(size_of("log.1") > JOURNAL_BYTES_MAX / 2 && size_of("log.1") <= JOURNAL_BYTES_MAX);
	drop("log");
	drop("log.1");
}

/* --- record --- */

static void test_record(void)
{
	struct record r = { 0 };
	CHECK_INT(record_read(dir, &r), -ENOENT);
	CHECK_INT(record_write(dir, "/some where"), 0);
	CHECK_INT(record_read(dir, &r), 0);
	CHECK_INT(r.pid, getpid());
	CHECK_TEXT(r.mountpoint, "/some where");
	int fd = record_open_process(&r);
	CHECK(fd >= 0);
	close(fd);
	r.start++; /* another process with our number */
	CHECK_INT(record_open_process(&r), -ESRCH);
	record_done(&r);
	put("run", "supervisor_pid 1\nsupervisor_start 5\nmountpoint /x\n", 0600);
	CHECK_INT(record_read(dir, &r), -EPROTO);
	put("run", "garbage", 0600);
	CHECK_INT(record_read(dir, &r), -EPROTO);
	record_remove(dir);
	CHECK_INT(record_read(dir, &r), -ENOENT);
}

static void test_dead_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	siginfo_t info;
	/* a zombie keeps its number */
	CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	struct record r = { .pid = pid, .start = process_start_time(pid) };
	CHECK(r.start > 0);
	CHECK_INT(record_open_process(&r), -ESRCH);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	CHECK(record_open_process(&r) < 0);
}

static void test_lock(void)
{
	int first = -1, second = -1;
	CHECK_INT(record_lock(dir, &first, &why), 0);
	CHECK_INT(record_write(dir, "/m"), 0);
	CHECK_INT(record_lock(dir, &second, &why), -EBUSY);
	CHECK(strstr(buf_text(&why), "/m") && strstr(buf_text(&why), "umount"));
	record_remove(dir);
	close(first);
	CHECK_INT(record_lock(dir, &second, &why), 0);
	close(second);
	drop("lock");
}

/* --- mount point --- */

static void test_resolve(void)
{
	cleanup(free) char *target = in_dir("target"), *link = in_dir("link"), *got = NULL;
	CHECK_INT(mkdir(target, 0700), 0);
	CHECK_INT(symlink("target", link), 0);
	CHECK_INT(mountpoint_resolve(link, &got, &why), 0);
	CHECK_TEXT(got, target);
	free(steal(got));
	cleanup(free) char *slashes = xprintf("%s/./target///", dir);
	CHECK_INT(mountpoint_resolve(slashes, &got, &why), 0);
	CHECK_TEXT(got, target);
	free(steal(got));
	cleanup(free) char *dots = xprintf("%s/target/..", dir);
	CHECK_INT(mountpoint_resolve(dots, &got, &why), 0);
	CHECK_TEXT(got, dir);
	free(steal(got));
	cleanup(free) char *missing = in_dir("missing");
	CHECK_INT(mountpoint_resolve(missing, &got, &why), 0);
	CHECK_TEXT(got, missing);
	free(steal(got));
	cleanup(free) char *orphan = in_dir("no/where");
	CHECK_INT(mountpoint_resolve(orphan, &got, &why), -ENOENT);
	CHECK_INT(mountpoint_resolve("", &got, &why), -EINVAL);
	CHECK_INT(mountpoint_resolve("/tmp/a\nb", &got, &why), -EINVAL);
	CHECK_INT(unlink(link), 0);
	CHECK_INT(rmdir(target), 0);
}

static void test_prepare(void)
{
	cleanup(free) char *place = in_dir("place"), *file = in_dir("place/file"),
			   *store = in_dir("store"), *inner = in_dir("place/store");
	CHECK_INT(mountpoint_prepare(place, store, &why), 0);
	struct stat st;
	CHECK_INT(stat(place, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0700);
	CHECK_INT(mountpoint_prepare(place, store, &why), 0);
	CHECK_INT(mountpoint_prepare(place, place, &why), -EINVAL);
	CHECK_INT(mountpoint_prepare(place, inner, &why), -EINVAL);
	CHECK_INT(mountpoint_prepare(inner, place, &why), -EINVAL);
	put("place/file", "", 0600);
	CHECK_INT(mountpoint_prepare(place, store, &why), -ENOTEMPTY);
	CHECK_INT(mountpoint_prepare(file, store, &why), -ENOTDIR);
	CHECK_INT(mountpoint_detach(place, &why), 0); /* nothing of ours is there */
	drop("place/file");
	CHECK_INT(rmdir(place), 0);
	/* A sibling whose name begins alike does not overlap. */
	cleanup(free) char *alike = in_dir("store2");
	CHECK_INT(mountpoint_prepare(alike, store, &why), 0);
	CHECK_INT(rmdir(alike), 0);
}

/* --- bounded work --- */

static int say_and_fail(void *data, int out)
{
	return io_write_all(out, "hello", 5) < 0 ? -EIO : -ENOTCONN;
}

static int hang(void *data, int out)
{
	while (pause() < 0)
		;
	return 0;
}

static int count_descriptors(void *data, int out)
{
	for (int fd = 4; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return -EBADF;
	return 0;
}

static void test_bounded(void)
{
	cleanup(buf) struct buf out = BUF_INIT(64);
	CHECK_INT(bounded_run(say_and_fail, NULL, 10000, 4, &out), -ENOTCONN);
	CHECK_TEXT(buf_text(&out), "hell");
	CHECK_INT(bounded_run(say_and_fail, NULL, 10000, 0, NULL), -ENOTCONN);
	CHECK_INT(bounded_run(hang, NULL, 30, 0, NULL), -ETIMEDOUT);
	CHECK_INT(bounded_run(count_descriptors, NULL, 10000, 0, NULL), 0);
	CHECK_INT(mountpoint_answers("/", 10000), 0);
	CHECK_INT(mountpoint_answers("/no/such/place", 10000), -ENOENT);
	while (waitpid(-1, NULL, 0) > 0)
		; /* the one that hung was killed; nothing else is left */
}

/* --- programs --- */

static void test_seal(void)
{
	int fd = -1;
	struct stat file, copy;
	CHECK_INT(programs_seal("/proc/self/exe", &fd, &why), 0);
	CHECK_INT(stat("/proc/self/exe", &file), 0);
	CHECK_INT(fstat(fd, &copy), 0);
	CHECK_INT(copy.st_size, file.st_size);
	CHECK_INT(fcntl(fd, F_GET_SEALS),
		F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	CHECK(ftruncate(fd, 0) < 0);
	close(fd);
	char *path = NULL;
	CHECK_INT(programs_find("no-such-program", "fs", &path, &why), -ENOENT);
}

static void test_rendezvous(void)
{
	char *path = NULL;
	int fd = -1;
	CHECK_INT(rendezvous_make(dir, &path, &fd, &why), 0);
	CHECK(strncmp(path, dir, strlen(dir)) == 0 && access(path, F_OK) == 0);
	close(fd);
	rendezvous_remove(path, dir);
	CHECK(access(path, F_OK) < 0);
	free(steal(path));
	char deep[160] = "/tmp/";
	memset(deep + 5, 'd', sizeof(deep) - 6);
	CHECK_INT(rendezvous_make(deep, &path, &fd, &why), 0); /* too long for a socket's name */
	CHECK(strlen(path) < 108 && access(path, F_OK) == 0);
	close(fd);
	rendezvous_remove(path, deep);
	*strrchr(path, '/') = '\0';
	CHECK(access(path, F_OK) < 0);
	free(path);
}

int main(void)
{
	CHECK(mkdtemp(dir));
	test_key_variables();
	test_key_is_wiped();
	test_key_file();
	test_journal();
	test_journal_is_bounded();
	test_record();
	test_dead_process();
	test_lock();
	test_resolve();
	test_prepare();
	test_bounded();
	test_seal();
	test_rendezvous();
	CHECK_INT(rmdir(dir), 0);
	buf_done(&why);
	return test_done();
}
