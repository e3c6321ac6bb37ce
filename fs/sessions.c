/* SPDX-License-Identifier: MIT */
/* A session as a directory: made, removed, renamed, and told who answers and where. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/errors.h"
#include "fs/link.h"
#include "fs/verbs.h"

int session_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	int n = fs_read_ahead(fs, (int64_t)after, max);
	for (int i = 0; i < n; i++) {
		const struct object *object = &fs->known[i].object;
		ret[i] = (struct child){ .num = object->num, .cursor = (uint64_t)object->num };
		(void)snprintf(ret[i].name, sizeof(ret[i].name), "%s", object->name);
	}
	return n;
}

int session_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r == 0)
		*ret_wall_us = s->object.updated_us;
	return r;
}

int session_row_make(struct fs *fs, struct place at, const char *name, int64_t *ret_num,
	struct buf *why)
{
	struct session made;
	int r = session_make(fs->store, name, &made, why);
	if (r < 0)
		return r;
	*ret_num = made.object.num;
	return 0;
}

int session_row_drop(struct fs *fs, struct place at, struct buf *why)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	if (s->fold.events || s->queued)
		return fail(why, EBUSY,
			"%s has events, and they are kept; only a session without any can be "
			"removed",
			s->object.name);
	r = object_delete(fs->store, at.object);
	fs_forget_known(fs);
	if (r == 0)
		errors_clear(fs->errors, at.object);
	return r;
}

int session_row_rename(struct fs *fs, struct place at, const struct node *to, const char *name,
	struct buf *why)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	if (r < 0)
		return r;
	if (s->fold.status == SESSION_RUNNING || s->fold.status == SESSION_RESCHEDULING)
		return fail(why, EBUSY,
			"%s is running; wait for its turn to end or write `interrupt` to "
			"its ctl",
			s->object.name);
	return object_row_rename(fs, at, to, name, why);
}

static int add_object_link(struct fs *fs, const char *folder, int64_t num, struct buf *out)
{
	struct object object;
	int r = object_get(fs->store, num, &object);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return buf_printf(out, "../../%s/%s", folder, object.name);
}

int session_agent_link(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	return r < 0 ? r : add_object_link(fs, "agents", s->agent, out);
}

int session_environment_link(struct fs *fs, struct place at, struct buf *out)
{
	const struct session *s;
	int r = fs_session(fs, at.object, &s);
	return r < 0 ? r : add_object_link(fs, "environments", s->environment, out);
}

static int find_linked(struct fs *fs, enum object_kind kind, const char *folder, const char *target,
	struct object *ret, int64_t *ret_version, struct buf *why)
{
	struct link link;
	if (!link_parse(target, folder, &link))
		return fail(why, EINVAL, "a link to ../../%s/NAME belongs here, not to %s", folder,
			target);
	*ret_version = link.version;
	return link_find(fs, kind, &link, ret, why);
}

static int set_failed(int r, const char *what, struct buf *why)
{
	if (r != -EBUSY)
		return r;
	return fail(why, EBUSY, "the %s was fixed by the session's first event; make a new session",
		what);
}

int session_relink_agent(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	struct object agent;
	int64_t version = 0;
	int r = find_linked(fs, OBJECT_AGENT, "agents", target, &agent, &version, why);
	if (r < 0)
		return r;
	r = session_set_agent(fs->store, at.object, agent.num, version);
	return set_failed(r, "agent", why);
}

int session_relink_environment(struct fs *fs, struct place at, const char *target, struct buf *why)
{
	struct object environment;
	int64_t version = 0;
	int r = find_linked(fs, OBJECT_ENVIRONMENT, "environments", target, &environment, &version,
		why);
	if (r < 0)
		return r;
	if (version)
		return fail(why, EINVAL, "environments have no versions");
	return set_failed(session_set_environment(fs->store, at.object, environment.num),
		"environment", why);
}
