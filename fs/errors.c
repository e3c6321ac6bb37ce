/* SPDX-License-Identifier: MIT */
#include "fs/errors.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

struct refusal {
	int64_t session, wall_us; /* wall_us 0: empty */
	int pid;
	char *sentence; /* owned */
};

struct errors {
	struct refusal ring[ERRORS_KEPT];
	size_t next; /* the oldest, overwritten next */
};

static const struct {
	int error;
	const char *meaning;
} meanings[] = {
	{ EPERM, "this name is part of the tree and cannot be changed; README says what can" },
	{ ENOENT, "there is no such name here; list the directory" },
	{ EEXIST, "the name is taken; choose another" },
	{ EINVAL, "the value or name is not valid" },
	{ EBUSY, "it is running, in use or already fixed; wait or interrupt it first" },
	{ EROFS, "the session is archived or terminated; make a new one" },
	{ EAGAIN, "the queue is full; wait until some messages have been worked off" },
	{ EILSEQ, "the text is not UTF-8; convert it first, for example with iconv" },
	{ EFBIG, "it is too large; send it in smaller parts or as a file in workspace/" },
	{ ENOSPC, "there is no room left; free some on the disk that holds the store" },
	{ EXDEV, "it cannot move between these directories; copy it" },
	{ ESTALE, "it changed or was restarted meanwhile; read it again and repeat" },
	{ ENFILE, "too many waiting files are open; close some" },
	{ EIO, "the store is damaged or its disk fails; look at the system log" },
};

const char *errors_meaning(int error)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (meanings[i].error == error)
			return meanings[i].meaning;
	return strerror(error);
}

struct errors *errors_new(void)
{
	return xcalloc(1, sizeof(struct errors));
}

struct errors *errors_free(struct errors *errors)
{
	if (!errors)
		return NULL;
	for (size_t i = 0; i < ERRORS_KEPT; i++)
		free(errors->ring[i].sentence);
	free(errors);
	return NULL;
}

/* The i-th refusal counted back from the newest, NULL when it is empty or about another session. */
static const struct refusal *back(const struct errors *errors, int64_t session, size_t i)
{
	size_t place = (errors->next + ERRORS_KEPT - 1 - i) % ERRORS_KEPT;
	const struct refusal *r = &errors->ring[place];
	return r->wall_us && r->session == session ? r : NULL;
}

static const struct refusal *newest(const struct errors *errors, int64_t session)
{
	for (size_t i = 0; i < ERRORS_KEPT; i++)
		if (back(errors, session, i))
			return back(errors, session, i);
	return NULL;
}

void errors_add(struct errors *errors, int64_t session, int pid, const char *sentence)
{
	const struct refusal *last = newest(errors, session);
	if (last && last->pid == pid && strcmp(last->sentence, sentence) == 0)
		return;
	struct refusal *place = &errors->ring[errors->next];
	errors->next = (errors->next + 1) % ERRORS_KEPT;
	free(place->sentence);
	*place = (struct refusal){ .session = session, .wall_us = clock_wall_us(), .pid = pid,
		.sentence = xstrdup(sentence) };
}

void errors_clear(struct errors *errors, int64_t session)
{
	for (size_t i = 0; i < ERRORS_KEPT; i++)
		if (errors->ring[i].session == session)
			errors->ring[i].wall_us = 0;
}

static void show_one(const struct refusal *r, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];
	clock_text(r->wall_us, when);
	buf_printf(out, "%s pid %d: %s\n", when, r->pid, r->sentence);
}

int64_t errors_last(const struct errors *errors, int64_t session, struct buf *out)
{
	const struct refusal *last = newest(errors, session);
	if (!last)
		return 0;
	show_one(last, out);
	return last->wall_us;
}

void errors_show(const struct errors *errors, int64_t session, struct buf *out)
{
	for (size_t i = ERRORS_KEPT; i-- > 0;)
		if (back(errors, session, i))
			show_one(back(errors, session, i), out);
}
