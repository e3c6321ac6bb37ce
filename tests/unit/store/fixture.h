/* SPDX-License-Identifier: MIT */
/* A store in a temporary directory, with `assistant`, `local` and one session `s`. */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/db.h"
#include "store/event.h"
#include "store/log.h"
#include "store/queue.h"
#include "store/session.h"
#include "tests/unit/test.h"

static char fixture_dir[64];
static struct store *store;
static int64_t session; /* number of `s` */
static struct buf why;

static inline int fixture_remove_one(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void fixture_remove(void)
{
	(void)nftw(fixture_dir, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_reopen(void)
{
	store = store_close(store);
	CHECK_INT(store_open(fixture_dir, &store, &why), 0);
}

static inline void fixture_open(void)
{
	json_setup();
	why = BUF_INIT(4000);
	strcpy(fixture_dir, "/tmp/test-store-XXXXXX");
	if (!mkdtemp(fixture_dir) || atexit(fixture_remove) != 0)
		exit(99);
	CHECK_INT(store_open(fixture_dir, &store, &why), 0);
	CHECK_INT(store_prepare(store, "claude-sonnet-5-5", &why), 0);
	struct session made;
	CHECK_INT(session_make(store, "s", &made, &why), 0);
	session = made.object.num;
}

static inline void fixture_close(void)
{
	store = store_close(store);
	buf_done(&why);
}

/* A child must not remove the directory when it ends. */
static inline void fixture_child_exit(int code)
{
	fflush(stdout);
	_exit(code);
}

static inline int fixture_wait(pid_t pid)
{
	int status = 0;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A user.message with this text. */
static inline cJSON *fixture_message(const char *text)
{
	cJSON *event = event_new("user.message"), *block = cJSON_CreateObject();
	cJSON_AddStringToObject(block, "type", "text");
	cJSON_AddStringToObject(block, "text", text);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
	return event;
}

static inline void fixture_move_fields(cJSON *event, cJSON *from)
{
	while (from->child) {
		cJSON *field = cJSON_DetachItemViaPointer(from, from->child);
		cleanup(free) char *name = xstrdup(field->string);
		cJSON_AddItemToObject(event, name, field);
	}
}

/* Appends an event given as its type and the JSON of its other fields: what log_append says. */
static inline int fixture_append(int64_t num, const char *type, const char *fields)
{
	cleanup(json) cJSON *event = event_new(type), *given = cJSON_Parse(fields);
	fixture_move_fields(event, given);
	return log_append(store, num, event, NULL);
}
