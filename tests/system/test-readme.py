#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""README.md keeps its word: its first shell block, each row of its table of gestures, and each point below it.

A line of README.md that nobody checks here is a failure, and so is a check whose line is gone."""
import errno
import threading

from lib import *

README = (ROOT / "README.md").read_text()


def section(title):
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def shell_blocks(text):
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


def sh(m, line, **more):
    """Runs a line as README shows it: in the mount, with agentdirs in PATH."""
    environment = {**m.environment, "PATH": f"{m.program.parent}:{os.environ['PATH']}"}
    return run(["bash", "-c", line], cwd=more.pop("cwd", m.path), env=environment, **more)


def says(m, line, **more):
    return sh(m, line, check=True, **more).stdout


@contextlib.contextmanager
def reading(m, line):
    """A reader that is ended with Ctrl-C; gives its process."""
    process = start(["bash", "-c", f"exec {line}"], cwd=m.path)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=5)
        finally:
            process.kill()


def has_open(pid, path):
    return any(os.readlink(link) == str(path) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def texts(s):
    return ["".join(block["text"] for block in e["content"]) for e in of_type(s.events(), "user.message")]


def lines_until(process, wanted, seconds=10):
    """Lines of its output up to and with the first that contains `wanted`."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if wanted in line:
                return lines
    finally:
        timer.cancel()
    raise Failure(f"no {wanted!r} within {seconds} s in {lines}")


def crash(m):
    """Ends all processes at once, as a power cut does."""
    everybody = [m.supervisor, *descendants(m.supervisor)]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # the first so that nobody restarts anybody
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    wait_until(lambda: run(["stat", m.path]).returncode != 0, what="the end of all")


# --- promises, by the line that makes them ---

promises = {}


def promise(beginning):
    """Marks the check of the line that begins so."""
    def mark(check):
        promises[beginning] = check
        return check
    return mark


@promise("`mkdir sessions/x`")
def mkdir(m, gesture):
    says(m, gesture)
    assert says(m, "readlink agents/default environments/default") == "assistant\nlocal\n"
    assert says(m, "readlink sessions/x/agent") == "../../agents/assistant\n"
    assert says(m, "readlink sessions/x/environment") == "../../environments/local\n"


@promise("`echo text > sessions/x/input`")
def echo(m, gesture):
    s = m.session("x")
    os.kill(wait_until(lambda: m.pid("harness")), signal.SIGSTOP)  # nobody can answer
    says(m, gesture)
    assert s.events() == []
    crash(m)
    m.start()
    s.wait()
    assert texts(s) == ["text"]
    check_log(s.events())


@promise("`cat sessions/x/wait`")
def wait(m, gesture):
    s = m.session("x")
    assert says(m, gesture) == "idle new\n"  # at once
    s.send("! sleep 0.3")
    s.send("say second")
    assert says(m, gesture) == "idle end_turn\n"
    assert len(texts(s)) == 2 and "second" in s.read("reply")


@promise("`cat sessions/x/live`")
def live(m, gesture):
    s = m.session("x")
    s.send("%slow 20ms\n%long 60")
    with reading(m, gesture) as reader:
        beginning = reader.stdout.read(1)
        assert s.status() == "running"
        assert beginning + reader.stdout.read() == s.read("reply")  # it ends by itself
    assert s.status() == "idle end_turn"


@promise("`cat sessions/x/follow`")
def follow(m, gesture):
    s = m.session("x")
    s.ask("say before")
    with reading(m, gesture) as reader:
        wait_until(lambda: has_open(reader.pid, s / "follow"), what="the reader")
        s.send("%slow 5ms\nsay after all this time")
        lines = lines_until(reader, "session.status_idle")
        assert any("event_delta" in line for line in lines), lines
        assert "after all this time" in "".join(lines) and "before" not in "".join(lines), lines
        assert is_alive(reader.pid)
    assert reader.returncode == -signal.SIGINT


@promise("`cat sessions/x/reply`")
def reply(m, gesture):
    m.session("x").ask("say one")
    m.session("x").ask("say two")
    assert says(m, gesture) == "two\n"


@promise("`tail -f sessions/x/transcript.md`")
def transcript(m, gesture):
    s = m.session("x")
    with reading(m, gesture.replace("tail", "tail -s 0.1 -n +1")) as reader:
        s.ask("! echo $((6 * 7))\nsay done")
        lines = [line.rstrip("\n") for line in lines_until(reader, "done\n") + lines_until(reader, "done\n")]
    assert lines[0] == "## user" and "## agent" in lines and "**bash**" in lines, lines
    assert "echo $((6 * 7))" in lines and "42" in lines, lines


@promise("`echo interrupt > sessions/x/ctl`")
def interrupt(m, gesture):
    s = m.session("x")
    s.send("! sleep 60")
    s.wait_for("agent.tool_use")
    says(m, gesture)
    assert s.wait(10) == "idle end_turn" and of_type(s.events(), "user.interrupt")
    assert "interrupt " in says(m, "cat ctl", cwd=s.path)


@promise("`ls sessions/x/workspace`")
def workspace(m, gesture):
    s = m.session("x")
    s.ask("! pwd > where; printf 'int main(void) { return 7; }' > seven.c")
    assert says(m, gesture) == "seven.c\nwhere\n"
    assert says(m, "cat where", cwd=s / "workspace") == "/workspace\n"
    says(m, "sed -i s/7/8/ seven.c", cwd=s / "workspace")
    if shutil.which("cc"):
        assert sh(m, "cc -o eight seven.c && ./eight", cwd=s / "workspace").returncode == 8
    if shutil.which("git"):
        says(m, "git init -q && git add . && git -c user.name=x -c user.email=x commit -qm x", cwd=s / "workspace")
    assert "return 8" in s.ask("! cat seven.c")


@promise("`cat sessions/x/error`")
def error(m, gesture):
    s = m.session("x")
    assert says(m, gesture) == ""
    assert sh(m, "echo nonsense > sessions/x/ctl").returncode != 0
    sentence = says(m, gesture)
    assert "nonsense" in sentence and len(sentence.splitlines()) == 1, sentence
    m.expect("model")
    s.ask("%error 1 403")
    assert "model" in says(m, gesture)
    s.ask("say fine")
    assert says(m, gesture) == ""


@promise("`mv sessions/x sessions/y`")
def mv(m, gesture):
    identity = m.session("x").read("id")
    says(m, gesture)
    assert says(m, "ls sessions") == "y\n" and says(m, "cat sessions/y/id") == identity
    says(m, "mkdir 'sessions/0aZ._+-'")
    for name in ("a b", "-x", ".x", "é", "a:b", "x" * 65):
        assert sh(m, f"mkdir -- 'sessions/{name}'").returncode != 0
        assert name in says(m, "tail -n 1 error")


@promise("`cat README`")
def readme(m, gesture):
    s = m.session("x")
    text = says(m, gesture)
    for name in [*os.listdir(m.path), *os.listdir(s.path), "wait", "follow", "live"]:
        assert re.search(rf"(^| |/){re.escape(name)}/?( |$)", text, re.M), name


@promise("- Reading has no side effect and waits for nothing")
def reading_is_safe(m, point):
    s = m.session("x")
    s.send("! sleep 60")
    s.wait_for("agent.tool_use")
    before = s.read("events")
    assert "sessions/x/events" in says(m, "grep -rl 'sleep 60' .")
    assert sh(m, "tar cf - . | wc -c").returncode == 0
    assert int(says(m, "find . | wc -l")) > 20
    assert s.read("events") == before and s.status() == "running"
    assert not {"wait", "follow", "live"} & set(os.listdir(s.path))
    says(m, "echo interrupt > sessions/x/ctl")
    assert s.wait() == "idle end_turn"


@promise("- GNU `tail -f` looks once a second")
def tail(m, point):
    s = m.session("x")
    with reading(m, "tail -s 0.1 -f sessions/x/events") as reader:
        began = time.monotonic()
        s.ask("hello")
        lines_until(reader, "session.status_idle")
        assert time.monotonic() - began < 5


@promise("- One redirection is one message")
def redirection(m, point):
    s = m.session("x")
    says(m, "{ echo a; ls; echo b; } > input", cwd=s.path)
    says(m, "exec 3> input; echo c >&3; echo d >&3", cwd=s.path)
    s.wait()
    one, *two = texts(s)
    assert one.startswith("a\n") and one.endswith("\nb") and "events\n" in one and two == ["c", "d"], (one, two)


@promise("- `workspace_path` names the real directory")
def workspace_path(m, point):
    s = m.session("x")
    s.ask("! ln -s /etc/passwd leak; echo mine > file")
    place = pathlib.Path(s.read("workspace_path").strip())
    assert (place / "file").read_text() == "mine\n" and os.readlink(place / "leak") == "/etc/passwd"
    assert sh(m, "cat leak", cwd=s / "workspace").returncode != 0


@promise("- After a crash or a reboot")
def again(m, point):
    s = m.session("x")
    s.send("! sleep 1; echo it went on")
    s.wait_for("agent.tool_use")
    crash(m)
    m.start()
    assert s.wait() == "idle end_turn"
    check_log(s.events())
    assert s.ask("say as before") == "as before\n"


@promise("- On a full disk writing fails")
def full_disk(m, point):
    need(is_root(), "only root can make a small disk")
    m.stop()
    disk = m.base / "disk"
    disk.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", disk], check=True)
    m.store = disk / "store"
    m.expect("No space left|no room")
    m.start()
    s = m.session("x")
    s.send("! sleep 0.5; echo one\nthen\n! echo two\nsay both")
    s.wait_for("agent.tool_use")
    with open(disk / "filling", "wb", buffering=0) as filling:
        with contextlib.suppress(OSError):
            while filling.write(bytes(4096)):
                pass
    refused = sh(m, "printf '%70000s' x > sessions/x/input")
    assert refused.returncode != 0 and "No space left" in refused.stderr, refused
    assert "room" in s.read("error")
    wait_until(lambda: "No space left" in m.log(), what="the harness to notice")
    assert s.status() == "running"
    (disk / "filling").unlink()
    assert s.wait() == "idle end_turn" and s.read("reply") == "both\n"
    check_log(s.events())
    assert s.ask("say after") == "after\n"


@promise("- `rm -r sessions/x` removes no session")
def rm(m, point):
    s = m.session("x")
    s.ask("! echo hi > file\nsay kept")
    assert sh(m, "rm -rf sessions/x").returncode != 0
    assert s.read("reply") == "kept\n" and os.listdir(s / "workspace") == []
    assert s.ask("say more") == "more\n"


# --- README.md, line by line ---

def table_rows(text):
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| `")]


def points(text):
    return [line for line in text.splitlines() if line.startswith("- ")]


def promise_of(line):
    return [beginning for beginning in promises if line.startswith(beginning)]


def add_test(line):
    def check():
        found = promise_of(line)
        assert len(found) == 1, f"README.md promises something that is not checked: {line}"
        with Mount() as m:
            promises[found[0]](m, line.strip("`"))
    check.__name__ = re.split(r"[:.;]( |$)", line.strip("-` ").replace("`", ""))[0]
    test(check)


LINES = [line for find in (table_rows, points) for line in find(section("What to know first"))]
for each in LINES:
    add_test(each)


@test
def every_check_has_its_line():
    made = {beginning for line in LINES for beginning in promise_of(line)}
    assert made == set(promises), set(promises) - made


# --- the shell blocks ---

def answered(output):
    assert "the login test fails" in output


def logged(output):
    assert "session.status_idle" in output, output


def at_rest(output):
    assert output.startswith("idle end_turn\n") and "the login test fails" in output, output


FIRST = {
    "agentdirs mount ~/agents": None,
    "cd ~/agents": None,
    "mkdir sessions/fix-42": None,
    'echo "the login test fails; find out why" > sessions/fix-42/input': None,
    "cat sessions/fix-42/live": answered,
    "tail -f sessions/fix-42/events": logged,
    "cat sessions/fix-42/wait sessions/fix-42/reply": at_rest,
}


@test
def the_first_lines_work_as_they_stand():
    lines = [line.split("  #")[0].rstrip() for line in shell_blocks(README)[0].splitlines()]
    assert lines == list(FIRST), lines
    with Mount(ready=False, environment={"AGENTDIRS_OFFLINE": "yes"}) as m:
        m.environment["AGENTDIRS_STORE"] = str(m.store)
        m.path = m.base / "agents"  # ~/agents
        m.environment["HOME"] = str(m.base)
        cwd = m.base
        for line in lines:
            if line.startswith("cd "):
                cwd = m.base / line.removeprefix("cd ~/")
                continue
            check = FIRST[line]
            if line.startswith("tail "):
                line = f"timeout 2 {line} || [ $? = 124 ]"
            result = sh(m, line, cwd=cwd, timeout=40)
            m.supervisor = m.recorded_pid()
            assert result.returncode == 0, (line, result)
            if check:
                check(result.stdout)


@test
def by_hand():
    block = shell_blocks(section("Try it"))[1]
    lines = [line.split("  #")[0].rstrip() for line in block.splitlines() if line.startswith("build/agentdirs")]
    assert [line.split()[1] for line in lines] == ["doctor", "mount", "umount"], lines
    with Mount(ready=False) as m:
        m.environment["AGENTDIRS_STORE"] = str(m.store)
        (m.base / "build").symlink_to(m.program.parent)
        for line in lines:
            result = sh(m, line, cwd=m.base, timeout=60)
            m.supervisor = m.recorded_pid()
            no_key = "doctor" in line
            assert result.returncode == no_key and ("--offline" in result.stdout) == no_key, (line, result)
        assert not mounts_below(m.base)


@test
def what_the_command_prints_fits_a_terminal():
    with Mount() as m:
        m.session("x").ask("hello")
        for line in ("agentdirs help", "agentdirs help mount", "agentdirs help umount", "agentdirs help status",
                     "agentdirs help doctor", "agentdirs doctor --offline", f"agentdirs status {m.path}"):
            shown = sh(m, line).stdout.splitlines()
            long = [text for text in shown if len(text) > 80 and str(m.base) not in text]
            assert shown and not long, long


main()
