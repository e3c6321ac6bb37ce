/* SPDX-License-Identifier: MIT */
/*
 * The settings: one table from which come the command line, the environment, the
 * config file, their checks and their help.
 *
 * A later source wins: default, config file, environment, command line.  Every
 * value is checked where it stands, also one that a later source replaces, so
 * that a broken config file is found when it breaks and not on the day when it
 * begins to matter.  Secrets are no settings: see cmd/key.h.
 */
#pragma once

#include "base/buf.h"

/* Which subcommands take a setting on their command line. */
enum settings_user {
	FOR_MOUNT = 1 << 0,
	FOR_UMOUNT = 1 << 1,
	FOR_STATUS = 1 << 2,
	FOR_DOCTOR = 1 << 3,
	FOR_ALL = FOR_MOUNT | FOR_UMOUNT | FOR_STATUS | FOR_DOCTOR,
};

enum settings_source {
	SOURCE_DEFAULT,
	SOURCE_FILE,
	SOURCE_ENVIRONMENT,
	SOURCE_COMMAND_LINE,
};

enum settings_type {
	SETTING_PATH, /* char *; made absolute, "~/" is HOME */
	SETTING_URL, /* char *; http or https, no user in it, no slash at the end */
	SETTING_NAME, /* char *; visible ASCII without blanks */
	SETTING_FLAG, /* bool; takes no value on the command line */
	SETTING_INT, /* int64_t from min to max */
	SETTING_OCTAL, /* int64_t from min to max */
	SETTING_CHOICE, /* int64_t, the place of the word in `choices` */
};

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct settings {
	char *store, *base_url, *key_file, *model; /* owned; key_file NULL when not given */
	/* an explicit key file beats a key in the environment */
	enum settings_source key_file_source;
	bool offline, allow_other, foreground;
	int64_t umask, max_running, model_silence, log_level; /* model_silence in seconds */
};

struct setting {
	const char *name; /* --NAME, and the word in the config file; NULL ends the table */
	enum settings_type type;
	size_t offset; /* in struct settings */
	const char *fallback; /* as a person would write it; NULL: stays empty */
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
	const char *variable; /* in the environment; an empty one counts as absent */
	char letter; /* the short option, or 0 */
	const char *value; /* what --help calls it */
	unsigned users; /* enum settings_user */
	const char *help;
};

extern const struct setting settings_table[];

/* Fills in the defaults.  `store` stays NULL when neither HOME nor XDG_STATE_HOME says where it
 * could be. */
void settings_init(struct settings *s);
void settings_done(struct settings *s);
void cleanup_settings(struct settings *s);

/* The sources.  Each: 0, or -EINVAL with a sentence that names the place, the word and what
 * would do. */
int settings_from_text(struct settings *s, struct slice text, const char *file, struct buf *why);
int settings_from_environment(struct settings *s, struct buf *why);

/* Reads options and moves what is none of them (all after "--" too) to the front of argv, NULL
 * behind it. `*ret_help` is set by --help or -h.  Options of other subcommands are refused. */
int settings_from_words(struct settings *s, char **argv, unsigned user, bool *ret_help,
	struct buf *why);

/* $XDG_CONFIG_HOME/agentdirs/config, else ~/.config/agentdirs/config; NULL without a home.
 * Given. */
char *settings_file(void);

/* Everything but the command line: defaults, config file, environment.  Also -errno for a
 * config file that exists and cannot be read. */
int settings_load(struct settings *s, struct buf *why);

/* Adds the options that `user` takes, one paragraph each, as --help prints them. */
void settings_help(unsigned user, struct buf *out);
