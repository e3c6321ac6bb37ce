/* SPDX-License-Identifier: MIT */
/* What stat(2) says about a name of the tree. */
#pragma once

#include "fs/fs.h"
#include "fs/nodes.h"
#include "fs/scratch.h"

/* 0, -ENOENT an object or link that is gone, or -errno. */
int attr_of(struct fs *fs, struct place place, struct stat *ret);
void attr_of_scratch(const struct fs *fs, const struct scratch_file *file, struct stat *ret);

/* How long the kernel may believe them without asking, in seconds. */
double attr_seconds(const struct node *node);
double attr_name_seconds(const struct node *node);
