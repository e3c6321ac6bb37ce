/* SPDX-License-Identifier: MIT */
/* Which close completes a message.  Processes here: 10 with threads 10 and 11, 20 a child, 30 gone.
 * */
#include <unistd.h>

#include "fs/flush.h"
#include "base/util.h"
#include "tests/unit/test.h"

static int asked;

static int process_of(int thread)
{
	asked++;
	return thread == 10 || thread == 11 ? 10 : thread == 20 ? 20 : 0;
}

static const struct {
	const char *about;
	bool pending;
	int flusher, opener;
	bool want;
} cases[] = {
	{ "a shell closes what it opened and wrote", true, 10, 10, true },
	{ "it closes before it has written", false, 10, 10, false },
	{ "another thread of the opener closes", true, 11, 10, true },
	{ "opened by a thread, closed by the main one", true, 10, 11, true },
	{ "a child closes its inherited copy", true, 20, 10, false },
	{ "a child of a process whose opening thread is gone", true, 20, 30, false },
	{ "the closing thread is gone already", true, 30, 10, false },
	{ "both gone: not known to be the same", true, 30, 31, false },
	{ "both outside of our pid namespace", true, 0, 0, true },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		printf("# %s\n", cases[i].about);
		CHECK_INT(flush_completes(
				  cases[i].pending, cases[i].flusher, cases[i].opener, process_of),
			cases[i].want);
	}
	asked = 0;
	(void)flush_completes(true, 10, 10, process_of);
	CHECK_INT(asked, 0); /* the usual close costs no look into /proc */
	CHECK_INT(flush_process_of((int)gettid()), getpid());
	CHECK_INT(flush_process_of(0), 0);
	return test_done();
}
