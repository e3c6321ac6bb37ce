/* SPDX-License-Identifier: MIT */
/* What the files fuse*.c share: answering, refusing with a sentence, and entries. */
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/dir.h"

enum { WHY_BYTES_MAX = 4096 };

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* What was tried, for the sentence in `error`. */
struct attempt {
	const char *what; /* "write", "mkdir" */
	struct place place;
	const char *name; /* in the place, a directory; NULL: the place itself */
};

/* Answers -error (0 or negative): 0 as success, else the errno, and keeps the sentence. */
void reply_result(fuse_req_t req, const struct attempt *attempt, int error, const struct buf *why);

/* The same for a failure that has to be kept only: nobody waits for the answer. */
void note_failure(fuse_req_t req, const struct attempt *attempt, int error, const struct buf *why);

/* Fills an entry; for a directory of the host it takes one lookup count.  0 or -errno. */
int fill_entry(struct fs *fs, const struct named *named, struct fuse_entry_param *ret);
void reply_named(fuse_req_t req, const struct attempt *attempt, int error,
	const struct named *named, const struct buf *why);

/* The row of an inode; answers ESTALE and returns false when there is none. */
bool place_or_reply(fuse_req_t req, fuse_ino_t ino, struct place *ret);

/* fuse_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
int resize(struct fs *fs, fuse_ino_t ino, const struct fuse_file_info *fi, uint64_t size,
	struct buf *why);

/* fuse_list.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi);
