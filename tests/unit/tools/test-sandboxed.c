/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-hands as pid 1 of a real sandbox: what commands can do to their
 * surroundings, and that the next call works all the same.
 *
 *	test-sandboxed PATH-OF-AGENTDIRS-HANDS
 */
#include <errno.h>
#include <fcntl.h>
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
#include "tests/unit/test.h"
#include "tests/unit/tools/hands-client.h"

enum { SKIP = 77, LONG_MS = 60000, PROGRAM_BYTES_MAX = 64 << 20 };

/* Processes in the sandbox other than pid 1, the shell and what the question itself takes. */
#define COUNT "n=0; for p in /proc/[0-9]*; do n=$((n+1)); done; echo $((n-2))"

#define RESTART NULL

static const struct {
	const char *command; /* NULL: restart */
	const char *want; /* the whole text; with a leading '~' a part of it */
	int64_t timeout_ms; /* 0: LONG_MS */
} commands[] = {
	{ "pwd; id -u", "/workspace\n0" },
	{ COUNT, "0" },
	{ "cat /proc/1/environ /proc/1/maps; ls /proc/1/fd", "~cannot access '/proc/1/fd'" },
	{ "kill -9 1; kill -TERM 1; kill -STOP 1; echo alive", "~alive" },
	{ "sleep 1000 & kill -9 -1; wait; echo survived; " COUNT, "~survived\n0" },
	{ "echo usable", "usable" },
	/* Orphans have us for a parent, and none stays a zombie. */
	{ "for i in 1 2 3 4 5 6 7 8; do (sh -c 'exit 0' & ) ; done; wait; until [ \"$(" COUNT
	  ")\" = 1 ]; do :; done; echo reaped",
		"reaped" },
	/* Who leaves the process group is found all the same. */
	{ "setsid sleep 1000 >/dev/null & sleep 0.1; " COUNT, "1" },
	{ "sleep 1000", "~[timed out after 0.2 s]", 200 },
	{ COUNT, "0" },
	{ "setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' & sleep 1000",
		"~[timed out after 0.2 s]", 200 },
	{ COUNT, "0" },
	/* A fork bomb that goes off behind a call: the next may fail for want of processes, a
	   restart helps. */
	{ ":(){ :|:& };:", "~" },
	{ "/bin/true", "~" },
	{ RESTART, "bash session restarted" },
	{ COUNT, "0" },
	/* One within a call is noticed and ended. */
	{ "b() { b & b & b & sleep 100; }; b; sleep 100", "~the limit on processes was reached" },
	{ "/bin/true && " COUNT, "0" },
	{ "exec 3<>/dev/tcp/127.0.0.1/9", "~Connection refused" },
	{ "echo shared >from-inside; umask", "0022" },
};

static int seal_program(const char *path)
{
	cleanup(buf) struct buf bytes = BUF_INIT(PROGRAM_BYTES_MAX);
	int fd = memfd_create("hands", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = io_read_file(AT_FDCWD, path, PROGRAM_BYTES_MAX, &bytes);
	if (r == 0)
		r = io_write_all(fd, bytes.data, bytes.size);
	if (r == 0)
		r = fcntl(
			fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	return r == 0 ? fd : -1;
}

static void start(struct hands_client *client, struct sandbox_process *process, const char *program,
	const char *workspace)
{
	int ends[2];
	cleanup(buf) struct buf why = BUF_INIT(4096);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	struct sandbox_spec spec = { .session = "s-1",
		.instance = "i-1",
		.control = ends[1],
		.hands = seal_program(program),
		.workspace = open(workspace, O_PATH | O_DIRECTORY | O_CLOEXEC) };
	sandbox_identity(spec.session, &spec.host_uid, &spec.host_gid);
	CHECK(spec.hands >= 0 && spec.workspace >= 0);
	if (getuid() == 0)
		CHECK_INT(fchownat(spec.workspace, "", spec.host_uid, spec.host_gid, AT_EMPTY_PATH),
			0);
	CHECK_INT(sandbox_start(&spec, process, &why), 0);
	CHECK_TEXT(buf_text(&why), "");
	client->control = ends[0];
	close(ends[1]);
	close(spec.hands);
	close(spec.workspace);
}

static bool restart(int stream, const char *id, struct hands_result *ret)
{
	cleanup(buf) struct buf input = BUF_INIT(100);
	(void)fields_add_text(&input, "restart", "1");
	hands_execute(stream, id, "bash", buf_slice(&input), LONG_MS);
	return hands_result(stream, LONG_MS, ret);
}

static void test_command(int stream, size_t i)
{
	struct hands_result r;
	char id[16];
	(void)snprintf(id, sizeof(id), "c%zu", i);
	int64_t timeout_ms = commands[i].timeout_ms ? commands[i].timeout_ms : LONG_MS;
	const char *want = commands[i].want;
	if (commands[i].command)
		CHECK(hands_bash(stream, id, commands[i].command, timeout_ms, &r));
	else
		CHECK(restart(stream, id, &r));
	bool ok = want[0] == '~' ? strstr(buf_text(&r.text), want + 1) != NULL :
				   strcmp(buf_text(&r.text), want) == 0;
	CHECK(ok);
	if (!ok)
		printf("#   %s\n#   gave %.300s\n",
			commands[i].command ? commands[i].command : "restart", buf_text(&r.text));
	hands_result_done(&r);
}

/* The file tools see the same /workspace. */
static void test_read(int stream, const char *workspace)
{
	struct hands_result r;
	struct stat st;
	struct buf input = BUF_INIT(1000);
	(void)fields_add_text(&input, "file_path", "/workspace/from-inside");
	hands_execute(stream, "read", "read", buf_slice(&input), LONG_MS);
	CHECK(hands_result(stream, LONG_MS, &r));
	CHECK_TEXT(buf_text(&r.text), "shared\n");
	hands_result_done(&r);
	cleanup(free) char *path = xprintf("%s/from-inside", workspace);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(unlink(path), 0);
	buf_done(&input);
}

int main(int argc, char **argv)
{
	char workspace[] = "/tmp/agentdirs-sandboxed-XXXXXX";
	struct hands_client client = { 0 };
	struct sandbox_process process;
	siginfo_t info = { 0 };
	const char *step = "";
	struct buf why = BUF_INIT(4096);
	if (argc != 2 || sandbox_probe(&step, &why) < 0) {
		printf("1..0 # SKIP no sandbox here: %s: %s\n", step, buf_text(&why));
		return SKIP;
	}
	CHECK(mkdtemp(workspace) != NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	start(&client, &process, argv[1], workspace);
	int stream = hands_stream(&client, NULL);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		test_command(stream, i);
	test_read(stream, workspace);
	close(stream);
	close(client.control);
	struct pollfd p = { .fd = process.pidfd, .events = POLLIN };
	CHECK_INT(poll(&p, 1, LONG_MS), 1);
	CHECK_INT(waitid(P_PIDFD, (id_t)process.pidfd, &info, WEXITED), 0);
	CHECK_INT(info.si_code, CLD_EXITED);
	CHECK_INT(info.si_status, 0);
	close(process.pidfd);
	close(process.report);
	CHECK_INT(rmdir(workspace), 0);
	buf_done(&why);
	return test_done();
}
