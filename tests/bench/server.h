/* SPDX-License-Identifier: MIT */
/*
 * A Messages server that knows when things happen: the time of a request's first
 * byte, and of an answer's last.  One thread, blocking, keeps connections open as
 * the API does.  It judges nothing: that the requests are right is the tests'
 * concern.
 */
#pragma once

#include "base/buf.h"

enum { SERVER_CONNECTIONS_MAX = 8 };

struct server {
	int listener;
	int connections[SERVER_CONNECTIONS_MAX]; /* -1: free */
	int current; /* the connection of the last request */
	struct buf request; /* head and body of the last request */
	unsigned answers;
};

void server_listen_at(struct server *s, const char *socket_path);
int server_listen_anywhere(struct server *s); /* on 127.0.0.1; the port */
void server_done(struct server *s);

/* Waits for a request and reads it whole; gives the time of its first byte. */
int64_t server_receive(struct server *s);

/*
 * Answers it: a bash call, or (command NULL) some words.  Everything but the end
 * of the message goes out first, as from a model that takes its time; after
 * `pause_us` the end.  Gives the time at which the last bytes were about to leave.
 */
int64_t server_answer(struct server *s, const char *command, unsigned pause_us);
