/* SPDX-License-Identifier: MIT */
#include "cmd/crew.h"

#include <assert.h>
#include <unistd.h>

#include "cmd/restart.h"

/* One `name=value` of a child's command line: a descriptor of the wiring, or a text made from
 * it. */
struct wire_word {
	const char *name; /* NULL ends the list */
	char *(*text)(const struct wiring *w); /* given; NULL leaves the word out */
	size_t fd; /* offset in struct wiring, when `text` is NULL */
	bool optional; /* the descriptor may be -1; then the word is left out */
	bool rewind; /* it is a memfd that each start reads from the beginning */
};

#define WIRE(name_, field) { .name = (name_), .fd = offsetof(struct wiring, field) }
#define MAYBE(name_, field) \
	{ .name = (name_), .fd = offsetof(struct wiring, field), .optional = true }
#define MEMFD(name_, field) \
	{ .name = (name_), .fd = offsetof(struct wiring, field), .rewind = true }
#define TEXT(name_, function) { .name = (name_), .text = (function) }

static char *store(const struct wiring *w)
{
	return xstrdup(w->store);
}

static char *mountpoint(const struct wiring *w)
{
	return xstrdup(w->mountpoint);
}

/* The host of this URL means nothing: the connection goes to model_socket. */
static char *base_url(const struct wiring *w)
{
	return xstrdup(w->model_socket ? "http://rehearsal" : w->settings->base_url);
}

static char *model_socket(const struct wiring *w)
{
	return w->model_socket ? xstrdup(w->model_socket) : NULL;
}

static char *max_running(const struct wiring *w)
{
	return xprintf("%lld", (long long)w->settings->max_running);
}

static char *model_silence_ms(const struct wiring *w)
{
	return xprintf("%lld", (long long)w->settings->model_silence * 1000);
}

static char *allow_other(const struct wiring *w)
{
	return xprintf("%d", w->settings->allow_other);
}

static char *umask_octal(const struct wiring *w)
{
	return xprintf("%03llo", (unsigned long long)w->settings->umask);
}

static char *model(const struct wiring *w)
{
	return xstrdup(w->settings->model);
}

static char *offline(const struct wiring *w)
{
	return xprintf("%d", w->settings->offline);
}

static const struct wire_word spawner_words[] = {
	WIRE("socket", tools_spawner),
	WIRE("hands", hands),
	{ 0 },
};

static const struct wire_word rehearsal_words[] = {
	WIRE("listen", listen),
	{ 0 },
};

static const struct wire_word fs_words[] = {
	TEXT("store", store),
	TEXT("mountpoint", mountpoint),
	WIRE("hints", hints_fs),
	MAYBE("device", device),
	MEMFD("init", init),
	TEXT("allow_other", allow_other),
	TEXT("umask", umask_octal),
	TEXT("model", model),
	TEXT("offline", offline),
	WIRE("lock", lock),
	{ 0 },
};

static const struct wire_word harness_words[] = {
	TEXT("store", store),
	WIRE("hints", hints_harness),
	WIRE("spawner", tools_harness),
	MEMFD("key", key),
	TEXT("base_url", base_url),
	TEXT("model_socket", model_socket),
	TEXT("max_running", max_running),
	TEXT("model_silence_ms", model_silence_ms),
	WIRE("lock", lock),
	{ 0 },
};

/*
 * Stopping: the harness first, so that running tool calls end or are recorded
 * while everything they need still lives; input that comes until fs has gone is
 * kept in the store for the next time.  The spawner follows when nobody can ask
 * it any more, and takes the sandboxes with it.
 */
const struct crew_member crew_table[CREW_SIZE] = {
	[CREW_SPAWNER] = { "spawner", "agentdirs-spawner", "sandbox",
		"starting the spawner of sandboxes", spawner_words,
		.retries_max = RESTART_TRIES_MAX, .stop_rank = 3, .stop_ms = 5000 },
	[CREW_REHEARSAL] = { "rehearsal", "agentdirs-rehearsal", "rehearsal",
		"starting the rehearsal model", rehearsal_words, .offline_only = true,
		.retries_max = RESTART_TRIES_MAX, .stop_rank = 4, .stop_ms = 2000 },
	/* A successor that cannot take the live mount over is soon given up for a new mount. */
	[CREW_FS] = { "fs", "agentdirs-fs", "fs",
		"mounting the tree", fs_words, .may_finish = true,
		.retries_max = 3, .stop_rank = 2, .stop_ms = 5000 },
	[CREW_HARNESS] = { "harness", "agentdirs-harness", "harness",
		"starting the harness", harness_words, .needs_network = true,
		.retries_max = RESTART_TRIES_MAX, .stop_rank = 1, .stop_ms = 10000 },
};

static void add_word(const struct wire_word *word, const struct wiring *wiring, struct process *p)
{
	if (word->text) {
		char *value = word->text(wiring);
		if (value)
			process_add_word(p, xprintf("%s=%s", word->name, value));
		free(value);
		return;
	}
	int fd = *(const int *)((const char *)wiring + word->fd);
	assert(fd >= 0 || word->optional);
	if (word->rewind)
		(void)lseek(fd, 0, SEEK_SET);
	if (fd >= 0)
		process_add_fd_word(p, word->name, fd);
}

void crew_words(const struct crew_member *member, const struct wiring *wiring, int control,
	struct process *ret)
{
	process_add_word(ret, xstrdup(member->program));
	process_add_fd_word(ret, "control", control);
	for (const struct wire_word *word = member->words; word->name; word++)
		add_word(word, wiring, ret);
}
