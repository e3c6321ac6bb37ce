/* SPDX-License-Identifier: MIT */
#include "cmd/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/bounded.h"
#include "cmd/crew.h"
#include "cmd/key.h"
#include "cmd/programs.h"
#include "sandbox/enter.h"

enum {
	WORK_MS = 10 * 1000, /* making a sandbox takes some milliseconds */
	SMALL_FILE_MAX = 64 << 10,
};

/* --- FUSE --- */

static int check_fuse(const struct settings *settings, struct buf *words)
{
	if (access("/dev/fuse", F_OK) < 0)
		return fail(words, errno, "there is no /dev/fuse");
	cleanup(fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(words, errno, "/dev/fuse cannot be opened: %s", strerror(errno));
	(void)buf_add_text(words, "/dev/fuse can be opened");
	return 0;
}

static char *find_in_path(const char *name)
{
	const char *path = getenv("PATH");
	cleanup(free) char *copy = xstrdup(path && *path ? path : "/usr/bin:/bin");
	char *rest = NULL;
	for (char *dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
		cleanup(free) char *file = xprintf("%s/%s", dir, name);
		if (access(file, X_OK) == 0)
			return steal(file);
	}
	return NULL;
}

static int check_helper(const struct settings *settings, struct buf *words)
{
	if (geteuid() == 0) {
		(void)buf_add_text(words, "not needed by root");
		return 0;
	}
	cleanup(free) char *path = find_in_path("fusermount3");
	struct stat st;
	if (!path || stat(path, &st) < 0)
		return fail(words, ENOENT, "there is no fusermount3, which mounts for ordinary "
			"users");
	if (st.st_uid != 0 || !(st.st_mode & S_ISUID))
		return fail(words, EPERM, "%s is not set-user-id root", path);
	(void)buf_printf(words, "%s", path);
	return 0;
}

static bool has_line(const char *text, const char *line)
{
	size_t size = strlen(line);
	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, line, size) == 0 && strchr(" \t\r\n", at[size]))
			return true;
	return false;
}

static int check_allow_other(const struct settings *settings, struct buf *words)
{
	if (!settings->allow_other || geteuid() == 0) {
		(void)buf_add_text(words, settings->allow_other ? "root may" : "not asked for");
		return 0;
	}
	cleanup(buf) struct buf text = BUF_INIT(SMALL_FILE_MAX + 1);
	(void)io_read_file(AT_FDCWD, "/etc/fuse.conf", SMALL_FILE_MAX, &text);
	if (!has_line(buf_text(&text), "user_allow_other"))
		return fail(words, EPERM, "/etc/fuse.conf does not allow --allow-other to users");
	(void)buf_add_text(words, "/etc/fuse.conf has user_allow_other");
	return 0;
}

/* --- sandbox --- */

static int probe(void *data, int out)
{
	const char *step = NULL;
	cleanup(buf) struct buf why = BUF_INIT(1024), text = BUF_INIT(2048);
	int r = sandbox_probe(&step, &why);
	if (r < 0)
		(void)buf_printf(&text, "no sandbox can be made here: step \"%s\": %s", step,
			why.size ? buf_text(&why) : strerror(-r));
	(void)io_write_all(out, buf_text(&text), text.size);
	return r;
}

static int check_sandbox(const struct settings *settings, struct buf *words)
{
	int r = bounded_run(probe, NULL, WORK_MS, 1024, words);
	if (r == -ETIMEDOUT)
		return fail(words, -r, "a sandbox was not made within %d s", WORK_MS / 1000);
	if (r < 0 && !words->size)
		return fail(words, -r, "no sandbox can be made here: %s", strerror(-r));
	if (r == 0)
		(void)buf_add_text(words, "a sandbox was made, with all steps");
	return r;
}

static int check_seccomp(const struct settings *settings, struct buf *words)
{
	uint32_t action = SECCOMP_RET_ERRNO;
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return fail(words, errno, "the kernel has no system call filters");
	(void)buf_add_text(words, "system call filters");
	return 0;
}

static int check_landlock(const struct settings *settings, struct buf *words)
{
	int version = sandbox_landlock_version();
	if (!version)
		return fail(words, ENOSYS, "the kernel has no Landlock, or it is not switched on");
	(void)buf_printf(words, "version %d", version);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	cleanup(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

static int map_ids(unsigned uid, unsigned gid)
{
	cleanup(free) char *users = xprintf("0 %u 1", uid), *groups = xprintf("0 %u 1", gid);
	int r = write_text("/proc/self/uid_map", users);
	if (r == 0)
		r = write_text("/proc/self/setgroups", "deny");
	return r < 0 ? r : write_text("/proc/self/gid_map", groups);
}

/* In namespaces of its own, over a tmpfs that nobody else sees. */
static int try_overlay(void *data, int out)
{
	unsigned uid = geteuid(), gid = getegid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	int r = map_ids(uid, gid);
	if (r < 0)
		return r;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0 || chdir("/tmp") < 0 ||
		mkdir("lower", 0700) < 0 || mkdir("upper", 0700) < 0 || mkdir("work", 0700) < 0 ||
		mount("overlay", "lower", "overlay", 0,
			"lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
		return -errno;
	return 0;
}

static int check_overlay(const struct settings *settings, struct buf *words)
{
	int r = bounded_run(try_overlay, NULL, WORK_MS, 0, NULL);
	if (r < 0)
		return fail(words, -r, "no overlay can be mounted in a user namespace: %s",
			strerror(-r));
	(void)buf_add_text(words, "overlays work in user namespaces");
	return 0;
}

/* The unified hierarchy is the line "0::/path" of /proc/self/cgroup. */
static char *own_cgroup(void)
{
	cleanup(buf) struct buf text = BUF_INIT(SMALL_FILE_MAX + 1);
	if (io_read_file(AT_FDCWD, "/proc/self/cgroup", SMALL_FILE_MAX, &text) < 0)
		return NULL;
	const char *at = strstr(buf_text(&text), "0::/");
	return at ? xprintf("/sys/fs/cgroup%.*s", (int)strcspn(at + 3, "\n"), at + 3) : NULL;
}

static bool has_controllers(const char *cgroup, struct buf *ret_missing)
{
	static const char *const wanted[] = { "cpu", "memory", "pids" };
	cleanup(free) char *path = xprintf("%s/cgroup.controllers", cgroup);
	cleanup(buf) struct buf text = BUF_INIT(SMALL_FILE_MAX + 1);
	(void)io_read_file(AT_FDCWD, path, SMALL_FILE_MAX, &text);
	cleanup(free) char *padded = xprintf(" %.*s ", (int)strcspn(buf_text(&text), "\n"),
		buf_text(&text));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		cleanup(free) char *word = xprintf(" %s ", wanted[i]);
		if (!strstr(padded, word))
			(void)buf_printf(ret_missing, " %s", wanted[i]);
	}
	return !ret_missing->size;
}

static int check_cgroup(const struct settings *settings, struct buf *words)
{
	struct statfs fs;
	if (statfs("/sys/fs/cgroup", &fs) < 0 || fs.f_type != 0x63677270 /* cgroup2 */)
		return fail(words, ENOSYS, "/sys/fs/cgroup is not cgroup version 2 alone");
	cleanup(free) char *cgroup = own_cgroup();
	cleanup(buf) struct buf missing = BUF_INIT(256);
	if (!cgroup || access(cgroup, W_OK) < 0)
		return fail(words, EACCES, "the cgroup %s is not delegated to this user",
			cgroup ? cgroup : "of this process");
	if (!has_controllers(cgroup, &missing))
		return fail(words, ENOENT, "the cgroup %s lacks the controllers%s", cgroup,
			buf_text(&missing));
	(void)buf_printf(words, "%s", cgroup);
	return 0;
}

/* --- our own things --- */

static int check_key(const struct settings *settings, struct buf *words)
{
	const char *source = key_source(settings);
	if (!source && !settings->offline)
		return fail(words, ENOENT, "there is no model key");
	(void)buf_printf(words, "%s", source ? source : "not needed with --offline");
	return 0;
}

static int check_programs(const struct settings *settings, struct buf *words)
{
	cleanup(free) char *hands = NULL;
	int r = programs_find(PROGRAMS_HANDS, PROGRAMS_HANDS_FOLDER, &hands, words);
	for (int i = 0; i < CREW_SIZE && r == 0; i++) {
		cleanup(free) char *path = NULL;
		r = programs_find(crew_table[i].program, crew_table[i].folder, &path, words);
	}
	if (r == 0)
		(void)buf_printf(words, "%.*s", (int)(strrchr(hands, '/') - hands), hands);
	return r;
}

/* The store may not exist yet; then its nearest parent tells. */
static int check_store(const struct settings *settings, struct buf *words)
{
	cleanup(free) char *path = xstrdup(settings->store);
	struct statvfs fs;
	while (statvfs(path, &fs) < 0) {
		char *slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return fail(words, errno, "%s: %s", path, strerror(errno));
		*slash = '\0';
	}
	if (access(path, W_OK) < 0)
		return fail(words, errno, "%s cannot be written", path);
	uint64_t free_mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	if (free_mib < CHECKS_DISK_MIB_MIN)
		return fail(words, ENOSPC, "%s has %llu MiB left", path,
			(unsigned long long)free_mib);
	(void)buf_printf(words, "%s, %llu MiB free", settings->store, (unsigned long long)free_mib);
	return 0;
}

/* What else of Debian is used: a file that proves each package. */
static int check_packages(const struct settings *settings, struct buf *words)
{
	static const struct {
		const char *file, *package;
	} needed[] = {
		{ "/bin/bash", "bash" },
		{ "/usr/bin/fusermount3", "fuse3" },
		{ "/etc/ssl/certs/ca-certificates.crt", "ca-certificates" },
	};
	cleanup(buf) struct buf missing = BUF_INIT(256);
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (access(needed[i].file, F_OK) < 0)
			(void)buf_printf(&missing, " %s", needed[i].package);
	if (missing.size)
		return fail(words, ENOENT, "not installed:%s", buf_text(&missing));
	(void)buf_add_text(words, "bash, fuse3, ca-certificates");
	return 0;
}

const struct check checks_table[] = {
	{ "programs", CHECK_REQUIRED, false, check_programs,
		"install agentdirs whole, or run it from its build directory" },
	{ "fuse", CHECK_REQUIRED, true, check_fuse,
		"`modprobe fuse`, and `chmod 666 /dev/fuse` as udev does; in a container add "
		"`--device /dev/fuse`" },
	{ "fusermount3", CHECK_REQUIRED, true, check_helper, "`apt-get install fuse3`" },
	{ "allow-other", CHECK_REQUIRED, true, check_allow_other,
		"add the line user_allow_other to /etc/fuse.conf, or leave out --allow-other" },
	{ "sandbox", CHECK_REQUIRED, true, check_sandbox,
		"user namespaces must be allowed: `sysctl user.max_user_namespaces` above 0, "
		"`sysctl kernel.unprivileged_userns_clone=1` where it exists, and in a container a "
		"seccomp profile that lets unshare and mount through" },
	{ "seccomp", CHECK_REQUIRED, false, check_seccomp,
		"use a kernel with CONFIG_SECCOMP_FILTER, which Debian's have" },
	{ "key", CHECK_REQUIRED, false, check_key,
		"set ANTHROPIC_API_KEY (or give --key-file FILE), or use the built-in rehearsal "
		"model with --offline" },
	{ "store", CHECK_REQUIRED, false, check_store,
		"make room, or choose another place with --store DIR" },
	{ "landlock", CHECK_USEFUL, false, check_landlock,
		"a second wall around tools is missing; boot with lsm=landlock,... to have it" },
	{ "overlay", CHECK_USEFUL, false, check_overlay,
		"environments with packages need it (Linux 5.11); those without do not" },
	{ "cgroup", CHECK_USEFUL, false, check_cgroup,
		"sandboxes are limited by rlimits only; start agentdirs with `systemd-run --user "
		"--scope -p Delegate=yes` for limits of memory and processor" },
	{ "packages", CHECK_USEFUL, false, check_packages, "`apt-get install` what is named" },
	{ 0 },
};

int checks_before_mount(const struct settings *settings, struct buf *why)
{
	for (const struct check *row = checks_table; row->name; row++) {
		cleanup(buf) struct buf words = BUF_INIT(2048);
		int r = row->before_mount ? row->run(settings, &words) : 0;
		if (r < 0)
			return fail(why, -r, "%s; %s", buf_text(&words), row->remedy);
	}
	return 0;
}

void checks_isolation(struct buf *out)
{
	int landlock = sandbox_landlock_version();
	(void)buf_add_text(out, "user mount pid ipc uts net cgroup namespaces, no capabilities, "
		"seccomp");
	if (landlock)
		(void)buf_printf(out, ", landlock %d", landlock);
	(void)buf_add_text(out, ", rlimits");
}
