/* SPDX-License-Identifier: MIT */
/*
 * agentdirs-hands as the harness sees it: the promises of sandbox/protocol.h, and
 * everything that a command can do to a persistent shell.
 *
 *	test-hands PATH-OF-AGENTDIRS-HANDS
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fields.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "sandbox/protocol.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/hands-client.h"

enum { LONG_MS = 20000 }; /* for what should take no time: only a broken program waits this long */

static char work[] = "/tmp/agentdirs-hands-XXXXXX";
static struct hands_client client;
static int stream;

#define NEW_SHELL "[the shell has ended; the next call starts a new one in "

/* One shell, one command after another.  `want` is the whole text, with a leading '~' a part of
 * it. */
static const struct {
	const char *command;
	bool is_error;
	const char *want;
	int64_t timeout_ms; /* 0: LONG_MS */
} commands[] = {
	{ "echo hello", false, "hello" },
	{ "printf 'no newline'", false, "no newline" },
	{ "echo out; echo err >&2", false, "out\nerr" },
	{ ":", false, "(no output)" },
	{ "export FOO=bar; baz=qux; f() { echo \"f:$1\"; }; echo set", false, "set" },
	{ "echo $FOO $baz; f 1", false, "bar qux\nf:1" },
	{ "cd /usr && pwd", false, "/usr" },
	{ "pwd", false, "/usr" },
	{ "cd -  >/dev/null; (exit 7)", true, "[exit 7]" },
	{ "echo oops; (exit 7)", true, "oops\n[exit 7]" },
	{ "printf x; false", true, "x\n[exit 1]" },
	{ "cat; read -r x; echo \"done:$x\"", false, "done:" },
	{ "echo $0 $- $TERM $PAGER", false, "bash hB dumb cat" },
	{ "nosuchcommand", true, "bash: line 1: nosuchcommand: command not found\n[exit 127]" },
	{ "\n\nnosuchcommand", true, "~bash: line 3: nosuchcommand" },
	/* texts that are no commands */
	{ "echo 'abc", true, "~unexpected EOF" },
	{ "if; then", true, "~syntax error" },
	{ "echo a )", true, "~syntax error" },
	{ "}", true, "~syntax error" },
	{ "cat <<EOF\nbody", false, "~body" },
	{ "echo trailing\\", false, "trailing\\" },
	{ "# only a comment", false, "(no output)" },
	{ "   \n\t ", false, "(no output)" },
	{ "echo still here", false, "still here" },
	/* what a command does to the shell's descriptors and settings */
	{ "exec >/dev/null 2>&1", false, "(no output)" },
	{ "echo visible", false, "visible" },
	{ "exec 3>&- 1>&-; echo gone", true, "~[exit 1]" },
	{ "echo back", false, "back" },
	{ "return 5", true, "[exit 5]" },
	{ "break; continue; echo on", false, "~on" },
	{ "set -e", false, "(no output)" },
	{ "false", true, "[exit 1]" },
	{ "set -u", false, "(no output)" },
	{ "echo \"[$undefined]\"", false, "[]" },
	{ "set -v; set -x; echo traced; set +xv", false, "~traced" },
	{ "echo quiet", false, "quiet" },
	{ "trap 'echo D >/dev/null' DEBUG; trap 'echo E' ERR; false", true, "~[exit 1]" },
	{ "trap - DEBUG ERR; echo trapped", false, "trapped" },
	{ "printf() { :; }; echo() { :; }; .() { :; }", false, "(no output)" },
	{ "unset -f printf echo .; echo functions", false, "functions" },
	{ "printf '\\036%d\\036\\n' 0; (exit 7)", true, "0\n[exit 7]" },
	{ "for fd in 250 251 252 253; do echo 0123456789abcdef 0 >&$fd; done 2>/dev/null; (exit 3)",
		true, "~[exit 3]" },
	/* output */
	{ "printf '\\xff\\xfe'", false, "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "printf 'a\\0b'", false, "a\xef\xbf\xbd" "b" },
	{ "printf '\\033[31mred\\033[0m\\r\\n1%%\\r2%%\\n'", false, "red\n2%" },
	{ "head -c 300000 /dev/zero | tr '\\0' a; echo END", false,
		"~[output truncated]\n[197604 bytes before this" },
	{ "yes | head -n 3", false, "y\ny\ny" },
	/* jobs */
	{ "sleep 100 & echo started", false, "started" },
	{ "kill %1; wait; echo waited", false, "~waited" },
	{ "mkfifo go; (read -r x <go; echo late; echo >went) & echo asked", false, "asked" },
	{ "echo >go; until [ -s went ]; do :; done; rm went; echo now", false, "late\nnow" },
	/* the end of the shell */
	{ "cd /usr; exit 3", true, "~[exit 3]\n" NEW_SHELL },
	{ "echo \"[$FOO]\"", false, "[]" },
	{ "cd /usr/lib", false, "(no output)" },
	{ "x=1; exit 0", false, "~" NEW_SHELL "/usr/lib," },
	{ "pwd", false, "/usr/lib" },
	{ "set -e; false; echo not reached", true, "~[exit 1]\n" NEW_SHELL },
	{ "set -u; echo $undefined; echo not reached", true,
		"~unbound variable\n[exit 1]\n" NEW_SHELL },
	{ "exec echo replaced", false, "~replaced\n" NEW_SHELL },
	{ "echo partly; kill -9 $$", true, "~partly\n[signal 9]\n" NEW_SHELL },
	{ "trap 'echo bye' EXIT; exit 4", true, "~bye\n[exit 4]\n" NEW_SHELL },
	{ "sleep 3 & exit 2", true, "~[exit 2]\n" NEW_SHELL },
	{ "set -n", true, "~the shell stopped listening" },
	{ "exec 253>&-", true, "~the shell stopped listening" },
	{ "echo usable", false, "usable" },
	/* a directory that goes away */
	{ "mkdir gone && cd gone && rmdir ../gone", false, "(no output)" },
	{ "pwd", false, "~[the working directory was deleted; now in " },
	/* time */
	{ "echo part; sleep 60", true, "~part\n[timed out after 0.2 s]\n" NEW_SHELL, 200 },
	{ "echo recovered", false, "recovered" },
	{ "trap '' TERM; sleep 60; sleep 60", true, "~[timed out after 0.1 s]\n", 100 },
	{ "echo recovered", false, "recovered" },
	{ "while :; do :; done", true, "~[timed out after 0.1 s]\n", 100 },
	{ "yes", true, "~[output truncated]\n", 100 },
	{ "echo end", false, "end" },
};

static bool text_is(const char *text, const char *want)
{
	return want[0] == '~' ? strstr(text, want + 1) != NULL : strcmp(text, want) == 0;
}

static void test_command(size_t i)
{
	struct hands_result r;
	char id[16];
	(void)snprintf(id, sizeof(id), "command%zu", i);
	int64_t timeout_ms = commands[i].timeout_ms ? commands[i].timeout_ms : LONG_MS;
	CHECK(hands_bash(stream, id, commands[i].command, timeout_ms, &r));
	CHECK_INT(r.is_error, commands[i].is_error);
	bool ok = text_is(buf_text(&r.text), commands[i].want);
	CHECK(ok);
	if (!ok || r.is_error != commands[i].is_error)
		printf("#   %s\n#   gave %.300s\n", commands[i].command, buf_text(&r.text));
	CHECK(r.started_us <= r.ended_us);
	CHECK(utf8_is_valid(buf_text(&r.text), r.text.size));
	hands_result_done(&r);
}

/* A call with fields as given: name, value, ..., NULL. */
static void execute(int to, const char *call, const char *tool, const char *const *fields)
{
	cleanup(buf) struct buf input = BUF_INIT(1 << 20);
	for (; fields[0]; fields += 2)
		(void)fields_add_text(&input, fields[0], fields[1]);
	hands_execute(to, call, tool, buf_slice(&input), LONG_MS);
}

#define EXECUTE(to, call, tool, ...)                                                               \
	execute(to, call, tool, (const char *const[]){ __VA_ARGS__, NULL })

/* The next result is that of `call`, with that text. */
#define CHECK_RESULT(from, call_, is_error_, want)                             \
	do {                                                                   \
		struct hands_result result_;                                   \
		CHECK(hands_result(from, LONG_MS, &result_));                  \
		CHECK_TEXT(result_.call, call_);                               \
		CHECK_INT(result_.is_error, is_error_);                        \
		CHECK(text_is(buf_text(&result_.text), want));                 \
		if (!text_is(buf_text(&result_.text), want))                   \
			printf("#   gave %s\n", buf_text(&result_.text));      \
		hands_result_done(&result_);                                   \
	} while (0)

/* The same, and the call is not needed any more. */
#define CHECK_FINAL(from, call_, is_error_, want)        \
	do {                                             \
		CHECK_RESULT(from, call_, is_error_, want); \
		hands_say(from, "acknowledge", call_);   \
	} while (0)

/* A restart ends what earlier calls left running and keeps nothing. */
static void test_restart(void)
{
	struct hands_result r;
	EXECUTE(stream, "r1", "bash", "restart", "1");
	CHECK_FINAL(stream, "r1", false, "bash session restarted");
	CHECK(hands_bash(stream, "r2", "v=1; cd /usr; sleep 1000 & echo $!", LONG_MS, &r));
	pid_t job = atoi(buf_text(&r.text));
	CHECK(job > 1 && kill(job, 0) == 0);
	hands_result_done(&r);
	EXECUTE(stream, "r3", "bash", "restart", "1", "command", "echo \"[$v]\"; jobs; pwd");
	CHECK_FINAL(stream, "r3", false, "~[]\n/tmp/agentdirs-hands-");
	CHECK_INT(kill(job, 0), -1);
	EXECUTE(stream, "r4", "bash", "restart", "0");
	CHECK_FINAL(stream, "r4", true, "bash: command is required");
}

/* What everything in the shell may do: open the shell's own end of a channel. */
static int open_channel(pid_t shell, int fd, int flags)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)shell, fd);
	return open(path, flags | O_CLOEXEC);
}

static pid_t ask_shell(const char *call)
{
	struct hands_result r;
	CHECK(hands_bash(stream, call, "echo $$", LONG_MS, &r));
	pid_t shell = atoi(buf_text(&r.text));
	hands_result_done(&r);
	return shell;
}

/* Nobody reads the hands' lines, and there is no room for another: they must not wait for it. */
static void test_full_script(void)
{
	static const char blanks[4096] = "";
	pid_t shell = ask_shell("f1");
	CHECK_INT(kill(shell, SIGSTOP), 0);
	cleanup(fd) int script = open_channel(shell, 255, O_WRONLY | O_NONBLOCK);
	while (write(script, blanks, sizeof(blanks)) > 0 || write(script, blanks, 1) > 0)
		continue;
	CHECK_INT(errno, EAGAIN);
	EXECUTE(stream, "f2", "bash", "command", "echo lost");
	CHECK_FINAL(stream, "f2", true, "~the shell stopped listening");
	EXECUTE(stream, "f3", "bash", "command", "echo heard");
	CHECK_FINAL(stream, "f3", false, "heard");
}

/* Memory that no process of the shell's would be charged for. */
static void test_large_command_file(void)
{
	struct stat st;
	pid_t shell = ask_shell("m1");
	cleanup(fd) int file = open_channel(shell, 251, O_RDWR);
	CHECK_INT(ftruncate(file, 1 << 20), 0);
	EXECUTE(stream, "m2", "bash", "restart", "1");
	CHECK_FINAL(stream, "m2", false, "bash session restarted");
	CHECK_INT(fstat(file, &st), 0);
	CHECK_INT(st.st_size, 0);
}

static void test_refusals(void)
{
	EXECUTE(stream, "u1", "dance", "x", "y");
	CHECK_FINAL(stream, "u1", true, "Error: Tool 'dance' not found");
	EXECUTE(stream, "u2", "read", "path", "y");
	CHECK_FINAL(stream, "u2", true, "read: file_path is required");
	EXECUTE(stream, "u3", "read", "file_path", "x", "view_range", "1 x");
	CHECK_FINAL(stream, "u3", true, "read: view_range is malformed");
	hands_execute(stream, "u4", "bash", slice_of("\x05junk"), LONG_MS);
	CHECK_FINAL(stream, "u4", true, "bash: command is required");
	hands_say(stream, "ping", NULL);
	CHECK(hands_expect(stream, "pong", LONG_MS));
}

static void write_file(const char *name, const char *text)
{
	cleanup(free) char *path = xprintf("%s/%s", work, name);
	CHECK_INT(io_write_file(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void check_file(const char *name, const char *want)
{
	struct buf text = BUF_INIT(1 << 20);
	cleanup(free) char *path = xprintf("%s/%s", work, name);
	CHECK_INT(io_read_file(AT_FDCWD, path, 1 << 20, &text), 0);
	CHECK_TEXT(buf_text(&text), want);
	buf_done(&text);
}

/* Executed three times over two streams, it happens once, and the last to ask gets the result. */
static void test_once(void)
{
	struct buf known = BUF_INIT(1000);
	EXECUTE(stream, "once", "bash", "command", "echo x >>once; read -r y <gate; echo $y");
	EXECUTE(stream, "once", "bash", "command", "echo x >>once; read -r y <gate; echo $y");
	hands_say(stream, "ping", NULL);
	CHECK(hands_expect(stream, "pong", LONG_MS));
	int second = hands_stream(&client, &known);
	CHECK_TEXT(buf_text(&known), "once ");
	EXECUTE(second, "once", "bash", "command", "anything: the id decides");
	hands_say(second, "ping", NULL);
	CHECK(hands_expect(second, "pong", LONG_MS));
	write_file("answer", "through\n");
	EXECUTE(stream, "open", "read", "file_path", "answer");
	CHECK_RESULT(stream, "open", false, "through\n");
	cleanup(free) char *gate = xprintf("%s/gate", work);
	int fd = open(gate, O_WRONLY);
	CHECK_INT(io_write_all(fd, "passed\n", 7), 0);
	close(fd);
	CHECK_RESULT(second, "once", false, "passed");
	check_file("once", "x\n");
	close(second);
	/* Remembered: whoever asks again gets the same, until it is acknowledged. */
	EXECUTE(stream, "once", "bash", "command", "echo y >>once");
	CHECK_RESULT(stream, "once", false, "passed");
	hands_say(stream, "acknowledge", "once");
	hands_say(stream, "acknowledge", "open");
	EXECUTE(stream, "once", "bash", "command", "echo z >>once; echo anew");
	CHECK_RESULT(stream, "once", false, "anew");
	hands_say(stream, "acknowledge", "once");
	check_file("once", "x\nz\n");
	buf_done(&known);
}

/* The harness dies in the middle of a call; its successor finds the call and its result. */
static void test_reattach(void)
{
	struct buf known = BUF_INIT(1000);
	int first = hands_stream(&client, NULL);
	EXECUTE(first, "cut", "bash", "command", "read -r y <gate; echo got $y");
	hands_say(first, "ping", NULL);
	CHECK(hands_expect(first, "pong", LONG_MS));
	close(first);
	cleanup(free) char *gate = xprintf("%s/gate", work);
	int fd = open(gate, O_WRONLY);
	CHECK_INT(io_write_all(fd, "it\n", 3), 0);
	close(fd);
	int next = hands_stream(&client, &known);
	CHECK_TEXT(buf_text(&known), "cut ");
	EXECUTE(next, "cut", "bash", "command", "x");
	CHECK_RESULT(next, "cut", false, "got it");
	hands_say(next, "acknowledge", "cut");
	close(next);
	buf_clear(&known);
	hands_say(stream, "ping", NULL);
	CHECK(hands_expect(stream, "pong", LONG_MS));
	close(hands_stream(&client, &known));
	CHECK_TEXT(buf_text(&known), "");
	buf_done(&known);
}

/* Reads go past a busy shell; writes and edits wait for it and keep their order. */
static void test_order(void)
{
	cleanup(free) char *gate = xprintf("%s/gate", work);
	write_file("order", "one\n");
	EXECUTE(stream, "o1", "bash", "command", "read -r y <gate; cat order");
	EXECUTE(stream, "o2", "read", "file_path", "order");
	EXECUTE(stream, "o3", "edit", "file_path", "order", "old_string", "one", "new_string",
		"two");
	EXECUTE(stream, "o4", "edit", "file_path", "order", "old_string", "two", "new_string",
		"three");
	EXECUTE(stream, "o5", "read", "file_path", "order");
	EXECUTE(stream, "o6", "bash", "command", "cat order");
	CHECK_FINAL(stream, "o2", false, "one\n");
	int fd = open(gate, O_WRONLY);
	CHECK_INT(io_write_all(fd, "go\n", 3), 0);
	close(fd);
	CHECK_FINAL(stream, "o1", false, "one");
	CHECK_FINAL(stream, "o3", false, "~edited order");
	CHECK_FINAL(stream, "o4", false, "~edited order");
	struct hands_result r[2]; /* of o5 and o6, in whichever order */
	CHECK(hands_result(stream, LONG_MS, &r[0]) && hands_result(stream, LONG_MS, &r[1]));
	for (int i = 0; i < 2; i++) {
		CHECK(strncmp(buf_text(&r[i].text), "three", 5) == 0);
		hands_say(stream, "acknowledge", r[i].call);
		hands_result_done(&r[i]);
	}
}

static void test_interrupt(void)
{
	struct hands_result r;
	EXECUTE(stream, "i1", "bash", "command", "echo begun; echo >>begun; sleep 1000");
	EXECUTE(stream, "i2", "bash", "command", "echo second");
	hands_say(stream, "interrupt", "i2");
	CHECK_FINAL(stream, "i2", true, "interrupted before it started");
	cleanup(free) char *begun = xprintf("%s/begun", work);
	for (int64_t due = clock_now_ms() + LONG_MS;
		access(begun, F_OK) < 0 && clock_now_ms() < due;)
		(void)usleep(1000);
	hands_say(stream, "interrupt", "i1");
	hands_say(stream, "interrupt", "i1");
	CHECK_FINAL(stream, "i1", true, "~begun\n[interrupted]\n");
	hands_say(stream, "interrupt", "i1");
	hands_say(stream, "interrupt", "unknown");
	CHECK(hands_bash(stream, "i3", "echo alive", LONG_MS, &r));
	CHECK_TEXT(buf_text(&r.text), "alive");
	hands_result_done(&r);
}

/* An acknowledgement that comes before the end: the call ends and leaves no trace. */
static void test_early_acknowledge(void)
{
	struct buf known = BUF_INIT(1000);
	EXECUTE(stream, "e1", "bash", "command", "echo early");
	hands_say(stream, "acknowledge", "e1");
	CHECK_RESULT(stream, "e1", false, "early");
	close(hands_stream(&client, &known));
	CHECK_TEXT(buf_text(&known), "");
	buf_done(&known);
}

/* One more call than is remembered is refused, not dropped. */
static void test_too_many(void)
{
	char id[16];
	for (int i = 0; i < SANDBOX_CALLS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "m%d", i);
		EXECUTE(stream, id, "read", "file_path", "order");
	}
	for (int i = 0; i < SANDBOX_CALLS_MAX; i++) {
		struct hands_result r;
		CHECK(hands_result(stream, LONG_MS, &r));
		CHECK_TEXT(buf_text(&r.text), "three\n");
		hands_result_done(&r);
	}
	EXECUTE(stream, "m-more", "read", "file_path", "order");
	CHECK_RESULT(stream, "m-more", true, "~too many calls");
	for (int i = 0; i < SANDBOX_CALLS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "m%d", i);
		hands_say(stream, "acknowledge", id);
	}
	EXECUTE(stream, "m-more", "read", "file_path", "order");
	CHECK_FINAL(stream, "m-more", false, "three\n");
}

/* Bytes that are no protocol end their stream and nothing else; with too many streams the oldest
 * goes. */
static void test_streams(void)
{
	int streams[5];
	int bad = hands_stream(&client, NULL);
	CHECK_INT(io_write_all(bad, "\xff\xff\xff\xffgarbage", 11), 0);
	CHECK(!hands_expect(bad, "result", LONG_MS));
	CHECK_INT(read(bad, &(char){ 0 }, 1), 0);
	close(bad);
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		streams[i] = hands_stream(&client, NULL);
	for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
		hands_say(streams[i], "ping", NULL);
		CHECK_INT(hands_expect(streams[i], "pong", LONG_MS), i > 0);
		close(streams[i]);
	}
	close(stream);
	stream = hands_stream(&client, NULL);
}

/* A large command and a large file come through whole; a megabyte of output comes back bounded. */
static void test_large(void)
{
	enum { SIZE = 8 << 20 };
	struct hands_result r;
	struct buf input = BUF_INIT(FRAME_MAX);
	char *content = xmalloc(SIZE + 1);
	memset(content, 'x', SIZE);
	content[SIZE] = '\0';
	(void)fields_add_text(&input, "file_path", "large");
	(void)fields_add_text(&input, "content", content);
	hands_execute(stream, "l1", "write", buf_slice(&input), LONG_MS);
	CHECK_FINAL(stream, "l1", false, "wrote 8388608 bytes to large");
	memcpy(content, ": '", 3);
	memcpy(content + SIZE - 20, "'; echo whole; wc -c", 20);
	CHECK(hands_bash(stream, "l2", content, LONG_MS, &r));
	CHECK_TEXT(buf_text(&r.text), "whole\n0");
	hands_result_done(&r);
	CHECK(hands_bash(stream, "l3", "head -c 1000000 </dev/zero", LONG_MS, &r));
	CHECK(r.text.size <= TOOL_RESULT_BYTES_MAX && r.text.size > 100000);
	hands_result_done(&r);
	free(content);
	buf_done(&input);
}

/* Without `unconfined=1` the program refuses to serve here and says why. */
static void test_refuses_unconfined(const char *program)
{
	int ends[2], errors[2], status = 0;
	struct buf text = BUF_INIT(1000);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	CHECK_INT(pipe(errors), 0);
	cleanup(free) char *control = xprintf("control=%d", ends[1]);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(errors[1], 2);
		execl(program, program, control, "instance=i", "session=s", (char *)NULL);
		_exit(127);
	}
	close(errors[1]);
	CHECK(buf_read_all(&text, errors[0], 1000) > 0);
	CHECK(strstr(buf_text(&text), "not confined"));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2);
	close(errors[0]);
	close(ends[0]);
	close(ends[1]);
	buf_done(&text);
}

int main(int argc, char **argv)
{
	if (argc != 2 || !mkdtemp(work))
		return 1;
	(void)signal(SIGPIPE, SIG_IGN);
	hands_start(&client, argv[1], work);
	stream = hands_stream(&client, NULL);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		test_command(i);
	cleanup(free) char *gate = xprintf("%s/gate", work);
	CHECK_INT(mkfifo(gate, 0600), 0);
	test_restart();
	test_full_script();
	test_large_command_file();
	test_refusals();
	test_once();
	test_reattach();
	test_order();
	test_interrupt();
	test_early_acknowledge();
	test_too_many();
	test_streams();
	test_large();
	close(stream);
	int status = hands_stop(&client);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	test_refuses_unconfined(argv[1]);
	cleanup(free) char *command = xprintf("rm -rf %s", work);
	CHECK_INT(system(command), 0);
	return test_done();
}
