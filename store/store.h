/* SPDX-License-Identifier: MIT */
/*
 * The store: one SQLite database per store directory, opened by several
 * processes at once (write-ahead log).  The only folder that contains SQL.
 *
 * Layout of the directory (0700):
 *	store.db                    events, objects, queue
 *	sessions/SESSION_ID/workspace/   the sandbox's /workspace
 *
 * Every function that changes something joins the transaction that
 * store_begin opened, or makes its own durable one.
 *
 * Errors of all functions here: -ENOSPC the disk is full; -EIO the database is
 * damaged or the disk fails; -EBUSY another process held the write lock for ten
 * seconds.  After an error inside a transaction only store_rollback is useful.
 */
#pragma once

#include "base/buf.h"

struct store;

/* Opens the store in directory `dir` (created with its parents when missing).  Refuses, with a
 * sentence, a store made by a newer version (-EPROTO) and one that others can read (-EPERM). */
int store_open(const char *dir, struct store **ret, struct buf *why);
struct store *store_close(struct store *store); /* NULL is fine; rolls back what is open */

const char *store_dir(const struct store *store); /* absolute; lent */

/* What a store that is new needs: the agent `assistant` with this model and the environment
 * `local`, made the defaults if there has never been one of their kind.  Also removes what a crash
 * left of deleted sessions.  May be called at each start.  0, or -errno with a sentence. */
int store_prepare(struct store *store, const char *default_model, struct buf *why);

enum store_durability {
	STORE_SAFE, /* survives kill -9 of every process */
	STORE_DURABLE, /* survives a power cut too: what somebody was told has happened */
};

/* Takes the write lock; must not be nested.  Nobody sees anything of the transaction before it is
 * on the disk; a commit that returns an error has not happened.  Which durability is asked for
 * makes no difference here: only drafts, in transactions of their own, are merely safe. */
int store_begin(struct store *store);
int store_commit(struct store *store, enum store_durability durability);
void store_rollback(struct store *store); /* fine when nothing is open */
bool store_in_transaction(const struct store *store);

/* A number that differs after another process has committed something.  Costs one small read. */
int64_t store_data_version(struct store *store);
