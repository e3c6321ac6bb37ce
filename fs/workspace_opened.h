/* SPDX-License-Identifier: MIT */
/*
 * Open files and directories of workspaces.
 *
 * A handle is a slot and a serial number that starts at a random place, so a
 * handle from an earlier life of this process is unknown, not another file.
 * An open file also answers for its entry when the name is gone: `fstat` and
 * `fchmod` reach us without a handle.
 */
#pragma once

#include "fs/workspace_entry.h"

enum {
	/* Host programs that work in workspaces; a `make -j` has some hundreds. Also the most
	 * descriptors that this takes from the process. Beyond it open fails with ENFILE. */
	OPENED_MAX = 4096,
};

struct opened {
	uint64_t handle;
	struct entry *entry; /* held */
	int fd; /* owned */
	bool writable;
	struct list link; /* in entry->opened */
};

/* NULL: too many; then fd is closed too.  Never -1 as fd. */
struct opened *opened_new(struct entry *entry, int fd /* taken */, bool writable);

struct opened *opened_find(uint64_t handle); /* NULL if unknown */

/* Some open file of the entry, or NULL. */
struct opened *opened_of(const struct entry *entry, bool writable);

/* Closes.  The result is that of entry_release. */
struct tree *opened_free(struct opened *opened);

void opened_done(void); /* closes all */
