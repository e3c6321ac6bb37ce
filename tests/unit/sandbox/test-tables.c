/* SPDX-License-Identifier: MIT */
/*
 * The tables as they are: the tree's rows are sound and in an order that can work, and
 * the system call program, run by a small interpreter here, gives each call the verdict
 * that its rule says.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sandbox/mounts.h"
#include "sandbox/rlimits.h"
#include "sandbox/seccomp-program.h"
#include "sandbox/steps.h"
#include "tests/unit/test.h"

/* The tree. */

static bool is_made(const struct mount_row *before, const char *path, size_t size)
{
	for (const struct mount_row *row = sandbox_mounts; row < before; row++)
		if (strlen(row->path) == size && strncmp(row->path, path, size) == 0)
			return true;
	return false;
}

/* Settings, masks and guards are about what a mount brings. */
static bool is_brought(const struct mount_row *row)
{
	return row->make == tree_mask || row->make == tree_guard || row->make == tree_setting;
}

static bool is_sound_path(const char *path)
{
	return *path && *path != '/' && !strstr(path, "..") && !strstr(path, "//") &&
		path[strlen(path) - 1] != '/';
}

static bool has_bounds(const struct mount_row *row)
{
	return row->make != tree_tmpfs ||
		(row->options && strstr(row->options, "size=") &&
			strstr(row->options, "nr_inodes="));
}

/* What may be taken from the host at all. */
static bool has_sound_source(const struct mount_row *row)
{
	if (row->make == tree_layer)
		return strcmp(row->from, "/usr") == 0;
	if (row->make == tree_device)
		return strncmp(row->from, "/dev/", 5) == 0;
	if (row->make == tree_bind || row->make == tree_copy)
		return strncmp(row->from, "/etc/", 5) == 0;
	return true;
}

static void test_rows(void)
{
	int paths = 0, parents = 0, bounds = 0, sources = 0, rows = 0, workspaces = 0;
	for (const struct mount_row *row = sandbox_mounts; row->path; row++, rows++) {
		const char *slash = strrchr(row->path, '/');
		bool has_parent = !slash || is_brought(row) ||
			is_made(row, row->path, (size_t)(slash - row->path));
		if (!has_parent || !has_sound_source(row) || !has_bounds(row))
			printf("# row %s\n", row->path);
		paths += is_sound_path(row->path);
		parents += has_parent;
		bounds += has_bounds(row);
		sources += has_sound_source(row);
		workspaces += row->make == tree_workspace;
	}
	CHECK(rows > 50);
	CHECK_INT(paths, rows);
	CHECK_INT(parents, rows);
	CHECK_INT(bounds, rows);
	CHECK_INT(sources, rows);
	CHECK_INT(workspaces, 1);
}

/* Each of these is a way out, or a window, when it is not covered. */
static void test_masks(void)
{
	static const char *const covered[] = { "proc/sys", "proc/bus", "proc/irq", "proc/fs",
		"proc/kcore", "proc/keys", "proc/kmsg", "proc/sysrq-trigger", "proc/timer_list", "proc/kallsyms",
		"proc/latency_stats", "proc/acpi", "proc/scsi" };
	for (size_t i = 0; i < ARRAY_LEN(covered); i++) {
		const struct mount_row *row = sandbox_mounts;
		while (row->path && (strcmp(row->path, covered[i]) != 0 || !is_brought(row)))
			row++;
		test_line(row->path != NULL, __FILE__, __LINE__, covered[i]);
		CHECK(is_made(row, "proc", 4));
	}
}

static int step_place(const char *name)
{
	for (int i = 0; sandbox_steps[i].name; i++)
		if (strcmp(sandbox_steps[i].name, name) == 0)
			return i;
	return -1;
}

/* The few orders on which safety rests. */
static void test_steps(void)
{
	static const char *const order[] = { "identity", "mounts", "root", "pivot_root",
		"capabilities", "no_new_privs", "landlock", "seccomp", "hands" };
	for (size_t i = 1; i < ARRAY_LEN(order); i++)
		CHECK(step_place(order[i - 1]) < step_place(order[i]));
	CHECK(step_place("identity") >= 0);
	/* So that processes are counted inside. */
	CHECK(step_place("limits") > step_place("identity"));
	CHECK_INT(step_place("hands"), step_place("seccomp") + 1);
}

static void test_limits(void)
{
	bool no_cores = false, processes = false;
	for (const struct limit *row = sandbox_limits; row->name; row++) {
		no_cores |= row->resource == RLIMIT_CORE && row->max == 1;
		processes |= row->resource == RLIMIT_NPROC && row->max > 64 && row->max <= 4096;
	}
	CHECK(no_cores);
	CHECK(processes);
}

/* The filter. */

enum { STUCK = 0xdead };

static unsigned load(const struct seccomp_data *data, unsigned place)
{
	unsigned word;
	memcpy(&word, (const char *)data + place, sizeof(word));
	return word;
}

/* The part of the machine that the program uses; anything else is STUCK. */
static unsigned run_program(const struct seccomp_data *data)
{
	unsigned a = 0;
	for (size_t pc = 0; pc < ARRAY_LEN(seccomp_program); pc++) {
		const struct sock_filter *in = &seccomp_program[pc];
		if (in->code == (BPF_RET | BPF_K))
			return in->k;
		if (in->code == (BPF_LD | BPF_W | BPF_ABS) && in->k <= sizeof(*data) - 4)
			a = load(data, in->k);
		else if (in->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= in->k;
		else if (in->code == (BPF_JMP | BPF_JA))
			pc += in->k;
		else if (in->code == (BPF_JMP | BPF_JEQ | BPF_K))
			pc += a == in->k ? in->jt : in->jf;
		else if (in->code == (BPF_JMP | BPF_JGE | BPF_K))
			pc += a >= in->k ? in->jt : in->jf;
		else
			return STUCK;
	}
	return STUCK;
}

#ifdef __x86_64__
#define ARCH_HERE AUDIT_ARCH_X86_64
#else
#define ARCH_HERE AUDIT_ARCH_AARCH64
#endif

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))

static const struct {
	const char *name;
	int number;
	uint64_t args[3];
	unsigned want;
} calls[] = {
	{ "read", SYS_read, { 0 }, ALLOW },
	{ "execveat", SYS_execveat, { 0 }, ALLOW },
	{ "exit_group", SYS_exit_group, { 0 }, ALLOW },
	{ "faccessat2", SYS_faccessat2, { 0 }, ALLOW },
	{ "fchmodat2", 452, { 0 }, ALLOW },
	{ "mount", SYS_mount, { 0 }, REFUSE(EPERM) },
	{ "ptrace", SYS_ptrace, { 0 }, REFUSE(EPERM) },
	{ "io_uring_setup", SYS_io_uring_setup, { 0 }, REFUSE(EPERM) },
	{ "unshare of nothing", SYS_unshare, { 0 }, REFUSE(EPERM) },
	{ "clone3", SYS_clone3, { 0 }, REFUSE(ENOSYS) },
	{ "statmount", 457, { 0 }, REFUSE(ENOSYS) },
	{ "the last number of the table", 511, { 0 }, REFUSE(ENOSYS) },
	{ "the first behind it", 512, { 0 }, REFUSE(ENOSYS) },
	{ "the last before x32", 0x3fffffff, { 0 }, REFUSE(ENOSYS) },
	{ "x32", 0x40000000, { 0 }, KILL },
	{ "x32 and further", 0x7fffffff, { 0 }, KILL },
	{ "negative", (int)0x80000000, { 0 }, KILL },
	{ "-1", -1, { 0 }, REFUSE(ENOSYS) },
	{ "clone of a process", SYS_clone, { SIGCHLD }, ALLOW },
	{ "clone of a thread", SYS_clone, { CLONE_VM | CLONE_THREAD | CLONE_SIGHAND }, ALLOW },
	{ "clone newuser", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, REFUSE(EPERM) },
	{ "clone newns", SYS_clone, { CLONE_NEWNS }, REFUSE(EPERM) },
	{ "clone newcgroup", SYS_clone, { CLONE_NEWCGROUP }, REFUSE(EPERM) },
	{ "clone newnet, wide", SYS_clone, { CLONE_NEWNET | 1ull << 40 }, REFUSE(EPERM) },
	{ "personality", SYS_personality, { 0xffffffff }, ALLOW },
	{ "personality other", SYS_personality, { 8 }, REFUSE(EPERM) },
	{ "ioctl", SYS_ioctl, { 0, TCGETS }, ALLOW },
	{ "ioctl tiocsti", SYS_ioctl, { 0, TIOCSTI }, REFUSE(EPERM) },
	{ "ioctl tiocsti, wide", SYS_ioctl, { 0, TIOCSTI | 1ull << 32 }, REFUSE(EPERM) },
	{ "ioctl tioclinux", SYS_ioctl, { 0, TIOCLINUX }, REFUSE(EPERM) },
	{ "ioctl wide", SYS_ioctl, { 0, TCGETS | 1ull << 63 }, REFUSE(ENOSYS) },
	{ "socket unix", SYS_socket, { AF_UNIX, SOCK_SEQPACKET, 0 }, ALLOW },
	{ "socket tcp", SYS_socket, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0 }, ALLOW },
	{ "socket tcp6", SYS_socket, { AF_INET6, SOCK_STREAM, 6 }, ALLOW },
	{ "socket udp", SYS_socket, { AF_INET, SOCK_DGRAM, 17 }, ALLOW },
	{ "socket udp as tcp", SYS_socket, { AF_INET, SOCK_STREAM, 17 }, REFUSE(EPROTONOSUPPORT) },
	{ "socket raw", SYS_socket, { AF_INET, SOCK_RAW, 0 }, REFUSE(EPROTONOSUPPORT) },
	{ "socket mptcp", SYS_socket, { AF_INET6, SOCK_STREAM, 262 }, REFUSE(EPROTONOSUPPORT) },
	{ "socket route", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, ALLOW },
	{ "socket audit", SYS_socket, { AF_NETLINK, SOCK_RAW, 9 }, REFUSE(EPROTONOSUPPORT) },
	{ "socket vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 }, REFUSE(EAFNOSUPPORT) },
	{ "socket 0", SYS_socket, { 0 }, REFUSE(EAFNOSUPPORT) },
	{ "limits of oneself", SYS_prlimit64, { 0 }, ALLOW },
	{ "limits of the hands", SYS_prlimit64, { 1 }, REFUSE(EPERM) },
	{ "priority of the hands", SYS_setpriority, { 0, 1 }, REFUSE(EPERM) },
	{ "priority of everybody", SYS_setpriority, { 2, 0 }, REFUSE(EPERM) },
	{ "scheduling of the hands", SYS_sched_setattr, { 1 }, REFUSE(EPERM) },
	{ "scheduling of a thread", SYS_sched_setattr, { 7 }, ALLOW },
	{ "io_setup", SYS_io_setup, { 1 }, REFUSE(ENOSYS) },
	{ "shmget, the largest", SYS_shmget, { 0, (256 << 10) - 1 }, ALLOW },
	{ "shmget, larger", SYS_shmget, { 0, 256 << 10 }, REFUSE(EINVAL) },
	{ "shmget, wide", SYS_shmget, { 0, 1ull << 32 }, REFUSE(EINVAL) },
	{ "semget, the largest", SYS_semget, { 0, 255 }, ALLOW },
	{ "semget, larger", SYS_semget, { 0, 256 }, REFUSE(EINVAL) },
	{ "semget, negative", SYS_semget, { 0, 0xffffffff }, REFUSE(EINVAL) },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM }, ALLOW },
	{ "socketpair tipc", SYS_socketpair, { AF_TIPC, SOCK_STREAM }, REFUSE(EAFNOSUPPORT) },
};

static void test_calls(void)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		struct seccomp_data data = { .nr = calls[i].number, .arch = ARCH_HERE };
		for (int arg = 0; arg < 3; arg++)
			data.args[arg] = calls[i].args[arg];
		unsigned got = run_program(&data);
		test_line(got == calls[i].want, __FILE__, __LINE__, calls[i].name);
		if (got != calls[i].want)
			printf("#   got %#x, want %#x\n", got, calls[i].want);
	}
}

/* Every number of every architecture ends in a verdict; another architecture's in death. */
static void test_whole_range(void)
{
	int stuck = 0, alive = 0, allowed = 0;
	for (int number = -2; number < 1100; number++) {
		struct seccomp_data data = { .nr = number, .arch = ARCH_HERE };
		unsigned verdict = run_program(&data);
		stuck += verdict == STUCK;
		allowed += verdict == ALLOW;
		data.arch = AUDIT_ARCH_I386;
		alive += run_program(&data) != KILL;
	}
	CHECK_INT(stuck, 0);
	CHECK_INT(alive, 0);
	printf("# %d calls are allowed, %zu instructions\n", allowed, ARRAY_LEN(seccomp_program));
	CHECK(allowed > 200 && allowed < 350);
}

int main(void)
{
	test_rows();
	test_masks();
	test_steps();
	test_limits();
	test_calls();
	test_whole_range();
	return test_done();
}
