/* SPDX-License-Identifier: MIT */
/* Where a link that somebody makes leads to: to an object of the tree, by its name alone. */
#pragma once

#include "fs/fs.h"

struct link {
	char name[NAME_BYTES_MAX + 1];
	int64_t version; /* 0: none given */
};

/* Understands what ends in FOLDER/NAME or FOLDER/NAME/versions/N; `folder` NULL: whatever stands
 * before NAME.  False: it is neither. */
bool link_parse(const char *target, const char *folder, struct link *ret);

/* The live object that the link names; `default` is the kind's default.  0; -ENOENT with a
 * sentence; -errno. */
int link_find(struct fs *fs, enum object_kind kind, const struct link *link, struct object *ret,
	struct buf *why);
