/* SPDX-License-Identifier: MIT */
/*
 * Enters a real sandbox and lets inside.c try everything there, as whoever runs it or
 * as an ordinary user; and lets it try the same under bwrap with its defaults, where
 * many probes must get through, else they are broken.
 *
 *	test-enter PATH-OF-INSIDE [as-user]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "sandbox/enter.h"
#include "sandbox/workspace.h"
#include "tests/unit/test.h"

enum {
	WAIT_MS = 60 * 1000,
	NOBODY = 65534,
	PROBES_MIN = 150, /* fewer lines mean that the program inside ended early */
	CONTROL_WRONG_MIN = 40, /* what bwrap lets through by design */
};

struct canary {
	int tcp, abstract;
	int port;
};

/* What the sandbox must not reach: it finds the port in the session's name. */
static void canary_open(struct canary *c)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(in);
	c->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(c->tcp, (struct sockaddr *)&in, size), 0);
	CHECK_INT(listen(c->tcp, 4), 0);
	CHECK_INT(getsockname(c->tcp, (struct sockaddr *)&in, &size), 0);
	c->port = ntohs(in.sin_port);
	int n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "canary-%d", c->port);
	c->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(c->abstract, (struct sockaddr *)&un,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)), 0);
	CHECK_INT(listen(c->abstract, 4), 0);
	CHECK_INT(setenv("CANARY", "seen", 1), 0);
}

static void canary_close(struct canary *c)
{
	close(c->tcp);
	close(c->abstract);
}

/* -1 when that fails; prints nothing, since the test may yet be skipped. */
static int seal_program(const char *path)
{
	cleanup(buf) struct buf bytes = BUF_INIT(16 << 20);
	int fd = memfd_create("hands", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = io_read_file(AT_FDCWD, path, 16 << 20, &bytes);
	if (r == 0)
		r = io_write_all(fd, bytes.data, bytes.size);
	if (r == 0)
		r = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	return r == 0 ? fd : -1;
}

/* A directory as the store makes it, below one that only its owner may enter. */
static char *make_workspace(char *top, size_t size)
{
	(void)snprintf(top, size, "/tmp/test-enter.XXXXXX");
	CHECK(mkdtemp(top) != NULL);
	char *path = xprintf("%s/workspace", top);
	CHECK_INT(mkdir(path, 0700), 0);
	return path;
}

static void remove_workspace(const char *top, char *path /* taken */)
{
	cleanup(free) char *workspace = path;
	cleanup(free) char *made = xprintf("%s/made-inside", workspace);
	struct stat st;
	CHECK_INT(stat(made, &st), 0);
	CHECK_INT(unlink(made), 0);
	CHECK_INT(rmdir(workspace), 0);
	CHECK_INT(rmdir(top), 0);
}

/* Reads the program's lines, a packet each, until it ends. */
static int read_lines(int control)
{
	int lines = 0;
	struct pollfd p = { .fd = control, .events = POLLIN };
	char line[512];
	ssize_t n;
	while (poll(&p, 1, WAIT_MS) == 1 && (n = recv(control, line, sizeof(line) - 1, 0)) > 0) {
		line[n - 1] = '\0';
		test_line(strncmp(line, "ok\t", 3) == 0, __FILE__, __LINE__, line);
		lines++;
	}
	return lines;
}

static void await_exit(const struct sandbox_process *process)
{
	siginfo_t info = { 0 };
	struct pollfd p = { .fd = process->pidfd, .events = POLLIN };
	cleanup(buf) struct buf step = BUF_INIT(64);
	cleanup(buf) struct buf why = BUF_INIT(4096);
	CHECK_INT(poll(&p, 1, WAIT_MS), 1);
	(void)pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0); /* no effect on what has ended */
	CHECK_INT(sandbox_report(process->report, &step, &why), 1);
	CHECK_TEXT(buf_text(&why), "");
	CHECK_INT(waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED), 0);
	CHECK_INT(info.si_code, CLD_EXITED);
	CHECK_INT(info.si_status, 0);
	close(process->pidfd);
	close(process->report);
}

static void run_inside(int hands, int workspace, const char *session)
{
	int ends[2];
	struct sandbox_process process;
	cleanup(buf) struct buf why = BUF_INIT(4096);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	struct sandbox_spec spec = { .session = session, .instance = "sbx_test",
		.workspace = workspace, .hands = hands, .control = ends[1] };
	sandbox_identity(session, &spec.host_uid, &spec.host_gid);
	CHECK_INT(workspace_adopt(workspace, spec.host_uid, spec.host_gid, &why), 0);
	int r = sandbox_start(&spec, &process, &why);
	close(ends[1]);
	CHECK_TEXT(buf_text(&why), "");
	if (r == 0) {
		CHECK(read_lines(ends[0]) >= PROBES_MIN);
		await_exit(&process);
	}
	close(ends[0]);
}

static void test_sandbox(int hands)
{
	char top[64];
	struct canary canary;
	cleanup(buf) struct buf why = BUF_INIT(4096);
	char *path = make_workspace(top, sizeof(top));
	canary_open(&canary);
	cleanup(free) char *session = xprintf("sesn_%d-%d", (int)getpid(), canary.port);
	cleanup(fd) int workspace = workspace_open(path, &why);
	CHECK(workspace >= 0);
	run_inside(hands, workspace, session);
	/* Nobody may have come by: accept would block otherwise. */
	CHECK_INT(fcntl(canary.tcp, F_SETFL, O_NONBLOCK), 0);
	CHECK(accept(canary.tcp, NULL, NULL) < 0 && errno == EAGAIN);
	canary_close(&canary);
	remove_workspace(top, path);
}

/* The probes again where nothing but namespaces confines. */
static int count_wrong_under_bwrap(const char *inside)
{
	cleanup(free) char *command = xprintf(
		"exec timeout -k 1 60 bwrap --unshare-all --die-with-parent --ro-bind /usr /usr "
		"--symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin "
		"--proc /proc --dev /dev --tmpfs /tmp --ro-bind '%s' /inside "
		"/inside session=x-1 2>/dev/null", inside);
	FILE *lines = popen(command, "r");
	char line[512];
	int wrong = 0;
	while (lines && fgets(line, sizeof(line), lines))
		wrong += strncmp(line, "WRONG\t", 6) == 0;
	(void)pclose(lines);
	return wrong;
}

static void test_probes_themselves(const char *inside)
{
	if (system("bwrap --unshare-all --ro-bind / / true 2>/dev/null") != 0) {
		printf("# no control run: bwrap does not work here\n");
		return;
	}
	int wrong = count_wrong_under_bwrap(inside);
	printf("# %d probes got through bwrap's defaults\n", wrong);
	CHECK(wrong >= CONTROL_WRONG_MIN);
}

/* The rest of the test as somebody who is not root: true when that is so. */
static bool become_user(void)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static void test_identity(void)
{
	unsigned uid, gid, again;
	sandbox_identity("sesn_a", &uid, &gid);
	CHECK_INT(uid, gid);
	sandbox_identity("sesn_a", &again, &gid);
	CHECK_INT(uid, again);
	sandbox_identity("sesn_b", &again, &gid);
	if (geteuid() != 0)
		CHECK_INT(uid, geteuid());
	else
		CHECK(uid >= 1u << 30 && uid < 1u << 31 && uid != again);
}

/* A machine without user namespaces cannot run this at all; everything else must be right. */
static bool can_run(void)
{
	cleanup(buf) struct buf why = BUF_INIT(4096);
	const char *step = "";
	int r = sandbox_probe(&step, &why);
	bool is_missing = r < 0 && strcmp(step, "namespaces") == 0;
	if (is_missing)
		printf("1..0 # SKIP %s\n", buf_text(&why));
	else
		CHECK_TEXT(buf_text(&why), "");
	return !is_missing;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	cleanup(fd) int hands = seal_program(argv[1]);
	cleanup(free) char *inside = realpath(argv[1], NULL);
	if (argc > 2 && !become_user()) {
		printf("1..0 # SKIP cannot become an ordinary user here\n");
		return 0;
	}
	if (!can_run())
		return 0;
	CHECK(hands >= 0);
	test_identity();
	test_sandbox(hands);
	if (argc == 2)
		test_probes_themselves(inside);
	return test_done();
}
