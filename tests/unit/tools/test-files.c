/* SPDX-License-Identifier: MIT */
/*
 * The file tools as a model uses them: JSON in, text out, in a temporary working
 * directory.  The cases are those of the official worker's own tests, where they
 * apply, and the traps around them.
 *
 * In all texts of a case `$W` stands for the working directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/param_json.h"
#include "tests/unit/test.h"
#include "tools/run.h"
#include "tools/tool.h"

enum kind { FILE_, DIR_, LINK, FIFO, SIZED };

/* What lies in the working directory and around it before the first case. */
static const struct {
	enum kind kind;
	const char *path; /* relative to the working directory */
	const char *content; /* or the link's target, or the size */
	int age_s; /* mtime before now */
	mode_t mode;
} tree[] = {
	{ FILE_, "four.txt", "a\nb\nc\nd\n", 50, 0 },
	{ FILE_, "three.txt", "line1\nline2\nline3", 51, 0 },
	{ FILE_, "crlf.txt", "one\r\ntwo\r\nthree\r\n", 52, 0 },
	{ FILE_, "empty", "", 53, 0 },
	{ FILE_, "blob.bin", "\xff\xfe\x01", 54, 0 },
	{ FILE_, "twice.txt", "ab ab\nab", 55, 0 },
	{ FILE_, "script.sh", "#!/bin/sh\necho OLD\n", 56, 0755 },
	{ FILE_, "greek.txt", "alpha\nbeta\ngamma\n", 57, 0 },
	{ SIZED, "large.txt", "263168", 58, 0 },
	{ SIZED, "huge", "1099511627776", 59, 0 },
	{ FILE_, "go/a.go", "x", 7200, 0 },
	{ FILE_, "go/b.go", "x", 1, 0 },
	{ FILE_, "go/sub/c.go", "x", 3600, 0 },
	{ FILE_, "go/.hidden/d.go", "x", 9000, 0 },
	{ FILE_, "go/.git/e.go", "x", 0, 0 },
	{ FILE_, "go/node_modules/f.go", "x", 0, 0 },
	{ FILE_, "logs/x.log", "hello world\nfoo bar\nhello again\n", 60, 0 },
	{ FILE_, "logs/y.log", "nothing\n", 60, 0 },
	{ FILE_, "logs/z.bin", "hello\001", 60, 0 },
	{ FILE_, "cost/re.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX\nok\n", 60,
		0 },
	{ DIR_, "dir", NULL, 0, 0 },
	{ FIFO, "fifo", NULL, 0, 0 },
	{ FILE_, "../outside/secret.txt", "secret\n", 0, 0 },
	{ LINK, "escape", "../outside", 0, 0 },
	{ LINK, "passwd", "/etc/passwd", 0, 0 },
	{ LINK, "loop_a", "loop_b", 0, 0 },
	{ LINK, "loop_b", "loop_a", 0, 0 },
	{ LINK, "self", "self", 0, 0 },
	{ LINK, "c0", "c1", 0, 0 },
	{ LINK, "c1", "go/../c2", 0, 0 },
	{ LINK, "c2", "four.txt", 0, 0 },
	{ LINK, "absolute", "$W/four.txt", 0, 0 },
	{ LINK, "dangling", "made/by/link.txt", 0, 0 },
	{ LINK, "dangling_out", "../outside/made.txt", 0, 0 },
	{ LINK, "up", "..", 0, 0 },
	{ LINK, "loops/x", "y", 0, 0 },
	{ LINK, "loops/y", "x", 0, 0 },
	{ LINK, "loops/good", "../four.txt", 0, 0 },
	{ LINK, "loops/bad", "/etc/passwd", 0, 0 },
	{ FILE_, "loops/ok.txt", "ok", 100, 0 },
};

enum outcome { OK, ERR };

static const struct {
	const char *tool, *input;
	enum outcome outcome;
	const char *want; /* the whole text; with a leading '~' a part of it */
} cases[] = {
	/* read */
	{ "read", "{'file_path':'four.txt'}", OK, "a\nb\nc\nd\n" },
	{ "read", "{'file_path':'$W/four.txt'}", OK, "a\nb\nc\nd\n" },
	{ "read", "{'file_path':'./go/.././four.txt'}", OK, "a\nb\nc\nd\n" },
	{ "read", "{'file_path':'four.txt','view_range':[2,3]}", OK, "b\nc" },
	{ "read", "{'file_path':'four.txt','view_range':[3,0]}", OK, "c\nd\n" },
	{ "read", "{'file_path':'four.txt','view_range':[-5,1]}", OK, "a" },
	{ "read", "{'file_path':'four.txt','view_range':[4,4]}", OK, "d" },
	{ "read", "{'file_path':'four.txt','view_range':[4,9]}", OK, "d\n" },
	{ "read", "{'file_path':'four.txt','view_range':[9,10]}", OK, "" },
	{ "read", "{'file_path':'four.txt','view_range':[3,1]}", OK, "" },
	{ "read", "{'file_path':'four.txt','view_range':[]}", OK, "a\nb\nc\nd\n" },
	{ "read", "{'file_path':'three.txt','view_range':[2,2]}", OK, "line2" },
	{ "read", "{'file_path':'three.txt','view_range':[3,9]}", OK, "line3" },
	{ "read", "{'file_path':'crlf.txt','view_range':[1,2]}", OK, "one\r\ntwo\r" },
	{ "read", "{'file_path':'empty'}", OK, "" },
	{ "read", "{'file_path':'large.txt'}", ERR,
		"read: large.txt is 263168 bytes, exceeds 262144-byte limit. Use bash "
		"(head/tail/sed) to read a slice." },
	{ "read", "{'file_path':'huge'}", ERR, "~exceeds" },
	{ "read", "{'file_path':'blob.bin'}", ERR, "~not valid UTF-8" },
	{ "read", "{'file_path':'missing'}", ERR, "read: missing: no such file or directory" },
	{ "read", "{'file_path':'four.txt/x'}", ERR, "~not a directory" },
	{ "read", "{'file_path':'dir'}", ERR, "read: dir: not a regular file" },
	{ "read", "{'file_path':'fifo'}", ERR, "read: fifo: not a regular file" },
	{ "read", "{'file_path':''}", ERR, "read: file_path is required" },
	{ "read", "{'file_path':'c0'}", OK, "a\nb\nc\nd\n" },
	{ "read", "{'file_path':'absolute'}", OK, "a\nb\nc\nd\n" },
	/* paths */
	{ "read", "{'file_path':'../outside/secret.txt'}", ERR,
		"path '../outside/secret.txt' escapes workdir" },
	{ "read", "{'file_path':'/etc/passwd'}", ERR, "path '/etc/passwd' escapes workdir" },
	{ "read", "{'file_path':'$W/../outside/secret.txt'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'$W2/x'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'passwd'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'$W/passwd'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'escape/secret.txt'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'up/outside/secret.txt'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'loop_a'}", ERR,
		"path \"loop_a\": too many levels of symbolic links" },
	{ "read", "{'file_path':'loop_a/child.txt'}", ERR, "~too many levels of symbolic links" },
	{ "read", "{'file_path':'self'}", ERR, "~too many levels of symbolic links" },
	{ "read", "{'file_path':'self/x'}", ERR, "~too many levels of symbolic links" },
	{ "write", "{'file_path':'loop_a/child.txt','content':'x'}", ERR,
		"~too many levels of symbolic links" },
	{ "write", "{'file_path':'escape/new','content':'x'}", ERR, "~escapes workdir" },
	{ "write", "{'file_path':'dangling_out','content':'x'}", ERR, "~escapes workdir" },
	{ "read", "{'file_path':'../outside/made.txt'}", ERR, "~escapes workdir" },
	/* write */
	{ "write", "{'file_path':'new/deep/file','content':'h\xc3\xa9llo'}", OK,
		"wrote 6 bytes to new/deep/file" },
	{ "read", "{'file_path':'new/deep/file'}", OK, "h\xc3\xa9llo" },
	{ "write", "{'file_path':'$W/new/deep/file','content':''}", OK,
		"wrote 0 bytes to $W/new/deep/file" },
	{ "write", "{'file_path':'dangling','content':'x'}", OK, "wrote 1 bytes to dangling" },
	{ "read", "{'file_path':'made/by/link.txt'}", OK, "x" },
	{ "write", "{'file_path':'dir','content':'x'}", ERR, "write: dir: is a directory" },
	{ "write", "{'file_path':'.','content':'x'}", ERR, "write: .: is a directory" },
	{ "write", "{'file_path':'fifo','content':'x'}", ERR, "write: fifo: not a regular file" },
	{ "write", "{'file_path':'four.txt/x','content':'x'}", ERR, "~not a directory" },
	{ "write", "{'file_path':'','content':'x'}", ERR, "write: file_path is required" },
	/* edit */
	{ "edit", "{'file_path':'greek.txt','old_string':'beta','new_string':'BETA'}", OK,
		"edited greek.txt (1 replacement(s))" },
	{ "read", "{'file_path':'greek.txt'}", OK, "alpha\nBETA\ngamma\n" },
	{ "edit", "{'file_path':'twice.txt','old_string':'nope','new_string':'x'}", ERR,
		"edit: old_string not found in twice.txt" },
	{ "edit", "{'file_path':'twice.txt','old_string':'ab','new_string':'x'}", ERR,
		"edit: old_string appears 3 times in twice.txt (must be unique); "
		"at lines 1, 1, 2" },
	{ "edit",
		"{'file_path':'twice.txt','old_string':'ab',"
		"'new_string':'$& $1 \\\\1','replace_all':true}",
		OK, "edited twice.txt (3 replacement(s))" },
	{ "read", "{'file_path':'twice.txt'}", OK, "$& $1 \\1 $& $1 \\1\n$& $1 \\1" },
	{ "edit", "{'file_path':'twice.txt','old_string':' $1 \\\\1\\n','new_string':''}", OK,
		"~1 replacement" },
	{ "edit", "{'file_path':'twice.txt','old_string':'','new_string':'x'}", ERR,
		"edit: old_string is required" },
	{ "edit", "{'file_path':'crlf.txt','old_string':'one\\ntwo','new_string':'1\\n2'}", OK,
		"~1 replacement" },
	{ "read", "{'file_path':'crlf.txt'}", OK, "1\r\n2\r\nthree\r\n" },
	{ "edit", "{'file_path':'c0','old_string':'a\\n','new_string':'A\\n'}", OK,
		"edited c0 (1 replacement(s))" },
	{ "read", "{'file_path':'four.txt'}", OK, "A\nb\nc\nd\n" },
	{ "edit", "{'file_path':'script.sh','old_string':'OLD','new_string':'NEW'}", OK,
		"~1 replacement" },
	{ "edit", "{'file_path':'large.txt','old_string':'x','new_string':'y'}", ERR, "~exceeds" },
	{ "edit", "{'file_path':'dir','old_string':'x','new_string':'y'}", ERR,
		"edit: dir: not a regular file" },
	{ "edit", "{'file_path':'fifo','old_string':'x','new_string':'y'}", ERR,
		"edit: fifo: not a regular file" },
	{ "edit", "{'file_path':'blob.bin','old_string':'x','new_string':'y'}", ERR,
		"edit: blob.bin: not valid UTF-8 text (cannot edit binary files)" },
	{ "edit", "{'file_path':'missing','old_string':'x','new_string':'y'}", ERR,
		"edit: missing: no such file or directory" },
	/* glob */
	{ "glob", "{'pattern':'**/*.go'}", OK,
		"$W/go/b.go\n$W/go/sub/c.go\n$W/go/a.go\n$W/go/.hidden/d.go" },
	{ "glob", "{'pattern':'*.go','path':'go'}", OK, "$W/go/b.go\n$W/go/a.go" },
	{ "glob", "{'pattern':'{go,nope}/sub/?.go'}", OK, "$W/go/sub/c.go" },
	{ "glob", "{'pattern':'*.nomatch'}", OK, "no matches" },
	{ "glob", "{'pattern':'di*'}", OK, "no matches" },
	{ "glob", "{'pattern':'fifo'}", OK, "no matches" },
	{ "glob", "{'pattern':''}", ERR, "glob: pattern is required" },
	{ "glob", "{'pattern':'/etc/*'}", ERR, "glob: absolute pattern not permitted" },
	{ "glob", "{'pattern':'../*.go'}", ERR, "glob: '..' is not permitted in the pattern" },
	{ "glob", "{'pattern':'escape/*.txt'}", OK, "no matches" },
	{ "glob", "{'pattern':'[.][.]/*/secret.txt'}", OK, "no matches" },
	{ "glob", "{'pattern':'*','path':'loops'}", OK, "~$W/loops/ok.txt" },
	{ "glob", "{'pattern':'b*','path':'loops'}", OK, "no matches" },
	{ "glob", "{'pattern':'x','path':'loops'}", OK, "no matches" },
	{ "glob", "{'pattern':'g*','path':'loops'}", OK, "$W/loops/good" },
	{ "glob", "{'pattern':'*','path':'missing'}", ERR,
		"glob: missing: no such file or directory" },
	{ "glob", "{'pattern':'*','path':'four.txt'}", ERR, "glob: four.txt: not a directory" },
	{ "glob", "{'pattern':'*','path':'..'}", ERR, "path '..' escapes workdir" },
	/* grep */
	{ "grep", "{'pattern':'^hello','path':'logs'}", OK,
		"$W/logs/x.log:1:hello world\n$W/logs/x.log:3:hello again\n"
		"$W/logs/z.bin:1:hello\x01" },
	{ "grep", "{'pattern':'B.TA'}", OK, "~$W/greek.txt:2:BETA\n(not" },
	{ "grep", "{'pattern':'bar$','path':'logs/x.log'}", OK, "$W/logs/x.log:2:foo bar" },
	{ "grep", "{'pattern':'\\\\bfoo\\\\s+\\\\w{3}\\\\b','path':'logs'}", OK,
		"$W/logs/x.log:2:foo bar" },
	{ "grep", "{'pattern':'three$','path':'crlf.txt'}", OK, "$W/crlf.txt:3:three" },
	{ "grep", "{'pattern':'world\\\\s+foo','path':'logs'}", OK, "no matches" },
	{ "grep", "{'pattern':'absent','path':'logs'}", OK, "no matches" },
	{ "grep", "{'pattern':'','path':'logs'}", ERR, "grep: pattern is required" },
	{ "grep", "{'pattern':'(','path':'logs'}", ERR, "~grep: invalid regex: " },
	{ "grep", "{'pattern':'(a+)+$','path':'cost'}", OK,
		"no matches\n(lines given up because the pattern backtracks too much: 1)" },
	{ "grep", "{'pattern':'x','path':'fifo'}", ERR, "grep: fifo: not a regular file" },
	{ "grep", "{'pattern':'x','path':'missing'}", ERR,
		"grep: missing: no such file or directory" },
	{ "grep", "{'pattern':'secret','path':'.'}", OK,
		"no matches\n(not searched because larger than 8388608 bytes: 1)" },
	{ "grep", "{'pattern':'secret','path':'../outside'}", ERR, "~escapes workdir" },
};

/* ---- the working directory ---- */

static char base_dir[] = "/tmp/agentdirs-tools-XXXXXX";
static char *work; /* base_dir/w */
static struct root roots[2];
static struct tool_run run = { .roots = roots, .root_count = 1 };

/* The text with $W written out. */
static char *with_work(const char *text)
{
	struct buf out = BUF_INIT(0);
	for (const char *at; (at = strstr(text, "$W")); text = at + 2) {
		(void)buf_add(&out, text, (size_t)(at - text));
		(void)buf_add_text(&out, work);
	}
	(void)buf_add_text(&out, text);
	return buf_take(&out);
}

static void make_content(int dir, size_t i)
{
	int fd = openat(dir, tree[i].path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	CHECK(fd >= 0);
	if (tree[i].kind == SIZED)
		CHECK_INT(ftruncate(fd, atoll(tree[i].content)), 0);
	else
		CHECK_INT(io_write_all(fd, tree[i].content, strlen(tree[i].content)), 0);
	if (tree[i].mode)
		CHECK_INT(fchmod(fd, tree[i].mode), 0);
	const struct timespec then = { .tv_sec = clock_wall_us() / 1000000 - tree[i].age_s };
	const struct timespec times[2] = { then, then };
	CHECK_INT(futimens(fd, times), 0);
	close(fd);
}

static void make_row(int dir, size_t i)
{
	cleanup(free) char *path = xprintf("%s/%s", work, tree[i].path);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	CHECK_INT(io_make_dirs(path, 0755), 0);
	cleanup(free) char *target = with_work(tree[i].content ? tree[i].content : "");
	if (tree[i].kind == LINK)
		CHECK_INT(symlinkat(target, dir, tree[i].path), 0);
	else if (tree[i].kind == DIR_)
		CHECK_INT(mkdirat(dir, tree[i].path, 0755), 0);
	else if (tree[i].kind == FIFO)
		CHECK_INT(mkfifoat(dir, tree[i].path, 0644), 0);
	else
		make_content(dir, i);
}

static void make_tree(void)
{
	CHECK(mkdtemp(base_dir) != NULL);
	work = xprintf("%s/w", base_dir);
	CHECK_INT(mkdir(work, 0755), 0);
	roots[0] = (struct root){ work, open(work, O_PATH | O_DIRECTORY | O_CLOEXEC), false };
	for (size_t i = 0; i < ARRAY_LEN(tree); i++)
		make_row(roots[0].fd, i);
}

static void remove_tree(void)
{
	cleanup(free) char *command = xprintf("rm -rf %s", base_dir);
	CHECK_INT(system(command), 0);
	close(roots[0].fd);
	free(work);
}

/* ---- cases ---- */

/* Packs and unpacks as on the way from the harness, runs, and gives the result. */
static int run_tool(const char *name, const char *json, struct buf *ret_text)
{
	const struct tool *tool = tool_find(name);
	char args[TOOL_ARGS_SIZE_MAX] __attribute__((aligned(16)));
	struct buf packed = BUF_INIT(0);
	cJSON *input = json_parse(json, strlen(json), ret_text);
	int r = input ? param_pack(tool->params, input, &packed, ret_text) : -EINVAL;
	if (r == 0)
		r = param_unpack(tool->params, buf_slice(&packed), args, ret_text);
	run.deadline_ms = clock_now_ms() + 20000;
	if (r == 0)
		r = tool->run(&run, args, ret_text);
	cJSON_Delete(input);
	buf_done(&packed);
	return r;
}

static char *with_quotes(const char *text)
{
	char *json = with_work(text);
	for (char *at = json; (at = strchr(at, '\'')); at++)
		*at = '"';
	return json;
}

static void check_case(size_t i)
{
	struct buf text = BUF_INIT(0);
	cleanup(free) char *json = with_quotes(cases[i].input);
	cleanup(free) char *want = with_work(cases[i].want);
	int r = run_tool(cases[i].tool, json, &text);
	CHECK_INT(r < 0, cases[i].outcome == ERR);
	if (want[0] == '~')
		CHECK(strstr(buf_text(&text), want + 1));
	else
		CHECK_TEXT(buf_text(&text), want);
	if ((r < 0) != (cases[i].outcome == ERR) ||
		!strstr(buf_text(&text), want + (want[0] == '~')))
		printf("#   %s %s\n#   gave %s\n", cases[i].tool, json, buf_text(&text));
	buf_done(&text);
}

/* ---- what a table cannot say ---- */

static void test_modes(void)
{
	struct stat st;
	CHECK_INT(fstatat(roots[0].fd, "script.sh", &st, 0), 0);
	CHECK_INT(st.st_mode & 07777, 0755);
	CHECK_INT(fstatat(roots[0].fd, "made/by/link.txt", &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_INT(st.st_mode & 07777, 0644);
	CHECK_INT(fstatat(roots[0].fd, "c0", &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(st.st_mode)); /* the edit went to its target */
	CHECK_INT(fstatat(roots[0].fd, "../outside/made.txt", &st, 0), -1);
}

static void test_read_only(void)
{
	struct buf text = BUF_INIT(0);
	cleanup(free) char *prefix = xprintf("%s/outside", base_dir);
	cleanup(free) char *path = xprintf("{\"file_path\":\"%s/secret.txt\",\"content\":\"x\"}",
		prefix);
	roots[1] = (struct root){ prefix, open(prefix, O_PATH | O_DIRECTORY | O_CLOEXEC), true };
	run.root_count = 2;
	CHECK_INT(run_tool("read", path, &text), 0);
	CHECK_TEXT(buf_text(&text), "secret\n");
	buf_clear(&text);
	CHECK_INT(run_tool("write", path, &text), -EROFS);
	CHECK(strstr(buf_text(&text), "is inside read-only directory"));
	buf_clear(&text);
	run.root_count = 1;
	close(roots[1].fd);
	buf_done(&text);
}

static void put_file(const char *path, const char *data, size_t size)
{
	CHECK_INT(io_write_file(roots[0].fd, path, data, size, 0644), 0);
}

/* Bytes that cannot be written into the table: NULs stay where they are. */
static void test_nul(void)
{
	char data[2003] = "OLD";
	struct buf text = BUF_INIT(0), file = BUF_INIT(0);
	put_file("nul.bin", data, sizeof(data));
	cleanup(free) char *input = with_quotes("{'file_path':'nul.bin','old_string':'OLD',"
						"'new_string':'NEW'}");
	CHECK_INT(run_tool("edit", input, &text), 0);
	CHECK_INT(io_read_file(roots[0].fd, "nul.bin", 10000, &file), 0);
	CHECK_INT(file.size, sizeof(data));
	CHECK(memcmp(file.data, "NEW\0\0", 5) == 0);
	buf_done(&text);
	buf_done(&file);
}

static void test_many_hits(void)
{
	struct buf text = BUF_INIT(0);
	size_t lines = 1;
	CHECK_INT(mkdirat(roots[0].fd, "many", 0755), 0);
	for (int i = 0; i < 205; i++) {
		cleanup(free) char *path = xprintf("%s/many/%03d", work, i);
		cleanup(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		CHECK(fd >= 0);
	}
	CHECK_INT(run_tool("glob", "{\"pattern\":\"many/*\"}", &text), 0);
	for (const char *at = buf_text(&text); (at = strchr(at, '\n')); at++)
		lines++;
	CHECK_INT(lines, 201);
	CHECK(strstr(buf_text(&text), "\n(5 more not shown)"));
	buf_done(&text);
}

static void test_large_grep(void)
{
	struct buf text = BUF_INIT(0), file = BUF_INIT(0);
	for (int i = 0; i < 20000; i++)
		(void)buf_add_text(&file, "needle in a haystack\n");
	put_file("hay.txt", file.data, file.size);
	CHECK_INT(run_tool("grep", "{\"pattern\":\"needle\",\"path\":\"hay.txt\"}", &text), 0);
	CHECK(strstr(buf_text(&text), "\n[output truncated at 102400 bytes]"));
	CHECK(text.size < 102400 + 100);
	buf_clear(&text);
	buf_clear(&file);
	for (int i = 0; i < 200001; i++)
		(void)buf_add_char(&file, 'x');
	put_file("long.txt", file.data, file.size);
	CHECK_INT(run_tool("grep", "{\"pattern\":\"x$\",\"path\":\"long.txt\"}", &text), 0);
	CHECK(strstr(buf_text(&text), " [line cut, 200001 bytes]"));
	CHECK(text.size < 2200);
	buf_done(&text);
	buf_done(&file);
}

static void test_deep_walk(void)
{
	struct buf text = BUF_INIT(0);
	cleanup(free) char *command = xprintf("cd %s && for i in $(seq 60); do mkdir d && cd d; done",
		work);
	CHECK_INT(system(command), 0);
	CHECK_INT(run_tool("glob", "{\"pattern\":\"d/**/nothing\"}", &text), 0);
	CHECK_TEXT(buf_text(&text),
		"no matches\n(incomplete: did not go deeper than 40 directories)");
	buf_done(&text);
}

/* Somebody swaps a directory for a link that leads out, again and again, while we read through
 * it. */
static void test_race(void)
{
	enum { READS = 3000 };
	int wrong = 0, right = 0;
	CHECK_INT(mkdirat(roots[0].fd, "race", 0755), 0);
	CHECK_INT(symlinkat("../outside", roots[0].fd, "race2"), 0);
	put_file("race/secret.txt", "inside\n", 7);
	pid_t pid = fork();
	while (pid == 0)
		if (renameat2(roots[0].fd, "race", roots[0].fd, "race2", RENAME_EXCHANGE) < 0 ||
			getppid() == 1)
			_exit(1);
	for (int i = 0; i < READS; i++) {
		struct buf text = BUF_INIT(0);
		int r = run_tool("read", "{\"file_path\":\"race/secret.txt\"}", &text);
		right += r == 0 && strcmp(buf_text(&text), "inside\n") == 0;
		wrong += r == 0 && strcmp(buf_text(&text), "inside\n") != 0;
		buf_done(&text);
	}
	CHECK_INT(kill(pid, SIGKILL), 0);
	(void)waitpid(pid, NULL, 0);
	CHECK(right > 0);
	CHECK_INT(wrong, 0);
}

int main(void)
{
	json_setup();
	(void)umask(022);
	make_tree();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_case(i);
	test_modes();
	test_read_only();
	test_nul();
	test_many_hits();
	test_large_grep();
	test_deep_walk();
	test_race();
	remove_tree();
	return test_done();
}
