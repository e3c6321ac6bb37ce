/* SPDX-License-Identifier: MIT */
/*
 * What a cold sandbox costs: start to exit of a program that does nothing, against
 * bwrap with all namespaces, /usr read-only, /proc, /dev and a tmpfs, and against a
 * plain fork and exec; then what each step costs.
 *
 *	bench-sandbox TRIVIAL-STATIC-PROGRAM [ROUNDS]
 *
 * The rounds are interleaved, because a machine's speed drifts more than what is
 * measured.  Run it as who will run the mount; without bwrap that column is missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "sandbox/steps.h"
#include "tests/bench/measure.h"

enum { ROUNDS_DEFAULT = 200, STEPS_MAX = 32 };

static char trivial[PATH_MAX]; /* absolute path of the program */
static struct sandbox_spec spec;

static void run_program(char *const *argv)
{
	pid_t pid;
	int status = 0;
	need(-posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ), argv[0]);
	need_call(waitpid(pid, &status, 0), argv[0]);
	need(status ? -ECHILD : 0, argv[0]);
}

static void run_plain(void)
{
	run_program((char *[]){ trivial, NULL });
}

static void run_bwrap(void)
{
	static const char *const words[] = { "bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr",
		"--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink",
		"usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
		"--ro-bind", trivial, "/trivial", "/trivial", NULL };
	run_program((char *const *)words);
}

static void await_sandbox(const struct sandbox_process *process)
{
	siginfo_t info = { 0 };
	cleanup(buf) struct buf why = BUF_INIT(4096);
	cleanup(buf) struct buf step = BUF_INIT(64);
	need_call(waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED), "sandbox");
	need(sandbox_report(process->report, &step, &why), buf_text(&why));
	close(process->pidfd);
	close(process->report);
}

static void run_sandbox(void)
{
	struct sandbox_process process;
	cleanup(buf) struct buf why = BUF_INIT(4096);
	need(sandbox_start(&spec, &process, &why), buf_text(&why));
	await_sandbox(&process);
}

static struct contestant {
	void (*run)(void);
	struct sample sample;
} contestants[] = {
	{ run_plain, SAMPLE("sandbox: plain fork and exec") },
	{ run_bwrap, SAMPLE("sandbox: full bwrap") },
	{ run_sandbox, SAMPLE("sandbox: cold start to exit") },
};

static void race(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		for (size_t c = 0; c < ARRAY_LEN(contestants); c++) {
			int64_t before = now_ns();
			contestants[c].run();
			sample_add(&contestants[c].sample, before, now_ns());
		}
	}
	for (size_t c = 0; c < ARRAY_LEN(contestants); c++)
		sample_print(&contestants[c].sample);
}

/* Goes through the steps by hand and notes when each was done; `laps` is shared with the parent. */
static _Noreturn void walk_steps(int64_t *laps)
{
	const char *failed = NULL;
	cleanup(buf) struct buf why = BUF_INIT(4096);
	laps[0] = now_ns();
	for (int i = 0; !failed && sandbox_steps[i].name; i++) {
		if (sandbox_steps[i].run(&spec, &why) < 0)
			failed = sandbox_steps[i].name;
		laps[i + 1] = now_ns();
	}
	_exit(failed ? 1 : 0);
}

/* sandbox_start hides the steps, so the clone is taken apart into what unshare and fork can do. */
static _Noreturn void walk_in_namespaces(int64_t *laps)
{
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP;
	need_call(fchdir(spec.workspace), "workspace");
	if (geteuid() == 0) {
		need_call(setgroups(0, NULL), "groups");
		need_call(setresgid(spec.host_gid, spec.host_gid, spec.host_gid), "gid");
		need_call(setresuid(spec.host_uid, spec.host_uid, spec.host_uid), "uid");
	}
	need_call(unshare(flags), "namespaces");
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		walk_steps(laps);
	_exit(waitpid(pid, &status, 0) < 0 || status != 0);
}

static void time_steps(int rounds)
{
	struct sample samples[STEPS_MAX] = { 0 };
	int64_t *laps = mmap(NULL, STEPS_MAX * sizeof(*laps), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	spec.hands = -1;
	for (int i = 0; i < rounds; i++) {
		int status = 0;
		pid_t pid = fork();
		if (pid == 0)
			walk_in_namespaces(laps);
		need_call(waitpid(pid, &status, 0), "steps");
		need(status ? -ECHILD : 0, "steps");
		for (int s = 0; sandbox_steps[s].name; s++)
			sample_add(&samples[s], laps[s], laps[s + 1]);
	}
	for (int s = 0; sandbox_steps[s].name; s++) {
		cleanup(free) char *name = xprintf("sandbox: step %s", sandbox_steps[s].name);
		samples[s].name = name;
		sample_print(&samples[s]);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS_DEFAULT;
	if (argc < 2 || rounds < 1 || !realpath(argv[1], trivial))
		need(-EINVAL, "bench-sandbox TRIVIAL-STATIC-PROGRAM [ROUNDS]");
	spec = (struct sandbox_spec){ .session = "bench", .instance = "bench", .control = -1 };
	spec.hands = sealed_copy(trivial);
	spec.workspace = need_call(open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC), "/usr");
	sandbox_identity(spec.session, &spec.host_uid, &spec.host_gid);
	race(rounds);
	time_steps(rounds);
	return 0;
}
