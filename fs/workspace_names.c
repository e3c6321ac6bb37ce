/* SPDX-License-Identifier: MIT */
/* Names in directories: finding, making, renaming and removing them. Nothing here follows a last
 * component. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fs/workspace_link.h"
#include "fs/workspace_ops.h"
#include "fs/workspace_slow.h"
#include "fs/workspace_visit.h"

static void reply_entry(fuse_req_t req, int r, const struct fuse_entry_param *entry)
{
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_entry(req, entry) < 0)
		show_take_back(entry);
}

void names_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	struct fuse_entry_param entry;
	int r = visit_dir(&v, parent, name, VISIT_LOOK);
	if (r == 0)
		r = visit_see(&v, name, &entry);
	if (r == -ENOENT && v.entry)
		entry_drop(entry_at(v.entry, name));
	reply_entry(req, r, &entry);
}

static int read_link(fuse_ino_t ino, struct buf *ret)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	int r = visit_object(&v, ino, VISIT_LOOK);
	if (r < 0)
		return r;
	if (!S_ISLNK(v.st.stx_mode))
		return -EINVAL;
	char text[LINK_TEXT_MAX + 1];
	ssize_t size = readlinkat(v.fd, "", text, sizeof(text) - 1);
	if (size < 0)
		return -errno;
	text[size] = '\0';
	link_text_show(text, v.entry->tree->inside, entry_depth(v.entry->parent), ret);
	return 0;
}

void names_readlink(fuse_req_t req, fuse_ino_t ino)
{
	cleanup(buf) struct buf text = BUF_INIT(2 * LINK_TEXT_MAX);
	int r = read_link(ino, &text);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, buf_text(&text));
}

/* Only regular files: a FIFO or a device would be one that nobody can open (show_stat). */
void names_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	struct fuse_entry_param entry;
	int r = S_ISREG(mode) && !(mode & SHOW_HIDDEN_BITS) ? 0 : -EPERM;
	if (r == 0)
		r = visit_dir(&v, parent, name, VISIT_MAKE);
	if (r == 0 && mknodat(v.fd, name, mode, 0) < 0)
		r = -errno;
	if (r == 0)
		r = visit_see(&v, name, &entry);
	reply_entry(req, r, &entry);
}

void names_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	struct fuse_entry_param entry;
	int r = mode & SHOW_HIDDEN_BITS ? -EPERM : visit_dir(&v, parent, name, VISIT_MAKE);
	if (r == 0 && mkdirat(v.fd, name, mode) < 0)
		r = -errno;
	if (r == 0)
		r = visit_see(&v, name, &entry);
	reply_entry(req, r, &entry);
}

/* The text is kept as it is given, for the sandbox to read; what it says to the host is judged when
 * it is read. */
void names_symlink(fuse_req_t req, const char *text, fuse_ino_t parent, const char *name)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	struct fuse_entry_param entry;
	int r = visit_dir(&v, parent, name, VISIT_MAKE);
	if (r == 0 && symlinkat(text, v.fd, name) < 0)
		r = -errno;
	if (r == 0)
		r = visit_see(&v, name, &entry);
	reply_entry(req, r, &entry);
}

static int link_to(int object, int dir, const char *name)
{
	char magic[MAGIC_NAME_SIZE];
	int magic_dir = tree_magic_name(object, magic);
	return linkat(magic_dir, magic, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

void names_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	cleanup(visit) struct visit object = VISIT_NONE;
	struct fuse_entry_param entry;
	int r = workspace_owns(ino) ? visit_dir(&v, parent, name, VISIT_MAKE) : -EXDEV;
	if (r == 0)
		r = visit_object(&object, ino, VISIT_CHANGE);
	if (r == 0)
		r = object.entry->tree == v.entry->tree ? link_to(object.fd, v.fd, name) : -EXDEV;
	if (r == 0)
		r = visit_see(&v, name, &entry);
	reply_entry(req, r, &entry);
}

static int remove_name(fuse_ino_t parent, const char *name, int flags)
{
	cleanup(visit) struct visit v = VISIT_NONE;
	int r = visit_dir(&v, parent, name, VISIT_CHANGE);
	if (r < 0)
		return r;
	/* Keeps the object until the thread lets go of it, for that is when its blocks are
	 * freed. */
	int kept = openat(v.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = unlinkat(v.fd, name, flags) < 0 ? -errno : 0;
	if (r == 0)
		entry_drop(entry_at(v.entry, name));
	if (kept >= 0)
		slow_close(kept);
	return r;
}

void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, -remove_name(parent, name, 0));
}

void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, -remove_name(parent, name, AT_REMOVEDIR));
}

/* Whether the directory `to` would come to lie in itself. The kernel sees to that by its own tree,
 * which is like ours; the sandbox's may differ by now. */
static bool makes_loop(const struct entry *from, const char *name, const struct entry *to)
{
	const struct entry *moved = entry_at(from, name);
	return moved && entry_is_within(to, moved);
}

static int rename_name(fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	cleanup(visit) struct visit from = VISIT_NONE;
	cleanup(visit) struct visit to = VISIT_NONE;
	bool exchange = flags & RENAME_EXCHANGE;
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (!workspace_owns(new_parent))
		return -EXDEV;
	int r = visit_dir(&from, parent, name, VISIT_CHANGE);
	if (r == 0)
		r = visit_dir(&to, new_parent, new_name, exchange ? VISIT_CHANGE : VISIT_MAKE);
	if (r < 0)
		return r;
	if (from.entry->tree != to.entry->tree)
		return -EXDEV;
	if (makes_loop(from.entry, name, to.entry) ||
		(exchange && makes_loop(to.entry, new_name, from.entry)))
		return -EINVAL;
	if (renameat2(from.fd, name, to.fd, new_name, flags) < 0)
		return -errno;
	if (exchange)
		entry_swap(from.entry, name, to.entry, new_name);
	else
		entry_move(from.entry, name, to.entry, new_name);
	return 0;
}

void names_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	fuse_reply_err(req, -rename_name(parent, name, new_parent, new_name, flags));
}
