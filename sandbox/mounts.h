/* SPDX-License-Identifier: MIT */
/*
 * The sandbox's tree as a table: rows are made in order, each by its function, below the
 * new root.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

struct tree; /* the root under construction, root.c */

struct mount_row {
	/* Makes the row: 0 or -errno. */
	int (*make)(const struct tree *tree, const struct mount_row *row);
	const char *path; /* in the sandbox, without the leading slash; NULL ends the table */
	const char *from; /* on the host, or a link's target, or a file's text */
	const char *options; /* of the file system, separated by commas */
	unsigned mode; /* of a directory; 0: 0755 */
};

extern const struct mount_row sandbox_mounts[];

/* The verbs.  What comes from the host is read-only, never set-uid and, but for tree_device, never a device.
 * A source marked "if there" may be absent or unreadable; then the row makes nothing. */
int tree_directory(const struct tree *tree, const struct mount_row *row);
int tree_file(const struct tree *tree, const struct mount_row *row); /* with text `from` */
int tree_link(const struct tree *tree, const struct mount_row *row); /* to `from` */
int tree_copy(const struct tree *tree, const struct mount_row *row); /* a small file or link, if there */
int tree_bind(const struct tree *tree, const struct mount_row *row); /* a file or directory, if there */
int tree_device(const struct tree *tree, const struct mount_row *row);
int tree_layer(const struct tree *tree, const struct mount_row *row); /* read-only overlay of a directory */
int tree_tmpfs(const struct tree *tree, const struct mount_row *row);
int tree_proc(const struct tree *tree, const struct mount_row *row);
int tree_terminals(const struct tree *tree, const struct mount_row *row); /* a devpts of its own */
int tree_freeze(const struct tree *tree, const struct mount_row *row); /* a mount of ours becomes read-only */
int tree_guard(const struct tree *tree, const struct mount_row *row); /* a directory becomes read-only, if there */
int tree_mask(const struct tree *tree, const struct mount_row *row); /* reads as empty, if there */
int tree_workspace(const struct tree *tree, const struct mount_row *row);
