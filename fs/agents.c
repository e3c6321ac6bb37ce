/* SPDX-License-Identifier: MIT */
/* The files of an agent: views of its definition, now (item 0) or as version N. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fs/text.h"
#include "fs/verbs.h"

static int show_field(struct fs *fs, struct place at, const char *path, struct buf *out)
{
	int r = -EIO;
	cleanup(json) cJSON *body = object_body(fs->store, at.object, at.item, &r);
	return body ? text_show(json_path(body, path), out) : r;
}

static int save_field(struct fs *fs, struct place at, const char *name, struct slice text,
	struct buf *why)
{
	cleanup(json) cJSON *value = NULL;
	int r = text_parse(text, &value, why);
	return r < 0 ? r : object_set(fs->store, at.object, name, value, NULL, why);
}

int agent_model(struct fs *fs, struct place at, struct buf *out)
{
	return show_field(fs, at, "model.id", out);
}

int agent_save_model(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	return save_field(fs, at, "model", text, why);
}

int agent_system(struct fs *fs, struct place at, struct buf *out)
{
	return show_field(fs, at, "system", out);
}

int agent_save_system(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	return save_field(fs, at, "system", text, why);
}

int agent_description(struct fs *fs, struct place at, struct buf *out)
{
	return show_field(fs, at, "description", out);
}

int agent_save_description(struct fs *fs, struct place at, struct slice text, struct buf *why)
{
	return save_field(fs, at, "description", text, why);
}

int agent_version(struct fs *fs, struct place at, struct buf *out)
{
	struct object found;
	int r = object_get(fs->store, at.object, &found);
	return r == 1 ? buf_printf(out, "%lld\n", (long long)found.version) : r < 0 ? r : -ENOENT;
}

/*
 * versions/: the item is the version's number.  Only as many as items can have are shown.
 */

static int64_t last_version(struct fs *fs, int64_t agent)
{
	struct object found;
	int r = object_get(fs->store, agent, &found);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return found.version < ITEM_NUM_MAX ? found.version : ITEM_NUM_MAX;
}

int version_row_find(struct fs *fs, struct place at, const char *name, int64_t *ret_num)
{
	char canonical[24];
	long long num = strtoll(name, NULL, 10);
	(void)snprintf(canonical, sizeof(canonical), "%lld", num);
	int64_t last = last_version(fs, at.object);
	if (last < 0 || num < 1 || num > last || strcmp(name, canonical) != 0)
		return last < 0 ? (int)last : 0;
	*ret_num = num;
	return 1;
}

int version_row_each(struct fs *fs, struct place at, uint64_t after, struct child *ret, int max)
{
	int64_t last = last_version(fs, at.object);
	int count = 0;
	for (int64_t num = (int64_t)after + 1; num <= last && count < max; num++, count++) {
		ret[count] = (struct child){ .num = num, .cursor = (uint64_t)num };
		(void)snprintf(ret[count].name, sizeof(ret->name), "%lld", (long long)num);
	}
	return last < 0 ? (int)last : count;
}

int version_row_name(struct fs *fs, struct place at, struct buf *out)
{
	return buf_printf(out, "%d", at.item);
}

int version_row_time(struct fs *fs, struct place at, int64_t *ret_wall_us)
{
	int r = -EIO;
	cleanup(json) cJSON *body = object_body(fs->store, at.object, at.item, &r);
	const char *saved = json_text(body, "updated_at");
	if (!saved)
		return r;
	*ret_wall_us = clock_parse(saved);
	return 0;
}

/*
 * start: the one file that is a program.  It uses nothing but the tree, and its directory's name.
 */

static const char start[] =
	"#!/bin/sh\n"
	"# Begins a session with this agent: the message comes on standard input, the path of the\n"
	"# new session goes to standard output.\n"
	"set -eu\n"
	"agent=$(cd \"$(dirname \"$0\")\" && pwd -P)\n"
	"name=${agent##*/}\n"
	"sessions=${agent%/agents/*}/sessions\n"
	"number=0\n"
	"base=$(printf %.32s \"$name\")-$(date +%Y%m%d-%H%M%S)-$$\n"
	"session=$sessions/$base\n"
	"until mkdir \"$session\" 2>/dev/null; do\n"
	"\tnumber=$((number + 1))\n"
	"\t[ $number -le 100 ] || exec mkdir \"$session\"\n"
	"\tsession=$sessions/$base-$number\n"
	"done\n"
	"trap 'rmdir \"$session\"' EXIT\n"
	"ln -sfn \"../../agents/$name\" \"$session/agent\"\n"
	"cat >\"$session/input\"\n"
	"trap - EXIT\n"
	"printf '%s\\n' \"$session\"\n";

int agent_start(struct fs *fs, struct place at, struct buf *out)
{
	return buf_add_text(out, start);
}
