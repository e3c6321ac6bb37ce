/* SPDX-License-Identifier: MIT */
/*
 * Writes the sandbox's system call filter: run by the build, never at run time.
 *
 * The rules are the tables below.  Whatever is in none of them does not exist
 * (ENOSYS), so that a newer kernel's calls are harmless and libc falls back; what is
 * known to be dangerous is refused (EPERM); the rest is allowed.  libseccomp only
 * translates names into this machine's numbers.  The program is our own: a binary
 * search over ranges of equal verdicts, because the kernel runs a new filter once for
 * every call number when it is loaded and that is a good part of a sandbox's start.
 *
 * A comparison looks at 32 bits, as the kernel does with these arguments; where it
 * would look at 64, the rule says so by testing the upper half as well.
 */
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/util.h"

#if defined(__x86_64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "the sandbox's filter is known for x86_64 and aarch64 only"
#endif

#define ALLOW SECCOMP_RET_ALLOW
#define KILL SECCOMP_RET_KILL_PROCESS
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))
#define ABSENT REFUSE(ENOSYS)

/* Without io_setup and what belongs to it: the machine has one stock of such events for everybody,
 * 65536 by default, and programs do without. */
static const char *const allowed[] = {
	"accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "capget", "capset",
	"chdir", "chmod", "chown", "clock_getres", "clock_gettime", "clock_nanosleep", "close",
	"close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown",
	"fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork",
	"fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex",
	"futex_waitv", "futimesat", "get_mempolicy", "get_robust_list", "getcpu", "getcwd",
	"getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
	"getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
	"getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt",
	"gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init",
	"inotify_init1", "inotify_rm_watch", "ioprio_get", "ioprio_set", "kill",
	"landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown",
	"lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr", "lremovexattr",
	"lseek", "lsetxattr", "lstat", "madvise", "membarrier", "memfd_create", "mincore", "mkdir",
	"mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mprotect",
	"mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink",
	"mremap", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall",
	"munmap", "nanosleep", "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open",
	"pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll",
	"ppoll", "prctl", "pread64", "preadv", "preadv2", "process_mrelease", "pselect6",
	"pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
	"readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg", "removexattr", "rename",
	"renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction",
	"rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
	"sched_rr_get_interval", "sched_setaffinity", "sched_yield", "seccomp", "select", "semctl",
	"semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto", "set_robust_list",
	"set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid",
	"setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid",
	"setsockopt", "setuid", "setxattr", "shmat", "shmctl", "shmdt", "shutdown",
	"sigaltstack", "signalfd", "signalfd4", "splice", "stat", "statfs", "statx", "symlink",
	"symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time",
	"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
	"timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate",
	"umask", "uname", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork",
	"vmsplice", "wait4", "waitid", "write", "writev",
};

static const char *const refused[] = {
	"acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
	"delete_module", "fanotify_init", "fanotify_mark", "finit_module", "fsconfig", "fsmount",
	"fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup",
	"ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
	"mbind", "memfd_secret", "migrate_pages", "modify_ldt", "mount", "mount_setattr",
	"move_mount", "move_pages", "name_to_handle_at", "open_by_handle_at", "open_tree",
	"perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
	"process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot", "remap_file_pages",
	"request_key", "set_mempolicy", "set_mempolicy_home_node", "setdomainname", "sethostname",
	"setns", "settimeofday", "swapoff", "swapon", "sysfs", "syslog", "umount2", "unshare",
	"uselib", "userfaultfd", "ustat", "vhangup",
};

/* Calls whose names libseccomp 2.5 does not know; their numbers are the same everywhere. */
static const struct {
	unsigned number;
	unsigned verdict;
} numbered[] = {
	{ 451, ALLOW }, /* cachestat */
	{ 452, ALLOW }, /* fchmodat2 */
	{ 454, ALLOW }, /* futex_wake */
	{ 455, ALLOW }, /* futex_wait */
	{ 456, ALLOW }, /* futex_requeue */
	{ 460, REFUSE(EPERM) }, /* lsm_set_self_attr */
	{ 462, ALLOW }, /* mseal */
	{ 463, ALLOW }, /* setxattrat */
	{ 464, ALLOW }, /* getxattrat */
	{ 465, ALLOW }, /* listxattrat */
	{ 466, ALLOW }, /* removexattrat */
	{ 467, REFUSE(EPERM) }, /* open_tree_attr */
};

/* Half an argument, by its place in struct seccomp_data on a little-endian machine. */
#define LOW(i) ((unsigned)offsetof(struct seccomp_data, args[i]))
#define HIGH(i) (LOW(i) + 4)

enum { TESTS_MAX = 3 };

struct test {
	unsigned word, mask, value; /* holds when (word & mask) == value; mask 0 ends the list */
};

/* The first rule whose tests all hold decides; one without tests always does. */
struct rule {
	const char *call; /* on the first of its rules, else NULL */
	struct test tests[TESTS_MAX];
	unsigned verdict;
};

enum {
	ALL_BITS = 0xffffffffu,
	/* AF_INET and AF_INET6 differ in this one bit. */
	INET_BITS = ALL_BITS & ~(unsigned)(AF_INET ^ AF_INET6),
	TYPE_BITS = 0xf, /* of socket's second argument; the rest are flags */
	HANDS = 1, /* their process */
	/* The kernel allows 4096 segments and 32000 sets: together a GiB and a half. */
	SHM_BYTES_MAX = 256 << 10,
	SEMAPHORES_MAX = 256,
	CLONE_NEW_ANY = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
};

#define IS(word_, value_) { (word_), ALL_BITS, (value_) }
#define HAS(word_, mask_, value_) { (word_), (mask_), (value_) }

static const struct rule rules[] = {
	/* No namespace of one's own: most kernel holes of the last years begin with one.  clone3
	 * keeps its flags in memory, where a filter cannot see them, so it does not exist and libc
	 * uses clone. */
	{ "clone", { HAS(LOW(0), CLONE_NEW_ANY, 0) }, ALLOW },
	{ .verdict = REFUSE(EPERM) },

	{ "personality", { IS(LOW(0), PER_LINUX) }, ALLOW },
	{ NULL, { IS(LOW(0), ADDR_NO_RANDOMIZE) }, ALLOW },
	{ NULL, { IS(LOW(0), 0xffffffff) }, ALLOW },
	{ .verdict = REFUSE(EPERM) },

	/* Typing into a terminal that somebody else reads.  The kernel takes the command as 32
	 * bits; a filter that compared 64 was fooled by a set upper bit (CVE-2019-10063). */
	{ "ioctl", { IS(LOW(1), TIOCSTI) }, REFUSE(EPERM) },
	{ NULL, { IS(LOW(1), TIOCLINUX) }, REFUSE(EPERM) },
	{ NULL, { IS(HIGH(1), 0) }, ALLOW },
	{ .verdict = ABSENT },

	/* Streams and datagrams, and asking about one's own interfaces.  Every other family answers
	 * as if the kernel had been built without it, which programs cope with (groupadd dies of
	 * EPERM here). */
	{ "socket", { IS(LOW(0), AF_UNIX) }, ALLOW },
	{ NULL,
		{ HAS(LOW(0), INET_BITS, AF_INET), HAS(LOW(1), TYPE_BITS, SOCK_STREAM),
			IS(LOW(2), 0) },
		ALLOW },
	{ NULL,
		{ HAS(LOW(0), INET_BITS, AF_INET), HAS(LOW(1), TYPE_BITS, SOCK_STREAM),
			IS(LOW(2), IPPROTO_TCP) },
		ALLOW },
	{ NULL,
		{ HAS(LOW(0), INET_BITS, AF_INET), HAS(LOW(1), TYPE_BITS, SOCK_DGRAM),
			IS(LOW(2), 0) },
		ALLOW },
	{ NULL,
		{ HAS(LOW(0), INET_BITS, AF_INET), HAS(LOW(1), TYPE_BITS, SOCK_DGRAM),
			IS(LOW(2), IPPROTO_UDP) },
		ALLOW },
	{ NULL, { HAS(LOW(0), INET_BITS, AF_INET) }, REFUSE(EPROTONOSUPPORT) },
	{ NULL, { IS(LOW(0), AF_NETLINK), IS(LOW(2), NETLINK_ROUTE) }, ALLOW },
	{ NULL, { IS(LOW(0), AF_NETLINK) }, REFUSE(EPROTONOSUPPORT) },
	{ .verdict = REFUSE(EAFNOSUPPORT) },

	{ "socketpair", { IS(LOW(0), AF_UNIX) }, ALLOW },
	{ .verdict = REFUSE(EAFNOSUPPORT) },

	/* The hands are of the same user: with no process or no memory left to them, or a turn
	 * once in a minute, every later call would fail or hang. */
	{ "prlimit64", { IS(LOW(0), HANDS) }, REFUSE(EPERM) },
	{ .verdict = ALLOW },
	{ "sched_setattr", { IS(LOW(0), HANDS) }, REFUSE(EPERM) },
	{ .verdict = ALLOW },
	{ "sched_setparam", { IS(LOW(0), HANDS) }, REFUSE(EPERM) },
	{ .verdict = ALLOW },
	{ "sched_setscheduler", { IS(LOW(0), HANDS) }, REFUSE(EPERM) },
	{ .verdict = ALLOW },
	{ "setpriority", { IS(LOW(1), HANDS) }, REFUSE(EPERM) },
	{ NULL, { IS(LOW(0), PRIO_USER) }, REFUSE(EPERM) },
	{ .verdict = ALLOW },

	/* Outlives every process, counts for none, and is no use to whom the kernel ends when
	 * memory runs out.  Data bases take a few bytes of it. */
	{ "shmget", { HAS(LOW(1), ~(SHM_BYTES_MAX - 1u), 0), IS(HIGH(1), 0) }, ALLOW },
	{ .verdict = REFUSE(EINVAL) },
	{ "semget", { HAS(LOW(1), ~(SEMAPHORES_MAX - 1u), 0) }, ALLOW },
	{ .verdict = REFUSE(EINVAL) },
};

/* What happens to one call number: a verdict, or the rules that begin at `rules[first - 1]`. */
struct fate {
	unsigned verdict;
	size_t first;
};

enum {
	NUMBERS = 512, /* above any call number in use */
	PROGRAM_MAX = 1024, /* the kernel takes four times as many */
	JUMP_MAX = 255, /* of a conditional jump */
	X32_BIT = 0x40000000,
};

static struct fate fates[NUMBERS];

struct program {
	struct sock_filter code[PROGRAM_MAX];
	size_t size;
};

static size_t add(struct program *p, unsigned code, unsigned k, unsigned yes, unsigned no)
{
	assert(p->size < PROGRAM_MAX && yes <= JUMP_MAX && no <= JUMP_MAX);
	p->code[p->size] = (struct sock_filter){ (unsigned short)code, (unsigned char)yes,
		(unsigned char)no, k };
	return p->size++;
}

static void add_return(struct program *p, unsigned verdict)
{
	add(p, BPF_RET | BPF_K, verdict, 0, 0);
}

static void add_load(struct program *p, unsigned place)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, place, 0, 0);
}

/* Leaves the tests that fail with a jump behind the rule's verdict. */
static void add_rule(struct program *p, const struct rule *rule)
{
	size_t jumps[TESTS_MAX], count = 0;
	for (size_t i = 0; i < TESTS_MAX && rule->tests[i].mask; i++) {
		const struct test *t = &rule->tests[i];
		add_load(p, t->word);
		if (t->mask != ALL_BITS)
			add(p, BPF_ALU | BPF_AND | BPF_K, t->mask, 0, 0);
		jumps[count++] = add(p, BPF_JMP | BPF_JEQ | BPF_K, t->value, 0, 0);
	}
	add_return(p, rule->verdict);
	for (size_t i = 0; i < count; i++)
		p->code[jumps[i]].jf = (unsigned char)(p->size - jumps[i] - 1);
}

static void add_fate(struct program *p, const struct fate *fate)
{
	if (!fate->first) {
		add_return(p, fate->verdict);
		return;
	}
	for (const struct rule *r = &rules[fate->first - 1];; r++) {
		add_rule(p, r);
		if (!r->tests[0].mask)
			return;
	}
}

static bool is_same(const struct fate *a, const struct fate *b)
{
	return a->verdict == b->verdict && a->first == b->first;
}

/* The call numbers at which the fate changes; starts[count] is behind the last. */
static size_t find_ranges(unsigned starts[NUMBERS + 1])
{
	size_t count = 0;
	for (unsigned i = 0; i < NUMBERS; i++)
		if (i == 0 || !is_same(&fates[i], &fates[i - 1]))
			starts[count++] = i;
	starts[count] = NUMBERS;
	return count;
}

/* The lower half lies behind the comparison, the upper half behind that. */
static void add_search(struct program *p, const unsigned *starts, size_t count)
{
	if (count == 1) {
		add_fate(p, &fates[starts[0]]);
		return;
	}
	size_t half = count / 2;
	size_t jump = add(p, BPF_JMP | BPF_JGE | BPF_K, starts[half], 0, 0);
	add_search(p, starts, half);
	assert(p->size - jump - 1 <= JUMP_MAX);
	p->code[jump].jt = (unsigned char)(p->size - jump - 1);
	add_search(p, starts + half, count - half);
}

/* Another architecture's table (32-bit, x32) would give the numbers another meaning.  -1 is what a
 * tracer leaves behind and simply no call. */
static void add_guards(struct program *p)
{
	add_load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_HERE, 1, 0);
	add_return(p, KILL);
	add_load(p, offsetof(struct seccomp_data, nr));
	add(p, BPF_JMP | BPF_JGE | BPF_K, NUMBERS, 0, 4);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ALL_BITS, 1, 0);
	add(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 1, 0);
	add_return(p, ABSENT);
	add_return(p, KILL);
}

/* A name that this machine does not have is skipped, one that no machine has is a slip of the
 * pen. */
static bool find_fate(const char *name, struct fate **ret)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR) {
		(void)fprintf(stderr, "no machine has a call `%s`\n", name);
		return false;
	}
	assert(number < NUMBERS);
	*ret = number < 0 ? NULL : &fates[number];
	return true;
}

static bool set_fate(const char *name, struct fate value)
{
	struct fate *fate;
	if (!find_fate(name, &fate))
		return false;
	if (!fate)
		return true;
	if (fate->first || fate->verdict != ABSENT) {
		(void)fprintf(stderr, "`%s` is in two tables\n", name);
		return false;
	}
	*fate = value;
	return true;
}

static bool set_fates(void)
{
	bool fine = true;
	for (size_t i = 0; i < NUMBERS; i++)
		fates[i].verdict = ABSENT;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		fine &= set_fate(allowed[i], (struct fate){ .verdict = ALLOW });
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		fine &= set_fate(refused[i], (struct fate){ .verdict = REFUSE(EPERM) });
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].call)
			fine &= set_fate(rules[i].call, (struct fate){ .first = i + 1 });
	for (size_t i = 0; i < ARRAY_LEN(numbered); i++)
		fates[numbered[i].number] = (struct fate){ .verdict = numbered[i].verdict };
	return fine;
}

static void print_program(const struct program *p)
{
	printf("/* Made by sandbox/seccomp.c.  Include <linux/filter.h> first. */\n"
	       "static const struct sock_filter seccomp_program[] = {\n");
	for (const struct sock_filter *in = p->code; in < p->code + p->size; in++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", in->code, in->jt, in->jf, in->k);
	printf("};\n");
}

int main(void)
{
	static struct program program;
	unsigned starts[NUMBERS + 1];
	if (!set_fates())
		return 1;
	add_guards(&program);
	add_search(&program, starts, find_ranges(starts));
	print_program(&program);
	return 0;
}
