/* SPDX-License-Identifier: MIT */
/*
 * The real spawner, real sandboxes and the real front door; in the sandboxes runs
 * parrot.c.  The harness's end and the spawner's end of their socket are kept here, as
 * the supervisor keeps them, so that either side can be restarted.
 *
 *	test-spawner PATH-OF-SPAWNER PATH-OF-PARROT [as-user]
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fields.h"
#include "base/io.h"
#include "sandbox/enter.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "tests/unit/test.h"

enum { ROUNDS_MAX = 500, ROUND_MS = 20, NOBODY = 65534 };

static const char *spawner_path;
static int hands;
static int socket_ends[2], control_ends[2]; /* [0]: ours, [1]: the spawner's */
static pid_t spawner;
static char top[64], workspace[128];
static struct loop *loop;
static struct sandboxes *all;
static struct buf seen = { .max = 1 << 16 };
static char instance[64]; /* of the last on_ready */

static void on_ready(void *data, const char *session, const char *ready_instance, bool fresh)
{
	(void)buf_printf(&seen, "ready %s %d\n", session, fresh);
	(void)snprintf(instance, sizeof(instance), "%s", ready_instance);
}

static void on_result(void *data, const char *session, const struct sandbox_result *result)
{
	(void)buf_printf(&seen, "result %s %s %s\n", session, result->call, result->text.at);
}

static void on_dead(void *data, const char *session, const char *why)
{
	(void)buf_printf(&seen, "dead %s: %s\n", session, why);
}

static const struct sandbox_handler handler = { .on_ready = on_ready, .on_result = on_result,
	.on_dead = on_dead };

/* Waits for the handler to be told something, and compares it. */
static void expect(const char *want)
{
	for (int i = 0; i < ROUNDS_MAX && seen.size == 0; i++)
		(void)loop_round(loop, ROUND_MS);
	CHECK_TEXT(buf_text(&seen), want);
	buf_clear(&seen);
}

static void start_spawner(void)
{
	spawner = fork();
	if (spawner != 0)
		return;
	cleanup(free) char *socket_word = xprintf("socket=%d", dup(socket_ends[1]));
	cleanup(free) char *control_word = xprintf("control=%d", dup(control_ends[1]));
	cleanup(free) char *hands_word = xprintf("hands=%d", dup(hands));
	execl(spawner_path, "agentdirs-spawner", socket_word, control_word, hands_word,
		(char *)NULL);
	_exit(127);
}

/* The spawner's word that it serves. */
static void await_spawner(void)
{
	cleanup(buf) struct buf packet = BUF_INIT(1 << 15);
	struct pollfd p = { .fd = control_ends[0], .events = POLLIN };
	int fds[IO_FDS_MAX];
	size_t count;
	CHECK_INT(poll(&p, 1, ROUNDS_MAX * ROUND_MS), 1);
	CHECK_INT(io_recv_packet(control_ends[0], 1 << 14, &packet, fds, &count), 1);
	CHECK(slice_is(fields_find(buf_slice(&packet), "say"), "ready"));
}

static void end_spawner(int signal)
{
	int status = 0;
	CHECK_INT(kill(spawner, signal), 0);
	CHECK_INT(waitpid(spawner, &status, 0), spawner);
	CHECK_INT(signal == SIGTERM ? status : WTERMSIG(status), signal == SIGTERM ? 0 : signal);
}

static void call(const char *session, const char *name, const char *tool)
{
	sandbox_execute(sandbox_find(all, session), name, tool, slice_of(""), 1000);
}

static void test_life(void)
{
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 1\n");
	call("a", "one", "hum");
	expect("result a one hum\n");
	char before[sizeof(instance)];
	memcpy(before, instance, sizeof(before));
	/* Another stream to the same one. */
	sandbox_close(sandbox_find(all, "a"));
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 0\n");
	CHECK_TEXT(instance, before);
	call("a", "two", "whistle");
	expect("result a two whistle\n");
	/* Asked for in the same breath as it is discarded: a new one. */
	sandbox_discard(sandbox_find(all, "a"));
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 1\n");
	CHECK(strcmp(before, instance) != 0);
}

static void test_harness_restart(void)
{
	char before[sizeof(instance)];
	memcpy(before, instance, sizeof(before));
	/* This one is asked for and never waited for: the answer comes to the next harness. */
	CHECK(sandbox_open(all, "b", workspace) != NULL);
	all = sandboxes_free(all);
	CHECK_INT(sandboxes_new(loop, socket_ends[0], &handler, &all), 0);
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 0\n");
	CHECK_TEXT(instance, before);
	sandbox_discard(sandbox_open(all, "b", workspace));
}

static void test_death(void)
{
	call("a", "three", "die");
	expect("dead a: the sandbox has ended\n");
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 1\n");
}

/* Its sandboxes go with it, and what is asked for meanwhile waits for the next. */
static void test_spawner_killed(void)
{
	end_spawner(SIGKILL);
	CHECK(sandbox_open(all, "c", workspace) != NULL);
	expect("dead a: the sandbox has ended\n");
	start_spawner();
	await_spawner();
	expect("ready c 1\n");
	CHECK(sandbox_open(all, "a", workspace) != NULL);
	expect("ready a 1\n");
}

static void test_refusals(void)
{
	CHECK(sandbox_open(all, "d", "/nowhere/at/all") != NULL);
	expect("dead d: the sandbox could not be made: cannot open the workspace /nowhere/at/all: "
	       "No such file or directory (step workspace)\n");
	CHECK(sandbox_open(all, "not/a/name", workspace) != NULL);
	expect("dead not/a/name: the sandbox could not be made: the request names no session or no "
	       "workspace\n");
}

/* As root: files that others left in the workspace are the sandbox's before it runs; what has a
 * second name, and what a link points to, is not touched. */
static void test_adoption(void)
{
	struct stat st;
	char path[256], name[256];
	if (geteuid() != 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/deep", workspace);
	CHECK_INT(mkdir(path, 0755), 0);
	(void)snprintf(name, sizeof(name), "%s/deep/file", workspace);
	CHECK_INT(mknod(name, S_IFREG | 0644, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/outside", top);
	CHECK_INT(mknod(path, S_IFREG | 0644, 0), 0);
	(void)snprintf(name, sizeof(name), "%s/deep/link", workspace);
	CHECK_INT(symlink("../../outside", name), 0);
	(void)snprintf(name, sizeof(name), "%s/deep/hard", workspace);
	CHECK_INT(link(path, name), 0);
	CHECK(sandbox_open(all, "e", workspace) != NULL);
	expect("ready e 1\n");
	unsigned uid, gid;
	sandbox_identity("e", &uid, &gid);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_uid, 0);
	(void)snprintf(name, sizeof(name), "%s/deep/file", workspace);
	CHECK_INT(lstat(name, &st), 0);
	CHECK_INT(st.st_uid, uid);
	CHECK_INT(st.st_gid, gid);
	(void)snprintf(name, sizeof(name), "%s/deep/link", workspace);
	CHECK_INT(lstat(name, &st), 0);
	CHECK_INT(st.st_uid, uid);
	CHECK_INT(lstat(workspace, &st), 0);
	CHECK_INT(st.st_uid, uid);
}

/* From the kernel's list of the spawner's children. */
static bool has_children(void)
{
	char path[64];
	cleanup(buf) struct buf list = BUF_INIT(1 << 16);
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)spawner, (int)spawner);
	return io_read_file(AT_FDCWD, path, 1 << 15, &list) == 0 && list.size > 0;
}

static void test_stop(void)
{
	CHECK(has_children());
	sandbox_close(sandbox_find(all, "c"));
	if (sandbox_find(all, "e"))
		sandbox_close(sandbox_find(all, "e"));
	end_spawner(SIGTERM);
	expect("dead a: the sandbox has ended\n");
}

static bool become_user(void)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static int seal_program(const char *path)
{
	cleanup(buf) struct buf bytes = BUF_INIT(16 << 20);
	int fd = memfd_create("hands", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (io_read_file(AT_FDCWD, path, 16 << 20, &bytes) < 0 ||
		io_write_all(fd, bytes.data, bytes.size) < 0)
		return -1;
	return fd;
}

static bool can_run(void)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	const char *step;
	int r = sandbox_probe(&step, &why);
	if (r < 0)
		printf("1..0 # SKIP %s\n", buf_text(&why));
	return r == 0;
}

static void make_directories(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/test-spawner.XXXXXX");
	CHECK(mkdtemp(top) != NULL);
	(void)snprintf(workspace, sizeof(workspace), "%s/workspace", top);
	CHECK_INT(mkdir(workspace, 0700), 0);
}

static void remove_directories(void)
{
	static const char *const names[] = { "workspace/deep/file", "workspace/deep/link",
		"workspace/deep/hard", "workspace/deep", "workspace", "outside", "" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup(free) char *path = xprintf("%s/%s", top, names[i]);
		(void)remove(path);
	}
	struct stat st;
	CHECK(stat(top, &st) < 0 && errno == ENOENT);
}

static void set_up(void)
{
	make_directories();
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socket_ends), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control_ends), 0);
	CHECK_INT(loop_new(&loop), 0);
	CHECK_INT(sandboxes_new(loop, socket_ends[0], &handler, &all), 0);
	start_spawner();
	await_spawner();
}

static void tear_down(void)
{
	all = sandboxes_free(all);
	loop = loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(socket_ends[i]);
		close(control_ends[i]);
	}
	remove_directories();
	buf_done(&seen);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	cleanup(free) char *path = realpath(argv[1], NULL);
	spawner_path = path;
	hands = seal_program(argv[2]);
	if (argc > 3 && !become_user()) {
		printf("1..0 # SKIP cannot become an ordinary user here\n");
		return 0;
	}
	if (!can_run())
		return 0;
	CHECK(hands >= 0);
	set_up();
	test_life();
	test_harness_restart();
	test_death();
	test_spawner_killed();
	test_refusals();
	test_adoption();
	test_stop();
	tear_down();
	close(hands);
	return test_done();
}
