/* SPDX-License-Identifier: MIT */
#include "rehearsal/script.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/json.h"

enum { WRONG_TEXT_MAX = 1000 };

static struct round *last_round(struct script *script)
{
	return &script->rounds[script->round_count - 1];
}

static void add_round(struct script *script)
{
	script->rounds = xrealloc(script->rounds, (script->round_count + 1) * sizeof(struct round));
	script->rounds[script->round_count++] = (struct round){ .words = BUF_INIT(SCRIPT_TEXT_MAX),
		.say = BUF_INIT(SCRIPT_TEXT_MAX) };
}

static void wrong(struct script *script, const char *sentence)
{
	if (!script->wrong.size)
		(void)buf_add_text(&script->wrong, sentence);
}

/* A round ends with its calls: the model cannot go on before it has the results. */
static void next_round(struct script *script)
{
	if (!last_round(script)->call_count)
		return;
	if (script->round_count == ROUNDS_MAX)
		wrong(script, "the script has more than 256 rounds");
	else
		add_round(script);
}

static void add_call(struct script *script, char *name /* taken */, char *input /* taken */)
{
	struct round *round = last_round(script);
	if (round->call_count == CALLS_MAX) {
		wrong(script, "a round has more than 256 calls");
		free(name);
		free(input);
		return;
	}
	round->calls = xrealloc(round->calls, (round->call_count + 1) * sizeof(struct call));
	round->calls[round->call_count++] = (struct call){ .name = name, .input = input };
}

static const char *after(const char *line, const char *start)
{
	size_t n = strlen(start);
	return strncmp(line, start, n) == 0 ? line + n : NULL;
}

static void add_line(struct buf *to, const char *line)
{
	(void)buf_printf(to, "%s%s", to->size ? "\n" : "", line);
}

static bool take_bash(struct script *script, const char *line)
{
	const char *command = after(line, "! ");
	if (!command || !command[strspn(command, " \t")])
		return false;
	struct buf input = BUF_INIT(SCRIPT_TEXT_MAX);
	(void)buf_add_text(&input, "{\"command\":");
	(void)json_quote(&input, command, strlen(command));
	(void)buf_add_text(&input, "}");
	add_call(script, xstrdup("bash"), buf_take(&input));
	return true;
}

/* "@alice hello" is words; only a name with an object behind it is a call. */
static bool take_tool(struct script *script, const char *line)
{
	const char *name = after(line, "@");
	size_t n = name ? strcspn(name, " \t{") : 0;
	if (!n)
		return false;
	const char *input = name + n + strspn(name + n, " \t");
	if (*input != '{')
		return false;
	cleanup(free) char *text = xstrndup(name, n);
	cleanup(buf) struct buf why = BUF_INIT(WRONG_TEXT_MAX);
	cleanup(json) cJSON *json = json_parse(input, strlen(input), &why);
	if (json) {
		add_call(script, steal(text), xstrdup(input));
		return true;
	}
	cleanup(free) char *sentence = xprintf("the input of @%.60s is %s", text, buf_text(&why));
	wrong(script, sentence);
	return true;
}

static bool take_then(struct script *script, const char *line)
{
	if (strcmp(line, "then") != 0)
		return false;
	next_round(script);
	return true;
}

static bool take_say(struct script *script, const char *line)
{
	const char *text = after(line, "say ");
	if (!text || !text[strspn(text, " \t")])
		return false;
	next_round(script);
	add_line(&last_round(script)->say, text);
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "%5 of them" is words. */
static bool take_directive(struct script *script, const char *line)
{
	const char *text = after(line, "%");
	if (!text || !is_letter(*text))
		return false;
	struct round *round = last_round(script);
	cleanup(buf) struct buf why = BUF_INIT(WRONG_TEXT_MAX);
	size_t before = round->fault_count;
	int r = directive_take(text, round->faults, &round->fault_count, FAULTS_MAX, &round->manner,
		&why);
	if (round->fault_count > before)
		round->faults[before].text = script->text_count;
	if (r < 0)
		wrong(script, buf_text(&why));
	return true;
}

static bool take_replay(struct script *script, const char *line)
{
	const char *path = after(line, "replay:");
	if (!path)
		return false;
	path += strspn(path, " \t");
	if (*path != '/') {
		wrong(script, "replay: needs an absolute path");
		return true;
	}
	free(script->replay);
	script->replay = xstrdup(path);
	return true;
}

static const struct line_kind kinds[] = {
	{ "! COMMAND", "call bash with this command", take_bash },
	{ "@TOOL {JSON}", "call any tool with this input; several calls go into one answer",
		take_tool },
	{ "then", "what follows comes after the results of the calls above", take_then },
	{ "say TEXT", "the model's words after all results, verbatim", take_say },
	{ "%DIRECTIVE", "something goes wrong or is special in this round; %help lists them",
		take_directive },
	{ "replay: PATH", "answer as the recorded session did whose events log this is",
		take_replay },
};

const struct line_kind *script_line_kind_at(size_t index)
{
	return index < ARRAY_LEN(kinds) ? &kinds[index] : NULL;
}

static void take_line(struct script *script, const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].take(script, line)) {
			script->is_plain = false;
			return;
		}
	add_line(&last_round(script)->words, line);
}

void script_init(struct script *script)
{
	*script = (struct script){ .is_plain = true, .wrong = BUF_INIT(WRONG_TEXT_MAX) };
	add_round(script);
}

void script_add(struct script *script, const char *text)
{
	last_round(script)->manner = (struct manner){ 0 };
	cleanup(free) char *copy = xstrdup(text);
	for (char *at = copy; at;) {
		char *line = strsep(&at, "\n");
		size_t n = strlen(line);
		if (n && line[n - 1] == '\r')
			line[n - 1] = '\0';
		take_line(script, line);
	}
	script->text_count++;
}

static void round_done(struct round *round)
{
	for (size_t i = 0; i < round->call_count; i++) {
		free(round->calls[i].name);
		free(round->calls[i].input);
	}
	free(round->calls);
	buf_done(&round->words);
	buf_done(&round->say);
}

void script_done(struct script *script)
{
	for (size_t i = 0; i < script->round_count; i++)
		round_done(&script->rounds[i]);
	free(script->rounds);
	free(script->replay);
	buf_done(&script->wrong);
	*script = (struct script){ 0 };
}
