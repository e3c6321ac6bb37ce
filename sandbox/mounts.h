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
	const char *from; /* on the host, or a link's target, or a text */
	const char *options; /* of the file system, separated by commas */
	unsigned mode; /* of a directory; 0: 0755 */
};

extern const struct mount_row sandbox_mounts[];

/*
 * The verbs.  What comes from the host is read-only, never set-uid and, but for tree_device,
 * never a device.  "If there": where it is absent or unreadable the row makes nothing.
 */
int tree_directory(const struct tree *tree, const struct mount_row *row);
/* With the text `from`. */
int tree_file(const struct tree *tree, const struct mount_row *row);
/* To `from`. */
int tree_link(const struct tree *tree, const struct mount_row *row);
/* A small file or a link of the host's, if there. */
int tree_copy(const struct tree *tree, const struct mount_row *row);
/* A file or directory of the host's, if there. */
int tree_bind(const struct tree *tree, const struct mount_row *row);
int tree_device(const struct tree *tree, const struct mount_row *row);
/* A directory of the host's as an overlay. */
int tree_layer(const struct tree *tree, const struct mount_row *row);
int tree_tmpfs(const struct tree *tree, const struct mount_row *row);
int tree_proc(const struct tree *tree, const struct mount_row *row);
/* A devpts of its own. */
int tree_terminals(const struct tree *tree, const struct mount_row *row);
/* A setting of the sandbox's own kernel namespaces, if the kernel has it. */
int tree_setting(const struct tree *tree, const struct mount_row *row);
/* A mount of an earlier row becomes read-only. */
int tree_freeze(const struct tree *tree, const struct mount_row *row);
/* A directory of an earlier row's mount becomes read-only, if there. */
int tree_guard(const struct tree *tree, const struct mount_row *row);
/* A file or directory of an earlier row's mount reads as empty, if there. */
int tree_mask(const struct tree *tree, const struct mount_row *row);
int tree_workspace(const struct tree *tree, const struct mount_row *row);
