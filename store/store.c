/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing, transactions, and how durable a commit is.
 *
 * The order is durable, then visible.  With synchronous=FULL SQLite writes a
 * commit to the write-ahead log, waits for the disk, and only then tells the
 * other processes: whoever can read a fact may act on it, and a commit whose
 * flush fails has not happened.  That costs one fdatasync for each commit, while
 * the write lock is held.
 *
 * Drafts are promised less: to survive kill -9.  Their transactions run with
 * synchronous=NORMAL, which does not wait.  The setting cannot change within a
 * transaction, so it must be known when it begins; a connection always rests at
 * FULL.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "store/db.h"

/* Sizes are small on purpose: all processes together shall fit into a few MiB, and the kernel
 * caches the file anyway. */
static const char *const settings[] = {
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA cache_size = -512",
	"PRAGMA journal_size_limit = 4194304",
	"PRAGMA foreign_keys = ON",
	"PRAGMA trusted_schema = OFF",
	"PRAGMA cell_size_check = ON",
	"PRAGMA temp_store = MEMORY",
	/* Deleted text is overwritten where that costs no extra writing. */
	"PRAGMA secure_delete = FAST",
};

static void sleep_us(int64_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	(void)nanosleep(&t, NULL);
}

/* How long to sleep before the n-th try, given that a durable commit takes about 0.1 ms. */
static int64_t retry_delay_us(int tries)
{
	return tries < 8 ? 50 << tries : 10000;
}

/* Total sleep is bounded, so that a stopped process cannot stop the others for ever. */
static int on_busy(void *data, int tries)
{
	enum { TRIES_MAX = 8 + STORE_BUSY_MS / 10 };
	if (tries >= TRIES_MAX)
		return 0;
	sleep_us(retry_delay_us(tries));
	return 1;
}

/* Creates the directory and takes its lock, under which the database is made and migrated. */
static int lock_dir(const char *dir, int *ret_fd, struct buf *why)
{
	int r = io_make_dirs(dir, 0700);
	if (r < 0)
		return fail(why, -r, "cannot create the store directory %s: %s", dir, strerror(-r));
	cleanup(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(
			why, errno, "cannot open the store directory %s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid())
		return fail(why, EPERM,
			"the store %s belongs to another user; choose your own with --store", dir);
	if (st.st_mode & 077)
		return fail(why, EPERM, "others may enter the store %s; run chmod 700 on it first",
			dir);
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++)
		if (!on_busy(NULL, tries))
			return fail(why, EBUSY,
				"another process has been opening the store %s for ten seconds",
				dir);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* SQLite gives its side files the mode of the database: made first, it makes all of them
 * private. */
static int open_database(struct store *store, int dir, struct buf *why)
{
	cleanup(fd) int fd = openat(
		dir, "store.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(why, errno, "cannot open %s/store.db: %s", store->dir, strerror(errno));
	if (st.st_mode & 077)
		return fail(why, EPERM, "others may read %s/store.db; run chmod 600 on it first",
			store->dir);
	cleanup(free) char *path = xprintf("%s/store.db", store->dir);
	int code = sqlite3_open_v2(path, &store->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (code != SQLITE_OK)
		return fail(why, EIO, "cannot open %s: %s", path, sqlite3_errstr(code));
	(void)sqlite3_busy_handler(store->db, on_busy, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	return 0;
}

static int apply_settings(struct store *store, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		int r = db_exec(store, settings[i]);
		if (r < 0)
			return fail(why, -r, "cannot open %s/store.db: %s", store->dir,
				sqlite3_errmsg(store->db));
	}
	return 0;
}

static void cleanup_store(struct store **store)
{
	(void)store_close(*store);
}

int store_open(const char *dir, struct store **ret, struct buf *why)
{
	cleanup(fd) int lock = -1;
	int r = lock_dir(dir, &lock, why);
	if (r < 0)
		return r;
	cleanup(store) struct store *store = xcalloc(1, sizeof(*store));
	cleanup(free) char *absolute = realpath(dir, NULL);
	if (!absolute)
		return fail(
			why, errno, "cannot find the store directory %s: %s", dir, strerror(errno));
	store->dir = steal(absolute);
	store->durability = STORE_DURABLE; /* as the settings have it */
	r = open_database(store, lock, why);
	if (r == 0)
		r = apply_settings(store, why);
	if (r == 0)
		r = migrate(store, why);
	if (r < 0)
		return r;
	*ret = steal(store);
	return 0;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	store_rollback(store);
	for (int i = 0; i < SQLS; i++)
		(void)sqlite3_finalize(store->statements[i]);
	(void)sqlite3_close(store->db);
	buf_done(&store->doomed);
	free(store->dir);
	free(store);
	return NULL;
}

const char *store_dir(const struct store *store)
{
	return store->dir;
}

/* Not a prepared statement: this one acts when it is compiled. */
static int set_durability(struct store *store, enum store_durability durability)
{
	static const char *const texts[] = {
		[STORE_SAFE] = "PRAGMA synchronous = NORMAL",
		[STORE_DURABLE] = "PRAGMA synchronous = FULL",
	};
	int r = store->durability == durability ? 0 : db_exec(store, texts[durability]);
	if (r == 0)
		store->durability = durability;
	return r;
}

/* Should going back to rest fail, the next transaction tries again before it begins. */
static void end(struct store *store)
{
	store->open = false;
	(void)set_durability(store, STORE_DURABLE);
}

int db_begin(struct store *store, enum store_durability durability)
{
	assert(!store->open);
	int r = set_durability(store, durability);
	if (r == 0)
		r = db_run(store, SQL_BEGIN, NO_ARGS);
	if (r < 0) {
		end(store);
		return r;
	}
	store->open = true;
	return 0;
}

int store_begin(struct store *store)
{
	return db_begin(store, STORE_DURABLE);
}

/* Files go after the commit that says so; before it they might go for a session that stays. */
static void bury_doomed(struct store *store)
{
	enum { FILES_AT_ONCE = 10000 }; /* about 0.1 s; the rest goes at the next start */
	if (store->doomed.size == 0)
		return;
	for (size_t at = 0; at < store->doomed.size; at += strlen(store->doomed.data + at) + 1)
		(void)trash_move(store, store->doomed.data + at);
	buf_clear(&store->doomed);
	(void)trash_empty(store, FILES_AT_ONCE);
}

int store_commit(struct store *store, enum store_durability durability)
{
	assert(store->open && store->durability >= durability);
	int r = db_run(store, SQL_COMMIT, NO_ARGS);
	if (r < 0) {
		store_rollback(store);
		return r;
	}
	end(store);
	bury_doomed(store);
	return 0;
}

void store_rollback(struct store *store)
{
	if (!store->open)
		return;
	if (!sqlite3_get_autocommit(store->db)) /* false when an error took it back already */
		(void)db_run(store, SQL_ROLLBACK, NO_ARGS);
	end(store);
	buf_clear(&store->doomed);
}

bool store_in_transaction(const struct store *store)
{
	return store->open;
}

int64_t store_data_version(struct store *store)
{
	int64_t version = 0;
	int r = db_int(store, SQL_DATA_VERSION, NO_ARGS, &version);
	return r < 0 ? r : version;
}
