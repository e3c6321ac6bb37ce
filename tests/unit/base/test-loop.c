/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "base/loop.h"
#include "tests/unit/test.h"

static char order[64];
static struct loop *loop;

static void note(void *data)
{
	strcat(order, data);
}

static struct loop_later again = { .on_later = note, .data = (char *)"l" };

static void ask_again(void *data)
{
	note(data);
	loop_later(loop, &again);
	loop_later(loop, &again);
}

static struct loop_io second;

static void remove_second(void *data, uint32_t events)
{
	note(data);
	loop_remove(&second);
}

static void on_read(void *data, uint32_t events)
{
	note(data);
}

static void test_timers(void)
{
	struct loop_timer timers[5];
	static const int due[5] = { 3, 1, 4, 0, 2 };
	static char names[5][2] = { "3", "1", "4", "0", "2" };
	int64_t now = clock_now_ms() - 100;
	for (int i = 0; i < 5; i++) {
		timers[i] = (struct loop_timer){ .on_due = note, .data = names[i] };
		loop_arm(loop, &timers[i], now + due[i]);
	}
	loop_disarm(loop, &timers[2]);
	loop_disarm(loop, &timers[2]);
	order[0] = '\0';
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_TEXT(order, "0123");
}

static void test_later(void)
{
	struct loop_later first = { .on_later = ask_again, .data = (char *)"f" };
	order[0] = '\0';
	loop_later(loop, &first);
	loop_round(loop, 0);
	CHECK_TEXT(order, "f"); /* what a later asks for waits for the next round */
	loop_round(loop, 0);
	CHECK_TEXT(order, "fl"); /* and runs once */
}

/* Both descriptors are ready in one round; the first callback removes the second source. */
static void test_remove_in_callback(void)
{
	int ends[2];
	CHECK_INT(pipe(ends), 0);
	CHECK_INT(write(ends[1], "x", 1), 1);
	struct loop_io first = { .fd = ends[0], .events = EPOLLIN, .on_ready = remove_second,
		.data = (char *)"a" };
	second = (struct loop_io){ .fd = dup(ends[0]), .events = EPOLLIN, .on_ready = on_read,
		.data = (char *)"b" };
	CHECK_INT(loop_add(loop, &first), 0);
	CHECK_INT(loop_add(loop, &second), 0);
	order[0] = '\0';
	loop_round(loop, 0);
	CHECK(strcmp(order, "a") == 0 || strcmp(order, "ba") == 0);
	loop_remove(&first);
	loop_remove(&second);
	close(second.fd);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	CHECK_INT(loop_new(&loop), 0);
	test_timers();
	test_later();
	test_remove_in_callback();
	loop = loop_free(loop);
	return test_done();
}
