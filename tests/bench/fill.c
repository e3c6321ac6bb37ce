/* SPDX-License-Identifier: MIT */
/*
 * Makes a store large: many empty sessions, and one named `talk` with a long log.
 *
 *	bench-fill STORE SESSIONS EVENTS
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/event.h"
#include "store/log.h"
#include "store/session.h"
#include "tests/bench/measure.h"

enum { EVENT_BYTES = 700 };

static int64_t make(struct store *store, const char *name)
{
	struct session session;
	(void)need(session_make(store, name, &session, NULL), name);
	return session.object.num;
}

static void fill_log(struct store *store, int64_t session, int events)
{
	char text[EVENT_BYTES + 1];
	memset(text, 'x', EVENT_BYTES);
	text[EVENT_BYTES] = '\0';
	for (int i = 0; i < events; i++) {
		cleanup(json) cJSON *event = event_new("agent.message");
		cJSON *block = cJSON_CreateObject();
		cJSON_AddStringToObject(block, "type", "text");
		cJSON_AddStringToObject(block, "text", text);
		cJSON_AddItemToArray(cJSON_AddArrayToObject(event, "content"), block);
		(void)need(log_append(store, session, event, NULL), "log_append");
	}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		(void)fprintf(stderr, "usage: bench-fill STORE SESSIONS EVENTS\n");
		return 2;
	}
	json_setup();
	struct store *store = NULL;
	cleanup(buf) struct buf why = BUF_INIT(1000);
	if (store_open(argv[1], &store, &why) < 0 ||
		store_prepare(store, "claude-sonnet-5", &why) < 0)
		(void)need(-EIO, buf_text(&why));
	(void)need(store_begin(store), "store_begin");
	for (int i = 0; i < atoi(argv[2]); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "s%05d", i);
		(void)make(store, name);
	}
	int events = atoi(argv[3]);
	if (events)
		fill_log(store, make(store, "talk"), events);
	(void)need(store_commit(store, STORE_DURABLE), "store_commit");
	store_close(store);
	return 0;
}
