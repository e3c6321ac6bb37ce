/* SPDX-License-Identifier: MIT */
/* Packages, network and limits as texts. */
#include "store/environment.h"
#include "tests/unit/store/fixture.h"

static int64_t dev, own;

typedef int show_text(struct store *s, int64_t num, struct buf *ret);
typedef int save_text(struct store *s, int64_t num, struct slice text, struct buf *ret_why);

static int show_apt(struct store *s, int64_t num, struct buf *ret)
{
	return environment_packages(s, num, "apt", ret);
}

static int save_apt(struct store *s, int64_t num, struct slice text, struct buf *ret_why)
{
	return environment_save_packages(s, num, "apt", text, ret_why);
}

static const struct file {
	show_text *show;
	save_text *save;
} apt = { show_apt, save_apt }, network = { environment_network, environment_save_network },
  limits = { environment_limits, environment_save_limits };

#define NO_LIMITS                                                            \
	"memory_bytes max\ncpu_percent max\nprocesses max\ndisk_bytes max\n" \
	"tool_seconds max\n"
#define MANAGERS                                         \
	"# and the registries of the package managers (" \
	"allow_package_managers in environment.json)\n"

/* One after another on one environment.  `shown` after it; NULL: unchanged and refused. */
static const struct {
	const struct file *file;
	const char *text, *shown;
	bool changes;
} steps[] = {
	{ &network, "none\n", "none\n", false },
	{ &apt, "", "", false },
	{ &network, "example.com\n*.example.org\n", "example.com\n*.example.org\n", true },
	{ &network, "# mine\n\n  example.com  \r\n", "example.com\n", true },
	{ &network, "https://example.com\n", NULL },
	{ &network, "", NULL },
	{ &network, "none\nexample.com\n", NULL },
	{ &network, "\xff\n", NULL },
	{ &apt, "jq\n# why not\n\nripgrep=13.0.0-4\n", "jq\nripgrep=13.0.0-4\n", true },
	{ &apt, "jq\nripgrep=13.0.0-4", "jq\nripgrep=13.0.0-4\n", false },
	{ &apt, "-o=Evil\n", NULL },
	{ &network, "none", "none\n" MANAGERS, true },
	{ &network, "none\n" MANAGERS, "none\n" MANAGERS, false },
	{ &network, "unrestricted\n", "unrestricted\n", true },
	{ &network, "example.com\n", "example.com\n" MANAGERS, true },
	{ &apt, "\n", "", true },
	{ &limits, "", NO_LIMITS, false },
	{ &limits, "memory_bytes 2G\ntool_seconds 60\n",
		"memory_bytes 2147483648\ncpu_percent max\nprocesses max\ndisk_bytes max\n"
		"tool_seconds 60\n", true },
	{ &limits, "cpu_percent 150", "memory_bytes 2147483648\ncpu_percent 150\nprocesses max\n"
		"disk_bytes max\ntool_seconds 60\n", true },
	{ &limits, "cpu_percent 150", "memory_bytes 2147483648\ncpu_percent 150\nprocesses max\n"
		"disk_bytes max\ntool_seconds 60\n", false },
	{ &limits, "cpu_percent 1K", NULL },
	{ &limits, "cpu_percent", NULL },
	{ &limits, "cpu_percent 0", NULL },
	{ &limits, "cpu_percent 1.5", NULL },
	{ &limits, "memory_bytes 9999999999999999", NULL },
	{ &limits, "memory_bytes 99999999G", NULL },
	{ &limits, "memory_bytes G", NULL },
	{ &limits, "colour red", NULL },
	{ &limits, "processes 100\ncolour red", NULL },
	{ &limits, NO_LIMITS, NO_LIMITS, true },
};

static void check_shown(const struct file *file, const char *want)
{
	cleanup(buf) struct buf got = BUF_INIT(0);
	CHECK_INT(file->show(store, dev, &got), 0);
	CHECK_TEXT(buf_text(&got), want);
}

static char *document(int64_t num)
{
	int error = 0;
	cleanup(json) cJSON *body = object_body(store, num, 0, &error);
	return body ? json_to_text(body) : xstrdup("");
}

static void test_steps(void)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		cleanup(free) char *before = document(dev);
		buf_clear(&why);
		int r = steps[i].file->save(store, dev, slice_of(steps[i].text), &why);
		cleanup(free) char *after = document(dev);
		CHECK_INT(strcmp(before, after) != 0, steps[i].changes);
		if (steps[i].shown) {
			CHECK_INT(r, 0);
			check_shown(steps[i].file, steps[i].shown);
		} else {
			CHECK(r == -EINVAL || r == -EILSEQ);
			CHECK(why.size > 0);
		}
		if (strcmp(before, after) != 0 && !steps[i].changes)
			printf("# step %zu changed the document\n", i);
	}
}

/* What is read can be written back, in all three files. */
static void test_round(void)
{
	static const struct file *const files[] = { &apt, &network, &limits };
	CHECK_INT(apt.save(store, dev, slice_of("jq\n"), &why), 0);
	CHECK_INT(limits.save(store, dev, slice_of("disk_bytes 10G\n"), &why), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup(buf) struct buf text = BUF_INIT(0);
		cleanup(free) char *before = document(dev);
		CHECK_INT(files[i]->show(store, dev, &text), 0);
		CHECK_INT(files[i]->save(store, dev, buf_slice(&text), &why), 0);
		cleanup(free) char *after = document(dev);
		CHECK_TEXT(after, before);
	}
	int error = 0;
	cleanup(json) cJSON *body = object_body(store, dev, 0, &error);
	struct environment_limits got;
	environment_limits_read(body, &got);
	CHECK_INT(got.disk_bytes, 10LL << 30);
	CHECK_INT(got.memory_bytes, -1);
	CHECK_INT(got.tool_seconds, -1);
}

static void test_refusals(void)
{
	cleanup(buf) struct buf text = BUF_INIT(0);
	CHECK_INT(environment_packages(store, dev, "brew", &text), -ENOENT);
	CHECK_INT(environment_save_packages(store, dev, "brew", slice_of("x"), &why), -ENOENT);
	CHECK_INT(environment_network(store, 999, &text), -ENOENT);
	CHECK_INT(environment_save_limits(store, 999, slice_of(""), &why), -ENOENT);
	CHECK_INT(environment_limits(store, session, &text), -ENOENT);
	CHECK_INT(environment_network(store, own, &text), -ENOENT);
	CHECK_INT(environment_save_network(store, own, slice_of("none"), &why), -EINVAL);
	CHECK_INT(environment_packages(store, own, "apt", &text), -ENOENT);
	CHECK_INT(limits.save(store, own, slice_of("tool_seconds 5"), &why), 0);
	CHECK_INT(object_archive(store, dev, true), 0);
	CHECK_INT(network.save(store, dev, slice_of("unrestricted"), &why), -EROFS);
	CHECK_INT(limits.save(store, dev, slice_of("tool_seconds 5"), &why), -EROFS);
}

int main(void)
{
	struct object made;
	fixture_open();
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "dev", NULL, NULL, &made, &why), 0);
	dev = made.num;
	cleanup(json) cJSON *body = cJSON_Parse("{\"config\":{\"type\":\"self_hosted\"}}");
	CHECK_INT(object_make(store, OBJECT_ENVIRONMENT, "own", body, NULL, &made, &why), 0);
	own = made.num;
	test_steps();
	test_round();
	test_refusals();
	fixture_close();
	return test_done();
}
