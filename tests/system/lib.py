# SPDX-License-Identifier: MIT
"""What every system test needs: a mount of its own, bounded waiting, TAP, and the rules of the event log.

A test is an executable tests/system/test-NAME.py; nothing registers it:

    #!/usr/bin/env python3
    # SPDX-License-Identifier: MIT
    # users: root user          (as whom the runner runs it; both when left out)
    # timeout: 60               (seconds for the whole script; 120 when left out)
    from lib import *

    @test
    def a_question_gets_an_answer():
        with Mount() as m:
            s = m.session("x")
            assert s.ask("hello") != ""
            check_log(s.events())

    main()

Every wait has a limit.  A Mount cleans up whatever happens, and fails the test when its log holds something
suspicious.  Only the standard library is used.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

__all__ = """test main skip need Failure run start wait_until Mount Session ROOT BUILD AGENTDIRS is_root
descendants is_alive mounts_below
load_events types of_type check_log json os pathlib re signal subprocess time contextlib shutil""".split()

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AGENTDIRS_BUILD", ROOT / "build"))
AGENTDIRS = BUILD / "agentdirs"
START_SECONDS = 40  # a sanitized build on a busy machine
STOP_SECONDS = 50  # the command itself waits at most 35


# --- TAP ---

class Failure(AssertionError):
    """What was expected did not happen; the text says both."""


class Skip(Exception):
    pass


_tests = []


def test(function):
    """Marks a function as a test; its name, with blanks, is what TAP calls it."""
    _tests.append(function)
    return function


def skip(reason):
    """Ends the running test, or the whole script when called outside of one, as not possible here."""
    raise Skip(reason)


def need(condition, reason):
    if not condition:
        skip(reason)


def is_root():
    return os.geteuid() == 0


def _diagnose(text):
    for line in text.rstrip().splitlines():
        print("#", line)


def _run_one(number, function):
    name = function.__name__.replace("_", " ")
    began = time.monotonic()
    try:
        function()
    except Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except BaseException:  # a KeyboardInterrupt, too, must not lose the diagnostics
        print(f"not ok {number} - {name}", flush=True)
        _diagnose(traceback.format_exc())
        return False
    print(f"ok {number} - {name} ({time.monotonic() - began:.2f} s)", flush=True)
    return True


def main(before=None):
    """Runs the tests of the script, or those whose names contain a word of the command line.  `before` may
    skip the whole script, which then exits with 77."""
    try:
        need(AGENTDIRS.exists(), f"{AGENTDIRS} is not built")
        if before:
            before()
    except Skip as reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` runs
    chosen = [t for t in _tests if not sys.argv[1:] or any(w in t.__name__ for w in sys.argv[1:])]
    results = [_run_one(i + 1, t) for i, t in enumerate(chosen)]
    print(f"1..{len(results)}")
    sys.exit(0 if all(results) and results else 1)


# --- processes ---

def start(command, **more):
    """Popen in a session of its own, so that it can be ended with all it started."""
    options = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                   start_new_session=True)
    return subprocess.Popen([str(word) for word in command], **{**options, **more})


def run(command, timeout=30, input=None, check=False, **more):
    """Runs a command with a limit.  The result has .returncode, .stdout and .stderr; running too long is a
    Failure, and with `check` so is any exit code but 0."""
    process = start(command, **{**(dict(stdin=subprocess.PIPE) if input is not None else {}), **more})
    try:
        out, err = process.communicate(input, timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may wait for a stuck mount
            process.communicate(timeout=2)
        raise Failure(f"not done within {timeout} s: {_quote(command)}") from None
    if check and process.returncode != 0:
        raise Failure(f"exit code {process.returncode}: {_quote(command)}\n{out}{err}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _quote(command):
    return " ".join(str(word) for word in command)


def wait_until(predicate, timeout=10, what=None):
    """Waits until the predicate gives something true, and returns that.  An OSError counts as not yet."""
    due = time.monotonic() + timeout
    last = None
    while time.monotonic() < due:
        try:
            value = predicate()
            if value:
                return value
        except OSError as error:
            last = error
        time.sleep(0.01)
    name = what or getattr(predicate, "__name__", "the condition")
    raise Failure(f"waited {timeout} s for {name}" + (f"; last: {last}" if last else ""))


def process_ids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_of(pid):
    """The parent's pid, or 0 when the process is gone or dead."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[1])


def descendants(*ancestors):
    """All living processes below these."""
    parents = {pid: parent_of(pid) for pid in process_ids()}
    found, grown = set(ancestors), True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - set(ancestors)


def is_alive(pid):
    return parent_of(pid) != 0


def mounts_below(directory):
    """Mount points at or below a directory, deepest first; asks the kernel only, touches none."""
    decode = lambda text: re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), text)
    points = [decode(line.split()[4]) for line in open("/proc/self/mountinfo", errors="surrogateescape")]
    below = [p for p in points if p == str(directory) or p.startswith(f"{directory}/")]
    return sorted(below, key=len, reverse=True)


def detach(point):
    """Takes a mount away, whatever state it is in."""
    command = ["umount", "-l", point] if is_root() else ["fusermount3", "-u", "-z", point]
    run(command, timeout=10)


# --- a mount ---

# Words that no healthy process prints.  A test that provokes one names it with Mount.expect().
SUSPICIOUS = re.compile(
    r"error|abort|assert|sanitizer|runtime error|panic|segmentation|leak|corrupt|traceback|core dumped"
    r"|killed by signal|killing it|giving up", re.IGNORECASE)


class Mount:
    """An agentdirs mount in a temporary directory, with the rehearsal model.

    `options` go to `agentdirs mount`; `program` is the executable; `environment` replaces or, with None,
    removes variables."""

    def __init__(self, *options, offline=True, program=None, environment=None, ready=True):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="mount."))
        self.path = self.base / "mnt"
        self.store = self.base / "store"
        self.program = pathlib.Path(program or AGENTDIRS)
        self.options = [*options, *(["--offline"] if offline else [])]
        self.environment = self._environment(environment or {})
        self.expected = []
        self.started = None
        self.supervisor = 0
        if ready:
            self.start()

    def _environment(self, changes):
        keep = {name: value for name, value in os.environ.items()
                if not name.startswith(("ANTHROPIC_", "AGENTDIRS_", "XDG_"))}
        keep["HOME"] = str(self.base)
        keep.update(changes)
        return {name: value for name, value in keep.items() if value is not None}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(failing=kind is not None)

    def __truediv__(self, name):
        return self.path / name

    def command(self, *words, timeout=STOP_SECONDS, **more):
        """Runs `agentdirs WORDS` with the store of this mount."""
        return run([self.program, words[0], "--store", self.store, *words[1:]], timeout=timeout,
                   env=self.environment, cwd=self.base, **more)

    def start(self, check=True):
        """Mounts (again); the result of the command."""
        began = time.monotonic()
        result = self.command("mount", *self.options, self.path, timeout=START_SECONDS + 30)
        self.started = time.monotonic() - began
        if result.returncode == 0:
            self.supervisor = self.recorded_pid()
        if check and result.returncode != 0:
            log = self.log()
            self.close(failing=True)
            raise Failure(f"agentdirs mount: exit code {result.returncode}\n{result.stderr}{log}")
        return result

    def stop(self):
        return self.command("umount", self.path)

    def recorded_pid(self):
        with contextlib.suppress(OSError):
            match = re.search(r"^supervisor_pid (\d+)$", (self.store / "run").read_text(), re.M)
            return int(match[1]) if match else 0
        return 0

    def facts(self):
        """The root's status file as a dictionary."""
        lines = (self.path / "status").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def pid(self, name):
        """Of `fs`, `harness`, `spawner`, `rehearsal` or `supervisor`; 0 while there is none."""
        return int(self.facts().get(f"{name}_pid", 0))

    def kill(self, name, timeout=15):
        """kill -9 of one of them; returns when its successor serves."""
        old = wait_until(lambda: self.pid(name), timeout, name)  # the fs hears of the last one a moment after us
        self.expect("killed by signal 9")
        os.kill(old, signal.SIGKILL)
        return wait_until(lambda: self.pid(name) not in (0, old) and self.pid(name), timeout,
                          f"a new {name}")

    def log(self):
        with contextlib.suppress(OSError):
            return (self.store / "log").read_text(errors="replace")
        return ""

    def expect(self, *patterns):
        """Lines of the log that match one of these are not suspicious in this test."""
        self.expected.extend(patterns)

    def suspicious_lines(self):
        lines = [line for line in self.log().splitlines() if SUSPICIOUS.search(line)]
        return [line for line in lines if not any(re.search(p, line) for p in self.expected)]

    def session(self, name, agent=None):
        """A new session, or the existing one of that name."""
        with contextlib.suppress(FileExistsError):
            (self.path / "sessions" / name).mkdir()
        return Session(self, name)

    # Cleaning up: nicely when the test went well, by force when that does not help.

    def _end_by_force(self):
        if self.supervisor:
            for pid in descendants(self.supervisor) | {self.supervisor}:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        for point in mounts_below(self.base):
            detach(point)

    def close(self, failing=False):
        if not self.base.exists():
            return
        problem, log = None, ""
        try:
            if self.supervisor and is_alive(self.supervisor) or mounts_below(self.base):
                result = self.stop()
                problem = result.stderr if result.returncode != 0 else None
        except Failure as failure:
            problem = str(failure)
        finally:
            log, suspicious = self.log(), self.suspicious_lines()
            self._end_by_force()
            shutil.rmtree(self.base, ignore_errors=True)
        if failing:
            _diagnose("log of the store:\n" + log[-8000:])
            return
        if problem:
            raise Failure(f"umount: {problem}\n{log}")
        if suspicious:
            raise Failure("suspicious lines in the log:\n" + "\n".join(suspicious) + "\n\n" + log[-8000:])


class Session:
    """One directory of sessions/."""

    def __init__(self, mount, name):
        self.mount = mount
        self.name = name
        self.path = mount.path / "sessions" / name

    def __truediv__(self, name):
        return self.path / name

    def read(self, name):
        return (self.path / name).read_text()

    def send(self, text):
        """One message, in one write."""
        data = text.encode() if isinstance(text, str) else text
        fd = os.open(self.path / "input", os.O_WRONLY)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)

    def wait(self, timeout=30):
        """Until everything queued is worked off; the status line."""
        return run(["cat", self.path / "wait"], timeout=timeout, check=True).stdout.strip()

    def ask(self, text, timeout=30):
        """Sends, waits, and gives the reply."""
        self.send(text)
        self.wait(timeout)
        return self.read("reply")

    def status(self):
        return self.read("status").strip()

    def events(self):
        return load_events(self.read("events"))

    def wait_for(self, kind, count=1, timeout=15):
        """The events of a type, as soon as there are that many."""
        return wait_until(lambda: len(found := of_type(self.events(), kind)) >= count and found, timeout,
                          f"{count} {kind}")


# --- the event log ---

def load_events(text):
    """JSONL to a list; every line must be one whole object."""
    if text and not text.endswith("\n"):
        raise Failure("the log ends in the middle of a line")
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        assert isinstance(event, dict) and isinstance(event.get("type"), str), event
    return events


def types(events):
    return [event["type"] for event in events]


def of_type(events, *kinds):
    """Events of these types; a type that ends in * stands for all that begin so."""
    fits = lambda kind, want: kind.startswith(want[:-1]) if want.endswith("*") else kind == want
    return [e for e in events if any(fits(e["type"], want) for want in kinds)]


USES = {"agent.tool_use": "tool_use_id", "agent.mcp_tool_use": "mcp_tool_use_id",
        "agent.custom_tool_use": "custom_tool_use_id"}
RESULTS = {"agent.tool_result": "tool_use_id", "agent.mcp_tool_result": "mcp_tool_use_id",
           "user.tool_result": "tool_use_id", "user.custom_tool_result": "custom_tool_use_id"}
KNOWN = set(USES) | set(RESULTS) | set("""
user.message user.interrupt user.tool_confirmation user.define_outcome system.message
agent.message agent.thinking agent.thread_message_sent agent.thread_message_received agent.thread_context_compacted
session.status_running session.status_idle session.status_rescheduled session.status_terminated session.deleted
session.updated session.error session.usage session.thread_created session.thread_status_running
session.thread_status_idle session.thread_status_rescheduled session.thread_status_terminated
span.model_request_start span.model_request_end span.outcome_evaluation_start span.outcome_evaluation_ongoing
span.outcome_evaluation_end workflow_run.created workflow_run.status_running workflow_run.status_idle
workflow_run.phase_started workflow_run.phase_ended workflow_run.error workflow_run.status_ended""".split())
STOP_REASONS = {"end_turn", "requires_action", "budget_reached", "retries_exhausted", "refusal"}


class LogRules:
    """The order rules of a primary log, one method a rule; each method sees every event with its place."""

    def __init__(self):
        self.broken = []
        self.ids = set()
        self.last_time = ""
        self.previous = None
        self.state = "idle"
        self.requests = {}  # id of a start -> True while it is open
        self.uses = {}  # id of a use -> the event
        self.answered = set()
        self.since_idle_usage = 0

    def say(self, number, event, what):
        self.broken.append(f"event {number} {event['type']} {event.get('id')}: {what}")

    def identity(self, n, e):
        if not re.fullmatch(r"sevt_[A-Za-z0-9]+", str(e.get("id"))):
            self.say(n, e, "its id is not sevt_...")
        if e.get("id") in self.ids:
            self.say(n, e, "its id was there before")
        self.ids.add(e.get("id"))
        if e["type"] not in KNOWN:
            self.say(n, e, "the API has no such type")

    def time(self, n, e):
        at = e.get("processed_at")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(at)):
            self.say(n, e, f"processed_at is {at!r}")
        elif at < self.last_time:
            self.say(n, e, f"processed_at {at} is before {self.last_time}")
        else:
            self.last_time = at

    def turns(self, n, e):
        kind = e["type"]
        if kind == "session.status_running":
            if self.state == "running":
                self.say(n, e, "the session was running already")
            self.state = "running"
        elif kind == "session.status_rescheduled":
            self.state = "rescheduling"
        elif kind == "session.status_terminated":
            self.state = "terminated"
        elif kind == "session.status_idle":
            self.state = "idle"
        if self.previous == "session.status_running" and kind != "session.thread_status_running":
            self.say(n, e, "status_running is followed by something else than thread_status_running")

    def idle(self, n, e):
        if e["type"] == "session.usage":
            self.since_idle_usage += 1
        if e["type"] != "session.status_idle":
            return
        if self.previous != "session.usage" or self.since_idle_usage != 1:
            self.say(n, e, f"not preceded by exactly one session.usage but {self.since_idle_usage}")
        self.since_idle_usage = 0
        reason = (e.get("stop_reason") or {}).get("type")
        if reason not in STOP_REASONS:
            self.say(n, e, f"stop_reason is {e.get('stop_reason')!r}")
        if reason == "requires_action":
            waiting = e["stop_reason"].get("event_ids") or []
            wrong = [i for i in waiting if i not in self.uses or i in self.answered]
            if not waiting or wrong:
                self.say(n, e, f"waits for {waiting}, of which {wrong} are no open calls")
        elif any(self.requests.values()):
            self.say(n, e, "idle with an open model request")

    def spans(self, n, e):
        if e["type"] == "span.model_request_start":
            self.requests[e["id"]] = True
        elif e["type"] == "span.model_request_end":
            begun = e.get("model_request_start_id")
            if not self.requests.get(begun):
                self.say(n, e, f"ends {begun}, which is not open")
            self.requests[begun] = False
        elif e["type"] in ("agent.message", "agent.thinking", *USES) and "session_thread_id" not in e:
            if not any(self.requests.values()):
                self.say(n, e, "outside of a model request")

    def calls(self, n, e):
        if e["type"] in USES:
            self.uses[e["id"]] = e
        elif e["type"] == "user.tool_confirmation":
            use = self.uses.get(e.get("tool_use_id"))
            if not use or use.get("evaluated_permission") != "ask":
                self.say(n, e, "answers no call that asked")
        elif e["type"] in RESULTS:
            use = e.get(RESULTS[e["type"]])
            if use not in self.uses:
                self.say(n, e, f"is the result of {use}, which was not called before")
            if use in self.answered:
                self.say(n, e, f"is a second result of {use}")
            self.answered.add(use)

    def see(self, number, event):
        for rule in (self.identity, self.time, self.turns, self.idle, self.spans, self.calls):
            rule(number, event)
        self.previous = event["type"]

    def end(self, finished):
        if not finished:
            return
        self.broken += [f"model request {i} has no end" for i, is_open in self.requests.items() if is_open]
        self.broken += [f"call {i} has no result" for i in self.uses if i not in self.answered]
        if self.state == "running":
            self.broken.append("the log ends with the session running")


def check_log(events, finished=True):
    """Raises with all violations of the API's order rules.  `finished`: the session is idle for good, so every
    request has its end and every call its result."""
    rules = LogRules()
    for number, event in enumerate(events):
        rules.see(number, event)
    rules.end(finished)
    if rules.broken:
        listing = "\n".join(f"{n} {json.dumps(e)[:160]}" for n, e in enumerate(events))
        raise Failure("\n".join(rules.broken) + "\n\n" + listing)
