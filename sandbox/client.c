/* SPDX-License-Identifier: MIT */
/*
 * The front door: one conversation with the spawner, and one with each sandbox's hands.
 *
 * Everything that the hands send is hostile: whoever runs code in the sandbox may have
 * taken them over.  So frames and texts have bounds, a result counts only for a call
 * that was sent, and a message that breaks the rules ends the sandbox.
 *
 * A sandbox that is let go leaves the list at once and is freed at the end of the round,
 * because its owner may let it go from within any callback.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "sandbox/outbox.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "sandbox/stream.h"

enum {
	PACKETS_MAX = 4096, /* to a spawner that does not take them */
	READY_MS_MAX = 30 * 1000, /* from open to hello, a restart of the spawner included */
	ASKS_MAX = 4, /* for one open, while streams end before the hello */
	CALL_BYTES_MAX = 256, /* of a call's id */
	STRAYS_MAX = 256, /* messages in a row that nobody asked for */
	/* One result; a hello with its calls is smaller. */
	HANDS_FRAME_MAX = TOOL_RESULT_BYTES_MAX + (64 << 10),
	REQUEST_SIZE = ID_SIZE + 24,
};

struct call {
	struct list link; /* sandbox.calls */
	char id[];
};

struct sandboxes {
	struct loop *loop;
	struct loop_io spawner;
	struct sandbox_handler handler;
	struct list open; /* struct sandbox.link */
	struct list gone; /* struct sandbox.link, freed by `bury` */
	struct loop_later bury;
	struct outbox out; /* to the spawner */
	char life[ID_SIZE]; /* in every request: a reply to an earlier harness is told by it */
	unsigned long long requests;
};

struct sandbox {
	struct list link; /* sandboxes.open or .gone */
	struct sandboxes *all;
	char *session, *workspace;
	char *instance; /* NULL until the spawner said it */
	char request[REQUEST_SIZE]; /* the last one; "" when answered */
	int asks;
	bool fresh, ready;
	struct stream stream;
	struct list calls; /* struct call.link: sent, no result yet */
	struct list known; /* struct call.link: named in the hello */
	int strays; /* see STRAYS_MAX */
	struct loop_timer patience; /* until ready */
	struct loop_later lost; /* what sandbox_open found out and cannot say from within */
};

/* Calls. */

static void calls_add(struct list *calls, struct slice id)
{
	struct call *call = xcalloc(1, sizeof(*call) + id.size + 1);
	memcpy(call->id, id.at, id.size);
	list_add(calls, &call->link);
}

static struct call *calls_find(const struct list *calls, struct slice id)
{
	struct call *call;
	list_each (calls, call, struct call, link)
		if (slice_is(id, call->id))
			return call;
	return NULL;
}

static void call_free(struct call *call)
{
	list_remove(&call->link);
	free(call);
}

static void calls_done(struct list *calls)
{
	struct call *call;
	while ((call = list_first(calls, struct call, link)))
		call_free(call);
}

/* The end of a sandbox. */

static void sandbox_free(struct sandbox *s)
{
	list_remove(&s->link);
	free(s->session);
	free(s->workspace);
	free(s->instance);
	free(s);
}

static void bury(void *data)
{
	struct sandboxes *all = data;
	struct sandbox *s;
	while ((s = list_first(&all->gone, struct sandbox, link)))
		sandbox_free(s);
}

void sandbox_close(struct sandbox *s)
{
	stream_close(&s->stream);
	loop_disarm(s->all->loop, &s->patience);
	loop_forget(&s->lost);
	calls_done(&s->calls);
	calls_done(&s->known);
	list_remove(&s->link);
	list_add(&s->all->gone, &s->link);
	loop_later(s->all->loop, &s->all->bury);
}

static void lose(struct sandbox *s, const char *why)
{
	const struct sandbox_handler *handler = &s->all->handler;
	sandbox_close(s);
	handler->on_dead(handler->data, s->session, why);
}

/* To the spawner. */

/* Fields are name, value, name, value, NULL. */
static int send_packet(struct sandboxes *all, const char *const *fields)
{
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX);
	for (; fields[0]; fields += 2)
		(void)fields_add_text(&packet, fields[0], fields[1]);
	return outbox_add(&all->out, &packet, -1);
}

static int ask(struct sandbox *s)
{
	struct sandboxes *all = s->all;
	(void)snprintf(s->request, sizeof(s->request), "%s-%llu", all->life, ++all->requests);
	s->asks++;
	const char *fields[] = { "do", "open", "request", s->request, "session", s->session,
		"workspace", s->workspace, NULL };
	return send_packet(all, fields);
}

static void on_impatient(void *data)
{
	lose(data, "the sandbox was not ready in time");
}

static void on_lost(void *data)
{
	lose(data, "the sandbox could not be asked for: its maker takes no requests");
}

/* From the hands. */

/* Times come from a clock that the sandbox may lie about: a call began after 1970, ended after
 * that, and not in the future. */
static int64_t clamp(int64_t value, int64_t min, int64_t max)
{
	return value < min ? min : value > max ? max : value;
}

static struct slice sound_text(struct slice text, struct buf *space)
{
	if (!text.at)
		return slice_of("");
	if (text.size <= TOOL_RESULT_BYTES_MAX && utf8_is_valid(text.at, text.size))
		return text;
	utf8_repair(space, text.at, text.size);
	if (space->size > TOOL_RESULT_BYTES_MAX)
		buf_cut(space, utf8_clip(space->data, TOOL_RESULT_BYTES_MAX));
	return buf_slice(space);
}

/* Some are lost in the post: the answer to a call that was asked for twice, say.  Without an end
 * they are there to keep us from everybody else. */
static const char *on_stray(struct sandbox *s, struct slice list)
{
	return ++s->strays > STRAYS_MAX ? "the sandbox says what nobody asked for" : NULL;
}

static const char *on_result(struct sandbox *s, struct slice list)
{
	struct call *call = calls_find(&s->calls, fields_find(list, "call"));
	if (!call)
		return on_stray(s, list);
	s->strays = 0;
	cleanup(buf) struct buf space = BUF_INIT(4 * HANDS_FRAME_MAX);
	cleanup(free) char *id = xstrdup(call->id);
	int64_t now = clock_wall_us();
	int64_t started = clamp(fields_find_int(list, "started_us", now), 0, now);
	struct sandbox_result result = {
		.call = id,
		.is_error = fields_find_int(list, "is_error", 1) != 0,
		.text = sound_text(fields_find(list, "text"), &space),
		.started_us = started,
		.ended_us = clamp(fields_find_int(list, "ended_us", now), started, now),
	};
	call_free(call);
	s->all->handler.on_result(s->all->handler.data, s->session, &result);
	return NULL;
}

static const char *learn_calls(struct sandbox *s, struct slice list)
{
	struct fields f = fields_read(list);
	struct slice name, value;
	size_t count = 0;
	while (fields_next(&f, &name, &value)) {
		if (!slice_is(name, "call"))
			continue;
		if (++count > SANDBOX_CALLS_MAX || value.size > CALL_BYTES_MAX)
			return "the sandbox remembers more calls than it may";
		calls_add(&s->known, value);
	}
	return NULL;
}

static const char *on_hello(struct sandbox *s, struct slice list)
{
	if (s->ready)
		return "the sandbox introduced itself twice";
	if (fields_find_int(list, "protocol", 0) != SANDBOX_PROTOCOL)
		return "the sandbox speaks another version of the protocol";
	if (!slice_is(fields_find(list, "instance"), s->instance))
		return "the sandbox is not the one that was asked for";
	const char *wrong = learn_calls(s, list);
	if (wrong)
		return wrong;
	s->ready = true;
	loop_disarm(s->all->loop, &s->patience);
	s->all->handler.on_ready(s->all->handler.data, s->session, s->instance, s->fresh);
	return NULL;
}

/* Whoever breaks the rules is no longer ours. */
static void expel(struct sandbox *s, const char *why)
{
	const char *fields[] = { "do", "discard", "session", s->session, NULL };
	(void)send_packet(s->all, fields);
	lose(s, why);
}

/* Each returns NULL, or how the message breaks the rules. */
static const struct {
	const char *say;
	const char *(*run)(struct sandbox *s, struct slice list);
} words[] = {
	{ "hello", on_hello },
	{ "result", on_result },
	{ "pong", on_stray }, /* we never ping */
};

static void on_frame(void *data, struct slice list)
{
	struct sandbox *s = data;
	struct slice say = fields_find(list, "say");
	const char *wrong = "the sandbox sent a message that is none";
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_is(say, words[i].say)) {
			wrong = words[i].run(s, list);
			break;
		}
	if (wrong)
		expel(s, wrong);
}

/* A stream that ends before the hello had been sent to hands that were dying, which the spawner
 * could not know yet; the next one goes to new hands. */
static void on_stream_end(void *data, const char *why)
{
	struct sandbox *s = data;
	if (!why && !s->ready && s->asks < ASKS_MAX && ask(s) == 0)
		return;
	if (!why) {
		lose(s, "the sandbox has ended");
		return;
	}
	cleanup(free) char *text = xprintf("the sandbox was ended: %s", why);
	expel(s, text);
}

/* From the spawner. */

static void take_stream(struct sandbox *s, struct slice list, int fd /* taken */)
{
	struct slice instance = fields_find(list, "instance");
	free(s->instance);
	s->instance = xstrndup(instance.at ? instance.at : "", instance.size);
	s->fresh = fields_find_int(list, "fresh", 0) != 0;
	s->request[0] = '\0';
	s->stream = (struct stream){ .frame_max = HANDS_FRAME_MAX,
		.on_frame = on_frame,
		.on_end = on_stream_end,
		.data = s };
	int r = stream_open(&s->stream, s->all->loop, fd);
	if (r < 0)
		lose(s, "the sandbox's stream cannot be used");
}

static void take_refusal(struct sandbox *s, struct slice list)
{
	struct slice error = fields_find(list, "error"), step = fields_find(list, "step");
	cleanup(free) char *why = xprintf("the sandbox could not be made: %s%s%s%s",
		error.at ? error.at : "no reason given", step.size ? " (step " : "",
		step.size ? step.at : "", step.size ? ")" : "");
	lose(s, why);
}

/* What was asked for before it may have died with the spawner that read it. */
static void on_spawner_hello(struct sandboxes *all)
{
	struct sandbox *s;
	list_each (&all->open, s, struct sandbox, link) {
		if (!*s->request)
			continue;
		s->asks = 0;
		if (ask(s) < 0)
			loop_later(all->loop, &s->lost);
	}
}

static struct sandbox *find_asked(struct sandboxes *all, struct slice request)
{
	struct sandbox *s;
	list_each (&all->open, s, struct sandbox, link)
		if (*s->request && slice_is(request, s->request))
			return s;
	return NULL;
}

static void on_packet(struct sandboxes *all, struct slice list, int *fds, size_t fd_count)
{
	if (slice_is(fields_find(list, "do"), "hello")) {
		on_spawner_hello(all);
		return;
	}
	struct sandbox *s = find_asked(all, fields_find(list, "request"));
	if (s && fd_count > 0)
		take_stream(s, list, steal_fd(&fds[0]));
	else if (s)
		take_refusal(s, list);
}

static void on_spawner(void *data, uint32_t events)
{
	struct sandboxes *all = data;
	cleanup(buf) struct buf packet = BUF_INIT(SANDBOX_PACKET_MAX + 1);
	int fds[IO_FDS_MAX], r;
	size_t count;
	if (events & EPOLLOUT)
		outbox_flush(&all->out);
	while ((r = io_recv_packet(all->spawner.fd, SANDBOX_PACKET_MAX, &packet, fds, &count)) >
		0) {
		on_packet(all, buf_slice(&packet), fds, count);
		for (size_t i = 0; i < count; i++)
			cleanup_fd(&fds[i]);
	}
	/* The supervisor keeps the other end; without it nobody will ever answer, and waiting would
	 * spin. */
	if (r == 0)
		loop_remove(&all->spawner);
}

/* Life. */

int sandboxes_new(struct loop *loop, int spawner, const struct sandbox_handler *handler,
	struct sandboxes **ret)
{
	struct sandboxes *all = xcalloc(1, sizeof(*all));
	all->loop = loop;
	all->handler = *handler;
	list_init(&all->open);
	list_init(&all->gone);
	outbox_init(&all->out, &all->spawner, EPOLLIN, PACKETS_MAX);
	id_make("life", all->life);
	all->bury = (struct loop_later){ .on_later = bury, .data = all };
	all->spawner = (struct loop_io){
		.fd = spawner, .events = EPOLLIN, .on_ready = on_spawner, .data = all
	};
	int r = io_set_nonblock(spawner);
	if (r == 0)
		r = loop_add(loop, &all->spawner);
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	return 0;
}

struct sandboxes *sandboxes_free(struct sandboxes *all)
{
	if (!all)
		return NULL;
	struct sandbox *s;
	while ((s = list_first(&all->open, struct sandbox, link)))
		sandbox_close(s);
	loop_forget(&all->bury);
	bury(all);
	outbox_done(&all->out);
	loop_remove(&all->spawner);
	free(all);
	return NULL;
}

struct sandbox *sandbox_find(struct sandboxes *all, const char *session)
{
	struct sandbox *s;
	list_each (&all->open, s, struct sandbox, link)
		if (strcmp(s->session, session) == 0)
			return s;
	return NULL;
}

struct sandbox *sandbox_open(struct sandboxes *all, const char *session, const char *workspace)
{
	struct sandbox *s = sandbox_find(all, session);
	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->all = all;
	s->session = xstrdup(session);
	s->workspace = xstrdup(workspace);
	list_init(&s->calls);
	list_init(&s->known);
	list_add(&all->open, &s->link);
	s->patience = (struct loop_timer){ .on_due = on_impatient, .data = s };
	s->lost = (struct loop_later){ .on_later = on_lost, .data = s };
	loop_arm(all->loop, &s->patience, clock_now_ms() + READY_MS_MAX);
	if (ask(s) < 0)
		loop_later(all->loop, &s->lost);
	return s;
}

void sandbox_discard(struct sandbox *s)
{
	const char *fields[] = { "do", "discard", "session", s->session, NULL };
	(void)send_packet(s->all, fields);
	sandbox_close(s);
}

bool sandbox_is_ready(const struct sandbox *s)
{
	return s->ready;
}

const char *sandbox_instance(const struct sandbox *s)
{
	return s->ready ? s->instance : "";
}

bool sandbox_knows(const struct sandbox *s, const char *call)
{
	return calls_find(&s->known, slice_of(call)) != NULL;
}

/* To the hands. */

void sandbox_execute(struct sandbox *s, const char *call, const char *tool, struct slice input,
	int64_t timeout_ms)
{
	assert(s->ready && strlen(call) <= CALL_BYTES_MAX);
	cleanup(buf) struct buf list = BUF_INIT(FRAME_MAX);
	(void)fields_add_text(&list, "do", "execute");
	(void)fields_add_text(&list, "call", call);
	(void)fields_add_text(&list, "tool", tool);
	(void)fields_add_int(&list, "timeout_ms", timeout_ms);
	(void)fields_add(&list, "input", input.at, input.size);
	assert(!list.overflow);
	if (!calls_find(&s->calls, slice_of(call)))
		calls_add(&s->calls, slice_of(call));
	stream_send(&s->stream, buf_slice(&list));
}

static void send_about(struct sandbox *s, const char *what, const char *call)
{
	cleanup(buf) struct buf list = BUF_INIT(1024);
	(void)fields_add_text(&list, "do", what);
	(void)fields_add_text(&list, "call", call);
	stream_send(&s->stream, buf_slice(&list));
}

void sandbox_acknowledge(struct sandbox *s, const char *call)
{
	assert(s->ready);
	send_about(s, "acknowledge", call);
}

void sandbox_interrupt(struct sandbox *s, const char *call)
{
	assert(s->ready);
	send_about(s, "interrupt", call);
}
