/* SPDX-License-Identifier: MIT */
#include "fs/workspace_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/workspace_link.h"

enum {
	TREE_BUCKETS =
		1024, /* a store holds up to SESSIONS_MAX trees, of which few are looked at */
	CHUNK_MAX = LINK_TEXT_MAX, /* what one openat2 takes; a deeper path is walked in pieces */
};

static const bool OF_SESSION[WORKSPACE_KINDS] = {
	[WORKSPACE_MAIN] = true,
	[WORKSPACE_OUTPUTS] = true,
	[WORKSPACE_PAST] = true,
};

static struct {
	int proc_fd; /* /proc/self/fd */
	bool is_root;
	uid_t uid; /* to be restored by guises */
	gid_t gid;
	struct list buckets[TREE_BUCKETS]; /* struct tree.link */
	struct list dead; /* struct tree.link; entries are left */
	struct list open; /* struct tree.fd_link */
	unsigned open_count;
} trees = { .proc_fd = -1 };

int tree_setup(void)
{
	assert(trees.proc_fd < 0);
	trees.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (trees.proc_fd < 0)
		return -errno;
	trees.uid = geteuid();
	trees.gid = getegid();
	trees.is_root = trees.uid == 0;
	list_init(&trees.dead);
	list_init(&trees.open);
	for (size_t i = 0; i < TREE_BUCKETS; i++)
		list_init(&trees.buckets[i]);
	return 0;
}

static struct list *bucket_of(int64_t number)
{
	return &trees.buckets[(uint64_t)number % TREE_BUCKETS];
}

int guise_wear(struct guise *guise, const struct tree *tree)
{
	if (!trees.is_root || tree->uid == 0)
		return 0;
	guise->worn = true;
	/* Leaving fsuid 0 also takes the file system capabilities off this thread. The calls report
	 * no failure; asking with an impossible id is how to see what holds. */
	setfsgid(tree->gid);
	setfsuid(tree->uid);
	bool done =
		(uid_t)setfsuid((uid_t)-1) == tree->uid && (gid_t)setfsgid((gid_t)-1) == tree->gid;
	return done ? 0 : -EPERM;
}

void cleanup_guise(struct guise *guise)
{
	if (!guise->worn)
		return;
	setfsuid(trees.uid);
	setfsgid(trees.gid);
	guise->worn = false;
}

int tree_stat(int fd, struct statx *ret_stat)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, ret_stat) < 0 ? -errno
											   : 0;
}

int tree_look(int dir, const char *name, struct statx *ret_stat)
{
	struct statx st;
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
		    &st) < 0)
		return -errno;
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return -EXDEV;
	*ret_stat = st;
	return 0;
}

struct identity tree_identity(const struct statx *st)
{
	bool has_birth = st->stx_mask & STATX_BTIME;
	return (struct identity){
		.device = makedev(st->stx_dev_major, st->stx_dev_minor),
		.inode = st->stx_ino,
		.born_ns = has_birth ? st->stx_btime.tv_sec * INT64_C(1000000000) +
					       st->stx_btime.tv_nsec
				     : 0,
		.type = st->stx_mode & S_IFMT,
	};
}

static int open_beneath(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = resolve };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static void close_top(struct tree *tree)
{
	if (tree->fd < 0)
		return;
	close(steal_fd(&tree->fd));
	list_remove(&tree->fd_link);
	trees.open_count--;
}

static void keep_top(struct tree *tree, int fd /* taken */)
{
	if (trees.open_count >= TREE_FDS_MAX)
		close_top(list_first(&trees.open, struct tree, fd_link));
	tree->fd = fd;
	list_add(&trees.open, &tree->fd_link);
	trees.open_count++;
}

/* The path is the store's, which the sandbox cannot touch; only its last component is the tree. */
static int open_top(const char *path, struct statx *ret_stat)
{
	cleanup(fd) int fd = open_beneath(AT_FDCWD, path, O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? fd : tree_stat(fd, ret_stat);
	return r < 0 ? r : steal_fd(&fd);
}

int tree_open(struct tree *tree)
{
	if (tree->dead)
		return -ESTALE;
	if (tree->fd >= 0) {
		list_remove(&tree->fd_link);
		list_add(&trees.open, &tree->fd_link);
		return 0;
	}
	struct statx st;
	cleanup(fd) int fd = open_top(tree->path, &st);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	struct identity who = tree_identity(&st);
	if (!identity_is(&who, &tree->top->who))
		return -ESTALE;
	keep_top(tree, steal_fd(&fd));
	return 0;
}

static struct tree *tree_find(const struct workspace_tree *want)
{
	struct tree *tree;
	list_each (bucket_of(want->number), tree, struct tree, link) {
		if (tree->number == want->number && tree->kind == want->kind &&
			tree->item == want->item)
			return tree;
	}
	return NULL;
}

struct tree *tree_free(struct tree *tree)
{
	if (!tree)
		return NULL;
	close_top(tree);
	list_remove(&tree->link);
	free(tree->path);
	free(tree->inside);
	free(tree);
	return NULL;
}

void tree_kill(struct tree *tree)
{
	close_top(tree);
	list_remove(&tree->link);
	list_add(&trees.dead, &tree->link);
	tree->dead = true;
}

void tree_kill_session(int64_t session)
{
	struct tree *tree;
	list_each (bucket_of(session), tree, struct tree, link) {
		if (tree->number == session && OF_SESSION[tree->kind])
			tree_kill(tree);
	}
}

static int tree_register(
	const struct workspace_tree *want, struct tree **ret, struct statx *ret_stat)
{
	cleanup(fd) int fd = open_top(want->path, ret_stat);
	if (fd < 0)
		return fd;
	struct tree *tree = xcalloc(1, sizeof(*tree));
	*tree = (struct tree){
		.number = want->number,
		.kind = want->kind,
		.item = want->item,
		.path = xstrdup(want->path),
		.inside = xstrdup(want->inside),
		.read_only = want->read_only,
		.uid = ret_stat->stx_uid,
		.gid = ret_stat->stx_gid,
		.fd = -1,
	};
	list_init(&tree->fd_link);
	list_add(bucket_of(want->number), &tree->link);
	struct identity who = tree_identity(ret_stat);
	cleanup(guise) struct guise guise = GUISE_NONE;
	int r = guise_wear(&guise, tree);
	if (r == 0)
		tree->top = entry_see(tree, NULL, "", &who);
	if (!tree->top) {
		tree_free(tree);
		return r < 0 ? r : -ENOMEM;
	}
	keep_top(tree, steal_fd(&fd));
	*ret = tree;
	return 0;
}

int tree_see(const struct workspace_tree *want, struct tree **ret, struct statx *ret_stat)
{
	assert(trees.proc_fd >= 0);
	struct tree *tree = tree_find(want);
	if (!tree)
		return tree_register(want, ret, ret_stat);
	int r = tree_open(tree);
	if (r == 0)
		r = tree_stat(tree->fd, ret_stat);
	if (r == -ESTALE || (r == 0 && ret_stat->stx_nlink == 0)) {
		tree_kill(tree);
		return tree_register(want, ret, ret_stat);
	}
	if (r < 0)
		return r;
	tree->top->lookups++;
	*ret = tree;
	return 0;
}

uint64_t workspace_root_number(int64_t number, enum workspace_kind kind, uint32_t item)
{
	uint64_t tree = (uint64_t)kind << 60 | ((uint64_t)number & 0xfffff) << 40;
	return ENTRY_OWNED_BIT | tree | UINT64_C(1) << 39 | item;
}

uint64_t tree_shown_number(const struct tree *tree, uint64_t inode)
{
	uint64_t top = workspace_root_number(tree->number, tree->kind, tree->item);
	if (inode == tree->top->who.inode)
		return top;
	const uint64_t low = (UINT64_C(1) << 40) - 1;
	return (top & ~low) | ((inode ^ inode >> 40) & low);
}

/* What goes wrong on the way to an object means that the way is no longer the one that was looked
 * up. */
static int pin_error(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -EXDEV:
		return -ESTALE;
	case -EMFILE:
		return -ENFILE;
	default:
		return r;
	}
}

/* Walks a path of any length in pieces that one call takes. No piece goes up, so pieces stay as far
 * inside as one call would. */
static int walk(int top, char *path)
{
	if (!*path) {
		/* Not ".": a top that cannot be searched can still be looked at, and repaired. */
		int fd = fcntl(top, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	static const uint64_t resolve =
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	cleanup(fd) int dir = -1;
	while (strlen(path) > CHUNK_MAX) {
		char *slash = memrchr(path, '/', CHUNK_MAX);
		assert(slash); /* a name is shorter */
		*slash = '\0';
		int next = open_beneath(dir < 0 ? top : dir, path, O_DIRECTORY, resolve);
		if (next < 0)
			return next;
		cleanup_fd(&dir);
		dir = next;
		path = slash + 1;
	}
	return open_beneath(dir < 0 ? top : dir, path, 0, resolve);
}

int tree_pin(const struct entry *entry, struct statx *ret_stat)
{
	assert(entry->tree->fd >= 0);
	static struct buf path = BUF_INIT(ENTRY_PATH_BYTES_MAX + 1); /* kept for the next one */
	int r = entry_path(entry, &path);
	if (r < 0)
		return r;
	cleanup(fd) int fd = walk(entry->tree->fd, path.data);
	if (fd < 0)
		return pin_error(fd);
	struct statx st;
	r = tree_stat(fd, &st);
	if (r < 0)
		return r;
	struct identity who = tree_identity(&st);
	if (!identity_is(&who, &entry->who))
		return -ESTALE;
	if (ret_stat)
		*ret_stat = st;
	return steal_fd(&fd);
}

int tree_magic_name(int fd, char ret_name[static MAGIC_NAME_SIZE])
{
	(void)snprintf(ret_name, MAGIC_NAME_SIZE, "%d", fd);
	return trees.proc_fd;
}

int tree_reopen(int fd, const struct statx *st, int flags)
{
	if (!S_ISREG(st->stx_mode) && !S_ISDIR(st->stx_mode))
		return -EACCES;
	char name[MAGIC_NAME_SIZE];
	int dir = tree_magic_name(fd, name);
	int opened = openat(dir, name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (opened >= 0)
		return opened;
	return errno == EWOULDBLOCK ? -EBUSY : errno == EMFILE ? -ENFILE : -errno;
}

static void free_all(struct list *all)
{
	struct tree *tree;
	list_each (all, tree, struct tree, link)
		tree_free(tree);
}

void tree_done(void)
{
	if (trees.proc_fd < 0)
		return;
	for (size_t i = 0; i < TREE_BUCKETS; i++)
		free_all(&trees.buckets[i]);
	free_all(&trees.dead);
	close(steal_fd(&trees.proc_fd));
}
