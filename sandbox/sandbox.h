/* SPDX-License-Identifier: MIT */
/*
 * The sandbox's front door, as the harness uses it: provision, execute, discard.
 *
 * A sandbox is named by its session.  It is provisioned by sandbox_open (which
 * returns at once) and is cattle: it may die at any time, then on_dead says so
 * and the next sandbox_open makes a new one over the same workspace.
 */
#pragma once

#include "base/id.h"
#include "base/loop.h"
#include "base/util.h"

struct sandboxes; /* the harness's side of the spawner and of all hands */
struct sandbox;

struct sandbox_result {
	const char *call; /* the call's id; lent, like text */
	bool is_error;
	struct slice text;
	int64_t started_us, ended_us; /* wall clock inside the sandbox */
};

struct sandbox_handler {
	/* It can be used.  `fresh`: made for this open, no call can have run in it. */
	void (*on_ready)(void *data, const char *session, const char *instance, bool fresh);
	void (*on_result)(void *data, const char *session, const struct sandbox_result *result);
	/* It could not be made or has died; the struct sandbox is gone.  `why` is for the model and
	 * the person. */
	void (*on_dead)(void *data, const char *session, const char *why);
	void *data;
};

/* `spawner` is a SOCK_SEQPACKET socket (lent, outlives the object). */
int sandboxes_new(struct loop *loop, int spawner, const struct sandbox_handler *handler,
	struct sandboxes **ret);
/* Closes the streams; the sandboxes live on. */
struct sandboxes *sandboxes_free(struct sandboxes *all);

/* Starts or finds the session's sandbox; a second open of the same session returns the same object.
 * `workspace` is an absolute path on this machine. */
struct sandbox *sandbox_open(struct sandboxes *all, const char *session, const char *workspace);
struct sandbox *sandbox_find(struct sandboxes *all, const char *session); /* NULL: not open here */

bool sandbox_is_ready(const struct sandbox *s);
const char *sandbox_instance(const struct sandbox *s); /* "" until ready */
bool sandbox_knows(const struct sandbox *s, const char *call); /* said in its hello */

/* Runs a tool, or attaches to the run or the remembered result of the same call id.  Only when
 * ready; `input` is packed by the tool's parameter table.  The result comes to on_result, exactly
 * once for each execute. */
void sandbox_execute(struct sandbox *s, const char *call, const char *tool, struct slice input,
	int64_t timeout_ms);
void sandbox_acknowledge(struct sandbox *s, const char *call);
void sandbox_interrupt(struct sandbox *s, const char *call);

/* Lets go of the stream; the sandbox lives on and can be opened again. */
void sandbox_close(struct sandbox *s);
/* Kills the sandbox.  No on_dead follows. */
void sandbox_discard(struct sandbox *s);
