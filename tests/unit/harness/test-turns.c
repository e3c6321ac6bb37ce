/* SPDX-License-Identifier: MIT */
/*
 * The harness as a process, between a store, the rehearsal model and real
 * sandboxes: what turns leave in the log, and what they leave when processes are
 * killed in the middle.
 *
 *	test-turns HARNESS SPAWNER REHEARSAL HANDS [TEST]
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "store/event.h"
#include "store/hint.h"
#include "store/log.h"
#include "store/queue.h"
#include "store/session.h"
#include "tests/unit/test.h"

enum { PATIENCE_MS = 20 * 1000 };

static char **programs; /* harness, spawner, rehearsal, hands */
static char place[] = "/tmp/test-turns.XXXXXX";
static struct store *store;
static int hints[2], spawner_pair[2], control[2], listener, hands_fd, key_fd;
static char socket_path[64];
static pid_t harness_pid, spawner_pid, rehearsal_pid;

static pid_t start(char *const *argv)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* The words name descriptors that the child must inherit; the others are close-on-exec. */
static pid_t start_harness(void)
{
	char *argv[] = { programs[0], xprintf("store=%s/store", place), xprintf("hints=%d", hints[1]),
		xprintf("spawner=%d", spawner_pair[0]), xprintf("control=%d", control[1]),
		xprintf("key=%d", dup(key_fd)), xstrdup("base_url=http://rehearsal"),
		xprintf("model_socket=%s", socket_path), xstrdup("model_silence_ms=1500"), NULL };
	pid_t pid = start(argv);
	close(atoi(strchr(argv[5], '=') + 1));
	for (size_t i = 1; argv[i]; i++)
		free(argv[i]);
	return pid;
}

static pid_t start_spawner(void)
{
	char *argv[] = { programs[1], xprintf("socket=%d", spawner_pair[1]), xprintf("control=%d", control[1]),
		xprintf("hands=%d", hands_fd), NULL };
	pid_t pid = start(argv);
	for (size_t i = 1; argv[i]; i++)
		free(argv[i]);
	return pid;
}

static pid_t start_rehearsal(void)
{
	char *argv[] = { programs[2], xprintf("listen=%d", listener), xprintf("control=%d", control[1]), NULL };
	pid_t pid = start(argv);
	for (size_t i = 1; argv[i]; i++)
		free(argv[i]);
	return pid;
}

static void end(pid_t pid, int signal)
{
	if (pid <= 0)
		return;
	kill(pid, signal);
	(void)waitpid(pid, NULL, 0);
}

static void listen_on_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(socket_path, sizeof(socket_path), "%s/model", place);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_INT(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_INT(listen(listener, 64), 0);
}

static void seal_hands(void)
{
	int from = open(programs[3], O_RDONLY | O_CLOEXEC);
	hands_fd = memfd_create("hands", MFD_ALLOW_SEALING);
	while (sendfile(hands_fd, from, NULL, 1 << 20) > 0)
		;
	CHECK_INT(fcntl(hands_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
	close(from);
}

static void set_up(void)
{
	struct buf why = BUF_INIT(1000);
	CHECK(mkdtemp(place) != NULL);
	CHECK_INT(chmod(place, 0755), 0);
	char *dir = xprintf("%s/store", place);
	CHECK_INT(store_open(dir, &store, &why), 0);
	CHECK_INT(store_prepare(store, "claude-sonnet-5", &why), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, hints), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, spawner_pair), 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, control), 0);
	key_fd = memfd_create("key", 0);
	listen_on_socket();
	seal_hands();
	rehearsal_pid = start_rehearsal();
	spawner_pid = start_spawner();
	harness_pid = start_harness();
	free(dir);
	buf_done(&why);
}

static void tear_down(void)
{
	end(harness_pid, SIGTERM);
	end(spawner_pid, SIGTERM);
	end(rehearsal_pid, SIGTERM);
	store = store_close(store);
	char *command = xprintf("rm -rf %s", place);
	CHECK_INT(system(command), 0);
	free(command);
}

/* --- sessions --- */

static int64_t make(const char *name)
{
	struct session session;
	struct buf why = BUF_INIT(1000);
	int r = session_make(store, name, &session, &why);
	if (r < 0)
		printf("# %s: %s\n", name, buf_text(&why));
	CHECK_INT(r, 0);
	buf_done(&why);
	return session.object.num;
}

static void drain_hints(void)
{
	static struct hint_reader reader;
	struct hint hint;
	while (hint_receive(hints[0], &reader, &hint) > 0)
		;
	hint_reader_done(&reader);
}

static void wake(int64_t session)
{
	struct hint hint = { HINT_WAKE, session, { 0 } };
	(void)hint_send(hints[0], &hint);
}

static void say(int64_t session, const char *text)
{
	static uint64_t handle;
	int count = 0;
	handle++;
	CHECK_INT(draft_write(store, session, handle, handle, text, strlen(text), NULL), 0);
	CHECK_INT(draft_commit(store, session, handle, &count, NULL), 0);
	CHECK_INT(count, 1);
	wake(session);
}

static void interrupt(int64_t session)
{
	cJSON *events = cJSON_CreateArray();
	cJSON_AddItemToArray(events, event_new("user.interrupt"));
	CHECK_INT(queue_add(store, session, events), 0);
	cJSON_Delete(events);
	wake(session);
}

static struct session look(int64_t num)
{
	struct session session = { 0 };
	(void)session_get(store, num, &session);
	return session;
}

/* Bounded waiting for something that only the log can tell. */
static bool until(int64_t num, bool (*is_so)(const struct session *session))
{
	int64_t deadline = clock_now_ms() + PATIENCE_MS;
	while (clock_now_ms() < deadline) {
		struct session session = look(num);
		drain_hints();
		if (is_so(&session))
			return true;
		usleep(500);
	}
	return false;
}

static bool is_at_rest(const struct session *s)
{
	return s->queued == 0 && s->fold.status == SESSION_IDLE && s->fold.stop != STOP_NEW;
}

static bool is_running(const struct session *s)
{
	return s->fold.status == SESSION_RUNNING;
}

static bool is_rescheduling(const struct session *s)
{
	return s->fold.status == SESSION_RESCHEDULING;
}

/* The log in short: a letter for each kind of event. */
static const struct {
	const char *type, *letter;
} letters[] = {
	{ "session.status_running", "R" }, { "session.thread_status_running", "r" }, { "user.message", "u" },
	{ "user.interrupt", "i" }, { "span.model_request_start", "[" }, { "span.model_request_end", "]" },
	{ "agent.message", "m" }, { "agent.thinking", "t" }, { "agent.tool_use", "c" },
	{ "agent.tool_result", "o" }, { "session.usage", "$" }, { "session.status_idle", "I" },
	{ "session.thread_status_idle", "j" }, { "session.error", "e" }, { "session.status_rescheduled", "S" },
	{ "session.thread_status_rescheduled", "s" },
};

static char *story(int64_t num)
{
	struct buf text = BUF_INIT(10000);
	struct session session = look(num);
	for (uint64_t seq = 1; seq <= session.fold.events; seq++) {
		cJSON *event = log_event(store, num, seq);
		const char *type = json_text(event, "type"), *letter = "?";
		for (size_t i = 0; i < ARRAY_LEN(letters); i++)
			if (type && strcmp(type, letters[i].type) == 0)
				letter = letters[i].letter;
		buf_add_text(&text, letter);
		cJSON_Delete(event);
	}
	return buf_take(&text);
}

/* The text of the last event of a type. */
static char *last_text(int64_t num, const char *type)
{
	struct buf text = BUF_INIT(1 << 21);
	struct session session = look(num);
	for (uint64_t seq = session.fold.events; seq > 0; seq--) {
		cJSON *event = log_event(store, num, seq);
		bool found = strcmp(json_text(event, "type"), type) == 0;
		if (found)
			(void)event_content_text(json_get(event, "content"), &text);
		cJSON_Delete(event);
		if (found)
			break;
	}
	return buf_take(&text);
}

/* Waits until a command has made the file `started` in its workspace. */
static void until_started(int64_t num)
{
	struct session session = look(num);
	char *dir = session_workspace(store, &session.object), *path = xprintf("%s/started", dir);
	int64_t deadline = clock_now_ms() + PATIENCE_MS;
	while (access(path, F_OK) < 0 && clock_now_ms() < deadline)
		usleep(500);
	CHECK_INT(access(path, F_OK), 0);
	free(dir);
	free(path);
}

static size_t count_in_file(int64_t num, const char *name)
{
	struct session session = look(num);
	char *dir = session_workspace(store, &session.object), *path = xprintf("%s/%s", dir, name);
	FILE *file = fopen(path, "r");
	size_t lines = 0;
	for (int c; file && (c = fgetc(file)) != EOF;)
		lines += c == '\n';
	if (file)
		(void)fclose(file);
	free(dir);
	free(path);
	return lines;
}

static void check_story(int64_t num, const char *want)
{
	char *text = story(num);
	CHECK_TEXT(text, want);
	free(text);
}

/* --- the cases --- */

static const struct {
	const char *name, *text, *want;
} plain_cases[] = {
	{ "words", "hello", "Rru[m]j$I" },
	{ "command", "! echo one; echo two >&2", "Rru[c]o[m]j$I" },
	{ "two-calls", "! echo a\n! echo b", "Rru[cc]oo[m]j$I" },
	{ "rounds", "! echo a\nthen\n! echo b", "Rru[c]o[c]o[m]j$I" },
	{ "overload", "%overload 2\nhello", "Rru[]eSsRr[]eSsRr[m]j$I" },
	{ "rate-limit", "%rate_limit 1 1\nhello", "Rru[]eSsRr[m]j$I" },
	{ "error", "%error 1\nhello", "Rru[]eSsRr[m]j$I" },
	{ "cut-in-tool", "%cut 1 tool\n! echo x", "Rru[]eSsRr[c]o[m]j$I" },
	{ "cut-in-text", "%cut 1 text\nhello", "Rru[]eSsRr[m]j$I" },
	{ "garbage", "%garbage 1\nhello", "Rru[]eSsRr[m]j$I" },
	{ "stream-error", "%stream_error 1\nhello", "Rru[]eSsRr[m]j$I" },
	{ "silence", "%silence 1 30s\nhello", "Rru[]eSsRr[m]j$I" },
	{ "bad-request", "%error 1 400\nhello", "Rru[]ej$I" },
	{ "refusal", "%refuse\nhello", "Rru[]j$I" },
	{ "thinking", "%think\nhello", "Rru[tm]j$I" },
	{ "unknown", "%unknown\nhello", "Rru[m]j$I" },
	{ "invalid-input", "%invalid_input\n! echo x", "Rru[c]o[m]j$I" },
	{ "max-tokens", "%max_tokens\nhello", "Rru[m]j$I" },
	{ "no-such-tool", "@teleport {}", "Rru[c]o[m]j$I" },
};

static void test_plain(void)
{
	for (size_t i = 0; i < ARRAY_LEN(plain_cases); i++) {
		printf("# %s\n", plain_cases[i].name);
		int64_t num = make(plain_cases[i].name);
		say(num, plain_cases[i].text);
		CHECK(until(num, is_at_rest));
		check_story(num, plain_cases[i].want);
	}
}

static void test_result_text(void)
{
	printf("# what a command printed comes back\n");
	int64_t num = make("output");
	say(num, "! echo one; echo two >&2; exit 3");
	CHECK(until(num, is_at_rest));
	char *text = last_text(num, "agent.tool_result");
	CHECK(strstr(text, "one\ntwo") != NULL);
	CHECK(strstr(text, "3") != NULL);
	free(text);
}

static void test_conversation(void)
{
	printf("# three turns, the second after a new harness\n");
	int64_t num = make("conversation");
	say(num, "! export X=kept; cd /tmp");
	CHECK(until(num, is_at_rest));
	end(harness_pid, SIGKILL);
	harness_pid = start_harness();
	say(num, "! echo $X $PWD");
	CHECK(until(num, is_at_rest));
	char *text = last_text(num, "agent.tool_result");
	CHECK(strstr(text, "kept /tmp") != NULL);
	free(text);
	check_story(num, "Rru[c]o[m]j$IRru[c]o[m]j$I");
}

/* Tokens of one more turn: those that the model's cache had, and those that it has afterwards. */
struct cached {
	int64_t read, known;
};

static struct cached cached_turn(int64_t num, const char *text)
{
	struct usage before = look(num).fold.usage;
	say(num, text);
	CHECK(until(num, is_at_rest));
	struct usage after = look(num).fold.usage;
	int64_t read = after.cache_read_input_tokens - before.cache_read_input_tokens;
	return (struct cached){ read,
		read + after.cache_creation_input_tokens - before.cache_creation_input_tokens };
}

/* The model's cache tells whether a request begins with the very bytes of the one before. */
static void test_same_bytes(void)
{
	printf("# turns of one session: remembered, after somebody else's event, after a new harness\n");
	char text[30000]; /* shorter prefixes are not cached */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	int64_t num = make("same-bytes");
	struct cached first = cached_turn(num, text), second = cached_turn(num, "hello");
	CHECK(first.known > 0);
	CHECK_INT(second.read, first.known);
	CHECK_INT(session_set_title(store, num, "a title", 7, NULL), 0);
	struct cached third = cached_turn(num, "hello");
	CHECK_INT(third.read, second.known);
	end(harness_pid, SIGKILL);
	harness_pid = start_harness();
	CHECK_INT(cached_turn(num, "hello").read, third.known);
	check_story(num, "Rru[m]j$IRru[m]j$I?Rru[m]j$IRru[m]j$I");
}

static void test_kill_harness_in_call(void)
{
	printf("# the harness is killed during a call: one line, one result\n");
	int64_t num = make("kill-harness");
	say(num, "! touch started; sleep 1; echo x >> f");
	until_started(num);
	end(harness_pid, SIGKILL);
	harness_pid = start_harness();
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[c]o[m]j$I");
	CHECK_INT(count_in_file(num, "f"), 1);
}

static void test_kill_everywhere(void)
{
	printf("# the harness is killed again and again, a little later each time\n");
	for (int i = 0; i < 25; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "kill-%d", i);
		int64_t num = make(name);
		say(num, "! echo x >> f\nthen\n! echo y >> f");
		usleep((useconds_t)(i * 700));
		end(harness_pid, SIGKILL);
		harness_pid = start_harness();
		bool rests = until(num, is_at_rest);
		char *text = story(num);
		/* Each call once, each with one result, one final answer; a request may have been lost. */
		struct buf calm = BUF_INIT(1000);
		for (const char *at = text; *at; at++)
			if (strncmp(at, "[]", 2) == 0)
				at++;
			else
				buf_add_char(&calm, *at);
		CHECK(rests);
		CHECK_TEXT(buf_text(&calm), "Rru[c]o[c]o[m]j$I");
		CHECK_INT(count_in_file(num, "f"), 2);
		free(text);
		buf_done(&calm);
	}
}

static void test_kill_sandbox(void)
{
	printf("# the sandbox is killed during a call: an error result, then a new one with the same files\n");
	int64_t num = make("kill-sandbox");
	say(num, "! echo before > f; echo $$ > /dev/null; kill -9 -1; sleep 5\nthen\n! cat f");
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[c]o[c]o[m]j$I");
	say(num, "! touch started; sleep 30");
	until_started(num);
	end(spawner_pid, SIGKILL); /* and with it the hands */
	spawner_pid = start_spawner();
	CHECK(until(num, is_at_rest));
	char *text = last_text(num, "agent.tool_result");
	CHECK(strstr(text, "sandbox") != NULL);
	free(text);
	say(num, "! cat f");
	CHECK(until(num, is_at_rest));
	text = last_text(num, "agent.tool_result");
	CHECK(strstr(text, "before") != NULL);
	free(text);
}

static void test_interrupts(void)
{
	printf("# interrupts\n");
	int64_t num = make("interrupt-call");
	say(num, "! touch started; sleep 30");
	until_started(num);
	interrupt(num);
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[c]oij$I");
	say(num, "! echo still here");
	CHECK(until(num, is_at_rest));
	char *text = last_text(num, "agent.tool_result");
	CHECK(strstr(text, "still here") != NULL);
	free(text);

	num = make("interrupt-stream");
	say(num, "%slow 200ms\nhello, a longer text that takes its time");
	CHECK(until(num, is_running));
	interrupt(num);
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[]ij$I");

	num = make("interrupt-backoff");
	say(num, "%rate_limit 1 60\nhello");
	CHECK(until(num, is_rescheduling));
	interrupt(num);
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[]eSsij$I");
}

static void test_steering(void)
{
	printf("# a message during a call is taken up after its result\n");
	int64_t num = make("steering");
	say(num, "! touch started; sleep 0.5");
	until_started(num);
	say(num, "and this");
	CHECK(until(num, is_at_rest));
	check_story(num, "Rru[c]ou[m]j$I");
}

static void test_refused_connection(void)
{
	printf("# no server at all, then one\n");
	int64_t num = make("refused");
	end(rehearsal_pid, SIGTERM);
	close(listener);
	say(num, "hello");
	CHECK(until(num, is_rescheduling));
	(void)unlink(socket_path);
	listen_on_socket();
	rehearsal_pid = start_rehearsal();
	CHECK(until(num, is_at_rest));
	char *text = story(num);
	size_t n = strlen(text);
	CHECK(n > 5 && strcmp(text + n - 6, "[m]j$I") == 0);
	free(text);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "plain", test_plain },
	{ "result", test_result_text },
	{ "conversation", test_conversation },
	{ "same-bytes", test_same_bytes },
	{ "kill-in-call", test_kill_harness_in_call },
	{ "kill-everywhere", test_kill_everywhere },
	{ "kill-sandbox", test_kill_sandbox },
	{ "interrupts", test_interrupts },
	{ "steering", test_steering },
	{ "refused", test_refused_connection },
};

int main(int argc, char **argv)
{
	if (argc < 5) {
		(void)fprintf(stderr, "usage: test-turns HARNESS SPAWNER REHEARSAL HANDS [TEST]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	json_setup();
	programs = argv + 1;
	set_up();
	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		if (!argv[5] || strcmp(argv[5], tests[i].name) == 0)
			tests[i].run();
	tear_down();
	return test_done();
}
