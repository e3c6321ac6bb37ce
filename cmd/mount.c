/* SPDX-License-Identifier: MIT */
/*
 * `agentdirs mount`: checks everything that can be checked before a process is
 * started, so that what goes wrong is one sentence on the terminal; then hands
 * over to the supervisor and waits until the tree can be used.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cmd/checks.h"
#include "cmd/command.h"
#include "cmd/key.h"
#include "cmd/mountpoint.h"
#include "cmd/programs.h"
#include "cmd/record.h"
#include "cmd/rendezvous.h"
#include "cmd/report.h"
#include "cmd/say.h"
#include "cmd/supervise.h"

struct mounting {
	const struct settings *settings;
	const char *operand;
	char *store, *mountpoint, *model_socket; /* owned */
	int key, hands, lock, listen; /* owned */
	char *programs[CREW_SIZE]; /* owned */
};

#define MOUNTING_NULL ((struct mounting){ .key = -1, .hands = -1, .lock = -1, .listen = -1 })

static void cleanup_mounting(struct mounting *m)
{
	cleanup_fd(&m->key);
	cleanup_fd(&m->hands);
	cleanup_fd(&m->lock);
	cleanup_fd(&m->listen);
	for (int i = 0; i < CREW_SIZE; i++)
		free(m->programs[i]);
	free(m->store);
	free(m->mountpoint);
	free(m->model_socket);
}

static int take_key(struct mounting *m, struct buf *why)
{
	return key_load(m->settings, &m->key, why);
}

static int check_store_mode(const char *path, struct buf *why)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return fail(why, errno, "the store %s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(why, ENOTDIR, "the store %s is not a directory; choose another with "
			"--store DIR", path);
	if (st.st_uid != geteuid())
		return fail(why, EPERM, "the store %s belongs to another user; choose another with "
			"--store DIR", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fail(why, EPERM, "the store %s is open to others; `chmod 700 %s`", path,
			path);
	return 0;
}

static int take_store(struct mounting *m, struct buf *why)
{
	const char *path = m->settings->store;
	int r = io_make_dirs(path, 0700);
	char resolved[PATH_MAX];
	if (r == 0 && !realpath(path, resolved))
		r = -errno;
	if (r < 0)
		return fail(why, -r, "the store %s cannot be created: %s; choose another with "
			"--store DIR", path, strerror(-r));
	m->store = xstrdup(resolved);
	return check_store_mode(m->store, why);
}

static int take_lock(struct mounting *m, struct buf *why)
{
	return record_lock(m->store, &m->lock, why);
}

static int take_mountpoint(struct mounting *m, struct buf *why)
{
	int r = mountpoint_resolve(m->operand, &m->mountpoint, why);
	return r < 0 ? r : mountpoint_prepare(m->mountpoint, m->store, why);
}

static int take_programs(struct mounting *m, struct buf *why)
{
	cleanup(free) char *hands = NULL;
	int r = programs_find(PROGRAMS_HANDS, PROGRAMS_HANDS_FOLDER, &hands, why);
	for (int i = 0; i < CREW_SIZE && r == 0; i++)
		r = programs_find(crew_table[i].program, crew_table[i].folder, &m->programs[i],
			why);
	return r < 0 ? r : programs_seal(hands, &m->hands, why);
}

static int take_checks(struct mounting *m, struct buf *why)
{
	return checks_before_mount(m->settings, why);
}

static int take_socket(struct mounting *m, struct buf *why)
{
	if (!m->settings->offline)
		return 0;
	return rendezvous_make(m->store, &m->model_socket, &m->listen, why);
}

/* The key comes first: from then on it is in no environment and no memory but the memfd's.  The
 * lock comes before the mount point: when the children of a killed supervisor have let go of
 * it, their mount is gone. */
static const struct {
	const char *does;
	int (*take)(struct mounting *m, struct buf *why);
} steps[] = {
	{ "reading the key", take_key },
	{ "looking at the store", take_store },
	{ "locking the store", take_lock },
	{ "looking at the mount point", take_mountpoint },
	{ "finding the programs", take_programs },
	{ "trying a sandbox", take_checks },
	{ "making the socket of the rehearsal model", take_socket },
};

static int prepare(struct mounting *m, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		say_progress(steps[i].does);
		int r = steps[i].take(m, why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int serve(struct mounting *m, int report, struct buf *why)
{
	cleanup(buf) struct buf isolation = BUF_INIT(1024);
	checks_isolation(&isolation);
	struct supervise_plan plan = { .settings = m->settings, .store = m->store,
		.mountpoint = m->mountpoint, .model_socket = m->model_socket,
		.isolation = buf_text(&isolation), .key = m->key, .hands = m->hands,
		.lock = m->lock, .listen = m->listen, .report = report };
	for (int i = 0; i < CREW_SIZE; i++)
		plan.programs[i] = steal(m->programs[i]);
	int r = supervise(&plan, why);
	rendezvous_remove(m->model_socket, m->store);
	return r;
}

static int serve_here(struct mounting *m, struct buf *why)
{
	say_progress(NULL);
	return serve(m, -1, why);
}

static int serve_in_background(struct mounting *m, struct buf *why)
{
	cleanup(fd) int report = -1;
	pid_t pid = report_fork(&report);
	if (pid < 0)
		return fail(why, -pid, "cannot start the supervisor: %s", strerror(-pid));
	if (pid > 0)
		return report_wait(report, why);
	int r = serve(m, report, why);
	if (r < 0)
		report_failed(report, buf_text(why));
	return r;
}

int mount_command(const struct settings *settings, char **operands)
{
	cleanup(mounting) struct mounting m = MOUNTING_NULL;
	cleanup(buf) struct buf why = BUF_INIT(4096);
	m.settings = settings;
	m.operand = operands[0];
	/* what is the caller's must not live as long as we */
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	(void)umask(077);
	int r = prepare(&m, &why);
	if (r == 0)
		r = settings->foreground ? serve_here(&m, &why) : serve_in_background(&m, &why);
	say_progress(NULL);
	if (r == 0)
		return EXIT_DONE;
	say_error("%s", buf_text(&why));
	return EXIT_DID_NOT_WORK;
}
