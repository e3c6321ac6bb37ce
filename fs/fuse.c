/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314
#include "fs/fuse.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/attr.h"
#include "fs/errors.h"
#include "fs/fuse_reply.h"
#include "fs/workspace.h"

/*
 * Answers
 */

/* Programs look for names that may be absent, and ask again when they are told to wait: no
 * mistakes. */
static bool is_mistake(int error)
{
	return error && error != -ENOENT && error != -EINTR;
}

/* The session whose `error` file is nearest to what was tried; 0: the root's. */
static int64_t nearest_session(struct fs *fs, const struct attempt *attempt)
{
	struct named named;
	const struct place *place = &attempt->place;
	if (!place->node)
		return 0;
	if (place->node->kind == OBJECT_SESSION)
		return place->object;
	if (!attempt->name || dir_find(fs, *place, attempt->name, &named) != 1 || !named.place.node)
		return 0;
	return named.place.node->kind == OBJECT_SESSION ? named.place.object : 0;
}

void note_failure(fuse_req_t req, const struct attempt *attempt, int error, const struct buf *why)
{
	if (!is_mistake(error) && !why->size)
		return;
	struct fs *fs = fs_of(req);
	cleanup(buf) struct buf line = BUF_INIT(2 * WHY_BYTES_MAX);
	buf_printf(&line, "%s ", attempt->what);
	if (attempt->place.node)
		place_path(fs, attempt->place, &line);
	if (attempt->name)
		buf_printf(&line, "/%s", attempt->name);
	buf_printf(&line, ": %s (%s)", why->size ? buf_text(why) : errors_meaning(-error),
		strerror(-error));
	errors_add(fs->errors, nearest_session(fs, attempt), fuse_req_ctx(req)->pid,
		buf_text(&line));
}

void reply_result(fuse_req_t req, const struct attempt *attempt, int error, const struct buf *why)
{
	if (error < 0)
		note_failure(req, attempt, error, why);
	fuse_reply_err(req, error < 0 ? -error : 0);
}

bool place_or_reply(fuse_req_t req, fuse_ino_t ino, struct place *ret)
{
	if (place_of(ino, ret))
		return true;
	fuse_reply_err(req, ESTALE);
	return false;
}

static int fill_host(struct fs *fs, struct place place, struct fuse_entry_param *ret)
{
	cleanup(free) char *path = place.node->host(fs, place);
	return path ? workspace_root(place.object, path, ret) : -ENOENT;
}

int fill_entry(struct fs *fs, const struct named *named, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){ 0 };
	if (named->scratch) {
		attr_of_scratch(fs, named->scratch, &ret->attr);
		ret->ino = ret->attr.st_ino;
		return 0;
	}
	if (named->place.node->host)
		return fill_host(fs, named->place, ret);
	int r = attr_of(fs, named->place, &ret->attr);
	ret->ino = ret->attr.st_ino;
	ret->attr_timeout = attr_seconds(named->place.node);
	ret->entry_timeout = attr_name_seconds(named->place.node);
	return r;
}

void reply_named(fuse_req_t req, const struct attempt *attempt, int error,
	const struct named *named, const struct buf *why)
{
	struct fuse_entry_param entry;
	int r = error < 0 ? error : fill_entry(fs_of(req), named, &entry);
	if (r < 0)
		reply_result(req, attempt, r, why);
	else if (fuse_reply_entry(req, &entry) == -ENOENT && workspace_owns(entry.ino))
		workspace_forget(entry.ino, 1); /* the caller was killed before it heard */
}

/*
 * Names
 */

static void op_init(void *data, struct fuse_conn_info *conn)
{
	/* Listings always come with attributes: `ls -l`, find and grep -r want them. */
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
				  FUSE_CAP_WRITEBACK_CACHE);
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA |
		FUSE_CAP_ATOMIC_O_TRUNC);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct place dir;
	struct named named;
	if (!place_or_reply(req, parent, &dir))
		return;
	int r = dir_find(fs_of(req), dir, name, &named);
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	reply_named(req, &(struct attempt){ "look up", dir, name }, r == 0 ? -ENOENT : r, &named,
		&why);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct attempt attempt = { "mkdir", { 0 }, name };
	struct named named;
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct fs *fs = fs_of(req);
	int r = dir_make(fs, attempt.place, name, &named, &why);
	/* The kernel asks only for names that are absent: an earlier process made it and died. */
	if (r == -EEXIST && transport_is_again(fs->transport))
		r = dir_find(fs, attempt.place, name, &named) == 1 ? 0 : r;
	reply_named(req, &attempt, r, &named, &why);
}

/* The name is gone already when an earlier process did it and died before it could say so. */
static int done_before(fuse_req_t req, int error)
{
	return error == -ENOENT && transport_is_again(fs_of(req)->transport) ? 0 : error;
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct attempt attempt = { "remove", { 0 }, name };
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	int r = dir_unlink(fs_of(req), attempt.place, name, &why);
	reply_result(req, &attempt, done_before(req, r), &why);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct attempt attempt = { "rmdir", { 0 }, name };
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	int64_t object;
	int r = dir_drop(fs_of(req), attempt.place, name, &object, &why);
	if (r == 0)
		workspace_forget_session(object);
	reply_result(req, &attempt, done_before(req, r), &why);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct attempt attempt = { "make", { 0 }, name };
	struct named named;
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	int r = S_ISREG(mode)
		? dir_create(fs_of(req), attempt.place, name, S_IFREG | (mode & 0777), &named, &why)
		: fail(&why, EPERM, "only files and links can be made here");
	reply_named(req, &attempt, r, &named, &why);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct attempt attempt = { "link", { 0 }, name };
	struct named named;
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	int r = dir_symlink(fs_of(req), attempt.place, name, target, &named, &why);
	reply_named(req, &attempt, r, &named, &why);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct attempt attempt = { "link", { 0 }, name };
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	int r = workspace_owns(ino) ? -EXDEV
				    : fail(&why, EPERM, "a name cannot be given twice; use ln -s");
	reply_result(req, &attempt, r, &why);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
	const char *to_name, unsigned flags)
{
	struct attempt attempt = { "rename", { 0 }, name };
	struct renaming renaming = { .from = name, .to = to_name,
		.keep_existing = flags & RENAME_NOREPLACE };
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	renaming.from_dir = attempt.place;
	int r = 0;
	if (!place_of(to_parent, &renaming.to_dir))
		r = workspace_owns(to_parent) ? -EXDEV : -ENOTDIR;
	else if (flags & ~(unsigned)RENAME_NOREPLACE)
		r = fail(&why, EINVAL, "names cannot be exchanged here");
	else
		r = dir_rename(fs_of(req), &renaming, &why);
	reply_result(req, &attempt, done_before(req, r), &why);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs *fs = fs_of(req);
	struct scratch_file *file = scratch_get(fs->scratch, scratch_serial(ino));
	struct place place;
	if (file) {
		fuse_reply_readlink(req, buf_text(&file->data));
		return;
	}
	if (!place_or_reply(req, ino, &place))
		return;
	cleanup(buf) struct buf target = BUF_INIT(0);
	int r = place.node->target ? place.node->target(fs, place, &target) : -EINVAL;
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, buf_text(&target));
}

/*
 * Attributes
 */

static int attributes(struct fs *fs, fuse_ino_t ino, struct stat *ret, double *ret_seconds)
{
	struct scratch_file *file = scratch_get(fs->scratch, scratch_serial(ino));
	struct place place;
	*ret_seconds = 0;
	if (file) {
		attr_of_scratch(fs, file, ret);
		return 0;
	}
	if (!place_of(ino, &place))
		return -ESTALE;
	*ret_seconds = attr_seconds(place.node);
	return attr_of(fs, place, ret);
}

static void reply_attributes(fuse_req_t req, fuse_ino_t ino)
{
	struct stat st;
	double seconds;
	int r = attributes(fs_of(req), ino, &st, &seconds);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, seconds);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	reply_attributes(req, ino);
}

/* Times, modes and owners of files that can be written are accepted and ignored: cp -p, vim and
 * touch set them as part of a save. */
static int may_set(fuse_ino_t ino, struct buf *why)
{
	struct place place;
	if (!place_of(ino, &place) || node_is_replaceable(place.node))
		return 0;
	return fail(why, EPERM, "its attributes are fixed");
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
	struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct fs *fs = fs_of(req);
	int r = to_set & FUSE_SET_ATTR_SIZE ? resize(fs, ino, fi, (uint64_t)st->st_size, &why)
					    : may_set(ino, &why);
	struct scratch_file *file = scratch_get(fs->scratch, scratch_serial(ino));
	if (file && to_set & FUSE_SET_ATTR_MODE)
		file->mode = (file->mode & S_IFMT) | (st->st_mode & 0777);
	if (r == 0) {
		reply_attributes(req, ino);
		return;
	}
	struct attempt attempt = { "change", { 0 }, NULL };
	(void)place_of(ino, &attempt.place);
	reply_result(req, &attempt, r, &why);
}

static bool may_write(struct place place)
{
	if (!S_ISDIR(place.node->mode))
		return node_is_writable(place.node);
	return dir_takes_names(place.node);
}

/* Without default_permissions only the owner of the mount comes here, so only the rows decide. */
static void op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct place place;
	bool refused = false;
	if (place_of(ino, &place))
		refused = (mask & W_OK && !may_write(place)) ||
			(mask & X_OK && !(place.node->mode & 0111));
	fuse_reply_err(req, refused ? EACCES : 0);
}

/* What `df` shows is the disk that holds the store. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	if (statvfs(store_dir(fs_of(req)->store), &st) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = SCRATCH_NAME_MAX;
	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops tree_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.access = op_access,
	.create = op_create,
	.poll = op_poll,
};

const struct fuse_lowlevel_ops *fuse_tree_ops(void)
{
	return &tree_ops;
}

/*
 * The host's directories
 */

static void foreign_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t to_parent, const char *to_name, unsigned flags)
{
	if (workspace_owns(to_parent))
		workspace_ops()->rename(req, parent, name, to_parent, to_name, flags);
	else
		fuse_reply_err(req, EXDEV);
}

/* LINK comes with the inode of the new name's directory. */
static void foreign_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	if (workspace_owns(ino) && workspace_owns(parent))
		workspace_ops()->link(req, ino, parent, name);
	else
		fuse_reply_err(req, EXDEV);
}

static void foreign_done(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void foreign_synced(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void foreign_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	fuse_reply_err(req, 0); /* the host decides when it is done */
}

static void foreign_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	struct fuse_pollhandle *ph)
{
	if (ph)
		fuse_pollhandle_destroy(ph);
	fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

void fuse_workspace_ops(struct fuse_lowlevel_ops *ret)
{
	struct fuse_lowlevel_ops ops = *workspace_ops();
	ops.init = op_init; /* the connection is one, so both ask the same of it */
	if (ops.rename)
		ops.rename = foreign_rename;
	if (ops.link)
		ops.link = foreign_link;
	if (!ops.flush)
		ops.flush = foreign_done;
	if (!ops.fsync)
		ops.fsync = foreign_synced;
	if (!ops.access)
		ops.access = foreign_access;
	if (!ops.poll)
		ops.poll = foreign_poll;
	*ret = ops;
}

/*
 * Parked reads
 */

static void door_answer(void *request, struct slice bytes)
{
	fuse_reply_buf(request, bytes.at, bytes.size);
}

static void door_refuse(void *request, int error)
{
	fuse_reply_err(request, error);
}

static void on_interrupt(fuse_req_t req, void *data)
{
	waiting_interrupted(data, req);
}

static bool door_watch(void *request, struct waiting *waiting)
{
	fuse_req_interrupt_func(request, on_interrupt, waiting);
	return fuse_req_interrupted(request);
}

static void door_wake_poll(void *data, uint64_t poll_key)
{
	struct fs *fs = data;
	transport_wake_poll(fs->transport, poll_key);
}

struct wait_door fuse_door(struct fs *fs)
{
	return (struct wait_door){ .answer = door_answer,
		.refuse = door_refuse,
		.watch = door_watch,
		.wake_poll = door_wake_poll,
		.data = fs };
}
