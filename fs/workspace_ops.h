/* SPDX-License-Identifier: MIT */
/*
 * The functions behind workspace_ops(), for workspace.c to put into the table.
 * Arguments and valid replies are those of struct fuse_lowlevel_ops.  Each replies
 * exactly once.
 */
#pragma once

#include "fs/workspace.h"

/* workspace_names.c: names in directories */
void names_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_readlink(fuse_req_t req, fuse_ino_t ino);
void names_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void names_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void names_symlink(fuse_req_t req, const char *text, fuse_ino_t parent, const char *name);
void names_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void names_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void names_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags);

/* workspace_attr.c: attributes */
void attr_get(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void attr_set(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *fi);
void attr_access(fuse_req_t req, fuse_ino_t ino, int mask);
void attr_statfs(fuse_req_t req, fuse_ino_t ino);

/* workspace_dirs.c: listings */
void dirs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void dirs_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void dirs_read_plus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void dirs_done(void);

/* workspace_files.c: contents; open, release and sync serve directories too */
void files_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void files_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi);
void files_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void files_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void files_sync(fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *fi);
void files_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void files_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
	struct fuse_file_info *fi);
void files_allocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t size,
	struct fuse_file_info *fi);
void files_seek(
	fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi);
void files_copy(fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *from_fi,
	fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_fi, size_t size, int flags);
void files_done(void);
