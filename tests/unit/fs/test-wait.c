/* SPDX-License-Identifier: MIT */
/* Reads that wait, with requests that are only pointers: who is answered, when, and with what. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fs/news.h"
#include "fs/preview.h"
#include "fs/wait.h"
#include "store/store.h"
#include "tests/unit/test.h"

enum { TIMEOUT_MS = 60 };

static char said[256]; /* by the door: one word a request */
static const char *interrupted = ""; /* requests whose signal came before they were parked */
static const char *source = ""; /* what the stream has to give next */
static bool over;

static void answer(void *request, struct slice bytes)
{
	strcat(strcat(said, request), "=");
	strncat(said, bytes.at, bytes.size);
	strcat(said, " ");
}

static void refuse(void *request, int error)
{
	strcat(strcat(said, request), error == EINTR ? "!eintr " : error == EAGAIN ? "!eagain " : "!end ");
}

static bool watch(void *request, struct waiting *waiting)
{
	if (strcmp(request, interrupted) != 0)
		return false;
	waiting_interrupted(waiting, request); /* runs before the request is in any list */
	return true;
}

static void wake_poll(void *data, uint64_t key)
{
	strcat(said, key == 9 ? "poll " : "poll? ");
}

static int fake_follow(struct fs *fs, struct handle *h)
{
	buf_add_text(&h->text, source);
	source = "";
	h->ended = over;
	return 0;
}

static int fake_seek(struct fs *fs, struct handle *h, uint64_t offset)
{
	return offset > 1000 ? -EINVAL : 0;
}

static const struct node fake = { .id = 1, .path = "", .mode = S_IFREG | 0444, .follow = fake_follow,
	.seek = fake_seek };

static const char *done(void)
{
	static char last[256];
	strcpy(last, said);
	said[0] = '\0';
	return last;
}

static void on_change(void *data, int64_t session)
{
}

static void ask(struct waiting *w, const char *request, struct handle *h, uint64_t offset, size_t size,
	bool nonblock)
{
	waiting_read(w, (void *)request, h, offset, size, nonblock);
}

static void interrupt(struct waiting *w, const char *request)
{
	waiting_interrupted(w, (void *)request);
}

static void test_answers(struct waiting *w, struct handle *h)
{
	source = "abc";
	ask(w, "now", h, 0, 2, false);
	CHECK_TEXT(done(), "now=ab ");
	CHECK_INT(h->kept->offset[0], 0);
	CHECK_INT(h->kept->offset[1], 2);
	ask(w, "rest", h, 2, 100, false);
	CHECK_TEXT(done(), "rest=c ");
	ask(w, "never", h, 3, 100, true);
	CHECK_TEXT(done(), "never!eagain ");
	ask(w, "seek", h, 5000, 100, false);
	CHECK_TEXT(done(), "seek!end ");

	ask(w, "one", h, 3, 100, false);
	CHECK_TEXT(done(), "");
	waiting_wake(w, 5);
	CHECK_TEXT(done(), ""); /* woken, nothing there: stays */
	source = "d";
	waiting_wake(w, 6);
	CHECK_TEXT(done(), ""); /* another session's news */
	waiting_wake(w, 5);
	CHECK_TEXT(done(), "one=d ");
}

static void test_interrupts(struct waiting *w, struct handle *h)
{
	interrupted = "early";
	ask(w, "early", h, 4, 100, false);
	CHECK_TEXT(done(), "early!eintr ");
	ask(w, "late", h, 4, 100, false);
	interrupt(w, "other");
	CHECK_TEXT(done(), "");
	interrupt(w, "late");
	CHECK_TEXT(done(), "late!eintr ");
	interrupt(w, "late"); /* answered already: nothing */
	CHECK_TEXT(done(), "");
	ask(w, "closed", h, 4, 100, false);
	waiting_forget(w, h);
	CHECK_TEXT(done(), "closed!eintr ");
}

static void test_timeout(struct loop *loop, struct waiting *w, struct handle *h)
{
	int64_t began = clock_now_ms(), due = began + 20 * TIMEOUT_MS;
	ask(w, "long", h, 4, 100, false);
	while (!*said && clock_now_ms() < due)
		(void)loop_round(loop, TIMEOUT_MS);
	CHECK_TEXT(done(), "long!eintr "); /* before the kernel gives the whole mount up */
	CHECK(clock_now_ms() - began >= TIMEOUT_MS / 2);
}

static void test_poll_and_end(struct waiting *w, struct handle *h)
{
	CHECK_INT(waiting_poll(w, h, 9), 0);
	CHECK_INT(h->kept->poll_key, 9);
	over = true;
	CHECK_INT(waiting_poll(w, h, 0), 1);
	ask(w, "end", h, 4, 100, false);
	CHECK_TEXT(done(), "end= ");
	over = h->ended = false;
	ask(w, "last", h, 4, 100, false);
	waiting_end(w, ESHUTDOWN);
	ask(w, "later", h, 4, 100, false);
	CHECK_TEXT(done(), "last!end later!end ");
}

static void run(struct fs *fs)
{
	const struct wait_door door = { answer, refuse, watch, wake_poll, NULL };
	struct waiting *w = fs->waiting = waiting_new(fs, &door, TIMEOUT_MS);
	struct kept kept = { .handle = 1 };
	struct handle h = { .at = { &fake, 5 }, .kept = &kept };
	list_init(&h.link);
	test_answers(w, &h);
	test_interrupts(w, &h);
	test_timeout(fs->loop, w, &h);
	test_poll_and_end(w, &h);
	buf_done(&h.text);
	fs->waiting = waiting_free(w);
}

int main(void)
{
	char dir[] = "/tmp/test-wait.XXXXXX";
	struct fs fs = { 0 };
	int ends[2];
	cleanup(buf) struct buf why = BUF_INIT(4096);
	CHECK(mkdtemp(dir) != NULL);
	CHECK_INT(store_open(dir, &fs.store, &why), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	CHECK_INT(loop_new(&fs.loop), 0);
	fs.hints = ends[0];
	fs.handles = handles_new();
	fs.previews = previews_new();
	CHECK_INT(news_new(&fs, on_change, NULL, &fs.news), 0);
	run(&fs);
	news_free(fs.news);
	previews_free(fs.previews);
	handles_free(fs.handles);
	loop_free(fs.loop);
	store_close(fs.store);
	close(ends[0]);
	close(ends[1]);
	cleanup(free) char *remove = xprintf("rm -rf %s", dir);
	CHECK_INT(system(remove), 0);
	return test_done();
}
