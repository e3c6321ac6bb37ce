#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 300
"""The command with the real programs: mounting, a conversation, crashes, unmounting in every state."""

from lib import *


@test
def mount_converse_umount():
    with Mount() as m:
        s = m.session("first")
        reply = s.ask("hello there\n! echo from the sandbox; id -u")
        assert "from the sandbox" in reply, reply
        assert s.status() == "idle end_turn"
        check_log(s.events())
        assert of_type(s.events(), "agent.tool_result")
        result = m.stop()
        assert result.returncode == 0 and result.stderr == "", result
        assert not mounts_below(m.base) and not is_alive(m.supervisor)


@test
def all_is_there_after_mounting_again():
    with Mount() as m:
        before = (m.session("kept").ask("remember this"), m.session("kept").read("events"))
        assert m.stop().returncode == 0
        m.start()
        s = Session(m, "kept")
        assert (s.read("reply"), s.read("events")) == before
        s.ask("and go on")
        check_log(s.events())


@test
def the_tree_and_the_store_are_closed_to_others():
    with Mount() as m:
        assert m.path.stat().st_mode & 0o077 == 0
        assert m.store.stat().st_mode & 0o777 == 0o700
        open_files = [p for p in m.store.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
        assert not open_files, open_files
        if is_root():
            other = run(["setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", "ls", m.path])
            assert other.returncode != 0, other


@test
def each_process_may_be_killed_while_idle():
    with Mount() as m:
        s = m.session("x")
        for name in ("fs", "harness", "spawner", "rehearsal"):
            m.kill(name)
            assert "still here" in s.ask(f"! echo still here after {name}"), name
        check_log(s.events())
        assert len(of_type(s.events(), "agent.tool_result")) == 4


@test
def fs_and_harness_may_be_killed_in_a_turn():
    with Mount() as m:
        for name in ("fs", "harness"):
            s = m.session(name)
            s.send("! sleep 1; echo once >> count; wc -l < count")
            s.wait_for("agent.tool_use")
            m.kill(name)
            assert s.wait() == "idle end_turn"
            events = s.events()
            check_log(events)
            assert (s / "workspace" / "count").read_text() == "once\n", name
            assert len(of_type(events, "agent.tool_result")) == 1, types(events)


@test
def an_open_file_outlives_fs():
    with Mount() as m:
        s = m.session("x")
        s.ask("one")
        with open(s / "events") as events:
            first = events.readline()
            m.kill("fs")
            rest = events.read()
        assert load_events(first + rest)


@test
def umount_during_a_turn_loses_nothing():
    with Mount() as m:
        s = m.session("x")
        s.send("! sleep 1; echo done")
        s.wait_for("agent.tool_use")
        assert m.stop().returncode == 0
        m.start()
        assert s.wait() == "idle end_turn"
        check_log(s.events())
        assert len(of_type(s.events(), "agent.tool_result")) == 1


@test
def umount_by_somebody_else_ends_all():
    with Mount() as m:
        run(["umount", m.path] if is_root() else ["fusermount3", "-u", m.path], check=True)
        wait_until(lambda: not is_alive(m.supervisor), what="the supervisor's end")
        assert not descendants(m.supervisor) and not (m.store / "run").exists()


@test
def a_mount_in_use_is_unmounted_all_the_same():
    with Mount() as m:
        user = start(["sleep", "60"], cwd=m.path)
        try:
            assert m.stop().returncode == 0
            assert not mounts_below(m.base)
        finally:
            user.kill()
            user.communicate()


@test
def a_dead_mount_is_cleared_by_umount_and_by_mount():
    for command in ("umount", "mount"):
        with Mount() as m:
            killed = [m.supervisor, *descendants(m.supervisor)]
            os.stat(m.path)  # the kernel remembers the answer for a second
            for pid in killed:
                os.kill(pid, signal.SIGSTOP)  # so that nobody restarts anybody
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not any(map(is_alive, killed)), what="the end of all")
            assert mounts_below(m.base), "the test needs a dead mount"
            result = m.stop() if command == "umount" else m.start()
            assert result.returncode == 0, result
            assert bool(mounts_below(m.base)) == (command == "mount")


@test
def mounting_twice_is_refused():
    with Mount() as m:
        second = m.command("mount", "--offline", m.path)
        assert second.returncode == 1 and "umount" in second.stderr, second
        elsewhere = run([AGENTDIRS, "mount", "--offline", "--store", m.base / "store2", m.path],
                        env=m.environment)
        assert elsewhere.returncode == 1 and "already" in elsewhere.stderr, elsewhere
        assert m.facts()


@test
def a_hanging_fs_is_unmounted_within_its_time():
    with Mount() as m:
        m.expect("did not stop")
        os.kill(m.pid("fs"), signal.SIGSTOP)
        status = m.command("status", m.path)
        assert status.returncode == 1 and "does not answer" in status.stderr, status
        assert m.stop().returncode == 0
        assert not mounts_below(m.base)


@test
def umount_finds_the_store_by_itself():
    with Mount() as m:
        result = run([AGENTDIRS, "umount", m.path], env=m.environment, timeout=50)
        assert result.returncode == 0, result
        assert not mounts_below(m.base) and not is_alive(m.supervisor)


@test
def status_shows_sessions_and_money():
    with Mount() as m:
        m.session("talked").ask("hello")
        m.session("quiet")
        for words in (["status"], ["status", m.path]):
            screen = m.command(*words)
            assert screen.returncode == 0 and str(m.path) in screen.stdout, screen
            assert re.search(r"^sessions +2: 2 idle$", screen.stdout, re.M), screen
            tokens = re.search(r"^tokens +(\d+) in, (\d+) out$", screen.stdout, re.M)
            assert int(tokens[1]) > 0 and int(tokens[2]) > 0, screen
            assert re.search(r"^cost +\$0\.\d+$", screen.stdout, re.M), screen


@test
def status_says_why_a_session_stands_still():
    with Mount() as m:
        m.expect("model")
        s = m.session("stuck")
        s.send("%rate_limit 1 600")
        s.wait_for("session.status_rescheduled")
        screen = m.command("status").stdout
        assert re.search(r"^trying the model again\n  stuck +rescheduling\n    model_rate_limited_error: ", screen, re.M), screen
        assert all(len(line) < 80 or str(m.base) in line for line in screen.splitlines()), screen
        (s / "ctl").write_text("interrupt\n")
        s.wait()
        assert "trying" not in m.command("status").stdout


@test
def processes_hold_nothing_open_in_the_mount():
    with Mount() as m:
        m.session("x").ask("! true")
        for pid in descendants(m.supervisor) | {m.supervisor}:
            for name in ("cwd", "root", "exe"):
                with contextlib.suppress(PermissionError, FileNotFoundError):
                    assert not os.readlink(f"/proc/{pid}/{name}").startswith(str(m.path)), (pid, name)


main()
