/* SPDX-License-Identifier: MIT */
/*
 * Runs in a sandbox in the place of the hands and tries what must not work there, and
 * what must.  Static, so that it runs in any root.
 *
 * Each probe runs in a child and gives 0 (it worked), an errno, or KILLED + signal; what
 * is wanted stands in its row.  One line each goes to the descriptor `control=` (standard
 * output without it, for a run under another sandbox as a control):
 *
 *	ok|WRONG  name  got  wanted
 *
 * The session's name ends with the port of a listener on the host's loopback, which is
 * also the name of an abstract socket there.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/args.h"
#include "base/util.h"

enum {
	WORKS = 0,
	KILLED = 1000, /* + signal */
	DIFFERENT = 255, /* not an errno: what was found is not what must be there */
	WANTED_MAX = 3,
	FORKS_MAX = 2000,
	WATCHERS_MAX = 32, /* of a person's 128 */
	TERMINALS_MAX = 64, /* of the machine's 3072 that are not reserved */
	FILL_BLOCKS = 600, /* of a megabyte; more than any of the file systems holds */
};

static int port; /* of the host's listener */

/* System calls that a filter refuses before it looks at their arguments. */

struct call {
	const char *name;
	long number;
	long args[5];
	int wanted[WANTED_MAX];
};

static const char here[] = "/tmp";
static const struct rlimit no_limit = { 0, 0 };
static const struct sched_param no_priority = { 0 };
static unsigned long events; /* a context of io_setup */

static const struct call calls[] = {
	{ "unshare user", SYS_unshare, { CLONE_NEWUSER }, { EPERM } },
	{ "unshare mount", SYS_unshare, { CLONE_NEWNS }, { EPERM } },
	{ "unshare net", SYS_unshare, { CLONE_NEWNET }, { EPERM } },
	{ "unshare files", SYS_unshare, { CLONE_FILES }, { EPERM } },
	{ "clone user", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, { EPERM } },
	{ "clone pid", SYS_clone, { CLONE_NEWPID | SIGCHLD }, { EPERM } },
	{ "clone3", SYS_clone3, { 0, 0 }, { ENOSYS } },
	{ "setns", SYS_setns, { 0, 0 }, { EPERM } },
	{ "mount tmpfs", SYS_mount, { (long)"x", (long)here, (long)"tmpfs" }, { EPERM } },
	{ "remount /proc/sys", SYS_mount,
		{ 0, (long)"/proc/sys", 0, MS_REMOUNT | MS_BIND }, { EPERM } },
	{ "umount /proc/kcore", SYS_umount2, { (long)"/proc/kcore", MNT_DETACH }, { EPERM } },
	{ "umount /proc/sys", SYS_umount2, { (long)"/proc/sys", MNT_DETACH }, { EPERM } },
	{ "pivot_root", SYS_pivot_root, { (long)here, (long)here }, { EPERM } },
	{ "chroot", SYS_chroot, { (long)here }, { EPERM } },
	{ "fsopen", SYS_fsopen, { (long)"tmpfs", 0 }, { EPERM } },
	{ "fsmount", SYS_fsmount, { -1 }, { EPERM } },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, (long)here, OPEN_TREE_CLONE }, { EPERM } },
	{ "move_mount", SYS_move_mount, { -1, (long)"", -1, (long)here }, { EPERM } },
	{ "mount_setattr", SYS_mount_setattr, { AT_FDCWD, (long)here }, { EPERM } },
	{ "ptrace init", SYS_ptrace, { PTRACE_SEIZE, 1 }, { EPERM } },
	{ "ptrace me", SYS_ptrace, { PTRACE_TRACEME }, { EPERM } },
	{ "process_vm_readv init", SYS_process_vm_readv, { 1 }, { EPERM } },
	{ "process_vm_writev init", SYS_process_vm_writev, { 1 }, { EPERM } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { -1, 0 }, { EPERM } },
	{ "kcmp", SYS_kcmp, { 1, 1 }, { EPERM } },
	{ "keyctl", SYS_keyctl, { KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1 }, { EPERM } },
	{ "add_key", SYS_add_key, { (long)"user", (long)"k", (long)"v", 1, KEY_SPEC_USER_KEYRING },
		{ EPERM } },
	{ "request_key", SYS_request_key, { (long)"user", (long)"k" }, { EPERM } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, 0 }, { EPERM } },
	{ "io_uring_enter", SYS_io_uring_enter, { -1 }, { EPERM } },
	{ "io_uring_register", SYS_io_uring_register, { -1 }, { EPERM } },
	{ "bpf", SYS_bpf, { BPF_PROG_LOAD, 0, 0 }, { EPERM } },
	{ "perf_event_open", SYS_perf_event_open, { 0, 0, -1, -1 }, { EPERM } },
	{ "userfaultfd", SYS_userfaultfd, { 1 /* user mode only */ }, { EPERM } },
	{ "name_to_handle_at", SYS_name_to_handle_at, { AT_FDCWD, (long)here }, { EPERM } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD, 0 }, { EPERM } },
	{ "fanotify_init", SYS_fanotify_init, { 0x200, 0 }, { EPERM } },
	{ "quotactl", SYS_quotactl, { 0, 0 }, { EPERM } },
	{ "kexec_load", SYS_kexec_load, { 0 }, { EPERM } },
	{ "init_module", SYS_init_module, { 0 }, { EPERM } },
	{ "finit_module", SYS_finit_module, { -1 }, { EPERM } },
	{ "delete_module", SYS_delete_module, { (long)"x" }, { EPERM } },
	{ "reboot", SYS_reboot, { 0 }, { EPERM } },
	{ "swapon", SYS_swapon, { (long)here }, { EPERM } },
	{ "acct", SYS_acct, { 0 }, { EPERM } },
	{ "syslog", SYS_syslog, { 3, 0, 0 }, { EPERM } },
	{ "sethostname", SYS_sethostname, { (long)"x", 1 }, { EPERM } },
	{ "settimeofday", SYS_settimeofday, { 0, 0 }, { EPERM } },
	{ "clock_settime", SYS_clock_settime, { 0, 0 }, { EPERM } },
	{ "vhangup", SYS_vhangup, { 0 }, { EPERM } },
	{ "move_pages", SYS_move_pages, { 0, 0 }, { EPERM } },
	{ "mbind", SYS_mbind, { 0, 0 }, { EPERM } },
	{ "set_mempolicy", SYS_set_mempolicy, { 0, 0, 0 }, { EPERM } },
	{ "memfd_secret", SYS_memfd_secret, { 0 }, { EPERM } },
	{ "lookup_dcookie", SYS_lookup_dcookie, { 0 }, { EPERM } },
	{ "personality", SYS_personality, { PER_BSD }, { EPERM } },
	{ "personality no random", SYS_personality, { ADDR_NO_RANDOMIZE }, { WORKS } },
	{ "an unknown call", 480, { 0 }, { ENOSYS } },
	{ "the call -1", -1, { 0 }, { ENOSYS } },
#ifdef __x86_64__
	{ "modify_ldt", SYS_modify_ldt, { 0, 0, 0 }, { EPERM } },
	{ "iopl", SYS_iopl, { 3 }, { EPERM } },
	{ "ioperm", SYS_ioperm, { 0, 1, 1 }, { EPERM } },
	{ "the x32 table", 0x40000000 | SYS_getpid, { 0 }, { KILLED + SIGSYS } },
#endif
	{ "mknod block device", SYS_mknodat,
		{ AT_FDCWD, (long)"/tmp/b", S_IFBLK | 0600, (254 << 8) }, { EPERM } },
	{ "mknod memory", SYS_mknodat, { AT_FDCWD, (long)"/tmp/m", S_IFCHR | 0600, (1 << 8) | 1 },
		{ EPERM } },
	{ "mkfifo", SYS_mknodat, { AT_FDCWD, (long)"/tmp/fifo", S_IFIFO | 0600, 0 }, { WORKS } },
	{ "setuid other", SYS_setuid, { 1000 }, { EPERM, EINVAL } },
	{ "setresuid other", SYS_setresuid, { 1, 1, 1 }, { EPERM, EINVAL } },
	{ "setgid other", SYS_setgid, { 1000 }, { EPERM, EINVAL } },
	{ "setgroups", SYS_setgroups, { 0, 0 }, { EPERM } },
	{ "chown to other", SYS_fchownat, { AT_FDCWD, (long)here, 1000, 1000 }, { EPERM, EINVAL } },
	{ "securebits", SYS_prctl, { PR_SET_SECUREBITS, 0 }, { EPERM } },
	{ "bounding set", SYS_prctl, { PR_CAPBSET_READ, CAP_SYS_ADMIN }, { WORKS } },
	{ "more processes", SYS_prlimit64, { 0, RLIMIT_NPROC }, { WORKS } },
	{ "take the hands' processes away", SYS_prlimit64, { 1, RLIMIT_NPROC, (long)&no_limit },
		{ EPERM } },
	{ "let the hands run last", SYS_sched_setscheduler, { 1, SCHED_IDLE, (long)&no_priority },
		{ EPERM } },
	{ "let the hands run late", SYS_setpriority, { PRIO_PROCESS, 1, 19 }, { EPERM } },
	{ "let every process run late", SYS_setpriority, { PRIO_USER, 0, 19 }, { EPERM } },
	{ "run late oneself", SYS_setpriority, { PRIO_PROCESS, 0, 19 }, { WORKS } },
	{ "limit oneself", SYS_prlimit64, { 0, RLIMIT_NPROC, (long)&no_limit }, { WORKS } },
	{ "take the machine's events", SYS_io_setup, { 60000, (long)&events }, { ENOSYS } },
	{ "memory that no process owns", SYS_shmget, { IPC_PRIVATE, 1 << 20, 0600 }, { EINVAL } },
	{ "the same above 4 GiB", SYS_shmget, { IPC_PRIVATE, 1L << 32, 0600 }, { EINVAL } },
	{ "a little of it", SYS_shmget, { IPC_PRIVATE, 4096, 0600 }, { WORKS } },
	{ "semaphores by the thousand", SYS_semget, { IPC_PRIVATE, 32000, 0600 }, { EINVAL } },
	{ "a few semaphores", SYS_semget, { IPC_PRIVATE, 17, 0600 }, { WORKS } },
	{ "kill init", SYS_kill, { 1, SIGKILL }, { WORKS } },
	{ "kill everybody", SYS_kill, { -1, 0 }, { WORKS, ESRCH, EPERM } },
};

static int try_call(const struct call *c)
{
	const long *a = c->args;
	long r = syscall(c->number, a[0], a[1], a[2], a[3], a[4], 0);
	return r < 0 ? errno : WORKS;
}

/* Files: 0 when it could be opened, else the errno. */

struct file {
	const char *path;
	int flags;
	int wanted[WANTED_MAX];
};

static const struct file files[] = {
	{ "/proc/sys/kernel/core_pattern", O_WRONLY, { EROFS, EACCES } },
	{ "/proc/sys/kernel/modprobe", O_WRONLY, { EROFS, EACCES, ENOENT } },
	{ "/proc/sys/vm/drop_caches", O_WRONLY, { EROFS, EACCES } },
	{ "/proc/sys/net/ipv4/ip_forward", O_WRONLY, { EROFS, EACCES } },
	{ "/proc/sys/fs/binfmt_misc/register", O_WRONLY, { EROFS, EACCES, ENOENT } },
	{ "/proc/1/environ", O_RDONLY, { EPERM, EACCES } },
	{ "/proc/1/mem", O_RDWR, { EPERM, EACCES } },
	{ "/proc/1/maps", O_RDONLY, { EPERM, EACCES } },
	{ "/proc/1/fd", O_RDONLY, { EPERM, EACCES } },
	{ "/proc/1/root", O_RDONLY, { EPERM, EACCES } },
	{ "/proc/1/cwd", O_RDONLY, { EPERM, EACCES } },
	{ "/proc/1/status", O_RDONLY, { EPERM } },
	{ "/proc/1/exe", O_WRONLY, { EPERM, EACCES, ETXTBSY } },
	{ "/dev/tty", O_RDWR, { ENXIO } },
	{ "/dev/fuse", O_RDWR, { ENOENT } },
	{ "/dev/kvm", O_RDWR, { ENOENT } },
	{ "/dev/mem", O_RDWR, { ENOENT } },
	{ "/dev/kmsg", O_RDWR, { ENOENT } },
	{ "/dev/loop-control", O_RDWR, { ENOENT } },
	{ "/dev/net/tun", O_RDWR, { ENOENT } },
	{ "/dev/new", O_CREAT | O_WRONLY, { EROFS } },
	{ "/etc/shadow", O_RDONLY, { ENOENT } },
	{ "/etc/machine-id", O_RDONLY, { ENOENT } },
	{ "/etc/ssh", O_RDONLY, { ENOENT } },
	{ "/etc/alternatives/new", O_CREAT | O_WRONLY, { EROFS } },
	{ "/home", O_RDONLY, { ENOENT } },
	{ "/boot", O_RDONLY, { ENOENT } },
	{ "/sys", O_RDONLY, { ENOENT } },
	{ "/sys/fs/cgroup/cgroup.procs", O_RDONLY, { ENOENT } },
	{ "/var/lib/dpkg", O_RDONLY, { ENOENT } },
	{ "/usr/new", O_CREAT | O_WRONLY, { EROFS } },
	{ "/usr/bin/env", O_WRONLY, { EROFS } },
	{ "/usr/bin/env", O_RDONLY, { WORKS } },
	{ "/bin/sh", O_RDONLY, { WORKS } },
	{ "/workspace/made-inside", O_CREAT | O_WRONLY, { WORKS } },
	{ "/root/new", O_CREAT | O_WRONLY, { WORKS } },
	{ "/tmp/new", O_CREAT | O_WRONLY, { WORKS } },
	{ "/dev/shm/new", O_CREAT | O_WRONLY, { WORKS } },
	{ "/dev/null", O_WRONLY, { WORKS } },
	{ "/dev/urandom", O_RDONLY, { WORKS } },
	{ "/proc/self/status", O_RDONLY, { WORKS } },
	{ "/proc/meminfo", O_RDONLY, { WORKS } },
};

static int try_file(const struct file *f)
{
	int fd = open(f->path, f->flags | O_CLOEXEC, 0644);
	return fd < 0 ? errno : WORKS;
}

/* Sockets. */

struct kind {
	const char *name;
	int family, type, protocol;
	int wanted[WANTED_MAX];
};

static const struct kind kinds[] = {
	{ "socket unix", AF_UNIX, SOCK_STREAM, 0, { WORKS } },
	{ "socket tcp", AF_INET, SOCK_STREAM, 0, { WORKS } },
	{ "socket tcp by name", AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, { WORKS } },
	{ "socket udp6", AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP,
		{ WORKS, EAFNOSUPPORT } },
	{ "socket raw", AF_INET, SOCK_RAW, IPPROTO_ICMP, { EPROTONOSUPPORT } },
	{ "socket ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP, { EPROTONOSUPPORT } },
	{ "socket sctp", AF_INET, SOCK_STREAM, 132, { EPROTONOSUPPORT } },
	{ "socket mptcp", AF_INET, SOCK_STREAM, 262, { EPROTONOSUPPORT } },
	{ "socket route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, { WORKS } },
	{ "socket audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, { EPROTONOSUPPORT } },
	{ "socket netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, { EPROTONOSUPPORT } },
	{ "socket xfrm", AF_NETLINK, SOCK_RAW, NETLINK_XFRM, { EPROTONOSUPPORT } },
	{ "socket packet", AF_PACKET, SOCK_RAW, 0, { EAFNOSUPPORT } },
	{ "socket vsock", AF_VSOCK, SOCK_STREAM, 0, { EAFNOSUPPORT } },
	{ "socket alg", AF_ALG, SOCK_SEQPACKET, 0, { EAFNOSUPPORT } },
	{ "socket key", AF_KEY, SOCK_RAW, 2, { EAFNOSUPPORT } },
	{ "socket xdp", AF_XDP, SOCK_RAW, 0, { EAFNOSUPPORT } },
	{ "socket tipc", AF_TIPC, SOCK_RDM, 0, { EAFNOSUPPORT } },
	{ "socket bluetooth", AF_BLUETOOTH, SOCK_RAW, 0, { EAFNOSUPPORT } },
	{ "socket can", AF_CAN, SOCK_RAW, 1, { EAFNOSUPPORT } },
	{ "socket rds", AF_RDS, SOCK_SEQPACKET, 0, { EAFNOSUPPORT } },
	{ "socket qrtr", 42, SOCK_DGRAM, 0, { EAFNOSUPPORT } },
};

static int try_kind(const struct kind *k)
{
	return socket(k->family, k->type, k->protocol) < 0 ? errno : WORKS;
}

/* What takes more than one call. */

static int connect_to(const char *address, int to_port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to_port) };
	(void)inet_pton(AF_INET, address, &name.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? errno : WORKS;
}

static int host_loopback(void)
{
	return connect_to("127.0.0.1", port);
}

static int outside(void)
{
	return connect_to("1.1.1.1", 443);
}

static int metadata(void)
{
	return connect_to("169.254.169.254", 80);
}

static int name_server(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(53) };
	(void)inet_pton(AF_INET, "8.8.8.8", &name.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) < 0 ? errno : WORKS;
}

static int host_abstract(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "canary-%d", port);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return connect(fd, (struct sockaddr *)&name, size) < 0 ? errno : WORKS;
}

/* A server in the sandbox can be reached from the sandbox. */
static int own_loopback(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&name, size) < 0 || listen(fd, 1) < 0 ||
		getsockname(fd, (struct sockaddr *)&name, &size) < 0)
		return errno;
	return connect_to("127.0.0.1", ntohs(name.sin_port));
}

static int open_terminal(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	return master < 0 || unlockpt(master) < 0 ? -1 : master;
}

static int type_into(unsigned long command)
{
	int fd = open_terminal();
	char c = 'x';
	if (fd < 0)
		return DIFFERENT;
	return syscall(SYS_ioctl, fd, command, &c) < 0 ? errno : WORKS;
}

static int tiocsti(void)
{
	return type_into(TIOCSTI);
}

static int tiocsti_wide(void)
{
	return type_into(TIOCSTI | 1ul << 32);
}

static int tioclinux(void)
{
	return type_into(TIOCLINUX);
}

static int socketpair_unix(void)
{
	int ends[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 ? errno : WORKS;
}

static int socketpair_tipc(void)
{
	int ends[2];
	return socketpair(AF_TIPC, SOCK_STREAM, 0, ends) < 0 ? errno : WORKS;
}

#ifdef __x86_64__
static int call_32_bit(void)
{
	long r = 20; /* getpid */
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return WORKS;
}
#endif

static int raise_capability(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 1, 1, 1 } };
	return syscall(SYS_capset, &head, data) < 0 ? errno : WORKS;
}

static int raise_limit(void)
{
	struct rlimit more = { 100000, 100000 };
	return setrlimit(RLIMIT_NPROC, &more) < 0 ? errno : WORKS;
}

/* The children live until the pipe's last writer, their parent, closes it. */
static int fork_bomb(void)
{
	int ends[2], result = pipe(ends) < 0 ? errno : WORKS;
	for (int i = 0; i < FORKS_MAX && result == WORKS; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			char c;
			close(ends[1]);
			_exit(read(ends[0], &c, 1) != 0);
		}
		result = pid < 0 ? errno : WORKS;
	}
	close(ends[1]);
	while (wait(NULL) > 0)
		continue;
	return result;
}

static int fill(const char *path)
{
	static char block[1 << 20];
	memset(block, 'x', sizeof(block));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), result = WORKS;
	for (int i = 0; i < FILL_BLOCKS && result == WORKS; i++)
		if (write(fd, block, sizeof(block)) < 0)
			result = errno;
	(void)unlink(path);
	return result;
}

static int fill_tmp(void)
{
	return fill("/tmp/big");
}

static int fill_root(void)
{
	return fill("/big");
}

static int fill_shm(void)
{
	return fill("/dev/shm/big");
}

/* How many there are until the first refusal; that one's errno when they were few enough. */
static int count_until_refused(int (*make)(void), int max)
{
	int count = 0;
	while (count <= max && make() >= 0)
		count++;
	return count > max ? DIFFERENT : errno;
}

static int make_watcher(void)
{
	return inotify_init1(0);
}

static int make_terminal(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY);
}

static int watchers(void)
{
	return count_until_refused(make_watcher, WATCHERS_MAX);
}

static int terminals(void)
{
	return count_until_refused(make_terminal, TERMINALS_MAX);
}

/* What would refuse a namespace if the filter did not. */
static int namespaces_left(void)
{
	char c = 0;
	int fd = open("/proc/sys/user/max_user_namespaces", O_RDONLY);
	return fd < 0 ? errno : read(fd, &c, 1) == 1 && c == '0' ? WORKS : DIFFERENT;
}

static int status_is(const char *line)
{
	char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return errno;
	text[n] = '\0';
	return strstr(text, line) ? WORKS : DIFFERENT;
}

static int capabilities_zero(void)
{
	static const char *const lines[] = {
		"\nCapInh:\t0000000000000000\n",
		"\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n",
		"\nCapBnd:\t0000000000000000\n",
		"\nCapAmb:\t0000000000000000\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (status_is(lines[i]))
			return DIFFERENT;
	return WORKS;
}

static int no_new_privs(void)
{
	return status_is("\nNoNewPrivs:\t1\n");
}

static int filtered(void)
{
	return status_is("\nSeccomp:\t2\n");
}

static size_t count_entries(const char *path, bool (*counts)(const char *name))
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t count = 0;
	while (dir && (entry = readdir(dir)))
		count += *entry->d_name != '.' && (!counts || counts(entry->d_name));
	if (dir)
		closedir(dir);
	return count;
}

static bool is_number(const char *name)
{
	return *name >= '0' && *name <= '9';
}

/* Standard three, control, and the directory that is being read. */
static int descriptors(void)
{
	return count_entries("/proc/self/fd", NULL) == 5 ? WORKS : DIFFERENT;
}

static int standard_null(void)
{
	struct stat null, st;
	if (stat("/dev/null", &null) < 0)
		return errno;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) < 0 || st.st_rdev != null.st_rdev || !S_ISCHR(st.st_mode))
			return DIFFERENT;
	return WORKS;
}

/* Init and this child. */
static int processes(void)
{
	return count_entries("/proc", is_number) <= 3 ? WORKS : DIFFERENT;
}

static int devices(void)
{
	return count_entries("/dev", NULL) == 13 ? WORKS : DIFFERENT;
}

static int root_is_empty(void)
{
	return count_entries("/root", NULL) == 0 ? WORKS : DIFFERENT;
}

/* It can be opened, as /dev/null can, and there is nothing in it. */
static int read_nothing(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY);
	return fd < 0 ? errno : read(fd, &c, 1) == 0 ? WORKS : DIFFERENT;
}

static int kcore(void)
{
	return read_nothing("/proc/kcore");
}

static int keys(void)
{
	return read_nothing("/proc/keys");
}

static int kallsyms(void)
{
	return read_nothing("/proc/kallsyms");
}

/* The mask takes the write; nothing happens. */
static int sysrq(void)
{
	struct stat null, st;
	if (stat("/dev/null", &null) < 0 || stat("/proc/sysrq-trigger", &st) < 0)
		return errno;
	return st.st_rdev == null.st_rdev ? WORKS : DIFFERENT;
}

static int core_limit(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 1 ? WORKS : DIFFERENT;
}

static int environment(void)
{
	return getenv("CANARY") ? DIFFERENT : WORKS;
}

static int session_leader(void)
{
	return getsid(0) == 1 ? WORKS : DIFFERENT;
}

static int identity(void)
{
	return getuid() || geteuid() || getgid() || getegid() ? DIFFERENT : WORKS;
}

static int workspace_owned(void)
{
	struct stat st;
	return stat("/workspace", &st) == 0 && st.st_uid == 0 && st.st_gid == 0 ? WORKS : DIFFERENT;
}

static int directory(void)
{
	char path[64];
	return getcwd(path, sizeof(path)) && strcmp(path, "/workspace") == 0 ? WORKS : DIFFERENT;
}

static int run_program(const char *command)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? WORKS : DIFFERENT;
}

static int shell(void)
{
	return run_program("x=$(echo one two | awk '{print $2}') && [ \"$x\" = two ]");
}

static const struct {
	const char *name;
	int (*run)(void);
	int wanted[WANTED_MAX];
} others[] = {
	{ "connect to the host's loopback", host_loopback, { ECONNREFUSED } },
	{ "connect to its abstract socket", host_abstract, { ECONNREFUSED } },
	{ "connect outside", outside, { ENETUNREACH } },
	{ "connect to metadata", metadata, { ENETUNREACH } },
	{ "send to a name server", name_server, { ENETUNREACH } },
	{ "connect to the own loopback", own_loopback, { WORKS } },
	{ "TIOCSTI", tiocsti, { EPERM } },
	{ "TIOCSTI with a wide command", tiocsti_wide, { EPERM } },
	{ "TIOCLINUX", tioclinux, { EPERM } },
	{ "socketpair unix", socketpair_unix, { WORKS } },
	{ "socketpair tipc", socketpair_tipc, { EAFNOSUPPORT } },
#ifdef __x86_64__
	{ "a 32-bit call", call_32_bit, { KILLED + SIGSYS } },
#endif
	{ "raise a capability", raise_capability, { EPERM } },
	{ "raise the process limit", raise_limit, { EPERM } },
	{ "fork bomb", fork_bomb, { EAGAIN } },
	{ "take the person's inotify instances", watchers, { EMFILE } },
	{ "take the machine's terminals", terminals, { ENOSPC } },
	{ "no user namespace is left", namespaces_left, { WORKS } },
	{ "fill /tmp", fill_tmp, { ENOSPC } },
	{ "fill /", fill_root, { ENOSPC } },
	{ "fill /dev/shm", fill_shm, { ENOSPC } },
	{ "capabilities are none", capabilities_zero, { WORKS } },
	{ "no_new_privs is set", no_new_privs, { WORKS } },
	{ "the filter is on", filtered, { WORKS } },
	{ "descriptors are four", descriptors, { WORKS } },
	{ "standard ones are /dev/null", standard_null, { WORKS } },
	{ "no foreign processes", processes, { WORKS } },
	{ "13 names in /dev", devices, { WORKS } },
	{ "kcore is empty", kcore, { WORKS, ENOENT } },
	{ "keys is empty", keys, { WORKS } },
	{ "kallsyms is empty", kallsyms, { WORKS } },
	{ "sysrq goes nowhere", sysrq, { WORKS, ENOENT } },
	{ "no cores", core_limit, { WORKS } },
	{ "the environment is new", environment, { WORKS } },
	{ "the session is new", session_leader, { WORKS } },
	{ "is root inside", identity, { WORKS } },
	{ "owns the workspace", workspace_owned, { WORKS } },
	{ "is in the workspace", directory, { WORKS } },
	{ "runs a shell", shell, { WORKS } },
};

static int control = STDOUT_FILENO;
static int wrong_count;

static void tell(const char *name, int got, const int wanted[WANTED_MAX])
{
	char line[256];
	bool is_wanted = got == wanted[0];
	for (int i = 1; i < WANTED_MAX; i++)
		is_wanted |= wanted[i] != WORKS && got == wanted[i];
	wrong_count += !is_wanted;
	int n = snprintf(line, sizeof(line), "%s\t%s\t%d\t%d\n", is_wanted ? "ok" : "WRONG",
		name, got, wanted[0]);
	if (write(control, line, (size_t)n) != n)
		_exit(3);
}

enum table { CALLS, FILES, KINDS, OTHERS };

static int run_here(enum table table, size_t i)
{
	switch (table) {
	case CALLS:
		return try_call(&calls[i]);
	case FILES:
		return try_file(&files[i]);
	case KINDS:
		return try_kind(&kinds[i]);
	case OTHERS:
		return others[i].run();
	}
	return DIFFERENT;
}

/* In a child, because a probe that works may leave a process useless or end it. */
static int run_probe(enum table table, size_t i)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(run_here(table, i));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return DIFFERENT;
	return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static void find_port(int argc, char **argv)
{
	const char *session = args_text(argc, argv, "session", "");
	const char *dash = strrchr(session, '-');
	port = dash ? atoi(dash + 1) : 9;
}

int main(int argc, char **argv)
{
	control = (int)args_int(argc, argv, "control", STDOUT_FILENO);
	find_port(argc, argv);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* First, while the directory is as it was found. */
	tell("/root is empty", root_is_empty(), (const int[WANTED_MAX]){ WORKS });
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		tell(others[i].name, run_probe(OTHERS, i), others[i].wanted);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		tell(files[i].path, run_probe(FILES, i), files[i].wanted);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		tell(kinds[i].name, run_probe(KINDS, i), kinds[i].wanted);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		tell(calls[i].name, run_probe(CALLS, i), calls[i].wanted);
	return wrong_count ? 1 : 0;
}
