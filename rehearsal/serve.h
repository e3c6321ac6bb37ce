/* SPDX-License-Identifier: MIT */
/*
 * The rehearsal's HTTP server: libmicrohttpd on our loop.
 *
 * There are no threads: a slow or silent answer is a suspended connection and a
 * timer.  What an answer is comes from answer.h; here are only bytes and time.
 */
#pragma once

#include "base/loop.h"

struct serve;

/* Serves on a listening stream socket.  0 or -errno. */
int serve_new(struct loop *loop, int listen_fd /* taken on success */, struct serve **ret);
struct serve *serve_free(struct serve *serve); /* breaks what is being answered; NULL is fine */
