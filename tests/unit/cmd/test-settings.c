/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/settings.h"
#include "tests/unit/test.h"

static struct buf why = { .max = 4096 };

/* Nothing of the machine's own environment may decide a test. */
static void clear_variables(void)
{
	for (const struct setting *row = settings_table; row->name; row++)
		(void)unsetenv(row->variable);
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)setenv("HOME", "/home/x", 1);
}

static void test_defaults(void)
{
	struct settings s;
	settings_init(&s);
	CHECK_TEXT(s.store, "/home/x/.local/state/agentdirs");
	CHECK_TEXT(s.base_url, "https://api.anthropic.com");
	CHECK(!s.key_file);
	CHECK(!s.offline && !s.allow_other && !s.foreground);
	CHECK_INT(s.umask, 077);
	CHECK_INT(s.log_level, LOG_LEVEL_INFO);
	settings_done(&s);
	(void)setenv("XDG_STATE_HOME", "/state", 1);
	settings_init(&s);
	CHECK_TEXT(s.store, "/state/agentdirs");
	settings_done(&s);
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("HOME");
	settings_init(&s);
	CHECK(!s.store);
	settings_done(&s);
	(void)setenv("HOME", "/home/x", 1);
}

/* Each row of the table is complete, and its default is a value that it would accept itself. */
static void test_table(void)
{
	int incomplete = 0, refused = 0;
	for (const struct setting *row = settings_table; row->name; row++) {
		incomplete += !row->help || !row->variable || !row->users ||
			(!row->value && row->type != SETTING_FLAG);
		if (!row->fallback)
			continue;
		struct settings s;
		settings_init(&s);
		char *line = xprintf("%s %s", row->name, row->fallback);
		refused += settings_from_text(&s, slice_of(line), "f", &why) != 0;
		free(line);
		settings_done(&s);
	}
	CHECK_INT(incomplete, 0);
	CHECK_INT(refused, 0);
}

static const struct {
	const char *text, *why; /* NULL: it is fine */
} files[] = {
	{ "", NULL },
	{ "# only a comment\n\n   \n", NULL },
	{ "model claude-opus-5-5", NULL },
	{ "model=claude-opus-5-5\n", NULL },
	{ "  model  =  claude-opus-5-5  \r\n", NULL },
	{ "umask 7", NULL },
	{ "nonsense 1\n",
		"f:1: there is no setting \"nonsense\"; `agentdirs help mount` lists them" },
	{ "\n#\nmax-running 0\n", "f:3: max-running takes a number from 1 to 10000, not \"0\"" },
	{ "max-running ten", "f:1: max-running takes a number from 1 to 10000, not \"ten\"" },
	{ "max-running 1e3", "f:1: max-running takes a number from 1 to 10000, not \"1e3\"" },
	{ "max-running  5 6", "f:1: max-running takes a number from 1 to 10000, not \"5 6\"" },
	{ "umask 778", "f:1: umask takes an octal number from 0 to 777, not \"778\"" },
	{ "umask 1777", "f:1: umask takes an octal number from 0 to 777, not \"1777\"" },
	{ "umask -1", "f:1: umask takes an octal number from 0 to 777, not \"-1\"" },
	{ "offline", "f:1: offline is yes or no, not \"\"" },
	{ "offline maybe", "f:1: offline is yes or no, not \"maybe\"" },
	{ "log-level loud", "f:1: log-level is one of error, info, debug, not \"loud\"" },
	{ "base-url ftp://x", "f:1: base-url takes a URL that begins with https:// or http://" },
	{ "base-url https://", "f:1: base-url takes a URL that begins with https:// or http://" },
	{ "base-url https://me:secret@host/v1",
		"f:1: base-url must not contain a user name or a password" },
	{ "model two words", "f:1: model takes one word of at most 128 characters" },
	{ "store", "f:1: store is empty; it takes a path" },
	{ "=5", "f:1: there is no setting \"\"; `agentdirs help mount` lists them" },
};

static void test_files(void)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct settings s;
		settings_init(&s);
		int r = settings_from_text(&s, slice_of(files[i].text), "f", &why);
		CHECK_INT(r, files[i].why ? -EINVAL : 0);
		if (files[i].why)
			CHECK_TEXT(buf_text(&why), files[i].why);
		settings_done(&s);
	}
}

static void test_values(void)
{
	static const char text[] = "offline = on\nallow-other yes\nmax-running 7\numask 022\n"
				   "base-url http://[::1]:8080/x/@y//\nlog-level debug\n"
				   "key-file ~/key # not a comment\nstore /a/b";
	struct settings s;
	settings_init(&s);
	CHECK_INT(settings_from_text(&s, slice_of(text), "f", &why), 0);
	CHECK(s.offline && s.allow_other);
	CHECK_INT(s.max_running, 7);
	CHECK_INT(s.umask, 022);
	CHECK_TEXT(s.base_url, "http://[::1]:8080/x/@y");
	CHECK_INT(s.log_level, LOG_LEVEL_DEBUG);
	CHECK_TEXT(s.key_file, "/home/x/key # not a comment");
	CHECK_INT(s.key_file_source, SOURCE_FILE);
	CHECK_TEXT(s.store, "/a/b");
	settings_done(&s);
}

static void test_environment(void)
{
	struct settings s;
	settings_init(&s);
	(void)setenv("AGENTDIRS_MAX_RUNNING", "3", 1);
	(void)setenv("AGENTDIRS_MODEL", "", 1); /* as good as unset */
	CHECK_INT(settings_from_environment(&s, &why), 0);
	CHECK_INT(s.max_running, 3);
	CHECK_TEXT(s.model, "claude-sonnet-5-5");
	(void)setenv("AGENTDIRS_MAX_RUNNING", "x", 1);
	CHECK_INT(settings_from_environment(&s, &why), -EINVAL);
	CHECK_TEXT(buf_text(&why), "AGENTDIRS_MAX_RUNNING in the environment takes a number from "
		"1 to "
				   "10000, not \"x\"");
	CHECK_INT(s.max_running, 3); /* untouched by the failure */
	settings_done(&s);
	clear_variables();
}

static const struct {
	const char *words[6];
	const char *why;
	const char *left; /* the first operand */
} lines[] = {
	{ { "m" }, NULL, "m" },
	{ { "--offline", "m" }, NULL, "m" },
	{ { "m", "--max-running", "9" }, NULL, "m" },
	{ { "--max-running=9", "m" }, NULL, "m" },
	{ { "-f", "m" }, NULL, "m" },
	{ { "--", "-f" }, NULL, "-f" },
	{ { "-" }, NULL, "-" },
	{ { "-x" }, "-x is not an option here; --help lists them", NULL },
	{ { "-ff" }, "-ff is not an option here; --help lists them", NULL },
	{ { "--max" }, "--max is not an option here; --help lists them", NULL },
	{ { "--offline=yes" }, "--offline takes no value", NULL },
	{ { "m", "--model" }, "--model needs a value: --model NAME", NULL },
	{ { "--umask", "-1" }, "--umask takes an octal number from 0 to 777, not \"-1\"", NULL },
};

static void test_words(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct settings s;
		bool help = false;
		char *argv[7];
		memcpy(argv, lines[i].words, sizeof(lines[i].words));
		argv[6] = NULL;
		settings_init(&s);
		int r = settings_from_words(&s, argv, FOR_MOUNT, &help, &why);
		CHECK_INT(r, lines[i].why ? -EINVAL : 0);
		CHECK_TEXT(r < 0 ? buf_text(&why) : argv[0], r < 0 ? lines[i].why : lines[i].left);
		settings_done(&s);
	}
}

static void test_users(void)
{
	struct settings s;
	bool help = false;
	char *words[] = { (char *)"--model", (char *)"x", NULL }, *ask[] = { (char *)"-h", NULL };
	settings_init(&s);
	CHECK_INT(settings_from_words(&s, words, FOR_UMOUNT, &help, &why), -EINVAL);
	CHECK(!help);
	CHECK_INT(settings_from_words(&s, ask, FOR_UMOUNT, &help, &why), 0);
	CHECK(help);
	settings_done(&s);
}

/* File, then environment, then words: the later wins. */
static void test_order(void)
{
	struct settings s;
	bool help = false;
	char *words[] = { (char *)"--model", (char *)"third", NULL };
	settings_init(&s);
	(void)setenv("AGENTDIRS_MODEL", "second", 1);
	(void)setenv("AGENTDIRS_KEY_FILE", "/k", 1);
	CHECK_INT(settings_from_text(&s, slice_of("model first\nkey-file /f"), "f", &why), 0);
	CHECK_TEXT(s.model, "first");
	CHECK_INT(settings_from_environment(&s, &why), 0);
	CHECK_TEXT(s.model, "second");
	CHECK_TEXT(s.key_file, "/k");
	CHECK_INT(s.key_file_source, SOURCE_ENVIRONMENT);
	CHECK_INT(settings_from_words(&s, words, FOR_MOUNT, &help, &why), 0);
	CHECK_TEXT(s.model, "third");
	settings_done(&s);
	clear_variables();
}

static void test_relative_path(void)
{
	struct settings s;
	bool help = false;
	char *words[] = { (char *)"--store", (char *)"here", NULL };
	settings_init(&s);
	CHECK_INT(chdir("/usr"), 0);
	CHECK_INT(settings_from_words(&s, words, FOR_MOUNT, &help, &why), 0);
	CHECK_TEXT(s.store, "/usr/here");
	settings_done(&s);
}

static void test_help(void)
{
	struct buf all = BUF_INIT(64 << 10), few = BUF_INIT(64 << 10);
	settings_help(FOR_MOUNT, &all);
	settings_help(FOR_UMOUNT, &few);
	int missing = 0;
	for (const struct setting *row = settings_table; row->name; row++)
		missing += !strstr(buf_text(&all), row->name) || !strstr(buf_text(&all),
			row->variable);
	CHECK_INT(missing, 0);
	CHECK(strstr(buf_text(&few), "--store DIR"));
	CHECK(!strstr(buf_text(&few), "--model"));
	buf_done(&all);
	buf_done(&few);
}

int main(void)
{
	clear_variables();
	test_defaults();
	test_table();
	test_files();
	test_values();
	test_environment();
	test_words();
	test_users();
	test_order();
	test_relative_path();
	test_help();
	buf_done(&why);
	return test_done();
}
