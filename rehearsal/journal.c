/* SPDX-License-Identifier: MIT */
#include "rehearsal/journal.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "base/utf8.h"

enum {
	ENTRIES_MAX = 64,
	BODY_MAX = 1 << 20,
	BYTES_MAX = 2 << 20, /* of all bodies together: this program must stay small */
};

struct entry {
	struct list link; /* journal.entries */
	uint64_t number;
	int64_t at_us;
	char *method, *path, *headers;
	bool has_key;
	int status;
	size_t body_size;
	size_t kept; /* of the body */
	char *body;
};

struct journal {
	struct list entries; /* struct entry.link, oldest first */
	size_t count, bytes;
	uint64_t last_number;
};

struct journal *journal_new(void)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));
	list_init(&journal->entries);
	return journal;
}

static void drop(struct journal *journal, struct entry *entry)
{
	journal->count--;
	journal->bytes -= entry->kept;
	list_remove(&entry->link);
	free(entry->method);
	free(entry->path);
	free(entry->headers);
	free(entry->body);
	free(entry);
}

struct journal *journal_free(struct journal *journal)
{
	struct entry *entry;
	if (!journal)
		return NULL;
	list_each(&journal->entries, entry, struct entry, link)
		drop(journal, entry);
	free(journal);
	return NULL;
}

uint64_t journal_add(struct journal *journal, const struct journal_item *item)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));
	size_t kept =
		item->body.size < BODY_MAX ? item->body.size : utf8_clip(item->body.at, BODY_MAX);
	*entry = (struct entry){ .number = ++journal->last_number,
		.at_us = item->at_us,
		.method = xstrdup(item->method),
		.path = xstrdup(item->path),
		.headers = xstrdup(item->headers),
		.has_key = item->has_key,
		.body_size = item->body_size,
		.kept = kept,
		.body = xstrndup(item->body.at, kept) };
	list_add(&journal->entries, &entry->link);
	journal->count++;
	journal->bytes += kept;
	while (journal->count > ENTRIES_MAX || (journal->bytes > BYTES_MAX && journal->count > 1))
		drop(journal, list_first(&journal->entries, struct entry, link));
	return entry->number;
}

void journal_answered(struct journal *journal, uint64_t number, int status)
{
	struct entry *entry;
	list_each(&journal->entries, entry, struct entry, link)
		if (entry->number == number)
			entry->status = status;
}

static void add_string(struct buf *out, const char *text, size_t size)
{
	cleanup(buf) struct buf clean = BUF_INIT(4 * BODY_MAX);
	utf8_repair(&clean, text, size);
	(void)json_quote(out, buf_text(&clean), clean.size);
}

static void print_entry(const struct entry *entry, struct buf *out)
{
	char at[CLOCK_TEXT_SIZE];
	clock_text(entry->at_us, at);
	(void)buf_printf(out,
		"{\"seq\":%" PRIu64 ",\"at\":\"%s\",\"method\":\"%s\",\"path\":", entry->number, at,
		entry->method);
	add_string(out, entry->path, strlen(entry->path));
	(void)buf_printf(out,
		",\"status\":%d,\"key\":%s,\"headers\":%s,\"bytes\":%zu,\"clipped\":%s,\"body\":",
		entry->status, entry->has_key ? "true" : "false", entry->headers, entry->body_size,
		entry->kept < entry->body_size ? "true" : "false");
	add_string(out, entry->body, entry->kept);
	(void)buf_add_text(out, "}\n");
}

void journal_print(const struct journal *journal, struct buf *out)
{
	const struct entry *entry;
	list_each((struct list *)&journal->entries, entry, const struct entry, link)
		print_entry(entry, out);
}
