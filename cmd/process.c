/* SPDX-License-Identifier: MIT */
#include "cmd/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/io.h"

void process_done(struct process *p)
{
	for (size_t i = 0; i < p->word_count; i++)
		free(p->words[i]);
	*p = PROCESS_NULL;
}

void cleanup_process(struct process *p)
{
	process_done(p);
}

void process_add_word(struct process *p, char *word)
{
	assert(p->word_count < PROCESS_WORDS_MAX);
	p->words[p->word_count++] = word;
	p->words[p->word_count] = NULL;
}

void process_add_fd_word(struct process *p, const char *name, int fd)
{
	assert(fd > STDERR_FILENO && p->fd_count < PROCESS_FDS_MAX);
	p->fds[p->fd_count++] = fd;
	process_add_word(p, xprintf("%s=%d", name, fd));
}

static int set_standard(const struct process *p)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(p->output, STDOUT_FILENO) < 0 ||
		dup2(p->output, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

/* The child shares the supervisor's descriptors by fork, so each keeps its number; all others
 * close at exec. */
static _Noreturn void become(const struct process *p)
{
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setsid(); /* a Ctrl-C is for the supervisor, which stops its children in order */
	int r = set_standard(p);
	for (size_t i = 0; r == 0 && i < p->fd_count; i++)
		r = io_set_cloexec(p->fds[i], false);
	if (r == 0)
		(void)execve(p->program, p->words, p->environment);
	_exit(127);
}

pid_t process_start(const struct process *p)
{
	pid_t pid = fork();
	if (pid == 0)
		become(p);
	return pid < 0 ? -errno : pid;
}
