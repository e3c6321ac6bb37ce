#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""kill -9 of any process in the middle of a turn: the turn completes, nothing acknowledged is lost, nothing
happens twice."""
from lib import *

STORY = ["agent.tool_use", "agent.tool_result", "agent.message"]


def agent_side(session):
    return [t for t in types(session.events()) if t in STORY]


def in_call(m, name):
    """A session in the middle of a call that will add one line to `f`."""
    s = m.session(name)
    s.send("! touch started; sleep 1.5; echo x >> f")
    wait_until(lambda: (s / "workspace/started").exists(), 15, "the call to start")
    return s


def finished_once(s):
    assert s.wait() == "idle end_turn", s.status()
    events = s.events()
    check_log(events)
    assert agent_side(s) == STORY, types(events)
    assert s.read("workspace/f") == "x\n", s.read("workspace/f")


@test
def the_harness_dies_during_a_call():
    with Mount() as m:
        s = in_call(m, "x")
        m.kill("harness")
        finished_once(s)


@test
def the_fs_dies_during_a_call():
    with Mount() as m:
        s = in_call(m, "x")
        m.kill("fs")
        finished_once(s)


@test
def fs_and_harness_die_during_a_call():
    with Mount() as m:
        s = in_call(m, "x")
        m.kill("harness")
        m.kill("fs")
        finished_once(s)


@test
def the_rehearsal_model_dies_during_an_answer():
    with Mount() as m:
        s = m.session("x")
        s.send("%slow 50ms\nsay something long enough to be cut in the middle of it")
        s.wait_for("span.model_request_start")
        m.kill("rehearsal")
        m.expect("model")
        assert s.wait() == "idle end_turn"
        events = s.events()
        check_log(events)
        assert len(of_type(events, "agent.message")) == 1, types(events)


def hands_of(m):
    """The first processes of the sandboxes: the spawner's children."""
    return descendants(m.pid("spawner")) - {m.pid("spawner")}


@test
def the_hands_die_during_a_call():
    with Mount() as m:
        s = m.session("x")
        s.send("! echo kept > f; touch started; sleep 30\nthen\n! cat f")
        wait_until(lambda: (s / "workspace/started").exists(), 15, "the call to start")
        for pid in hands_of(m):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert s.wait() == "idle end_turn", s.status()
        events = s.events()
        check_log(events)
        first, second = of_type(events, "agent.tool_result")
        assert first["is_error"] and "sandbox" in first["content"][0]["text"], first
        assert not second["is_error"] and "kept" in second["content"][0]["text"], second


@test
def the_spawner_dies_during_a_call():
    with Mount() as m:
        s = in_call(m, "x")
        m.kill("spawner")
        assert s.wait() == "idle end_turn"
        check_log(s.events())
        assert of_type(s.events(), "agent.tool_result")[0]["is_error"]
        assert "here" in s.ask("! echo here")


@test
def messages_survive_an_fs_that_is_killed_while_they_are_written():
    """Each echo that succeeded is in the log once, in order; the writers see no error."""
    with Mount() as m:
        s = m.session("x")
        writer = start(["bash", "-c", f"cd {s.path}; for i in $(seq 200); do echo \"word $i\" > input || exit 9; done"])
        for _ in range(4):
            m.kill("fs")
        assert writer.wait(60) == 0
        s.wait(60)
        texts = [e["content"][0]["text"] for e in of_type(s.events(), "user.message")]
        assert texts == [f"word {i}" for i in range(1, 201)], texts


@test
def readers_go_on_over_a_new_fs():
    with Mount() as m:
        s = m.session("x")
        out = m.base / "followed"
        with open(out, "wb") as file:
            reader = start(["tail", "-s", "0.05", "-n", "+1", "-f", str(s / "events")], stdout=file)
            s.ask("one")
            m.kill("fs")
            s.ask("two")
            wait_until(lambda: out.read_bytes() == (s / "events").read_bytes(), 10, "tail to have it all")
            reader.terminate()
            reader.wait(10)


@test
def a_blocked_wait_survives_a_new_fs():
    with Mount() as m:
        s = m.session("x")
        s.send("! sleep 2")
        waiter = start(["cat", str(s / "wait")], stdout=subprocess.PIPE)
        s.wait_for("agent.tool_use")
        m.kill("fs")
        assert waiter.communicate(timeout=20)[0] == "idle end_turn\n"
        assert waiter.returncode == 0


@test
def everything_is_there_after_a_new_mount():
    with Mount() as m:
        s = m.session("x")
        s.ask("! echo one > f")
        before, inode = s.read("events"), os.stat(s.path).st_ino
        assert m.stop().returncode == 0
        m.start()
        assert s.read("events") == before
        assert os.stat(s.path).st_ino == inode
        assert "one" in s.ask("! cat f")
        check_log(s.events())


main()
