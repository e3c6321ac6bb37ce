/* SPDX-License-Identifier: MIT */
/*
 * Several processes write at once and are killed at any moment: everything that
 * was acknowledged is there, once, in whole lines.
 *
 * Each writer sends the parent the number of each append after it returned, so
 * what the parent has read was acknowledged.
 */
#include <signal.h>

#include "tests/unit/store/fixture.h"

enum { WRITERS = 2, NUMBERS = 100000 };

static cJSON *numbered(int writer, unsigned n)
{
	char text[40];
	(void)snprintf(text, sizeof(text), "w%d-%u", writer, n);
	return fixture_message(text);
}

/* Appends until it is killed, or `count` times. */
static void write_until_killed(int writer, int to_parent, unsigned first, unsigned count)
{
	struct store *own = NULL;
	if (store_open(fixture_dir, &own, NULL) < 0)
		fixture_child_exit(2);
	for (unsigned n = first; n < first + count; n++) {
		cleanup(json) cJSON *event = numbered(writer, n);
		if (log_append(own, session, event, NULL) < 0)
			fixture_child_exit(3);
		if (write(to_parent, &n, sizeof(n)) != sizeof(n))
			fixture_child_exit(4);
	}
	own = store_close(own);
	fixture_child_exit(0);
}

struct writer {
	pid_t pid;
	int from; /* pipe */
	unsigned next; /* number that was not acknowledged yet */
	bool acknowledged[NUMBERS];
	unsigned seen[NUMBERS]; /* how often it stands in the log */
};
static struct writer writers[WRITERS];

static void start(struct writer *w, int index, unsigned count)
{
	int ends[2];
	CHECK_INT(pipe(ends), 0);
	fflush(stdout);
	w->pid = fork();
	if (w->pid == 0) {
		close(ends[0]);
		write_until_killed(index, ends[1], w->next, count);
	}
	close(ends[1]);
	w->from = ends[0];
}

/* Notes what the writer says, up to so many appends or its end. */
static unsigned take_acknowledged(struct writer *w, unsigned most)
{
	unsigned n, taken = 0;
	while (taken < most && read(w->from, &n, sizeof(n)) == sizeof(n) && n < NUMBERS) {
		w->acknowledged[n] = true;
		w->next = n + 1;
		taken++;
	}
	return taken;
}

/* The line must be whole, in its place, and one of ours: false when it is not. */
static bool count_line(uint64_t seq, uint64_t *start)
{
	cleanup(buf) struct buf line = BUF_INIT(0);
	struct log_place place = { 0 };
	int writer;
	unsigned n;
	if (log_line(store, session, seq, &line, &place) != 1 || place.start != *start ||
		place.size != line.size + 1 || line.data[line.size - 1] != '}')
		return false;
	*start += place.size;
	const char *text = strstr(buf_text(&line), "\"w");
	if (!text || sscanf(text, "\"w%d-%u\"", &writer, &n) != 2 || n >= NUMBERS ||
		writer >= WRITERS)
		return false;
	writers[writer].seen[n]++;
	return true;
}

static void check_log(void)
{
	struct session now;
	struct fold anew;
	uint64_t start = 0;
	int torn = 0, missing = 0, doubled = 0;
	CHECK_INT(session_get(store, session, &now), 1);
	for (uint64_t seq = 1; seq <= now.fold.events; seq++)
		torn += !count_line(seq, &start);
	CHECK_INT(torn, 0);
	CHECK_INT(start, now.fold.bytes);
	for (int i = 0; i < WRITERS; i++) {
		for (unsigned n = 0; n < NUMBERS; n++) {
			missing += writers[i].acknowledged[n] && writers[i].seen[n] == 0;
			doubled += writers[i].seen[n] > 1;
		}
		memset(writers[i].seen, 0, sizeof(writers[i].seen));
	}
	CHECK_INT(missing, 0);
	CHECK_INT(doubled, 0);
	CHECK_INT(fold_log(store, session, &anew), 0);
	CHECK(memcmp(&anew, &now.fold, sizeof(anew)) == 0);
}

/* Both run to their end: nothing is lost to the other. */
static void test_together(void)
{
	enum { EACH = 300 };
	for (int i = 0; i < WRITERS; i++)
		start(&writers[i], i, EACH);
	for (int i = 0; i < WRITERS; i++) {
		CHECK_INT(take_acknowledged(&writers[i], NUMBERS), EACH);
		CHECK_INT(fixture_wait(writers[i].pid), 0);
		close(writers[i].from);
	}
	check_log();
}

static void end(struct writer *w)
{
	CHECK_INT(kill(w->pid, SIGKILL), 0);
	CHECK_INT(waitpid(w->pid, NULL, 0), w->pid);
	(void)take_acknowledged(w, NUMBERS); /* what it still said before it died */
	close(w->from);
}

/* Writer 0 is killed again and again, each time after a few more appends; writer 1 goes on
 * meanwhile. */
static void test_killed(void)
{
	enum { ROUNDS = 15, ENDLESS = NUMBERS / 2 };
	start(&writers[1], 1, ENDLESS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		start(&writers[0], 0, ENDLESS);
		CHECK_INT(take_acknowledged(&writers[0], 1 + round * 3), 1 + round * 3);
		end(&writers[0]);
		/* The append that was cut off may stand in the log; its number is not used
		 * again. */
		writers[0].next++;
	}
	CHECK(take_acknowledged(&writers[1], 1) == 1);
	end(&writers[1]);
	check_log();
}

int main(void)
{
	fixture_open();
	test_together();
	test_killed();
	fixture_reopen(); /* and once more from the files alone */
	check_log();
	fixture_close();
	return test_done();
}
