/* SPDX-License-Identifier: MIT */
/* The small pure parts: restart policy, lines, flat keys, mountinfo, environment, the crew's
 * words. */
#include <stdlib.h>

#include "cmd/crew.h"
#include "cmd/environment.h"
#include "cmd/flat.h"
#include "cmd/lines.h"
#include "cmd/mounts.h"
#include "cmd/restart.h"
#include "tests/unit/test.h"

static void test_restart(void)
{
	static const int pauses[] = { 0, 0, 0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct restart r = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(pauses); i++)
		CHECK_INT(restart_pause(&r, 5, true, RESTART_TRIES_MAX), pauses[i]);
	CHECK_INT(restart_pause(&r, RESTART_GOOD_MS, true, RESTART_TRIES_MAX), 0);
	CHECK_INT(restart_pause(&r, 5, true, RESTART_TRIES_MAX), 0);
}

static void test_giving_up(void)
{
	struct restart r = { 0 };
	for (int i = 1; i < RESTART_TRIES_MAX; i++)
		CHECK(restart_pause(&r, 5, false, RESTART_TRIES_MAX) >= 0);
	CHECK_INT(restart_pause(&r, 5, false, RESTART_TRIES_MAX), -1);
	/* One success in between, and the count starts again. */
	r = (struct restart){ 0 };
	CHECK_INT(restart_pause(&r, 5, false, 2), 0);
	CHECK_INT(restart_pause(&r, 5, true, 2), 0);
	CHECK_INT(restart_pause(&r, 5, false, 2), 0);
	CHECK_INT(restart_pause(&r, 5, false, 2), -1);
}

/* All lines of `text`, pushed in pieces of that size, joined with '|'. */
static const char *cut(const char *text, size_t piece, bool at_end)
{
	static char joined[256];
	struct lines l;
	struct slice line;
	lines_init(&l, 8);
	joined[0] = '\0';
	for (size_t at = 0; at < strlen(text); at += piece) {
		size_t left = strlen(text) - at;
		lines_push(&l, text + at, left < piece ? left : piece);
		while (lines_next(&l, false, &line)) {
			strncat(joined, line.at, line.size);
			strcat(joined, "|");
		}
	}
	while (at_end && lines_next(&l, true, &line)) {
		strncat(joined, line.at, line.size);
		strcat(joined, "|");
	}
	lines_done(&l);
	return joined;
}

static void test_lines(void)
{
	for (size_t piece = 1; piece < 40; piece++) {
		CHECK_TEXT(cut("one\n\ntwo\nrest", piece, false), "one||two|");
		CHECK_TEXT(cut("one\n\ntwo\nrest", piece, true), "one||two|rest|");
	}
	CHECK_TEXT(cut("exactly8\nx\n", 40, false), "exactly8|x|");
	CHECK_TEXT(cut("longer than eight\nx\n", 40, false), "longer t|han eigh|t|x|");
	CHECK_TEXT(cut("longer than eight", 3, true), "longer t|han eigh|t|");
}

static void test_flat(void)
{
	struct slice text = slice_of("store /a b\nstorex 1\nempty \nnumber 12\nbad 12x\nlast -7");
	char *value = flat_find_text(text, "store");
	CHECK_TEXT(value, "/a b");
	free(value);
	value = flat_find_text(text, "empty");
	CHECK_TEXT(value, "");
	free(value);
	CHECK(!flat_find_text(text, "stor"));
	CHECK(!flat_find_text(text, "number 12"));
	CHECK_INT(flat_find_int(text, "number", 0), 12);
	CHECK_INT(flat_find_int(text, "last", 0), -7);
	CHECK_INT(flat_find_int(text, "bad", 5), 5);
	CHECK_INT(flat_find_int(text, "empty", 5), 5);
	CHECK_INT(flat_find_int(text, "none", 5), 5);
	CHECK(!flat_find(slice_of(""), "a").at);
}

static const char mountinfo[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"40 27 0:50 / /mnt/a\\040b rw,nosuid shared:5 master:2 - fuse.agentdirs agentdirs "
	"rw,user_id=1000\n"
	"41 27 0:51 / /mnt/twice rw - fuse.agentdirs agentdirs rw,user_id=1,group_id=2\n"
	"42 27 0:52 / /mnt/twice rw - tmpfs tmpfs rw,size=4k\n"
	"43 27 0:53 / /mnt/evil rw - fuse.x user_id=7 rw,user_id=8\n"
	"44 27";

static void test_mounts(void)
{
	struct slice text = slice_of(mountinfo);
	struct mount m = { .user = -1 };
	CHECK_INT(mounts_find(text, "/mnt", &m), 0);
	CHECK_INT(mounts_find(text, "", &m), 0);
	CHECK_INT(mounts_find(text, "/mnt/a b", &m), 1);
	CHECK_TEXT(m.type, "fuse.agentdirs");
	CHECK(mount_is_ours(&m));
	CHECK_INT(m.user, 1000);
	mount_done(&m);
	CHECK_INT(mounts_find(text, "/mnt/twice", &m), 1); /* the topmost counts */
	CHECK_TEXT(m.type, "tmpfs");
	CHECK(!mount_is_ours(&m));
	CHECK_INT(m.user, -1);
	mount_done(&m);
	CHECK_INT(mounts_find(text, "/mnt/evil", &m), 1); /* the source is no option */
	CHECK_INT(m.user, 8);
	mount_done(&m);
}

static void test_environment(void)
{
	static const char *const from[] = { "PATH=/bin", "ANTHROPIC_API_KEY=sk-1",
		"ANTHROPIC_AUTH_TOKEN=t", "PATHX=1",
		"XDG_STATE_HOME=/s", "https_proxy=http://u:p@h", "SSL_CERT_FILE=/c",
		"LD_PRELOAD=/x.so",
		"HOME", NULL };
	char **plain = environment_make(ENVIRONMENT_PLAIN, (char *const *)from);
	char **network = environment_make(ENVIRONMENT_NETWORK, (char *const *)from);
	CHECK_TEXT(plain[0], "PATH=/bin");
	CHECK_TEXT(plain[1], "XDG_STATE_HOME=/s");
	CHECK(!plain[2]);
	CHECK_TEXT(network[2], "https_proxy=http://u:p@h");
	CHECK_TEXT(network[3], "SSL_CERT_FILE=/c");
	CHECK(!network[4]);
	free(plain);
	free(network);
}

static const char *words_of(enum crew who, const struct wiring *w)
{
	static char joined[1024];
	struct process p = PROCESS_NULL;
	crew_words(&crew_table[who], w, 20, &p);
	joined[0] = '\0';
	for (size_t i = 0; i < p.word_count; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, p.words[i]);
	}
	process_done(&p);
	return joined;
}

static void test_words(void)
{
	struct settings s = { .base_url = (char *)"https://h/v", .model = (char *)"m", .umask =
		7, .max_running = 5,
		.allow_other = true };
	struct wiring w = { .settings = &s, .store = "/s", .mountpoint = "/a b", .key = 10,
		.hands = 11, .lock = 12, .listen = -1, .hints_fs = 13, .hints_harness = 14,
		.tools_spawner = 15, .tools_harness = 16, .init = 17, .device = -1 };
	CHECK_TEXT(words_of(CREW_SPAWNER, &w), "agentdirs-spawner control=20 socket=15 hands=11");
	CHECK_TEXT(words_of(CREW_FS, &w),
		"agentdirs-fs control=20 store=/s mountpoint=/a b hints=13 init=17 allow_other=1 "
		"umask=007 "
		"model=m offline=0 lock=12");
	CHECK_TEXT(words_of(CREW_HARNESS, &w),
		"agentdirs-harness control=20 store=/s hints=14 spawner=16 key=10 "
		"base_url=https://h/v "
		"max_running=5 model_silence_ms=0 lock=12");
	w.device = 18;
	w.listen = 19;
	w.model_socket = "/s/sock";
	s.offline = true;
	CHECK_TEXT(words_of(CREW_REHEARSAL, &w), "agentdirs-rehearsal control=20 listen=19");
	CHECK(strstr(words_of(CREW_FS, &w), " device=18 init=17 "));
	CHECK(strstr(words_of(CREW_HARNESS, &w), " base_url=http://rehearsal model_socket=/s/sock "
		""));
}

/* Every rank once, and all sums within what umount waits for. */
static void test_crew(void)
{
	bool seen[CREW_SIZE + 1] = { false };
	int wrong = 0;
	for (int i = 0; i < CREW_SIZE; i++) {
		int rank = crew_table[i].stop_rank;
		wrong += rank < 1 || rank > CREW_SIZE || seen[rank] ||
			crew_table[i].retries_max < 1;
		seen[rank] = true;
	}
	CHECK_INT(wrong, 0);
	CHECK(crew_table[CREW_HARNESS].stop_rank < crew_table[CREW_FS].stop_rank);
	CHECK(crew_table[CREW_FS].stop_rank < crew_table[CREW_SPAWNER].stop_rank);
}

int main(void)
{
	test_restart();
	test_giving_up();
	test_lines();
	test_flat();
	test_mounts();
	test_environment();
	test_words();
	test_crew();
	return test_done();
}
