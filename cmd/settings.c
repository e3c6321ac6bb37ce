/* SPDX-License-Identifier: MIT */
#include "cmd/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/wrap.h"

enum {
	FILE_BYTES_MAX = 64 << 10, /* a config file; a dozen lines is usual */
	NAME_SETTING_MAX = 128, /* model names; the longest today has 29 */
	HELP_INDENT = 8,
};

static const char *const levels[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug", NULL,
};

#define AT(field) .offset = offsetof(struct settings, field)

const struct setting settings_table[] = {
	{ "store", SETTING_PATH, AT(store), .variable = "AGENTDIRS_STORE", .value = "DIR",
		.users = FOR_ALL,
		.help = "where everything is kept (default: $XDG_STATE_HOME/agentdirs, else "
			"~/.local/state/agentdirs)" },
	{ "base-url", SETTING_URL, AT(base_url), "https://api.anthropic.com",
		.variable = "ANTHROPIC_BASE_URL", .value = "URL", .users = FOR_MOUNT | FOR_DOCTOR,
		.help = "the server that speaks the Messages API" },
	{ "key-file", SETTING_PATH, AT(key_file), .variable = "AGENTDIRS_KEY_FILE",
		.value = "FILE", .users = FOR_MOUNT | FOR_DOCTOR,
		.help = "a file of mode 0600 with the API key, or with `Bearer TOKEN`; without it "
		"the key comes from ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN" },
	{ "model", SETTING_NAME, AT(model), "claude-sonnet-5-5", .variable = "AGENTDIRS_MODEL",
		.value = "NAME", .users = FOR_MOUNT, .help = "the model of new agents" },
	{ "offline", SETTING_FLAG, AT(offline), .variable = "AGENTDIRS_OFFLINE",
		.users = FOR_MOUNT | FOR_DOCTOR,
		.help = "use the built-in rehearsal model: no key, no network, no intelligence" },
	{ "allow-other", SETTING_FLAG, AT(allow_other), .variable = "AGENTDIRS_ALLOW_OTHER",
		.users = FOR_MOUNT | FOR_DOCTOR,
		.help = "let other users in as far as the modes of the files allow" },
	{ "umask", SETTING_OCTAL, AT(umask), "077", .min = 0, .max = 0777,
		.variable = "AGENTDIRS_UMASK", .value = "OCTAL", .users = FOR_MOUNT,
		.help = "permissions that no file of the tree gives" },
	{ "max-running", SETTING_INT, AT(max_running), "64", .min = 1, .max = 10000,
		.variable = "AGENTDIRS_MAX_RUNNING", .value = "N", .users = FOR_MOUNT,
		.help = "how many sessions may run at once; the others wait in line" },
	{ "model-silence", SETTING_INT, AT(model_silence), "90", .min = 1, .max = 3600,
		.variable = "AGENTDIRS_MODEL_SILENCE", .value = "SECONDS", .users = FOR_MOUNT,
		.help = "how long the model may send nothing before it is asked again" },
	{ "log-level", SETTING_CHOICE, AT(log_level), "info", .choices = levels,
		.variable = "AGENTDIRS_LOG_LEVEL", .value = "LEVEL", .users = FOR_MOUNT,
		.help = "what goes into STORE/log: error, info or debug" },
	{ "foreground", SETTING_FLAG, AT(foreground), .variable = "AGENTDIRS_FOREGROUND",
		.letter = 'f', .users = FOR_MOUNT,
		.help = "stay in the foreground, and show the log there" },
	{ 0 },
};

static char *home_path(const char *variable, const char *below_home)
{
	const char *base = getenv(variable);
	if (base && *base == '/')
		return xprintf("%s/agentdirs", base);
	const char *home = getenv("HOME");
	return home && *home == '/' ? xprintf("%s/%s/agentdirs", home, below_home) : NULL;
}

char *settings_file(void)
{
	cleanup(free) char *dir = home_path("XDG_CONFIG_HOME", ".config");
	return dir ? xprintf("%s/config", dir) : NULL;
}

static const struct setting *find(const char *name, size_t size)
{
	for (const struct setting *row = settings_table; row->name; row++)
		if (strlen(row->name) == size && memcmp(row->name, name, size) == 0)
			return row;
	return NULL;
}

static int set_text(void *field, char *text /* taken */)
{
	char **to = field;
	free(*to);
	*to = text;
	return 0;
}

static int set_path(const struct setting *row, void *field, const char *text, struct buf *why)
{
	const char *home = getenv("HOME");
	if (!*text)
		return fail(why, EINVAL, "is empty; it takes a path");
	if (strncmp(text, "~/", 2) == 0 && home)
		return set_text(field, xprintf("%s%s", home, text + 1));
	if (*text == '/')
		return set_text(field, xstrdup(text));
	cleanup(free) char *here = getcwd(NULL, 0);
	if (!here)
		return fail(why, EINVAL, "\"%s\" is relative to a directory that is gone", text);
	return set_text(field, xprintf("%s/%s", here, text));
}

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if (!isgraph((unsigned char)*text))
			return false;
	return true;
}

static int set_name(const struct setting *row, void *field, const char *text, struct buf *why)
{
	if (!*text || strlen(text) > NAME_SETTING_MAX || !is_visible(text))
		return fail(why, EINVAL, "takes one word of at most %d characters",
			NAME_SETTING_MAX);
	return set_text(field, xstrdup(text));
}

/* A name and password in the URL would be seen in `status`; they have places of their own. */
static int set_url(const struct setting *row, void *field, const char *text, struct buf *why)
{
	const char *host = NULL;
	if (strncmp(text, "https://", 8) == 0)
		host = text + 8;
	else if (strncmp(text, "http://", 7) == 0)
		host = text + 7;
	if (!host || !*host || *host == '/' || !is_visible(text))
		return fail(why, EINVAL, "takes a URL that begins with https:// or http://");
	if (memchr(host, '@', strcspn(host, "/")))
		return fail(why, EINVAL, "must not contain a user name or a password");
	size_t size = strlen(text);
	while (text[size - 1] == '/')
		size--;
	return set_text(field, xstrndup(text, size));
}

static int set_flag(const struct setting *row, void *field, const char *text, struct buf *why)
{
	static const char *const words[][2] = {
		{ "no", "yes" }, { "false", "true" }, { "0", "1" }, { "off", "on" },
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (int on = 0; on < 2; on++)
			if (strcmp(text, words[i][on]) == 0) {
				*(bool *)field = on;
				return 0;
			}
	return fail(why, EINVAL, "is yes or no, not \"%s\"", text);
}

static int set_number(const struct setting *row, void *field, const char *text, struct buf *why)
{
	int base = row->type == SETTING_OCTAL ? 8 : 10;
	char *end = NULL;
	errno = 0;
	long long value = strtoll(text, &end, base);
	if (!isdigit((unsigned char)*text) || *end || errno || value < row->min || value > row->max)
		return fail(why, EINVAL,
			base == 8 ? "takes an octal number from %llo to %llo, not \"%s\"" :
				    "takes a number from %lld to %lld, not \"%s\"",
			(long long)row->min, (long long)row->max, text);
	*(int64_t *)field = value;
	return 0;
}

static int set_choice(const struct setting *row, void *field, const char *text, struct buf *why)
{
	cleanup(buf) struct buf all = BUF_INIT(256);
	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(text, row->choices[i]) == 0) {
			*(int64_t *)field = i;
			return 0;
		}
		(void)buf_printf(&all, "%s%s", i ? ", " : "", row->choices[i]);
	}
	return fail(why, EINVAL, "is one of %s, not \"%s\"", buf_text(&all), text);
}

static int (*const setters[])(const struct setting *row, void *field, const char *text,
	struct buf *why) = {
	[SETTING_PATH] = set_path,
	[SETTING_URL] = set_url,
	[SETTING_NAME] = set_name,
	[SETTING_FLAG] = set_flag,
	[SETTING_INT] = set_number,
	[SETTING_OCTAL] = set_number,
	[SETTING_CHOICE] = set_choice,
};

/* `place` is put before the sentence: "FILE:3: umask". */
static int set(struct settings *s, const struct setting *row, const char *text,
	enum settings_source source, const char *place, struct buf *why)
{
	cleanup(buf) struct buf reason = BUF_INIT(1024);
	int r = setters[row->type](row, (char *)s + row->offset, text, &reason);
	if (r < 0)
		return fail(why, -r, "%s %s", place, buf_text(&reason));
	if (row->offset == offsetof(struct settings, key_file))
		s->key_file_source = source;
	return 0;
}

void settings_init(struct settings *s)
{
	*s = (struct settings){ .store = home_path("XDG_STATE_HOME", ".local/state") };
	for (const struct setting *row = settings_table; row->name; row++)
		if (row->fallback)
			(void)set(s, row, row->fallback, SOURCE_DEFAULT, row->name, NULL);
}

void settings_done(struct settings *s)
{
	free(s->store);
	free(s->base_url);
	free(s->key_file);
	free(s->model);
	*s = (struct settings){ 0 };
}

void cleanup_settings(struct settings *s)
{
	settings_done(s);
}

/* --- config file --- */

static struct slice trim(struct slice s)
{
	while (s.size && isspace((unsigned char)s.at[0])) {
		s.at++;
		s.size--;
	}
	while (s.size && isspace((unsigned char)s.at[s.size - 1]))
		s.size--;
	return s;
}

/* `name value` or `name = value`; the value may contain anything, # too. */
static int set_line(struct settings *s, struct slice line, const char *place, struct buf *why)
{
	size_t name = 0;
	while (name < line.size && !isspace((unsigned char)line.at[name]) && line.at[name] != '=')
		name++;
	struct slice rest = trim((struct slice){ line.at + name, line.size - name });
	if (rest.size && rest.at[0] == '=')
		rest = trim((struct slice){ rest.at + 1, rest.size - 1 });
	const struct setting *row = find(line.at, name);
	if (!row)
		return fail(why, EINVAL,
			"%s: there is no setting \"%.*s\"; `agentdirs help mount` lists them",
			place, (int)name, line.at);
	cleanup(free) char *value = xstrndup(rest.at, rest.size);
	cleanup(free) char *where = xprintf("%s: %s", place, row->name);
	return set(s, row, value, SOURCE_FILE, where, why);
}

int settings_from_text(struct settings *s, struct slice text, const char *file, struct buf *why)
{
	for (int number = 1; text.size; number++) {
		const char *end = memchr(text.at, '\n', text.size);
		size_t size = end ? (size_t)(end - text.at) : text.size;
		struct slice line = trim((struct slice){ text.at, size });
		text.at += size + !!end;
		text.size -= size + !!end;
		if (!line.size || line.at[0] == '#')
			continue;
		cleanup(free) char *place = xprintf("%s:%d", file, number);
		int r = set_line(s, line, place, why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int from_file(struct settings *s, struct buf *why)
{
	cleanup(free) char *file = settings_file();
	cleanup(buf) struct buf text = BUF_INIT(FILE_BYTES_MAX + 1);
	int r = file ? io_read_file(AT_FDCWD, file, FILE_BYTES_MAX, &text) : -ENOENT;
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return fail(why, -r, "%s cannot be read (%s); mend or remove it", file,
			strerror(-r));
	return settings_from_text(s, buf_slice(&text), file, why);
}

/* --- environment --- */

int settings_from_environment(struct settings *s, struct buf *why)
{
	for (const struct setting *row = settings_table; row->name; row++) {
		const char *value = getenv(row->variable);
		if (!value || !*value)
			continue;
		cleanup(free) char *place = xprintf("%s in the environment", row->variable);
		int r = set(s, row, value, SOURCE_ENVIRONMENT, place, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- command line --- */

static const struct setting *find_word(const char *word, const char **ret_value)
{
	*ret_value = NULL;
	if (word[1] == '-') {
		size_t size = strcspn(word + 2, "=");
		if (word[2 + size])
			*ret_value = word + 2 + size + 1;
		return find(word + 2, size);
	}
	for (const struct setting *row = settings_table; row->name; row++)
		if (row->letter && word[1] == row->letter && !word[2])
			return row;
	return NULL;
}

/* Takes the option at *at and, where it has one, the value behind it. */
static int take_option(struct settings *s, char ***at, unsigned user, struct buf *why)
{
	const char *word = **at, *value;
	const struct setting *row = find_word(word, &value);
	if (!row || !(row->users & user))
		return fail(why, EINVAL, "%s is not an option here; --help lists them", word);
	bool is_flag = row->type == SETTING_FLAG;
	if (is_flag && value)
		return fail(why, EINVAL, "--%s takes no value", row->name);
	if (!is_flag && !value)
		value = *++*at;
	if (!is_flag && !value)
		return fail(why, EINVAL, "--%s needs a value: --%s %s", row->name, row->name,
			row->value);
	cleanup(free) char *place = xprintf("--%s", row->name);
	return set(s, row, is_flag ? "yes" : value, SOURCE_COMMAND_LINE, place, why);
}

int settings_from_words(struct settings *s, char **argv, unsigned user, bool *ret_help,
	struct buf *why)
{
	char **keep = argv;
	bool options = true;
	for (char **at = argv; *at; at++) {
		if (options && strcmp(*at, "--") == 0) {
			options = false;
		} else if (options && (strcmp(*at, "--help") == 0 || strcmp(*at, "-h") == 0)) {
			*ret_help = true;
		} else if (options && (*at)[0] == '-' && (*at)[1]) {
			int r = take_option(s, &at, user, why);
			if (r < 0)
				return r;
		} else {
			*keep++ = *at;
		}
	}
	*keep = NULL;
	return 0;
}

int settings_load(struct settings *s, struct buf *why)
{
	settings_init(s);
	int r = from_file(s, why);
	return r < 0 ? r : settings_from_environment(s, why);
}

/* --- help --- */

static void help_row(const struct setting *row, struct buf *out)
{
	(void)buf_add_text(out, "  ");
	if (row->letter)
		(void)buf_printf(out, "-%c, ", row->letter);
	(void)buf_printf(out, "--%s%s%s", row->name, row->value ? " " : "",
		row->value ? row->value : "");
	cleanup(free) char *fallback =
		row->fallback ? xprintf(" (default: %s)", row->fallback) : xstrdup("");
	cleanup(free) char *text = xprintf("%s%s [%s]", row->help, fallback, row->variable);
	(void)buf_printf(out, "\n%*s", HELP_INDENT, "");
	wrap_text(out, HELP_INDENT, HELP_INDENT, text);
}

void settings_help(unsigned user, struct buf *out)
{
	for (const struct setting *row = settings_table; row->name; row++)
		if (row->users & user)
			help_row(row, out);
}
