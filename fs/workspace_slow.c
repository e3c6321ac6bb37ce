/* SPDX-License-Identifier: MIT */
#include "fs/workspace_slow.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"

struct job {
	struct list link; /* in slow.jobs */
	fuse_req_t req; /* to be answered; NULL: only close */
	int fd; /* owned */
	bool data_only;
};

static struct {
	pthread_t thread;
	bool runs; /* the loop's own */
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	struct list jobs; /* struct job.link, oldest first */
	unsigned count;
	bool ends;
} slow = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.jobs = { &slow.jobs, &slow.jobs },
};

static void do_sync(fuse_req_t req, int fd, bool data_only)
{
	int r = data_only ? fdatasync(fd) : fsync(fd);
	fuse_reply_err(req, r < 0 ? errno : 0);
}

static void do_job(struct job *job)
{
	if (job->req)
		do_sync(job->req, job->fd, job->data_only);
	close(job->fd);
	free(job);
}

/* Waits for a job; NULL when there is none and none will come. */
static struct job *next_job(void)
{
	pthread_mutex_lock(&slow.lock);
	while (list_is_empty(&slow.jobs) && !slow.ends)
		pthread_cond_wait(&slow.changed, &slow.lock);
	struct job *job = list_first(&slow.jobs, struct job, link);
	if (job) {
		list_remove(&job->link);
		slow.count--;
	}
	pthread_mutex_unlock(&slow.lock);
	return job;
}

static void *work(void *nothing)
{
	struct job *job;
	while ((job = next_job()) != NULL)
		do_job(job);
	return NULL;
}

/* Signals are the loop's. */
static bool start(void)
{
	if (slow.runs)
		return true;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	slow.runs = pthread_create(&slow.thread, NULL, work, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return slow.runs;
}

/* False: too much is waiting, or there is no thread; do it yourself. */
static bool add_job(fuse_req_t req, int fd /* taken if true */, bool data_only)
{
	if (!start())
		return false;
	pthread_mutex_lock(&slow.lock);
	bool room = slow.count < SLOW_JOBS_MAX;
	if (room) {
		struct job *job = xmalloc(sizeof(*job));
		*job = (struct job){ .req = req, .fd = fd, .data_only = data_only };
		list_add(&slow.jobs, &job->link);
		slow.count++;
		pthread_cond_signal(&slow.changed);
	}
	pthread_mutex_unlock(&slow.lock);
	return room;
}

void slow_sync(fuse_req_t req, int fd, bool data_only)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own >= 0 && add_job(req, own, data_only))
		return;
	if (own >= 0)
		close(own);
	do_sync(req, fd, data_only);
}

static bool frees_much(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0 &&
	       (uint64_t)st.st_blocks * 512 > SLOW_CLOSE_BYTES;
}

void slow_close(int fd)
{
	if (!frees_much(fd) || !add_job(NULL, fd, false))
		close(fd);
}

void slow_done(void)
{
	if (!slow.runs)
		return;
	pthread_mutex_lock(&slow.lock);
	slow.ends = true;
	pthread_cond_signal(&slow.changed);
	pthread_mutex_unlock(&slow.lock);
	pthread_join(slow.thread, NULL);
	assert(list_is_empty(&slow.jobs));
	slow.runs = slow.ends = false;
}
