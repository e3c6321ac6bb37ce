/* SPDX-License-Identifier: MIT */
/* A growing conversation, and what the cache says about each request. */
#include <inttypes.h>

#include "rehearsal/cache.h"
#include "tests/unit/test.h"

/* 2,400 bytes: 600 tokens, above the 512 that the model wants at least. */
static char long_text[2401];

static const char mark[] = ",\"cache_control\":{\"type\":\"ephemeral\"}";
static const char mark_1h[] = ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}";

struct asked {
	const char *system_mark, *mark; /* on system, on the last message */
	int messages; /* of the user, each followed by an answer but the last */
	const char *model, *more;
};

static char *print_request(const struct asked *a)
{
	struct buf out = BUF_INIT(1 << 20);
	buf_printf(&out,
		"{\"model\":\"%s\"%s,\"system\":[{\"type\":\"text\",\"text\":\"%s\"%s}],\"messages\":[",
		a->model ? a->model : "claude-opus-5", a->more ? a->more : "", long_text,
		a->system_mark);
	for (int i = 1; i < a->messages; i++)
		buf_printf(&out,
			"{\"role\":\"user\",\"content\":\"question %02d\"},{\"role\":\"assistant\","
			"\"content\":[{\"type\":\"text\",\"text\":\"answer 00%02d\"}]},",
			i, i);
	buf_printf(&out,
		"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"question %02d\"%s}]}]}",
		a->messages, a->mark);
	return buf_take(&out);
}

static struct usage account(struct cache *cache, struct asked asked, int64_t now_ms)
{
	cleanup(free) char *text = print_request(&asked);
	cleanup(json) cJSON *json = json_parse(text, strlen(text), NULL);
	struct request r;
	struct prefix prefix;
	struct usage usage;
	request_init(&r, json, "", false);
	prefix_init(&prefix, &r);
	cache_account(cache, &prefix, r.model->cache_min, now_ms, &usage);
	CHECK_INT(prefix.tokens, prefix_tokens(&r));
	CHECK_INT(prefix.tokens, usage.input + usage.cache_read + usage.cache_5m + usage.cache_1h);
	prefix_done(&prefix);
	request_done(&r);
	return usage;
}

#define CHECK_USAGE(usage_, input_, read_, short_, long_)                                          \
	do {                                                                                       \
		struct usage got_usage = (usage_);                                                 \
		CHECK_INT(got_usage.input, input_);                                                \
		CHECK_INT(got_usage.cache_read, read_);                                            \
		CHECK_INT(got_usage.cache_5m, short_);                                             \
		CHECK_INT(got_usage.cache_1h, long_);                                              \
	} while (0)

/* The block of the system is 2,412 bytes (with "type", "text", "text"): 603 tokens; a question or an answer
 * is 23 bytes, so the n-th question ends at 2,412 + 23 (2n - 1) bytes. */
enum { SYSTEM = 603, FIRST = 609, SECOND = 621, THIRD = 632 };

static void test_growing(void)
{
	struct cache *cache = cache_new();
	CHECK_USAGE(account(cache, (struct asked){ "", "", 1 }, 0), FIRST, 0, 0, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1 }, 0), 0, 0, FIRST, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1 }, 0), 0, FIRST, 0, 0);
	CHECK_USAGE(
		account(cache, (struct asked){ mark, mark, 2 }, 0), 0, FIRST, SECOND - FIRST, 0);
	/* Without a mark on the messages only the system's entry is found. */
	CHECK_USAGE(
		account(cache, (struct asked){ mark, "", 2 }, 0), SECOND - SYSTEM, SYSTEM, 0, 0);
	/* A plain string and a block are the same prompt: the older question was a block with a mark. */
	CHECK_USAGE(
		account(cache, (struct asked){ mark, mark, 3 }, 0), 0, SECOND, THIRD - SECOND, 0);
	cache_free(cache);
}

static void test_time(void)
{
	struct cache *cache = cache_new();
	const int64_t minute = 60 * 1000;
	CHECK_USAGE(account(cache, (struct asked){ mark_1h, mark, 1 }, 0), 0, 0, FIRST - SYSTEM,
		SYSTEM);
	CHECK_USAGE(account(cache, (struct asked){ mark_1h, mark, 1 }, 4 * minute), 0, FIRST, 0, 0);
	/* The hit at four minutes counts from there. */
	CHECK_USAGE(account(cache, (struct asked){ mark_1h, mark, 1 }, 8 * minute), 0, FIRST, 0, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark_1h, mark, 1 }, 13 * minute), 0, SYSTEM,
		FIRST - SYSTEM, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark_1h, mark, 1 }, 73 * minute), 0, 0,
		FIRST - SYSTEM, SYSTEM);
	cache_free(cache);
}

static void test_misses(void)
{
	struct cache *cache = cache_new();
	const char *effort = ",\"output_config\":{\"effort\":\"low\"}";
	const char *tool = ",\"tools\":[{\"name\":\"t\"}]";
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1 }, 0), 0, 0, FIRST, 0);
	/* Another model shares nothing; another effort shares what comes before the messages; a tool nothing. */
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1, "claude-fable-5" }, 0), 0, 0,
		FIRST, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1, NULL, effort }, 0), 0, SYSTEM,
		FIRST - SYSTEM, 0);
	CHECK_INT(account(cache, (struct asked){ mark, mark, 1, NULL, tool }, 0).cache_read, 0);
	/* Haiku wants 4,096 tokens: silently not cached, twice. */
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1, "claude-haiku-4-5" }, 0), FIRST,
		0, 0, 0);
	CHECK_USAGE(account(cache, (struct asked){ mark, mark, 1, "claude-haiku-4-5" }, 0), FIRST,
		0, 0, 0);
	cache_free(cache);
}

/* An entry is looked for at 20 positions, the breakpoint's own included. */
static void test_look_back(void)
{
	struct cache *cache = cache_new();
	(void)account(cache, (struct asked){ "", mark, 1 }, 0);
	CHECK_INT(account(cache, (struct asked){ "", mark, 11 }, 0).cache_read,
		0); /* 20 positions later */
	cache_free(cache);
	cache = cache_new();
	(void)account(cache, (struct asked){ "", mark, 2 }, 0);
	CHECK_INT(account(cache, (struct asked){ "", mark, 11 }, 0).cache_read,
		SECOND); /* 18 later */
	cache_free(cache);
}

static void test_automatic(void)
{
	struct cache *cache = cache_new();
	CHECK_USAGE(account(cache, (struct asked){ "", "", 1, NULL, mark }, 0), 0, 0, FIRST, 0);
	CHECK_USAGE(account(cache, (struct asked){ "", "", 2, NULL, mark }, 0), 0, FIRST,
		SECOND - FIRST, 0);
	cache_free(cache);
}

int main(void)
{
	json_setup();
	memset(long_text, 'x', sizeof(long_text) - 1);
	test_growing();
	test_time();
	test_misses();
	test_look_back();
	test_automatic();
	return test_done();
}
