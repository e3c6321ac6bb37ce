/* SPDX-License-Identifier: MIT */
#include "tools/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FORK_TRIES = 3,
	KILL_ROUNDS = 1000, /* a fork bomb gives in after a few; this only bounds the loop */
};

void process_setup(struct processes *all)
{
	*all = (struct processes){ .is_init = getpid() == 1 };
	list_init(&all->running);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* What a shell and its children expect: nothing blocked, nothing ignored. */
static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

static void reaped(struct processes *all, pid_t pid, int status)
{
	struct process *p;
	list_each(&all->running, p, struct process, link) {
		if (p->pid != pid)
			continue;
		list_remove(&p->link);
		p->on_exit(p->data, status);
		break;
	}
	if (all->on_reaped)
		all->on_reaped(all->data);
}

void process_reap(struct processes *all)
{
	int status = 0;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		reaped(all, pid, status);
}

/* Ends everything but us.  The kernel walks all processes under a lock that fork needs too, so no
 * child slips through one round unless it was being made; hence the rounds. */
static void end_everything(struct processes *all)
{
	int status = 0;
	for (int i = 0; i < KILL_ROUNDS && kill(-1, SIGKILL) == 0; i++)
		for (pid_t pid; (pid = waitpid(-1, &status, i ? 0 : WNOHANG)) > 0;)
			reaped(all, pid, status);
	process_reap(all);
}

pid_t process_fork(struct processes *all, struct process *p)
{
	pid_t pid = -1;
	for (int i = 0; i < FORK_TRIES && pid < 0; i++) {
		pid = fork();
		if (pid < 0 && errno != EAGAIN && errno != ENOMEM)
			return -errno;
		if (pid < 0 && all->is_init)
			end_everything(all);
	}
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		reset_signals();
		return 0;
	}
	p->pid = pid;
	list_add(&all->running, &p->link);
	return pid;
}

/* -1 reaches also those that called setsid, but must not reach a file tool that happens to run
 * beside. */
static bool is_alone(const struct processes *all, pid_t group)
{
	struct process *p;
	list_each(&all->running, p, struct process, link)
		if (p->pid != group)
			return false;
	return all->is_init;
}

/* kill(2) with the target that its callers mean.  Group 0 (none yet) must not become our own. */
static bool reach(const struct processes *all, pid_t group, int signal)
{
	if (is_alone(all, group))
		return kill(-1, signal) == 0;
	return group > 1 && kill(-group, signal) == 0;
}

void process_signal(struct processes *all, pid_t group, int signal)
{
	(void)reach(all, group, signal);
}

bool process_any_left(const struct processes *all, pid_t group)
{
	return reach(all, group, 0);
}

bool process_limit_reached(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 && errno == EAGAIN;
}
