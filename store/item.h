/* SPDX-License-Identifier: MIT */
/*
 * Items: numbers for the names below an object (a metadata key, a custom tool, a
 * member of the roster ...), because inode numbers are made of them.
 *
 * A name gets its number when it comes into being; saving a definition does that
 * for every name in it.  It keeps the number as long as the object lives, also
 * while the name is away, so a number never means two things.
 *
 * Only what may be a file name has a number: 1 to 255 bytes without `/`, and not
 * `.` or `..`.  A definition may contain other names; they show in its JSON only.
 */
#pragma once

#include <stdint.h>

#include "store/store.h"

enum item_kind { /* stored: a value never changes its meaning */
	ITEM_METADATA = 1, /* keys; agents, environments, sessions */
	ITEM_TOOL, /* custom tools of an agent, by name */
	ITEM_MCP, /* MCP servers of an agent, by name */
	ITEM_SKILL, /* skills of an agent, by skill_id */
	ITEM_TEAM, /* roster of an agent, by the members' agent ids */
	ITEM_PACKAGES, /* package managers of an environment: apt, cargo, gem, go, npm, pip */
	ITEM_KINDS
};

enum {
	ITEM_NUM_MAX = 65535, /* 16 bits of an inode number */
	ITEM_NAME_SIZE = 256, /* a file name and its NUL */
};

struct item {
	int num; /* 1 .. ITEM_NUM_MAX, one sequence for each object and kind */
	char name[ITEM_NAME_SIZE];
};

bool item_name_is_valid(const char *name);

/* 1 and the number, 0 the name never was, -errno. */
int item_find(struct store *store, int64_t object, enum item_kind kind, const char *name,
	int *ret_num);

/* The name of a number: 1, 0 not given yet, -errno. */
int item_get(struct store *store, int64_t object, enum item_kind kind, int num, struct item *ret);

/* Finds the number or gives one.  0; -EINVAL not a file name; -ENOENT no such object; -ENOSPC all
 * numbers are given. */
int item_add(struct store *store, int64_t object, enum item_kind kind, const char *name,
	int *ret_num);
