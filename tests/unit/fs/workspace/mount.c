/* SPDX-License-Identifier: MIT */
/*
 * A mount that shows workspaces and nothing else, for the system test.
 *
 *	workspace-mount MOUNTPOINT DIRECTORY...
 *
 * The mount's top lists a plain file `secret` (which no link in a workspace may reach: in the real
 * mount the user's other sessions lie there) and the directories given, as w0, w1 …; w1 is
 * read-only. Prints "ready" when it is usable, serves until SIGTERM or until it is unmounted, and
 * fails when it leaves with descriptors open. SIGUSR1 forgets all sessions.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "fs/workspace.h"

enum { TREES_MAX = 8, SECRET_INO = 2 };

static char **directories;
static int directory_count;
static volatile sig_atomic_t forget_wanted;
static const struct fuse_lowlevel_ops *below;

static void show_top(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){ .st_ino = ino, .st_uid = getuid(), .st_gid = getgid(), .st_nlink = 1 };
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666;
}

static int look_up_tree(const char *name, struct fuse_entry_param *ret)
{
	if (name[0] != 'w' || name[1] < '0' || name[1] >= '0' + directory_count || name[2])
		return -ENOENT;
	int n = name[1] - '0';
	struct workspace_tree tree = { .number = n,
		.kind = WORKSPACE_MAIN,
		.path = directories[n],
		.inside = "/workspace",
		.read_only = n == 1 };
	return workspace_root_of(&tree, ret);
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (forget_wanted) {
		forget_wanted = 0;
		for (int i = 0; i < directory_count; i++)
			workspace_forget_session(i);
	}
	if (workspace_owns(parent))
		return below->lookup(req, parent, name);
	struct fuse_entry_param entry = { 0 };
	int r = 0;
	if (strcmp(name, "secret") == 0) {
		entry.ino = SECRET_INO;
		show_top(SECRET_INO, &entry.attr);
	} else {
		r = look_up_tree(name, &entry);
	}
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_entry(req, &entry);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->getattr(req, ino, fi);
	struct stat st;
	show_top(ino, &st);
	fuse_reply_attr(req, &st, 0);
}

static void opendir_any(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->opendir(req, ino, fi);
	fuse_reply_open(req, fi);
}

static void readdir_any(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->readdir(req, ino, size, offset, fi);
	fuse_reply_buf(req, NULL, 0);
}

static void readdirplus_any(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->readdirplus(req, ino, size, offset, fi);
	fuse_reply_buf(req, NULL, 0);
}

static void releasedir_any(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->releasedir(req, ino, fi);
	fuse_reply_err(req, 0);
}

/* The secret can be opened, read and written, and says so: the test fails when any of it is
 * seen. */
static void open_any(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->open(req, ino, fi);
	fprintf(stderr, "ESCAPE: secret was opened\n");
	fuse_reply_err(req, EIO);
}

static void setattr_any(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *fi)
{
	if (workspace_owns(ino))
		return below->setattr(req, ino, attr, which, fi);
	fprintf(stderr, "ESCAPE: secret was changed\n");
	fuse_reply_err(req, EIO);
}

/* As the real mount has it. */
static void init(void *data, struct fuse_conn_info *conn)
{
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
}

static void on_usr1(int signal_number)
{
	forget_wanted = 1;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int serve(struct fuse_args *args, const char *mountpoint)
{
	struct fuse_lowlevel_ops ops = *workspace_ops();
	below = workspace_ops();
	ops.init = init;
	ops.lookup = lookup;
	ops.getattr = getattr;
	ops.opendir = opendir_any;
	ops.readdir = readdir_any;
	ops.readdirplus = readdirplus_any;
	ops.releasedir = releasedir_any;
	ops.open = open_any;
	ops.setattr = setattr_any;
	struct fuse_session *session = fuse_session_new(args, &ops, sizeof(ops), NULL);
	if (!session || fuse_set_signal_handlers(session) < 0 ||
		fuse_session_mount(session, mountpoint) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	int r = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 3 || argc - 2 > TREES_MAX)
		return 2;
	directories = argv + 2;
	directory_count = argc - 2;
	int before = count_fds();
	if (workspace_setup(getuid(), getgid()) < 0)
		return 1;
	signal(SIGUSR1, on_usr1);
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	fuse_opt_add_arg(&args, "workspace-mount");
	fuse_opt_add_arg(&args, "-onosuid,nodev,fsname=workspace-test");
	if (getuid() == 0)
		fuse_opt_add_arg(&args, "-oallow_other,default_permissions");
	int r = serve(&args, argv[1]);
	fuse_opt_free_args(&args);
	workspace_done();
	if (count_fds() > before) {
		fprintf(stderr, "LEAK: %d descriptors, %d at first\n", count_fds(), before);
		r = 1;
	}
	return r;
}
