/* SPDX-License-Identifier: MIT */
/* Can this machine make a sandbox?  The only honest answer is to make one: all steps, then it
 * exits. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/steps.h"

enum { STEP_NAME_MAX = 64 };

static int await_end(const struct sandbox_process *process, struct buf *ret_step, struct buf *why)
{
	siginfo_t info = { 0 };
	if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
		return fail(why, errno, "cannot wait for the probe: %s", strerror(errno));
	int r = sandbox_report(process->report, ret_step, why);
	if (r < 0)
		return r;
	if (info.si_code != CLD_EXITED)
		return fail(why, EPROTO, "the probe was killed by signal %d", info.si_status);
	return 0;
}

static int probe_over(int workspace, struct buf *ret_step, struct buf *why)
{
	struct sandbox_spec spec = { .session = "probe", .instance = "probe",
		.workspace = workspace, .hands = -1, .control = -1 };
	struct sandbox_process process;
	sandbox_identity(spec.session, &spec.host_uid, &spec.host_gid);
	int r = sandbox_start(&spec, &process, why);
	if (r < 0)
		return r;
	r = await_end(&process, ret_step, why);
	close(process.pidfd);
	close(process.report);
	return r;
}

/* The table's own spelling of a step's name, which outlives the buffer. */
static const char *lasting_name(const char *name)
{
	for (const struct step *step = sandbox_steps; step->name; step++)
		if (strcmp(step->name, name) == 0)
			return step->name;
	return "namespaces";
}

/* Nothing is written, so any directory will do for a workspace. */
int sandbox_probe(const char **ret_step, struct buf *why)
{
	cleanup(buf) struct buf step = BUF_INIT(STEP_NAME_MAX);
	cleanup(fd) int workspace = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = workspace < 0 ? fail(why, errno, "cannot open /usr: %s", strerror(errno)) :
				probe_over(workspace, &step, why);
	if (r < 0)
		*ret_step = lasting_name(buf_text(&step));
	return r;
}
