/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list.  A declaration says what it holds:
 *
 *	struct list readers;    // struct reader.link, oldest first
 *
 * A link that is in no list points to itself, so removing it twice is fine.
 */
#pragma once

#include <stdbool.h>

#include "base/util.h"

struct list {
	struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts `item` before `where`; with the head that is the end of the list. */
static inline void list_add(struct list *where, struct list *item)
{
	item->prev = where->prev;
	item->next = where;
	where->prev->next = item;
	where->prev = item;
}

static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Visits each entry; the visited one may be removed or freed. */
#define list_each(head, entry, type, member)                                          \
	for (struct list *at_ = (head)->next, *next_ = at_->next;                     \
		at_ != (head) && ((entry) = container_of(at_, type, member), true);    \
		at_ = next_, next_ = at_->next)

/* The first entry or NULL. */
#define list_first(head, type, member) \
	(list_is_empty(head) ? NULL : container_of((head)->next, type, member))
