/* SPDX-License-Identifier: MIT */
/* Open files: what is read, written, and when a message or document is complete. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "fs/edit.h"
#include "fs/flush.h"
#include "fs/fuse.h"
#include "fs/fuse_reply.h"

static bool wants_writing(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_RDONLY;
}

/* Refuses what the row cannot do, before anything is opened. */
static int may_open(const struct place *place, bool writing, struct buf *why)
{
	if (!place->node)
		return 0;
	if (S_ISDIR(place->node->mode))
		return -EISDIR;
	if (!writing || node_is_writable(place->node))
		return 0;
	if (place->node->flags & NODE_FROZEN)
		return fail(why, EROFS, "this is of the past and does not change");
	return fail(why, EPERM, "%s is only for reading", node_name(place->node));
}

/* Everything but plain files is read and written past the page cache, as it was at open(2).  FLUSH
 * costs a request at each close: only who writes needs it. */
static void set_open_flags(const struct handle *h, struct fuse_file_info *fi)
{
	bool plain = h->at.node && h->at.node->flags & NODE_PLAIN;
	fi->fh = h->number;
	fi->direct_io = !plain;
	fi->noflush = !h->writing;
}

static int open_place(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	struct handle **ret, struct buf *why)
{
	struct place place = { 0 };
	(void)place_of(ino, &place);
	bool writing = wants_writing(fi);
	int r = may_open(&place, writing, why);
	if (r == 0)
		r = handle_open(fs_of(req), ino, writing, fuse_req_ctx(req)->pid, ret, why);
	if (r < 0)
		return r;
	if (fi->flags & O_TRUNC)
		r = resize(fs_of(req), ino, &(struct fuse_file_info){ .fh = (*ret)->number }, 0,
			why);
	if (r < 0)
		handle_close(fs_of(req), *ret);
	else
		set_open_flags(*ret, fi);
	return r;
}

/* If the opener was killed before it heard of the open, nobody will close it. */
static void close_if_unheard(int heard, struct fs *fs, struct handle *h)
{
	if (heard == -ENOENT)
		handle_close(fs, h);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct fs *fs = fs_of(req);
	struct handle *h;
	int r = open_place(req, ino, fi, &h, &why);
	if (r == 0) {
		close_if_unheard(fuse_reply_open(req, fi), fs, h);
		return;
	}
	struct attempt attempt = { "open", { 0 }, NULL };
	(void)place_of(ino, &attempt.place);
	reply_result(req, &attempt, r, &why);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct fs *fs = fs_of(req);
	struct attempt attempt = { "create", { 0 }, name };
	if (!place_or_reply(req, parent, &attempt.place))
		return;
	struct named named;
	struct fuse_entry_param entry;
	struct handle *h;
	int r = dir_create(fs, attempt.place, name, S_IFREG | (mode & 0777), &named, &why);
	if (r == 0)
		r = fill_entry(fs, &named, &entry);
	if (r == 0)
		r = open_place(req, entry.ino, fi, &h, &why);
	if (r < 0)
		reply_result(req, &attempt, r, &why);
	else
		close_if_unheard(fuse_reply_create(req, &entry, fi), fs, h);
}

static struct handle *handle_or_reply(fuse_req_t req, fuse_ino_t ino,
	const struct fuse_file_info *fi)
{
	struct handle *h;
	int r = handle_get(fs_of(req), ino, fi->fh, &h);
	if (r == 0)
		return h;
	fuse_reply_err(req, -r);
	return NULL;
}

static void reply_part(fuse_req_t req, const struct buf *text, uint64_t offset, size_t size)
{
	size_t left = offset < text->size ? text->size - (size_t)offset : 0;
	fuse_reply_buf(req, left ? text->data + offset : NULL, left < size ? left : size);
}

static void read_text(fuse_req_t req, struct handle *h, uint64_t offset, size_t size)
{
	int r = handle_catch_up(fs_of(req), h, offset);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		reply_part(req, &h->text, offset, size);
}

static void read_bytes(fuse_req_t req, const struct handle *h, uint64_t offset, size_t size)
{
	cleanup(buf) struct buf out = BUF_INIT(size);
	int r = h->at.node->bytes(fs_of(req), h->at, offset, size, &out);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, out.data, out.size);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	if (h->scratch)
		reply_part(req, &h->scratch->data, (uint64_t)offset, size);
	else if (h->at.node->bytes)
		read_bytes(req, h, (uint64_t)offset, size);
	else if (node_can_wait(h->at.node))
		waiting_read(fs_of(req)->waiting, req, h, (uint64_t)offset, size,
			fi->flags & O_NONBLOCK);
	else
		read_text(req, h, (uint64_t)offset, size);
}

/* A file that is not of the tree yet is known by its directory and name. */
static struct attempt attempt_on(const char *what, const struct handle *h)
{
	struct attempt attempt = { what, h->at, NULL };
	if (h->scratch && place_of(h->scratch->directory, &attempt.place))
		attempt.name = h->scratch->name;
	return attempt;
}

static int write_to(fuse_req_t req, struct handle *h, struct slice bytes, uint64_t offset,
	const struct fuse_file_info *fi, struct buf *why)
{
	if (h->scratch) {
		uint64_t at = fi->flags & O_APPEND ? h->scratch->data.size : offset;
		handle_set_pending(h, true);
		return scratch_write(fs_of(req)->scratch, h->scratch, at, bytes.at, bytes.size);
	}
	if (h->at.node->accept)
		return h->at.node->accept(fs_of(req), h, bytes, why);
	if (h->at.node->save)
		return edit_write(h, fi->flags & O_APPEND ? h->text.size : offset, bytes);
	return -EPERM;
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	struct attempt attempt = attempt_on("write", h);
	int r = write_to(req, h, (struct slice){ data, size }, (uint64_t)offset, fi, &why);
	if (r == 0)
		fuse_reply_write(req, size);
	else
		reply_result(req, &attempt, r, &why);
}

/* Whole documents are complete when they are synced; messages only when they are closed. */
static bool is_document(const struct handle *h)
{
	return h->scratch || (h->at.node && h->at.node->save);
}

/* What is pending becomes final. */
static int complete(struct fs *fs, struct handle *h, struct buf *why)
{
	if (!h->pending && !h->lost)
		return 0;
	if (h->scratch) {
		handle_set_pending(h, false);
		return edit_born(fs, h->scratch, why);
	}
	if (h->at.node->save)
		return edit_commit(fs, h, why);
	return h->at.node->commit ? h->at.node->commit(fs, h, why) : 0;
}

/* Also for what was opened to be written and never was: an empty document. */
static int complete_empty(struct fs *fs, struct handle *h, struct buf *why)
{
	if (h->scratch && !h->scratch->removed)
		return edit_born(fs, h->scratch, why);
	return h->at.node && h->at.node->save && h->blank ? edit_commit(fs, h, why) : 0;
}

/* One redirection is one message or version: what a child closes, its parent may go on with. */
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	struct attempt attempt = attempt_on("close", h);
	bool by_opener = flush_completes(h->pending, fuse_req_ctx(req)->pid,
		handle_opener(h->number), flush_process_of);
	int r = by_opener || h->lost ? complete(fs_of(req), h, &why) : 0;
	reply_result(req, &attempt, r, &why);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	struct attempt attempt = attempt_on("fsync", h);
	int r = is_document(h) ? complete(fs_of(req), h, &why) : 0;
	reply_result(req, &attempt, r, &why);
}

/* The last close: nobody hears an error any more, but it is kept. */
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	cleanup(buf) struct buf why = BUF_INIT(WHY_BYTES_MAX);
	struct fs *fs = fs_of(req);
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	struct attempt attempt = attempt_on("close", h);
	int r = complete(fs, h, &why);
	if (r == 0)
		r = complete_empty(fs, h, &why);
	if (r < 0)
		note_failure(req, &attempt, r, &why);
	waiting_forget(fs->waiting, h);
	handle_close(fs, h);
	fuse_reply_err(req, 0);
}

/* libfuse's poll handle is not needed: a successor could not use it, so the key is kept instead. */
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct fs *fs = fs_of(req);
	if (ph)
		fuse_pollhandle_destroy(ph);
	struct handle *h = handle_or_reply(req, ino, fi);
	if (!h)
		return;
	if (!h->at.node || !node_can_wait(h->at.node)) {
		fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
		return;
	}
	int r = waiting_poll(fs->waiting, h, transport_poll_key(fs->transport));
	fuse_reply_poll(req, r < 0 ? POLLERR : r ? POLLIN | POLLRDNORM : 0);
}

static int resize_row(struct fs *fs, struct place place, struct handle *h, uint64_t size,
	struct buf *why)
{
	if (place.node->accept)
		return 0; /* `>` means `>>` */
	if (!place.node->save)
		return fail(why, EPERM, "%s is only for reading", node_name(place.node));
	if (h)
		return edit_resize(h, size);
	cleanup(buf) struct buf text = BUF_INIT(DOCUMENT_BYTES_MAX);
	int r = place.node->show(fs, place, &text);
	if (r >= 0)
		r = document_resize(&text, size, DOCUMENT_BYTES_MAX);
	return r < 0 ? r : edit_save(fs, place, buf_slice(&text), why);
}

int resize(struct fs *fs, fuse_ino_t ino, const struct fuse_file_info *fi, uint64_t size,
	struct buf *why)
{
	struct scratch_file *file = scratch_get(fs->scratch, scratch_serial(ino));
	if (file)
		return scratch_resize(fs->scratch, file, size);
	struct place place;
	if (!place_of(ino, &place))
		return -ESTALE;
	struct handle *h = NULL;
	int r = fi ? handle_get(fs, ino, fi->fh, &h) : 0;
	return r < 0 ? r : resize_row(fs, place, h, size, why);
}
