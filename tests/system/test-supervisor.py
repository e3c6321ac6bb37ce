#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""The supervisor with a crew of stand-ins (crew.py): starting, restarting, stopping, and who gets what."""

import tempfile

from crew import Crew, NAMES
from lib import *

KEY = "sk-ant-a-key-that-nobody-may-see"


class Supervised:
    """A mount by a crew of stand-ins."""

    def __init__(self, *options, **more):
        self.crew = Crew(tempfile.mkdtemp(prefix="crew."), AGENTDIRS)
        self.mount = Mount(*options, program=self.crew.agentdirs, ready=False, **more)

    def __enter__(self):
        return self.crew, self.mount

    def __exit__(self, kind, *_):
        self.mount.close(failing=kind is not None)
        shutil.rmtree(self.crew.directory)


def pids(mount):
    return {name: mount.pid(name) for name in NAMES}


def alone(mount):
    """Whether nothing of the mount lives any more."""
    return not is_alive(mount.supervisor) and not (mount.store / "run").exists()


@test
def it_starts_all_and_returns_when_the_tree_is_usable():
    with Supervised() as (crew, m):
        result = m.start()
        assert result.stdout == "" and result.stderr == "", result
        assert (m / "README").exists()
        facts = wait_until(lambda: m.facts(), what="facts")
        assert facts["mountpoint"] == str(m.path) and facts["store"] == str(m.store), facts
        assert facts["base_url"] == "rehearsal" and facts["model"] == "claude-sonnet-5-5", facts
        assert int(facts["supervisor_pid"]) == m.supervisor
        wait_until(lambda: all(is_alive(p) for p in pids(m).values()), what="all pids in the facts")
        assert m.store.stat().st_mode & 0o777 == 0o700
        assert (m.store / "log").stat().st_mode & 0o777 == 0o600


@test
def it_stops_in_order():
    with Supervised() as (crew, m):
        m.start()
        result = m.stop()
        assert result.returncode == 0, result
        assert crew.ended() == ["harness", "fs", "spawner", "rehearsal"], crew.ended()
        assert alone(m)
        assert not (m.store / "rehearsal.sock").exists()


@test
def whoever_is_killed_comes_back_and_the_others_stay():
    with Supervised() as (crew, m):
        m.start()
        for name in NAMES:
            before = wait_until(lambda: all(pids(m).values()) and pids(m))
            m.kill(name)
            wait_until(lambda: is_alive(m.pid(name)))
            after = pids(m)
            assert {n for n in NAMES if before[n] != after[n]} == {name}, (before, after)
            assert len(crew.seen(name)) == 2


@test
def a_new_fs_gets_the_device_of_the_live_mount():
    with Supervised() as (crew, m):
        m.start()
        m.kill("fs")
        first, second = crew.seen("fs")
        assert "device" not in first["words"]
        assert int(second["words"]["device"]) in second["fds"]


@test
def an_fs_that_cannot_take_over_mounts_anew():
    with Supervised() as (crew, m):
        m.start()
        crew.behave("fs", "crash", "crash", "crash")
        m.expect("exit code 3", "cannot be taken over")
        m.kill("fs")
        has_device = ["device" in seen["words"] for seen in crew.seen("fs")]
        assert has_device == [False, True, True, True, False], has_device


@test
def children_have_only_what_they_need():
    secret = {"HTTPS_PROXY": "http://user:pass@proxy", "SSL_CERT_FILE": "/c", "LD_LIBRARY_PATH": "/x",
              "ANTHROPIC_API_KEY": KEY}
    with Supervised(environment=secret, offline=False) as (crew, m):
        m.start()
        for name, wanted in (("spawner", {"control", "socket", "hands"}),
                             ("fs", {"control", "hints", "init", "lock"}),
                             ("harness", {"control", "hints", "spawner", "key", "lock"})):
            (seen,) = crew.seen(name)
            given = {int(seen["words"][word]) for word in wanted}
            assert set(seen["fds"]) == {0, 1, 2} | given, (name, seen)
            has_proxy = "HTTPS_PROXY" in seen["environment"] and "SSL_CERT_FILE" in seen["environment"]
            assert has_proxy == (name == "harness"), seen
            assert "LD_LIBRARY_PATH" not in seen["environment"]
        assert crew.seen("rehearsal") == []
        assert crew.seen("spawner")[0]["seals"] == 0xf


@test
def the_key_is_with_the_harness_only():
    with Supervised(environment={"ANTHROPIC_API_KEY": KEY}, offline=False) as (crew, m):
        m.start()
        m.kill("harness")
        assert [seen["key"] for seen in crew.seen("harness")] == [f"api_key\n{KEY}\n"] * 2
        for pid in descendants(m.supervisor) | {m.supervisor}:
            for name in ("environ", "cmdline"):
                with contextlib.suppress(PermissionError):
                    assert KEY.encode() not in pathlib.Path(f"/proc/{pid}/{name}").read_bytes(), (pid, name)
        if is_root():
            environment = pathlib.Path(f"/proc/{m.supervisor}/environ").read_bytes()
            assert b"ANTHROPIC_API_KEY=\0" in environment, "the test would not see the variable at all"
        files = [path for path in m.store.rglob("*") if path.is_file()]
        assert files and not any(KEY.encode() in path.read_bytes() for path in files)


@test
def what_the_caller_has_open_stays_his():
    with Supervised() as (crew, m):
        read, write = os.pipe()
        os.set_inheritable(write, True)
        run([m.program, "mount", "--offline", "--store", m.store, m.path], env=m.environment,
            pass_fds=[write], check=True)
        m.supervisor = m.recorded_pid()
        os.close(write)
        assert os.read(read, 1) == b"", "somebody still holds the caller's pipe"
        os.close(read)


@test
def offline_the_harness_gets_no_key_but_a_socket():
    with Supervised(environment={"ANTHROPIC_API_KEY": KEY}) as (crew, m):
        m.start()
        (seen,) = crew.seen("harness")
        assert seen["key"] == "" and seen["words"]["base_url"] == "http://rehearsal", seen
        assert pathlib.Path(seen["words"]["model_socket"]).is_socket()


@test
def a_child_that_says_why_it_cannot_serve_ends_the_mount_with_that():
    with Supervised() as (crew, m):
        crew.behave("harness", "failed the store is made of jelly; buy another")
        m.expect("jelly")
        result = m.start(check=False)
        assert result.returncode == 1 and "the store is made of jelly; buy another" in result.stderr, result
        assert result.stderr.count("\n") == 1, result
        assert not (m / "README").exists() and not (m.store / "run").exists()
        assert crew.ended() == ["fs", "spawner", "rehearsal"]


@test
def a_child_that_always_crashes_ends_the_mount():
    with Supervised() as (crew, m):
        crew.behave("spawner", *["crash"] * 20)
        m.expect("exit code 3")
        result = m.start(check=False)
        assert result.returncode == 1 and "spawner" in result.stderr and "10 times" in result.stderr, result
        assert len(crew.seen("spawner")) == 10 and crew.seen("fs") == []


@test
def a_crash_at_the_start_is_forgiven():
    with Supervised() as (crew, m):
        crew.behave("fs", "crash", "crash")
        m.expect("exit code 3")
        m.start()
        assert len(crew.seen("fs")) == 3


@test
def when_the_mount_is_taken_away_all_ends():
    with Supervised() as (crew, m):
        m.start()
        crew.finish("fs")
        wait_until(lambda: alone(m), what="the end of all")
        assert crew.ended() == ["harness", "spawner", "rehearsal"]


@test
def a_stubborn_child_is_killed():
    with Supervised() as (crew, m):
        crew.behave("rehearsal", "stubborn")
        m.expect("did not stop")
        m.start()
        began = time.monotonic()
        assert m.stop().returncode == 0
        assert 1.5 < time.monotonic() - began < 15
        assert alone(m)


@test
def the_end_of_the_waiting_command_ends_all():
    with Supervised() as (crew, m):
        crew.behave("fs", "hang")
        command = start([m.program, "mount", "--offline", "--store", m.store, m.path], env=m.environment)
        m.expect("was ended")
        wait_until(lambda: crew.seen("fs"), what="the start of fs")
        m.supervisor = m.recorded_pid()
        assert is_alive(m.supervisor)
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=10)
        wait_until(lambda: alone(m), what="the end of all")


@test
def when_the_supervisor_is_killed_all_ends_and_a_new_one_can_start():
    with Supervised() as (crew, m):
        m.start()
        old = [m.supervisor, *descendants(m.supervisor)]
        os.kill(m.supervisor, signal.SIGKILL)
        m.start()
        assert not any(is_alive(pid) for pid in old if pid != old[0])
        assert len(crew.seen("fs")) == 2


@test
def a_store_serves_one_mount():
    with Supervised() as (crew, m):
        m.start()
        other = m.base / "other"
        result = m.command("mount", "--offline", other)
        assert result.returncode == 1 and "in use" in result.stderr, result
        assert str(m.path) in result.stderr and "umount" in result.stderr, result
        assert is_alive(m.supervisor)


@test
def in_the_foreground_it_shows_the_log_and_ends_with_0():
    with Supervised() as (crew, m):
        command = start([m.program, "mount", "-f", "--offline", "--store", m.store, m.path], env=m.environment)
        try:
            wait_until((m / "README").exists)
            wait_until(lambda: "is ready" in m.log(), what="ready in the log")
            os.killpg(command.pid, signal.SIGINT)  # a terminal's Ctrl-C goes to all of them
            out, err = command.communicate(timeout=20)
        finally:
            command.kill()
        assert command.returncode == 0 and out == "", (command.returncode, out, err)
        assert f"supervisor: {m.path} is ready\n" in err, err
        assert crew.ended() == ["harness", "fs", "spawner", "rehearsal"]


@test
def what_children_print_is_in_the_log_and_harmless():
    with Supervised() as (crew, m):
        crew.behave("harness", "noisy")
        m.start()
        wait_until(lambda: "x" * 100 in m.log(), what="the noise")
        assert m.stop().returncode == 0
        lines = m.log().splitlines()
        assert any(line.endswith("harness: with ?[2J escape") for line in lines), lines
        assert any(line.endswith("harness: last without newline") for line in lines), lines
        assert all(len(line) < 4300 for line in lines)


@test
def a_long_path_to_the_store_is_fine():
    with Supervised() as (crew, m):
        m.store = m.base / ("d" * 100) / "store"
        m.start()
        (seen,) = crew.seen("harness")
        place = pathlib.Path(seen["words"]["model_socket"])
        assert place.is_socket() and m.base not in place.parents
        assert m.stop().returncode == 0
        assert not place.parent.exists()


main()
