/* SPDX-License-Identifier: MIT */
/*
 * What people write into the files of agents, environments and sessions.  The
 * first byte says which file it is.
 *
 * What is accepted can be read, and writing back what was read changes nothing;
 * what is refused leaves a sentence and changes nothing.  Everything happens in
 * a transaction that is taken back.
 */
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/budget.h"
#include "store/call.h"
#include "store/environment.h"
#include "store/event.h"
#include "store/resource.h"
#include "store/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz-documents-XXXXXX";
static struct store *store;
static int64_t agent, environment, session;
static struct buf why;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void clean_up(void)
{
	store = store_close(store);
	buf_done(&why);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void set_up(void)
{
	struct object made;
	struct session talk;
	json_setup();
	why = BUF_INIT(4000);
	bool ready = mkdtemp(dir) && atexit(clean_up) == 0 &&
		store_open(dir, &store, &why) == 0 && store_prepare(store, "m", &why) == 0 &&
		session_make(store, "s", &talk, &why) == 0;
	assert(ready);
	session = talk.object.num;
	agent = talk.agent;
	environment = talk.environment;
	ready = object_make(store, OBJECT_AGENT, "helper", NULL, "m", &made, &why) == 0;
	assert(ready);
}

/* Whole documents. */

static char *body_text(int64_t num)
{
	int error = 0;
	cleanup(json) cJSON *body = num == session ? session_body(store, num, &error) :
						     object_body(store, num, 0, &error);
	assert(body);
	if (num == session) /* time goes on */
		cJSON_DeleteItemFromObject(body, "stats");
	cJSON_DeleteItemFromObject(body, "updated_at");
	return json_to_text(body);
}

static int save_body(int64_t num, const cJSON *body)
{
	return num == session ? session_configure(store, num, body, &why) :
				object_save(store, num, body, NULL, &why);
}

static void fuzz_body(int64_t num, struct slice text)
{
	cleanup(json) cJSON *body = json_parse(text.at, text.size, NULL);
	if (!body)
		return;
	cleanup(free) char *before = body_text(num);
	int r = save_body(num, body);
	cleanup(free) char *after = body_text(num);
	assert(r == 0 || why.size > 0);
	if (r < 0)
		return;
	cleanup(json) cJSON *shown = json_parse(after, strlen(after), NULL);
	r = save_body(num, shown);
	assert(r == 0);
	cleanup(free) char *again = body_text(num);
	assert(strcmp(after, again) == 0);
}

static void fuzz_agent(struct slice text)
{
	fuzz_body(agent, text);
}

static void fuzz_environment(struct slice text)
{
	fuzz_body(environment, text);
}

static void fuzz_session(struct slice text)
{
	fuzz_body(session, text);
}

/* Texts of an environment. */

typedef int show_text(struct buf *out);
typedef int save_text(struct slice text);

static void fuzz_text(show_text *show, save_text *save, struct slice text)
{
	cleanup(free) char *before = body_text(environment);
	int r = save(text);
	cleanup(free) char *after = body_text(environment);
	assert(r == 0 || (why.size > 0 && strcmp(before, after) == 0));
	if (r < 0)
		return;
	cleanup(buf) struct buf shown = BUF_INIT(0);
	r = show(&shown);
	assert(r == 0);
	/* Reading an empty network says "none"; an empty list of packages is an empty text. */
	r = save(buf_slice(&shown));
	assert(r == 0);
	cleanup(free) char *again = body_text(environment);
	assert(strcmp(after, again) == 0);
}

static int show_packages(struct buf *out)
{
	return environment_packages(store, environment, "pip", out);
}

static int save_packages(struct slice text)
{
	return environment_save_packages(store, environment, "pip", text, &why);
}

static void fuzz_packages(struct slice text)
{
	fuzz_text(show_packages, save_packages, text);
}

static int show_network(struct buf *out)
{
	return environment_network(store, environment, out);
}

static int save_network(struct slice text)
{
	return environment_save_network(store, environment, text, &why);
}

static void fuzz_network(struct slice text)
{
	fuzz_text(show_network, save_network, text);
}

static int show_limits(struct buf *out)
{
	return environment_limits(store, environment, out);
}

static int save_limits(struct slice text)
{
	return environment_save_limits(store, environment, text, &why);
}

static void fuzz_limits(struct slice text)
{
	fuzz_text(show_limits, save_limits, text);
}

/* Small ones. */

static void fuzz_budget(struct slice text)
{
	int64_t cents = -1, again = -1;
	int r = budget_parse(text, &cents, &why);
	assert((r == 0) == (cents >= 0) && (r == 0 || why.size > 0));
	cleanup(buf) struct buf shown = BUF_INIT(100);
	if (r == 0)
		r = budget_print(cents, &shown) + budget_parse(buf_slice(&shown), &again, &why);
	assert(cents == again);
}

static void fuzz_answer(enum call_kind kind, struct slice text)
{
	cleanup(json) cJSON *event = NULL;
	int r = call_parse(kind, "sevt_x", text, &event, &why);
	assert((r == 0) == (event != NULL) && (r == 0 || why.size > 0));
	if (r < 0)
		return;
	assert(event_check(event, NULL) == 0);
	for (size_t n = 0; n <= text.size; n += 1 + text.size / 16)
		assert(call_check(kind, (struct slice){ text.at, n }, NULL) == 0);
}

static void fuzz_confirmation(struct slice text)
{
	fuzz_answer(CALL_CONFIRM, text);
}

static void fuzz_result(struct slice text)
{
	fuzz_answer(CALL_RESULT, text);
}

static void fuzz_resources(struct slice text)
{
	cleanup(json) cJSON *wanted = json_parse(text.at, text.size, NULL);
	cleanup(json) cJSON *list = NULL, *again = NULL;
	int r = wanted ? resources_apply(wanted, &list, &why) : 0;
	assert(r == 0 || why.size > 0);
	const cJSON *entry;
	cJSON_ArrayForEach(entry, list) {
		const char *path = json_text(entry, "mount_path");
		assert(path[0] == '/' && !strstr(path, "/../") && !strstr(path, "//"));
	}
	if (list)
		r = resources_apply(list, &again, &why);
	assert(r == 0 || !list);
}

static const struct {
	char letter;
	void (*fuzz)(struct slice text);
} files[] = {
	{ 'a', fuzz_agent }, { 'e', fuzz_environment }, { 's', fuzz_session },
	{ 'p', fuzz_packages }, { 'n', fuzz_network }, { 'l', fuzz_limits }, { 'b', fuzz_budget },
	{ 'c', fuzz_confirmation }, { 'r', fuzz_result }, { 'f', fuzz_resources },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!store)
		set_up();
	for (size_t i = 0; size > 0 && i < ARRAY_LEN(files); i++) {
		if (files[i].letter != (char)data[0])
			continue;
		cleanup(free) char *text = xstrndup(data + 1, size - 1);
		buf_clear(&why);
		int r = store_begin(store);
		assert(r == 0);
		files[i].fuzz((struct slice){ text, size - 1 });
		store_rollback(store);
	}
	return 0;
}
