#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""The tree alone, with real programs: writing, reading, waiting, editing, and a process that dies under it."""

import contextlib
import errno
import os
import select
import stat
import threading

from lib import *
from tree import Elsewhere, Tree

LONG = "long " * 1000 + "end"


def sh(command, shell="bash", timeout=20, cwd="/"):
    return run([shell, "-c", command], timeout=timeout, cwd=cwd)


def reader(path, **more):
    """A `cat` in the background."""
    return start(["cat", path], **more)


def fails_with(code, function, *words):
    try:
        function(*words)
    except OSError as error:
        assert error.errno == code, f"{error}, not {errno.errorcode[code]}"
        return
    raise Failure(f"no error, expected {errno.errorcode[code]}")


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text if isinstance(text, bytes) else text.encode())
    finally:
        os.close(fd)


def is_parked(process):
    """Whether it sleeps in a read of the tree."""
    try:
        return pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S" and \
            pathlib.Path(f"/proc/{process.pid}/syscall").read_text().split()[0] == "0"
    except OSError:
        return False


# --- looking around ---

@test
def everything_listed_can_be_looked_at():
    with Tree() as t:
        t.session("x")
        for command in ("find . -ls", "grep -r no-such-text . ; true", "du -s .", "tar c . | tar t",
                        "ls -lR", "find . -type f -exec cat {} +"):
            result = sh(command, cwd=t.path)
            assert result.returncode == 0 and result.stderr == "", result


@test
def sizes_are_true():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        t.say("x", "m1", "an answer")
        t.idle("x")
        for path in s.iterdir():
            if path.is_file() and path.name != "input":
                assert path.stat().st_size == len(path.read_bytes()), path.name
        assert (s / "input").read_bytes() == b""


@test
def the_names_in_a_listing_are_those_that_open_finds():
    with Tree() as t:
        s = t.session("x")
        for directory in (t.path, t / "agents", t / "by-id", t / "sessions", s):
            for name in os.listdir(directory):
                os.lstat(directory / name)
        assert not {"wait", "follow", "live"} & set(os.listdir(s))
        assert (s / "follow").exists()


@test
def inode_numbers_outlive_a_mount():
    with Tree() as t:
        s = t.session("x")
        before = [p.lstat().st_ino for p in (s, s / "input", s / "agent", t / "README")]
        t.end()
        os.ftruncate(t.init, 0)
        t.start()
        assert before == [p.lstat().st_ino for p in (s, s / "input", s / "agent", t / "README")]


@test
def readme_and_status_say_what_there_is():
    with Tree() as t:
        t.session("x")
        text = (t / "README").read_text()
        assert re.search("^sessions/ .*\n  NAME/ .*\n(    .*\n)*    input  +write a message", text, re.M)
        assert "mkdir sessions/fix" in text and all(len(line) < 80 for line in text.splitlines())
        t.tell(do="facts", version="1.2.3", fs_pid="7")
        wait_until(lambda: "version 1.2.3\nfs_pid 7\n" in (t / "status").read_text(), what="the facts")
        assert "sessions_idle 1\n" in (t / "status").read_text()


# --- making, renaming, removing ---

@test
def sessions_are_made_renamed_and_removed():
    with Tree() as t:
        s = t.session("x")
        assert (s / "status").read_text() == "idle new\n"
        identity = (s / "id").read_text().strip()
        assert os.readlink(t / "by-id" / identity) == "../sessions/x"
        assert json.loads((s / "session.json").read_text())["id"] == identity
        os.rename(s, t / "sessions" / "y")
        assert os.readlink(t / "by-id" / identity) == "../sessions/y"
        fails_with(errno.EEXIST, os.mkdir, t / "sessions" / "y")
        for bad in (".hidden", "a b", "x" * 65, "-x"):
            fails_with(errno.EINVAL, os.mkdir, t / "sessions" / bad)
        (t / "sessions" / "y").rmdir()
        assert os.listdir(t / "sessions") == []


@test
def a_session_with_events_is_kept_and_a_running_one_keeps_its_name():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        fails_with(errno.EBUSY, os.rename, s, t / "sessions" / "y")
        assert "is running" in (s / "error").read_text()
        t.idle("x")
        fails_with(errno.EBUSY, os.rmdir, s)
        result = run(["rm", "-r", s], timeout=20)
        assert result.returncode == 1 and (s / "events").stat().st_size > 0
        assert os.readlink(t / "last") == "sessions/x"
        os.rename(s, t / "sessions" / "y")


@test
def links_choose_agent_and_environment():
    with Tree() as t:
        s = t.session("x")
        (t / "agents" / "coder").mkdir()
        run(["ln", "-sfn", "coder", t / "agents" / "default"], check=True)
        assert os.readlink(t / "agents" / "default") == "coder"
        run(["ln", "-sfn", "../../agents/coder", s / "agent"], check=True)
        assert os.readlink(s / "agent").startswith("../../agents/coder")
        assert (s / "agent" / "model").read_text() == "claude-sonnet-5-5\n"
        assert json.loads((s / "session.json").read_text())["agent"]["name"] == "coder"
        assert run(["ln", "-sfn", "../../agents/nobody", s / "agent"]).returncode == 1
        assert "none named nobody" in (s / "error").read_text()
        assert sorted(os.listdir(t / "agents")) == ["assistant", "coder", "default"]
        write(s / "input", "hi")
        t.take("x")
        assert run(["ln", "-sfn", "../../agents/assistant", s / "agent"]).returncode == 1
        fails_with(errno.EBUSY, os.rmdir, t / "agents" / "coder")


# --- writing messages ---

WRITERS = {  # what a program writes to input, and the messages that come of it
    "echo hello > input": ["hello"],
    "echo hello >> input": ["hello"],
    "printf 'a\\nb\\nc\\n' > input": ["a\nb\nc"],
    "printf 'no newline' > input": ["no newline"],
    "cat > input <<'E'\none\ntwo\nE": ["one\ntwo"],
    "cat > input <<< here": ["here"],
    "{ echo a; ls -d /; echo b; } > input": ["a\n/\nb"],
    "exec 3>input; echo a >&3; echo b >&3": ["a", "b"],
    ": > input; touch input; echo > input; printf '  \\n' > input": [],
    f"echo '{LONG}' > input": [LONG],
    "echo from tee | tee input > /dev/null": ["from tee"],
    "echo copied > \"$HOME/m\"; cp \"$HOME/m\" input": ["copied"],
    "echo moved > \"$HOME/m\"; dd if=\"$HOME/m\" of=input bs=2 2> /dev/null": ["moved"],
    "(echo sub; (echo shell)) > input": ["sub\nshell"],
    "exec 3>input; (echo in a child >&3); exec 3>&-": ["in a child"],
    "python3 -c 'print(\"from python\")' > input": ["from python"],
    "python3 -uc 'print(\"un\", \"buffered\")' > input": ["un buffered"],
    "echo '{\"type\":\"user.message\",\"content\":[{\"type\":\"text\",\"text\":\"as json\"}]}' > input": ["as json"],
    "perl -e 'print \"from perl\\n\"' > input": ["from perl"],
    "seq 1 3 > input": ["1\n2\n3"],
    "echo one > input & wait; echo two > input": ["one", "two"],
}


@test
def one_redirection_is_one_message_whoever_writes():
    with Tree() as t:
        wrong = []
        for shell in ("bash", "dash"):
            for i, (command, want) in enumerate(WRITERS.items()):
                if shell == "dash" and "<<<" in command:
                    continue
                name = f"{shell}{i}"
                s = t.session(name)
                result = sh(command, shell, cwd=s)
                got = wait_until(lambda: len(q := t.queued(name)) >= len(want) and [q], what=command)[0]
                if got != want or result.returncode or result.stderr:
                    wrong.append(f"{shell}: {command[:60]}: {got!r:.200} {result.stderr}")
        assert not wrong, "\n".join(wrong)


@test
def other_threads_of_the_opener_complete_a_message_too():
    with Tree() as t:
        s = t.session("x")
        fd = []
        for step in (lambda: fd.append(os.open(s / "input", os.O_WRONLY)),
                     lambda: os.write(fd[0], b"from threads"), lambda: os.close(fd[0])):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join()
        wait_until(lambda: t.queued("x") == ["from threads"], what="the message")


@test
def large_messages_arrive_whole_and_larger_ones_are_refused_by_write():
    with Tree() as t:
        s = t.session("x")
        text = "0123456789abcdef" * 65536
        (s / "input").write_text(text)
        assert t.queued("x") == [text]
        with open(s / "input", "wb", buffering=0) as f:
            f.write(b"x" * (1 << 20))
            fails_with(errno.EFBIG, f.write, b"y")
            with contextlib.suppress(OSError):
                f.close()
        assert len(t.queued("x")) == 1 and "input" in (s / "error").read_text()


@test
def what_is_wrong_with_a_message_comes_from_write_with_a_sentence():
    with Tree() as t:
        s = t.session("x")
        for data, code in ((b"\xff\xfe", errno.EILSEQ), (b'{"events":[{"type":"user.message"}]}', errno.EINVAL)):
            fails_with(code, write, s / "input", data)
            said = (s / "error").read_text()
            assert "sessions/x/input" in said and os.strerror(code) in said, said
        assert t.queued("x") == []
        for shell in ("bash", "dash"):
            assert sh("printf '\\377' > input", shell, cwd=s).returncode != 0
        write(s / "input", "fine")
        assert (s / "error").read_text() == ""


@test
def ctl_takes_verbs_and_refuses_the_rest():
    with Tree() as t:
        s = t.session("x")
        assert "interrupt " in (s / "ctl").read_text()
        write(s / "ctl", "interrupt\n")
        fails_with(errno.EINVAL, write, s / "ctl", "help\nnonsense\n")
        assert "`nonsense` is not a verb" in (s / "error").read_text()
        for path in ("events", "reply", "id"):
            fails_with(errno.EPERM, os.open, s / path, os.O_WRONLY)
            fails_with(errno.EPERM, os.open, s / path, os.O_WRONLY | os.O_TRUNC)
        fails_with(errno.EPERM, os.unlink, s / "events")
        fails_with(errno.EPERM, os.mkdir, s / "folder")
        for name in ("imput", "interrupt", "notes.txt"):
            fails_with(errno.EPERM, os.open, s / name, os.O_WRONLY | os.O_CREAT)
            assert f"there is no file {name} here" in (s / "error").read_text()
            assert name not in os.listdir(s)


# --- editing ---

@test
def a_title_can_be_edited_with_everything():
    with Tree() as t:
        s = t.session("x")
        edits = ["echo 1 > title", "printf 2 > title", "echo 3 > new; mv new title", "sed -i s/3/4/ title",
                 "perl -pi -e 's/4/5/' title", "echo 6 > \"$HOME/f\"; cp \"$HOME/f\" title",
                 "echo 7 > \"$HOME/f\"; install -m 600 \"$HOME/f\" title",
                 "echo 8 > \"$HOME/f\"; mv \"$HOME/f\" title", "echo 9 | tee title > /dev/null",
                 "python3 -c 'open(\"title\", \"w\").write(\"10\")'"]
        if shutil.which("vim"):
            edits.append("vim -Nu NONE -es -c '%s/.*/11/' -c wq title")
        for i, edit in enumerate(edits):
            result = sh(edit, cwd=s)
            assert result.returncode == 0, (edit, result)
            wait_until(lambda: (s / "title").read_text() == f"{i + 1}\n", 5, edit)
        sh(": > title", cwd=s)
        wait_until(lambda: (s / "title").read_text() == "", 5, "an empty title")
        left = set(os.listdir(s)) - {"title~"}
        assert not [n for n in left if n.startswith((".", "sed", "4913", "new"))], left


@test
def a_refused_document_is_kept_beside_the_old_one():
    with Tree() as t:
        s = t.session("x")
        write(s / "title", "good")
        long = "x" * 600
        result = run(["dd", f"of={s}/title", "conv=fsync"], input=long)
        assert result.returncode != 0, result
        assert (s / "title").read_text() == "good\n"
        assert (s / "title.rejected").read_text() == long
        write(s / "title", "better")
        assert not (s / "title.rejected").exists()


@test
def vim_sends_a_message():
    need(shutil.which("vim"), "no vim")
    with Tree() as t:
        s = t.session("x")
        run(["vim", "-Nu", "NONE", "-es", "-c", "normal ihello from vim", "-c", "wq", s / "input"], timeout=20)
        wait_until(lambda: t.queued("x") == ["hello from vim"], what="the message")


# --- reading what grows ---

@test
def events_are_an_ordinary_file():
    with Tree() as t:
        s = t.session("x")
        write(s / "input", "hi")
        t.take("x")
        t.say("x", "m1", "hello")
        t.idle("x")
        lines = (s / "events").read_bytes()
        assert [json.loads(l)["type"] for l in lines.splitlines()] == \
            ["session.status_running", "user.message", "agent.message", "session.status_idle"]
        for command in ("cat events", "dd if=events bs=7 2> /dev/null", "tail -c +1 events", "head -c 1000000 events",
                        "python3 -c 'import mmap,sys; f = open(\"events\", \"rb\"); "
                        "sys.stdout.write(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:].decode())'"):
            assert sh(command, cwd=s).stdout.encode() == lines, command
        half = len(lines) // 2
        assert sh(f"tail -c +{half + 1} events", cwd=s).stdout.encode() == lines[half:]
        assert sh("wc -l < events", cwd=s).stdout.strip() == "4"
        assert (s / "reply").read_text() == "hello\n"
        assert (s / "transcript.md").read_text() == "## user\n\nhi\n\n## agent\n\nhello\n\n"
        assert (s / "status").read_text() == "idle end_turn\n"


@test
def tail_follows_the_transcript():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        tails = [start(["tail", "-s", "0.05", *how, s / "transcript.md"]) for how in (["-f"], ["-F"])]
        held = open(s / "transcript.md")
        try:
            assert held.read() == ""
            for i in range(3):
                t.say("x", f"m{i}", f"text {i}")
                want = [*(["## agent", ""] if i == 0 else []), f"text {i}", ""]
                for tail in tails:
                    assert [tail.stdout.readline().rstrip("\n") for _ in want] == want
                assert held.read() == "".join(line + "\n" for line in want)
        finally:
            held.close()
            for tail in tails:
                tail.kill()
                tail.communicate()


@test
def tail_follows_the_log():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        tail = start(["tail", "-n", "+1", "-s", "0.05", "-f", s / "events"])
        try:
            seen = [json.loads(tail.stdout.readline())["type"]]
            for i in range(5):
                t.say("x", f"m{i}", f"text {i}")
                seen.append(json.loads(tail.stdout.readline())["id"])
            assert seen == ["session.status_running", "m0", "m1", "m2", "m3", "m4"], seen
        finally:
            tail.kill()
            tail.communicate()


@test
def status_names_the_call_that_waits():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        t.append("x", type="agent.tool_use", id="t1", name="bash", input={"command": "ls"},
                 evaluated_permission="ask")
        t.idle("x", type="requires_action", event_ids=["t1"])
        assert (s / "status").read_text() == "waiting 2-bash\n"
        t.append("x", type="session.error", error={"type": "billing_error", "message": "no credit",
                                                   "retry_status": {"type": "exhausted"}})
        assert "billing_error: no credit; exhausted" in (s / "error").read_text()


# --- waiting ---

@test
def wait_returns_when_what_was_queued_is_done():
    with Tree() as t:
        s = t.session("x")
        assert run(["cat", s / "wait"], timeout=5).stdout == "idle new\n"
        write(s / "input", "one")
        waiting = reader(s / "wait")
        wait_until(lambda: is_parked(waiting), what="the reader to wait")
        t.take("x")
        write(s / "input", "two")  # queued after the open: not waited for
        t.say("x", "m1", "done")
        assert waiting.poll() is None
        t.idle("x")
        assert waiting.communicate(timeout=5)[0] == "idle end_turn\n"


@test
def wait_returns_when_somebody_is_needed():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        t.append("x", type="agent.tool_use", id="t1", name="bash", input={}, evaluated_permission="ask")
        t.idle("x", type="requires_action", event_ids=["t1"])
        write(s / "input", "a message that stays queued until the call is answered")
        assert run(["cat", s / "wait"], timeout=5).stdout == "waiting 2-bash\n"
        write(s / "input", json.dumps({"events": [
            {"type": "user.tool_confirmation", "tool_use_id": "t1", "result": "allow"}]}))
        waiting = reader(s / "wait")
        wait_until(lambda: is_parked(waiting), what="the reader to wait")
        t.take("x")
        t.idle("x")
        assert waiting.communicate(timeout=5)[0] == "idle end_turn\n"


@test
def a_lost_hint_costs_at_most_a_second():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        follow = reader(s / "follow")
        wait_until(lambda: is_parked(follow), what="the reader to wait")
        t.append("x", hinted=False, type="agent.message", id="m1", content=[{"type": "text", "text": "hi"}])
        due = time.monotonic() + 3
        assert json.loads(follow.stdout.readline())["id"] == "m1" and time.monotonic() < due
        follow.kill()
        follow.communicate()


@test
def follow_shows_events_and_previews_in_order():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        before = (s / "events").read_text()
        follow = reader(s / "follow")
        wait_until(lambda: is_parked(follow), what="the reader to wait")
        for text in ("", "hel", "lo"):
            t.delta("x", "m1", text)
        lines = [json.loads(follow.stdout.readline()) for _ in range(3)]
        t.say("x", "m1", "hello")
        lines.append(json.loads(follow.stdout.readline()))
        assert [l["type"] for l in lines] == ["event_start", "event_delta", "event_delta", "agent.message"], lines
        t.idle("x")
        t.archive("x")
        rest = follow.communicate(timeout=5)[0]
        assert [json.loads(l)["type"] for l in rest.splitlines()] == ["session.status_idle"], rest
        assert before.count("\n") == 1  # what was there before the open was not shown


@test
def follow_goes_on_from_where_it_is_sought():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        first = (s / "events").stat().st_size
        t.say("x", "m1", "hello")
        fd = os.open(s / "follow", os.O_RDONLY | os.O_NONBLOCK)
        fails_with(errno.EAGAIN, os.read, fd, 100)
        os.lseek(fd, first, os.SEEK_SET)
        assert json.loads(os.read(fd, 100000))["id"] == "m1"
        fails_with(errno.EAGAIN, os.read, fd, 100)
        os.close(fd)


@test
def live_prints_the_words_of_the_turn():
    with Tree() as t:
        s = t.session("x")
        assert run(["cat", s / "live"], timeout=5).stdout == ""
        write(s / "input", "hi")
        live = reader(s / "live")
        wait_until(lambda: is_parked(live), what="the reader to wait")
        t.take("x")
        for text in ("", "hel"):
            t.delta("x", "m1", text)
        assert live.stdout.read(3) == "hel"
        t.delta("x", "m1", "lo")
        assert live.stdout.read(2) == "lo"
        t.say("x", "m1", "hello, world")
        t.say("x", "m2", "bye")
        t.idle("x")
        assert live.communicate(timeout=5)[0] == ", world\nbye\n"
        assert run(["cat", s / "live"], timeout=5).stdout == "hello, world\nbye\n"


@test
def poll_tells_when_there_is_more():
    with Tree() as t, Elsewhere() as e:
        s = t.session("x")
        t.take("x")
        e(f"[fd := os.open('{s}/follow', os.O_RDONLY | os.O_NONBLOCK), poll := select.epoll(),"
          " poll.register(fd, select.EPOLLIN)] and None")
        assert e("len(poll.poll(0.1))") == 0
        t.say("x", "m1", "hi")
        assert e("len(poll.poll(5))") == 1
        assert json.loads(e("os.read(fd, 100000)"))["id"] == "m1"
        assert e("len(poll.poll(0.1))") == 0
        t.kill()
        t.say("x", "m2", "to an epoll that an earlier process was asked for")
        assert e("len(poll.poll(5))") == 1


@test
def blocked_readers_die_at_once():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            blocked = reader(s / "follow")
            wait_until(lambda: is_parked(blocked), what="the reader to wait")
            began = time.monotonic()
            blocked.send_signal(kind)
            blocked.communicate(timeout=2)
            assert time.monotonic() - began < 0.5 and blocked.returncode == -kind


@test
def two_hundred_blocked_readers_slow_nobody_down():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        blocked = [reader(s / name) for name in ("follow", "live", "wait", "follow") for _ in range(50)]
        try:
            wait_until(lambda: all(is_parked(b) for b in blocked), 30, "all readers to wait")
            began = time.monotonic()
            for _ in range(20):
                list(os.scandir(s))
                (s / "status").read_text()
            assert time.monotonic() - began < 2
            began = time.monotonic()
            t.idle("x")
            for b in blocked[50:150]:
                b.communicate(timeout=10)
            assert all(b.returncode == 0 for b in blocked[50:150])
            for b in blocked[:50]:
                assert json.loads(b.stdout.readline())["type"] == "session.status_idle"
        finally:
            for b in blocked:
                b.kill()
            for b in blocked:
                b.communicate()


@test
def an_end_answers_everybody():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        blocked = reader(s / "follow")
        with Elsewhere() as e:
            e(f"os.write(os.open('{s}/input', os.O_WRONLY), b'unfinished')")
            wait_until(lambda: is_parked(blocked), what="the reader to wait")
            assert t.end() == 0
            blocked.communicate(timeout=5)
            assert mounts_of(t) == []
            assert t.queued("x") == ["unfinished"]


def mounts_of(t):
    return [line for line in open("/proc/self/mountinfo") if f" {t.path} " in line]


# --- kill -9 ---

@test
def a_successor_goes_on_with_everything_that_is_open():
    with Tree() as t, Elsewhere() as e:
        s = t.session("x")
        t.take("x")
        t.say("x", "m0", "before")
        follow, live, waiting = (reader(s / name) for name in ("follow", "live", "wait"))
        tail = start(["tail", "-n", "+1", "-s", "0.05", "-f", s / "events"])
        e(f"[held := os.open('{s}/input', os.O_WRONLY), directory := os.open('{s}', os.O_RDONLY),"
          " os.write(held, b'half a ')] and None")
        try:
            wait_until(lambda: all(is_parked(p) for p in (follow, live, waiting)), what="readers to wait")
            for i in range(5):
                t.kill()
                t.say("x", f"m{i + 1}", f"text {i + 1}")
                assert json.loads(follow.stdout.readline())["id"] == f"m{i + 1}"
            e("[os.write(held, b'message'), os.close(held)] and None")
            assert t.queued("x") == ["half a message"]
            assert "input" in e("os.listdir(directory)")
            t.idle("x")
            assert live.communicate(timeout=5)[0] == "before\n" + "".join(f"text {i}\n" for i in range(1, 6))
            assert waiting.communicate(timeout=5)[0] == "idle end_turn\n"
            seen = [json.loads(tail.stdout.readline()).get("id") for _ in range(7)]
            assert seen[1:] == [f"m{i}" for i in range(6)], seen
            assert json.loads(follow.stdout.readline())["type"] == "session.status_idle"
        finally:
            for p in (follow, live, waiting, tail):
                p.kill()
                p.communicate()


@test
def readers_that_a_successor_took_over_die_at_once():
    with Tree() as t:
        s = t.session("x")
        t.take("x")
        for kind in (signal.SIGINT, signal.SIGKILL):
            blocked = reader(s / "follow")
            wait_until(lambda: is_parked(blocked), what="the reader to wait")
            t.kill()
            t.kill()
            (s / "status").read_text()  # the successor is at work
            began = time.monotonic()
            blocked.send_signal(kind)
            blocked.communicate(timeout=2)
            assert time.monotonic() - began < 0.5 and blocked.returncode == -kind
        blocked = reader(s / "follow")
        wait_until(lambda: is_parked(blocked), what="the reader to wait")
        t.process.kill()
        t.process.wait(10)
        blocked.kill()  # while nobody serves
        t.start()
        blocked.communicate(timeout=2)


@test
def no_message_is_lost_or_doubled_when_the_process_is_killed():
    with Tree() as t:
        s = t.session("x")
        loops = [start(["bash", "-c", f"for i in $(seq 150); do echo {who}$i > {s}/input || exit 1; done"])
                 for who in "ab"]
        kills = 0
        while any(p.poll() is None for p in loops) and kills < 60:
            time.sleep(0.02)
            t.kill()
            kills += 1
        for p in loops:
            out, err = p.communicate(timeout=30)
            assert p.returncode == 0 and err == "", (out, err)
        queued = t.queued("x")
        for who in "ab":
            assert [q for q in queued if q[0] == who] == [f"{who}{i}" for i in range(1, 151)], queued
        assert len(queued) == 300
        print(f"# {kills} kills during 300 messages")


@test
def names_are_made_once_when_the_process_is_killed():
    with Tree() as t:
        makers = [start(["bash", "-c", f"for i in $(seq 60); do mkdir {t.path}/sessions/{who}$i || exit 1; done"])
                  for who in "ab"]
        while any(p.poll() is None for p in makers):
            time.sleep(0.03)
            t.kill()
        for p in makers:
            assert p.communicate()[1] == "" and p.returncode == 0
        assert len(os.listdir(t / "sessions")) == 120


@test
def a_document_that_a_dead_process_had_is_not_called_saved():
    with Tree() as t, Elsewhere() as e:
        s = t.session("x")
        e(f"[fd := os.open('{s}/title', os.O_WRONLY | os.O_TRUNC), os.write(fd, b'lost')] and None")
        t.kill()
        fails_with(errno.ESTALE, e, "os.fsync(fd)")
        e("os.close(fd)")
        assert "restarted" in (s / "error").read_text()
        write(s / "title", "kept")
        assert (s / "title").read_text() == "kept\n"


@test
def modes_follow_the_umask():
    with Tree(umask="022") as t:
        s = t.session("x")
        assert stat.S_IMODE(s.stat().st_mode) == 0o755
        assert stat.S_IMODE((s / "title").stat().st_mode) == 0o644
    with Tree() as t:
        s = t.session("x")
        assert stat.S_IMODE(s.stat().st_mode) == 0o700
        assert stat.S_IMODE((s / "input").stat().st_mode) == 0o200
        assert s.stat().st_uid == os.geteuid()
        assert os.access(s / "input", os.W_OK) and not os.access(s / "events", os.W_OK)


main()
