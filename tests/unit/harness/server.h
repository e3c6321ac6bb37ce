/* SPDX-License-Identifier: MIT */
/* A small HTTP server in a thread, on a Unix socket: it gives the scripted answers one after
 * another and keeps what it was asked. */
#pragma once

#include "base/buf.h"

enum framing {
	BY_CHUNKS, /* each line of the body with its end is a chunk */
	BY_LENGTH,
	BY_CLOSE,
};

enum ending {
	KEEP, /* whole, and the connection serves the next request */
	CLOSE, /* whole, then closed */
	CUT, /* closed before its end */
	HOLD, /* nothing more is sent until the client closes */
};

struct script {
	const char *head; /* status line and headers, each with \r\n; NULL: none at all */
	const char *body; /* NULL: none */
	enum framing framing;
	enum ending ending;
	bool bytewise; /* one write per byte */
	bool early; /* answered before the request's body was read */
};

struct server;

struct server *server_start(const struct script *answers /* lent */, size_t count);
const char *server_path(const struct server *server);

/* Waits until the last answer was given and its connection closed by the client, and frees. */
struct server_report {
	int connections, requests;
	char *head, *body; /* of the last request; given */
	size_t body_size;
} server_stop(struct server *server);
