/* SPDX-License-Identifier: MIT */
#include "rehearsal/answer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rehearsal/check.h"
#include "rehearsal/digest.h"
#include "rehearsal/faults.h"
#include "rehearsal/journal.h"

enum { PAGE_DEFAULT = 20, PAGE_MAX = 1000 };

struct desk {
	struct cache *cache;
	struct faults *faults;
	struct journal *journal;
	uint64_t requests;
};

struct desk *desk_new(void)
{
	struct desk *desk = xcalloc(1, sizeof(*desk));
	desk->cache = cache_new();
	desk->faults = faults_new();
	desk->journal = journal_new();
	return desk;
}

struct desk *desk_free(struct desk *desk)
{
	if (!desk)
		return NULL;
	cache_free(desk->cache);
	faults_free(desk->faults);
	journal_free(desk->journal);
	free(desk);
	return NULL;
}

void answer_fail(struct answer *answer, int status, const char *message)
{
	answer->status = status;
	answer->content_type = "application/json";
	answer->streams = false;
	buf_clear(&answer->body);
	failure_body(&answer->body, status, message, answer->request_id);
}

static void answer_json(struct answer *answer, cJSON *json /* taken */)
{
	(void)json_print(&answer->body, json);
	cJSON_Delete(json);
}

/* Headers first, then the JSON, then the rules. */
static int check_ask(
	struct answer *answer, const struct ask *ask, bool counting, struct failure *failure)
{
	failure->status = 400;
	if (ask->is_too_large) {
		failure->status = 413;
		return fail(&failure->why, EFBIG, "Request exceeds the maximum size");
	}
	if (!ask->version)
		return fail(&failure->why, EINVAL, "anthropic-version: header is required");
	if (strcmp(ask->version, "2023-06-01") != 0)
		return fail(&failure->why, EINVAL,
			"anthropic-version: \"%.40s\" is not a valid version", ask->version);
	if (!ask->content_type || strncmp(ask->content_type, "application/json", 16) != 0)
		return fail(&failure->why, EINVAL, "Content-Type: must be application/json");
	cleanup(buf) struct buf why = BUF_INIT(FAILURE_TEXT_MAX);
	answer->json = json_parse(ask->body.at, ask->body.size, &why);
	if (!answer->json)
		return fail(&failure->why, EINVAL, "The request body is not valid JSON: %s",
			buf_text(&why));
	request_init(&answer->request, answer->json, ask->betas ? ask->betas : "", counting);
	return check_request(&answer->request, failure);
}

/* True when the request passed; otherwise the answer says why not. */
static bool accept(struct answer *answer, const struct ask *ask, bool counting)
{
	struct failure failure = FAILURE_INIT;
	bool good = check_ask(answer, ask, counting, &failure) == 0;
	if (!good)
		answer_fail(answer, failure.status, buf_text(&failure.why));
	failure_done(&failure);
	return good;
}

static void account(struct answer *answer, struct desk *desk, int64_t now_ms)
{
	struct prefix prefix;
	prefix_init(&prefix, &answer->request);
	cache_account(
		desk->cache, &prefix, answer->request.model->cache_min, now_ms, &answer->usage);
	prefix_done(&prefix);
}

/* A slow stream must not keep its whole conversation in memory. */
static void drop_request(struct answer *answer)
{
	request_done(&answer->request);
	cJSON_Delete(steal(answer->json));
}

/* The reply is there: make the body, or get ready to stream. */
static void deliver(struct answer *answer, const struct manner *manner, const struct fault *fault)
{
	struct usage *usage = &answer->reply.usage;
	answer->usage.output = usage->output;
	answer->usage.thinking = usage->thinking;
	*usage = answer->usage;
	answer->streams = json_bool(answer->json, "stream", false);
	wire_init(&answer->wire, &answer->reply, manner, fault);
	drop_request(answer);
	if (answer->streams) {
		answer->content_type = "text/event-stream; charset=utf-8";
		answer->pace_ms = manner->slow_ms;
		return;
	}
	answer->delay_ms = manner->slow_ms;
	wire_message(&answer->body, &answer->reply);
}

/* Without a stream a break is: no answer, an answer that is no JSON, a late error. */
static void break_whole(struct answer *answer, const struct fault *fault)
{
	answer->breaks = fault->kind == FAULT_CUT;
	if (fault->kind == FAULT_STREAM_ERROR)
		answer_fail(answer, 529, NULL);
	if (fault->kind != FAULT_GARBAGE)
		return;
	buf_clear(&answer->body);
	(void)buf_add_text(&answer->body, "<html>this is no JSON");
}

/* Faults that leave nothing of the answer.  True when it was one of those. */
static bool fail_whole(struct answer *answer, const struct fault *fault)
{
	if (fault->kind == FAULT_STATUS) {
		answer_fail(answer, (int)fault->status, NULL);
		answer->retry_after_s = fault->value;
		return true;
	}
	if (fault->kind != FAULT_SILENCE)
		return false;
	answer->delay_ms = fault->value;
	answer->breaks = true;
	return true;
}

static void play(
	struct answer *answer, struct desk *desk, const struct ask *ask, struct scene *scene)
{
	const struct fault *fault = faults_next(desk->faults, scene, &answer->request);
	if (fault && fail_whole(answer, fault))
		return;
	account(answer, desk, ask->now_ms);
	if (scene->replay) {
		answer->replay = steal(scene->replay);
		answer->replay_index = scene->replay_index;
		return;
	}
	reply_init(&answer->reply, &answer->request, scene, fault, answer->seed);
	deliver(answer, &scene_round(scene)->manner, fault);
	if (fault && !answer->streams)
		break_whole(answer, fault);
}

static void on_messages(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	struct scene scene;
	if (!accept(answer, ask, false))
		return;
	scene_init(&scene, &answer->request);
	play(answer, desk, ask, &scene);
	scene_done(&scene);
}

void answer_replayed(struct answer *answer, const cJSON *blocks, const char *why)
{
	static const struct manner plain;
	cleanup(free) char *sentence =
		why ? xprintf("This is the rehearsal model, not Claude. I cannot replay "
			      "%.500s: %s.",
			      answer->replay, why)
		    : NULL;
	assert(answer->replay);
	if (blocks)
		reply_init_recorded(&answer->reply, &answer->request, blocks, answer->seed);
	else
		reply_init_words(&answer->reply, &answer->request, sentence, answer->seed);
	deliver(answer, &plain, NULL);
}

static void on_count(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	(void)desk;
	if (accept(answer, ask, true))
		(void)buf_printf(&answer->body, "{\"input_tokens\":%" PRId64 "}",
			prefix_tokens(&answer->request));
}

static void on_models(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	(void)desk;
	int64_t limit = ask->limit ? strtoll(ask->limit, NULL, 10) : PAGE_DEFAULT;
	if (limit < 1 || limit > PAGE_MAX) {
		answer_fail(answer, 400, "limit: Input should be between 1 and 1000");
		return;
	}
	cJSON *list = models_list(limit, ask->after, ask->before);
	if (list)
		answer_json(answer, list);
	else
		answer_fail(answer, 400, "after_id, before_id: no such model");
}

static void on_model(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	(void)desk;
	const char *id = strrchr(ask->path, '/') + 1;
	const struct model *model = models_find(id);
	cleanup(free) char *message = xprintf("model: %.200s", id);
	if (model)
		answer_json(answer, models_info(model));
	else
		answer_fail(answer, 404, message);
}

static void on_log(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	(void)ask;
	answer->content_type = "application/jsonl";
	journal_print(desk->journal, &answer->body);
}

static const struct route {
	const char *method, *path;
	bool is_prefix; /* one more path element follows */
	bool is_ours; /* not of the API, and not recorded */
	void (*answer)(struct answer *answer, struct desk *desk, const struct ask *ask);
} routes[] = {
	{ "POST", "/v1/messages", false, false, on_messages },
	{ "POST", "/v1/messages/count_tokens", false, false, on_count },
	{ "GET", "/v1/models", false, false, on_models },
	{ "GET", "/v1/models/", true, false, on_model },
	{ "GET", "/_rehearsal/log", false, true, on_log },
};

static bool route_fits(const struct route *route, const char *path)
{
	if (!route->is_prefix)
		return strcmp(path, route->path) == 0;
	size_t n = strlen(route->path);
	return strncmp(path, route->path, n) == 0 && path[n] && !strchr(path + n, '/');
}

/* The route, or the status that says why there is none. */
static const struct route *find_route(const struct ask *ask, int *ret_status)
{
	*ret_status = 404;
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!route_fits(&routes[i], ask->path))
			continue;
		if (strcmp(routes[i].method, ask->method) == 0)
			return &routes[i];
		*ret_status = 405;
	}
	return NULL;
}

static void record(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	struct journal_item item = { .at_us = ask->at_us,
		.method = ask->method,
		.path = ask->path,
		.headers = ask->headers,
		.has_key = ask->has_key,
		.body = ask->body,
		.body_size = ask->body_size };
	answer->number = journal_add(desk->journal, &item);
}

void answer_init(struct answer *answer, struct desk *desk, const struct ask *ask)
{
	*answer = (struct answer){
		.status = 200, .content_type = "application/json", .retry_after_s = -1
	};
	/* The same requests in the same order get the same ids; and a conversation that goes on with the next
	 * process of this program, which counts anew, still gets ids that it has not seen. */
	answer->seed = digest_bytes(digest_int(DIGEST_START, ++desk->requests), ask->body.at,
		ask->body.size);
	(void)snprintf(answer->request_id, ID_SIZE, "req_rehearsal%011" PRIu64, desk->requests);
	int status;
	const struct route *route = find_route(ask, &status);
	if (!route || !route->is_ours)
		record(answer, desk, ask);
	if (route)
		route->answer(answer, desk, ask);
	else
		answer_fail(answer, status, NULL);
	if (answer->number && !answer->breaks)
		journal_answered(desk->journal, answer->number, answer->status);
}

void answer_done(struct answer *answer)
{
	reply_done(&answer->reply);
	drop_request(answer);
	free(answer->replay);
	buf_done(&answer->body);
	*answer = (struct answer){ 0 };
}
