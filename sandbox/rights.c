/* SPDX-License-Identifier: MIT */
/* What a process may do: capabilities, no_new_privs, Landlock, the system call filter. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/steps.h"
#include "sandbox/seccomp-program.h"

/* uid 0 would get everything back at the next exec; the empty bounding set prevents it, and with
 * these bits uid 0 means nothing in the first place. */
static int drop_bounding(void)
{
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
		SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
		SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED;
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return -errno;
	unsigned long cap = 0;
	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	/* EINVAL: the one before was the last that the kernel knows. */
	return errno == EINVAL && cap > CAP_SYS_ADMIN ? 0 : -errno;
}

int step_capabilities(const struct sandbox_spec *spec, struct buf *why)
{
	int r = drop_bounding();
	if (r < 0)
		return fail(why, -r, "cannot empty the bounding set: %s", strerror(-r));
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	if (syscall(SYS_capset, &head, none) < 0)
		return fail(why, errno, "cannot drop capabilities: %s", strerror(errno));
	return 0;
}

int step_no_new_privs(const struct sandbox_spec *spec, struct buf *why)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, errno, "cannot set no_new_privs: %s", strerror(errno));
	return 0;
}

/* The kernel's struct as of version 6, which older headers do not have whole; an older kernel takes
 * it as long as what it does not know is zero. */
struct ruleset {
	uint64_t files, network, scopes;
};

/* Files: every right of the version is handled and then granted on the whole tree.  Nothing is
 * taken away by that; but a domain that handles files cannot mount, unmount or pivot, whatever else
 * goes wrong. */
static struct ruleset landlock_rules(int version)
{
	static const struct {
		int version;
		struct ruleset rights;
	} rows[] = {
		{ 1, { .files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 } },
		{ 2, { .files = LANDLOCK_ACCESS_FS_REFER } },
		{ 3, { .files = 1 << 14 } }, /* truncate */
		{ 5, { .files = 1 << 15 } }, /* ioctl on devices */
		{ 6, { .scopes = 1 | 2 } }, /* abstract sockets, signals: only within the sandbox */
	};
	struct ruleset all = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(rows) && rows[i].version <= version; i++) {
		all.files |= rows[i].rights.files;
		all.scopes |= rows[i].rights.scopes;
	}
	return all;
}

int sandbox_landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version < 0 ? 0 : (int)version;
}

static int landlock_apply(const struct ruleset *rules)
{
	cleanup(fd) int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup(fd) int set = (int)syscall(SYS_landlock_create_ruleset, rules, sizeof(*rules), 0);
	if (top < 0 || set < 0)
		return -errno;
	struct landlock_path_beneath_attr tree = { .allowed_access = rules->files,
		.parent_fd = top };
	if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &tree, 0) < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, set, 0) < 0 ? -errno : 0;
}

/* The second wall, and the only optional one: kernels without it are common, and `doctor` says
 * so. */
int step_landlock(const struct sandbox_spec *spec, struct buf *why)
{
	int version = sandbox_landlock_version();
	if (!version)
		return 0;
	struct ruleset rules = landlock_rules(version);
	int r = landlock_apply(&rules);
	return r < 0 ? fail(why, -r, "cannot apply Landlock: %s", strerror(-r)) : 0;
}

int step_seccomp(const struct sandbox_spec *spec, struct buf *why)
{
	const struct sock_fprog program = {
		.len = ARRAY_LEN(seccomp_program),
		.filter = (struct sock_filter *)seccomp_program,
	};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return fail(why, errno, "cannot load the system call filter: %s", strerror(errno));
	return 0;
}
