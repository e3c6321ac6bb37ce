/* SPDX-License-Identifier: MIT */
/*
 * The order of confinement.
 *
 * Identity first, because only then is the process root over its own namespaces; then
 * the tree, which needs the host's; then what needs capabilities; then the capabilities
 * go; the filter comes last because it forbids most of what came before.
 *
 * Adding a step: a function in steps.h's contract and a row here.  What it needs to know
 * goes into struct sandbox_spec.
 */
#include "sandbox/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/steps.h"

static int step_hands(const struct sandbox_spec *spec, struct buf *why);

const struct step sandbox_steps[] = {
	{ "signals", step_signals },
	{ "identity", step_identity },
	{ "mounts", step_mounts },
	{ "root", step_root },
	{ "pivot_root", step_pivot },
	{ "loopback", step_loopback },
	{ "hostname", step_hostname },
	{ "limits", step_limits },
	{ "session", step_session },
	{ "descriptors", step_descriptors },
	{ "capabilities", step_capabilities },
	{ "no_new_privs", step_no_new_privs },
	{ "landlock", step_landlock },
	{ "seccomp", step_seccomp },
	{ "hands", step_hands },
	{ 0 }
};

static char *const hands_environment[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"HOME=/root",
	(char *)"LANG=C.UTF-8",
	(char *)"TERM=dumb",
	NULL,
};

/* Exec, not fork: a forked image would carry the spawner's memory and environment into the sandbox,
 * where /proc/1 shows them. */
static int step_hands(const struct sandbox_spec *spec, struct buf *why)
{
	if (spec->hands < 0)
		return 0;
	cleanup(free) char *control = xprintf("control=%d", SANDBOX_CONTROL_FD);
	cleanup(free) char *instance = xprintf("instance=%s", spec->instance);
	cleanup(free) char *session = xprintf("session=%s", spec->session);
	char *argv[] = { (char *)"hands", control, instance, session, NULL };
	(void)syscall(SYS_execveat, spec->hands, "", argv, hands_environment, AT_EMPTY_PATH);
	return fail(why, errno, "cannot run the hands: %s", strerror(errno));
}

int sandbox_enter(const struct sandbox_spec *spec, const char **ret_step, struct buf *why)
{
	for (const struct step *step = sandbox_steps; step->name; step++) {
		int r = step->run(spec, why);
		if (r < 0) {
			*ret_step = step->name;
			return r;
		}
	}
	return 0;
}
