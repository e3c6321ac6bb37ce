/* SPDX-License-Identifier: MIT */
#include "fs/workspace.h"

#include "fs/workspace_ops.h"
#include "fs/workspace_slow.h"
#include "fs/workspace_visit.h"

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	workspace_forget(ino, lookups);
	fuse_reply_none(req);
}

static const struct fuse_lowlevel_ops OPS = {
	.lookup = names_lookup,
	.readlink = names_readlink,
	.mknod = names_mknod,
	.mkdir = names_mkdir,
	.symlink = names_symlink,
	.link = names_link,
	.unlink = names_unlink,
	.rmdir = names_rmdir,
	.rename = names_rename,
	.getattr = attr_get,
	.setattr = attr_set,
	.access = attr_access,
	.statfs = attr_statfs,
	.opendir = dirs_open,
	.readdir = dirs_read,
	.readdirplus = dirs_read_plus,
	.releasedir = files_release,
	.fsyncdir = files_sync,
	.open = files_open,
	.create = files_create,
	.release = files_release,
	.flush = files_flush,
	.fsync = files_sync,
	.read = files_read,
	.write = files_write,
	.fallocate = files_allocate,
	.lseek = files_seek,
	.copy_file_range = files_copy,
	.forget = forget,
};

const struct fuse_lowlevel_ops *workspace_ops(void)
{
	return &OPS;
}

bool workspace_owns(fuse_ino_t ino)
{
	return ino & ENTRY_OWNED_BIT;
}

int workspace_setup(uid_t uid, gid_t gid)
{
	show_setup(uid, gid);
	return tree_setup();
}

int workspace_root_of(const struct workspace_tree *want, struct fuse_entry_param *ret)
{
	struct tree *tree;
	struct statx st;
	int r = tree_see(want, &tree, &st);
	if (r == 0)
		tell_entry(tree->top, &st, ret);
	return r;
}

int workspace_root(int64_t session, const char *host_path, struct fuse_entry_param *ret)
{
	struct workspace_tree tree = {
		.number = session,
		.kind = WORKSPACE_MAIN,
		.path = host_path,
		.inside = "/workspace",
	};
	return workspace_root_of(&tree, ret);
}

void workspace_forget(fuse_ino_t ino, uint64_t lookups)
{
	struct entry *entry = entry_find(ino);
	if (entry)
		tree_free(entry_forget(entry, lookups));
}

void workspace_forget_session(int64_t session)
{
	tree_kill_session(session);
}

void workspace_done(void)
{
	slow_done(); /* first, while what it answers is still there */
	opened_done();
	entry_done();
	tree_done();
	dirs_done();
	files_done();
}
