#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""Talking to a session with the shell: what is one message, what blocks, and what is refused."""
import errno
import threading

from lib import *


def texts(s):
    return [e["content"][0]["text"] for e in of_type(s.events(), "user.message")]


def sh(s, script, shell="bash", timeout=30):
    return run([shell, "-c", script], cwd=s.path, timeout=timeout)


@test
def what_is_one_message():
    cases = {
        "echo": ("echo hello > input", ["hello"]),
        "append": ("echo hello >> input", ["hello"]),
        "printf": ("printf 'a\\nb\\nc\\n' > input", ["a\nb\nc"]),
        "heredoc": ("cat > input <<E\na\n\nb\nE", ["a\n\nb"]),
        "group": ("{ echo a; ls -d .; echo b; } > input", ["a\n.\nb"]),
        "held": ("exec 3>input; echo a >&3; echo b >&3; exec 3>&-", ["a", "b"]),
        "python": ("python3 -c 'open(\"input\", \"w\").write(\"hi there\")'", ["hi there"]),
        "tee": ("echo hello | tee input >/dev/null", ["hello"]),
        "copy": ("echo hello > /tmp/m.$$; cp /tmp/m.$$ input; rm /tmp/m.$$", ["hello"]),
        "empty": (": > input; echo > input; echo '   ' > input; touch input", []),
        "json": ("""echo '{"type":"user.message","content":[{"type":"text","text":"as an event"}]}' > input""",
                 ["as an event"]),
        "events": ("""echo '{"events":[{"type":"user.message","content":[{"type":"text","text":"one"}]},"""
                   """{"type":"user.message","content":[{"type":"text","text":"two"}]}]}' > input""",
                   ["one", "two"]),
        "other-json": ("""echo '{"hello": "world"}' > input""", ['{"hello": "world"}']),
    }
    with Mount() as m:
        for name, (script, want) in cases.items():
            for shell in ("bash", "dash"):
                s = m.session(f"{name}-{shell}")
                result = sh(s, script, shell)
                assert result.returncode == 0, (name, shell, result.stderr)
                s.wait()
                assert texts(s) == want, (name, shell, texts(s))


@test
def sizes():
    with Mount() as m:
        s = m.session("x")
        text = "0123456789abcde\n" * 65536
        assert len(text) == 1 << 20
        fd = os.open(s / "input", os.O_WRONLY)
        for at in range(0, len(text), 100000):
            piece = text[at:at + 100000].encode()
            assert os.write(fd, piece) == len(piece)
        os.close(fd)
        s.wait()
        assert texts(s) == [text.rstrip("\n")], [len(t) for t in texts(s)]
        for number, bad in ((errno.EFBIG, b"x" * ((1 << 20) + 1)), (errno.EILSEQ, b"caf\xe9 au lait\n"),
                            (errno.EINVAL, b'{"type":"user.message","content":5}\n')):
            before = s.read("events")
            try:
                s.send(bad)
                raise Failure(f"{bad[:20]} was accepted")
            except OSError as e:
                assert e.errno == number, (e, bad[:20])
            s.wait()
            assert s.read("events") == before, "something was changed"
            assert s.read("error").strip(), "the error file says nothing"


@test
def builtin_echo_sees_the_refusal():
    with Mount() as m:
        s = m.session("x")
        result = sh(s, """echo '{"type":"user.message","content":[]}' > input""")
        assert result.returncode == 1 and "Invalid argument" in result.stderr, result


@test
def echo_wait_reply_has_no_race():
    with Mount() as m:
        s = m.session("x")
        for i in range(30):
            result = sh(s, f"echo '! echo number {i}' > input; cat wait; cat reply")
            assert result.stdout.startswith("idle end_turn\n"), result
            assert f"number {i}" in result.stdout, result


@test
def live_prints_the_turn_and_ends():
    with Mount() as m:
        s = m.session("x")
        assert sh(s, "cat live").stdout == ""
        result = sh(s, "printf '%%slow 20ms\\ntell me about the sea\\n' > input; cat live")
        assert "the sea" in result.stdout, result
        assert result.stdout.strip() == s.read("reply").strip(), result
        assert sh(s, "cat live").stdout == result.stdout, "the last turn, again, from the log"


@test
def live_comes_in_pieces():
    with Mount() as m:
        s = m.session("x")
        s.send("%slow 100ms\ntell me about the sea")
        fd = os.open(s / "live", os.O_RDONLY)
        first = os.read(fd, 100)
        assert first and not of_type(s.events(), "agent.message"), "text came before the message was complete"
        os.close(fd)
        s.wait()


@test
def follow_shows_events_and_previews():
    with Mount() as m:
        s = m.session("x")
        out = m.base / "followed"
        with open(out, "wb") as file:
            reader = start(["cat", str(s / "follow")], stdout=file)
            wait_until(lambda: s.ask("are you there?") and out.stat().st_size, 10, "the reader")
            first = len(s.events())
            s.ask("%slow 10ms\nnow this")
            after = s.events()[first:]
            wait_until(lambda: after[-1]["id"] in out.read_text(), 10, "the last event")
            reader.send_signal(signal.SIGINT)
            reader.wait(5)
        seen = [json.loads(line) for line in out.read_text().splitlines()]
        stored = [e for e in seen if e["type"] not in ("event_start", "event_delta")]
        assert stored[-len(after):] == after, (types(stored), types(after))
        final = of_type(after, "agent.message")[0]
        deltas = [e["delta"]["content"]["text"] for e in seen
                  if e["type"] == "event_delta" and e["event_id"] == final["id"]]
        assert len(deltas) > 5, deltas
        assert final["content"][0]["text"].startswith("".join(deltas))
        assert [e["event"]["id"] for e in seen if e["type"] == "event_start"].count(final["id"]) == 1


@test
def two_hundred_blocked_readers():
    with Mount() as m:
        s = m.session("x")
        s.send("! sleep 6")
        s.wait_for("agent.tool_use")
        readers = [start(["cat", str(s / name)], stdout=subprocess.DEVNULL)
                   for name in ("wait", "follow", "live") for _ in range(67)]
        wait_until(lambda: all((pathlib.Path("/proc") / str(r.pid) / "comm").read_text() == "cat\n"
                               for r in readers), 10, "the readers")
        slowest = 0.0
        for _ in range(50):
            began = time.monotonic()
            assert "sessions" in os.listdir(m.path) and "x" in os.listdir(m / "sessions")
            os.stat(s / "events")
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 2, f"ls took {slowest:.3f} s"
        for reader, how in zip(readers[:20:2], (signal.SIGINT, signal.SIGKILL) * 5):
            reader.send_signal(how)
            reader.wait(2)
        s.wait()
        for reader in readers:
            if reader.args[1].endswith("follow"):
                reader.kill()
        for reader in readers:
            reader.wait(10)


@test
def nonblocking_readers_are_told_to_come_again():
    with Mount() as m:
        s = m.session("x")
        s.send("! sleep 2")
        s.wait_for("agent.tool_use")
        for name in ("wait", "follow", "live"):
            fd = os.open(s / name, os.O_RDONLY | os.O_NONBLOCK)
            try:
                while os.read(fd, 4096):
                    pass
                raise Failure(f"{name} ended")
            except BlockingIOError:
                pass
            os.close(fd)
        s.wait()


@test
def looking_at_everything_hangs_on_nothing_and_changes_nothing():
    with Mount() as m:
        s = m.session("x")
        s.ask("! echo hello > f")
        before = s.read("events")
        result = run(["sh", "-c", "ls -lR . && find . -type f && grep -r hello . ; tar cf - . | tar tf - && du -s ."],
                     cwd=m.path, timeout=30)
        assert "transcript.md" in result.stdout
        for line in result.stderr.splitlines():
            assert "input" in line and "ermission" in line, result.stderr
        assert s.read("events") == before
        assert sorted(os.listdir(m / "sessions")) == ["x"]


@test
def the_log_is_a_file_like_any_other():
    with Mount() as m:
        s = m.session("x")
        s.ask("hello\nthen\n! echo hi")
        data = (s / "events").read_bytes()
        assert os.stat(s / "events").st_size == len(data)
        assert run(["wc", "-l", "events"], cwd=s.path).stdout.split()[0] == str(data.count(b"\n"))
        assert run(["grep", "-c", "agent.message", "events"], cwd=s.path).stdout.strip() == \
            str(len(of_type(s.events(), "agent.message")))
        for offset in (1, 100, len(data) - 1):
            assert run(["tail", "-c", f"+{offset + 1}", "events"], cwd=s.path).stdout.encode() == data[offset:]
        run(["cp", "events", str(m.base / "copy")], cwd=s.path, check=True)
        assert (m.base / "copy").read_bytes() == data
        try:
            open(s / "events", "ab")
            raise Failure("events could be opened for writing")
        except PermissionError:
            pass


@test
def the_model_is_asked_before_the_sandbox_exists():
    with Mount() as m:
        s = m.session("x")
        s.ask("! true")
        events = s.events()
        asked = of_type(events, "span.model_request_start")[0]["processed_at"]
        result = of_type(events, "agent.tool_result")[0]
        assert asked < result["x_agentdirs"]["started_at"], (asked, result)
        quiet = m.session("quiet")
        quiet.ask("no tools")
        assert len(descendants(m.pid("spawner")) - {m.pid("spawner")}) <= 3, "one sandbox, not two"


@test
def a_hundred_sessions_at_once():
    with Mount() as m:
        sessions = [m.session(f"s{i}") for i in range(100)]
        for i, s in enumerate(sessions):
            s.send(f"%slow 5ms\nthis is session {i}")
        for i, s in enumerate(sessions):
            assert s.wait(60) == "idle end_turn"
            assert f"session {i}" in s.read("reply")
            check_log(s.events())


main()
