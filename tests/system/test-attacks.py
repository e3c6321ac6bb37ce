#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# users: root user
# timeout: 240
"""Attackers: code in a sandbox, a second local user, a hostile model server, a careless host.  What each tries
has worked once, or is what its kind tries first; the name says what would be lost."""

import socket
import threading

from lib import *

KEY = "sk-ant-api03-" + "Zq7w" * 24
OTHER = 65533  # a second local user


# --- code in a sandbox ---

def bash(s, command, timeout_ms=60000):
    """The result of one call: (is_error, text)."""
    s.send("@bash " + json.dumps({"command": command, "timeout_ms": timeout_ms}))
    s.wait(timeout_ms / 1000 + 20)
    result = of_type(s.events(), "agent.tool_result")[-1]
    return result.get("is_error", False), "".join(block["text"] for block in result["content"])


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


@test
def limits_set_on_the_hands_would_fail_every_later_call():
    with Mount() as m:
        s = m.session("x")
        bash(s, "prlimit --pid 1 --nproc=0:0; renice -n 19 -p 1; chrt --idle --pid 0 1")
        for command in ("echo one", "(echo two) | cat"):
            is_error, text = bash(s, command)
            assert not is_error, text
        assert bash(s, "prlimit --pid 1 --nproc=0:0")[0], "nobody may set the limits of the hands"


@test
def a_stopped_shell_with_a_full_script_would_hang_every_later_call():
    with Mount() as m:
        s = m.session("x")
        bash(s, "(setsid bash -c 'sleep 0.2; kill -STOP '$$'; head -c 65536 /dev/zero > /proc/'$$'/fd/255; "
                "touch full' >/dev/null 2>&1 &) ; while false; do :; done")
        with contextlib.suppress(Failure):  # it is killed once it has filled the pipe
            wait_until(lambda: (s / "workspace/full").exists(), 2)
        began = time.monotonic()
        bash(s, "echo lost or not")
        is_error, text = bash(s, "echo heard")
        assert not is_error and "heard" in text, text
        assert time.monotonic() - began < 10


@test
def a_fork_bomb_would_take_the_next_call_and_everybody_elses():
    with Mount() as m:
        s, other = m.session("x"), m.session("other")
        bash(s, ":(){ :|:& };: ; sleep 1")
        began = time.monotonic()
        assert "elsewhere" in bash(other, "echo elsewhere")[1]
        assert time.monotonic() - began < 5
        assert "usable" in bash(s, "echo usable")[1] or "usable" in bash(s, "echo usable")[1]


@test
def a_flood_of_output_would_fill_the_harness():
    with Mount() as m:
        s, harness = m.session("x"), m.pid("harness")
        before = resident_kib(harness)
        is_error, text = bash(s, "yes | head -c 300M; echo the end")
        assert not is_error and len(text) < 200_000 and text.endswith("the end"), text[-200:]
        assert resident_kib(harness) - before < 20_000


@test
def controls_in_a_result_would_steer_the_terminal_of_who_reads_it():
    with Mount() as m:
        s = m.session("x")
        _, text = bash(s, r"printf '\033]52;c;cHduZWQ=\007\033[2Ja\xc2\x9b2Jb\000c\xff\x7f\b'")
        assert not [c for c in text if ord(c) < 32 or 127 <= ord(c) < 160], text
        assert "a" in text and "b" in text


@test
def lies_about_its_own_status_fool_nobody_but_the_model():
    """Code that learns the shell's secret from its script may say what it likes of its own calls; the state of the
    hands must survive that."""
    with Mount() as m:
        s = m.session("x")
        bash(s, "(setsid bash -c 'while :; do for f in 251 253 255; do head -c 200 /proc/'$$'/fd/$f; done; "
                "done' >/dev/null 2>&1 &)", 3000)
        for i in range(4):
            bash(s, f"echo {i}", 3000)
        assert "restarted" in s.ask('@bash {"restart":true}')
        assert "after" in bash(s, "echo after")[1]
        check_log(s.events())


@test
def set_uid_programs_of_an_agent_would_be_somebody_elses_way_to_become_the_user():
    with Mount() as m:
        s = m.session("x")
        bash(s, "cp /bin/true evil; chmod 6755 evil; mkfifo pipe; ln -s /etc/passwd out")
        copy = m.base / "copy"
        run(["cp", "-a", s / "workspace/evil", copy], check=True)
        assert copy.stat().st_mode & 0o7000 == 0
        assert run(["cat", s / "workspace/out"]).returncode != 0
        assert run(["cp", s / "workspace/pipe", m.base / "p"], timeout=5).returncode != 0
        run(["grep", "-rs", "x", s / "workspace"], timeout=5)


# --- the disk of the store ---

@test
def a_full_disk_would_lose_messages_and_effects():
    need(is_root(), "only root can make a small disk")
    with Mount(ready=False) as m:
        m.store.mkdir(mode=0o700)
        run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "none", m.store], check=True)
        m.expect("No space left")
        try:
            m.start()
            s = m.session("x")
            s.send("! echo x >> effects; cat /dev/zero > big; for i in $(seq 99); do echo $i > s$i; done; true")
            wait_until(lambda: "No space left" in m.log() or of_type(s.events(), "agent.tool_result"), 20)
            written = run(["bash", "-c", f"echo refused > {s / 'input'}"])
            if written.returncode != 0:
                assert "No space left" in written.stderr and "room" in s.read("error"), s.read("error")
            (s / "workspace/big").unlink()
            assert s.wait() == "idle end_turn"
            assert s.read("workspace/effects") == "x\n"
            assert "after" in bash(s, "echo after")[1]
            said = "".join(json.dumps(e) for e in of_type(s.events(), "user.message"))
            assert said.count("refused") == (written.returncode == 0)
            check_log(s.events())
        finally:
            m.stop()
            run(["umount", "-l", m.store])


# --- a second local user ---

def as_other(*words):
    return run(["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", *words], timeout=10)


@test
def a_second_user_would_read_messages_or_stop_the_mount():
    need(is_root(), "only root can be somebody else")
    with Mount() as m:
        m.session("x").ask("hello")
        m.base.chmod(0o755)
        pids = [m.pid(name) for name in ("supervisor", "fs", "harness", "spawner", "rehearsal")]
        attempts = [["ls", m.store], ["ls", m.path], ["cat", m.store / "log"], ["cat", m.path / "status"],
                    ["umount", m.path], ["fusermount3", "-u", m.path], ["touch", m.store / "x"]]
        attempts += [["cat", f"/proc/{pid}/{name}"] for pid in pids for name in ("environ", "maps", "mem")]
        attempts += [["ls", f"/proc/{pid}/{name}"] for pid in pids for name in ("fd", "map_files")]
        attempts += [["kill", str(pid)] for pid in pids]
        allowed = [words for words in attempts if as_other(*map(str, words)).returncode == 0]
        assert not allowed, allowed
        connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        assert "PermissionError" in as_other("/usr/bin/python3", "-c", connect, m.store / "rehearsal.sock").stderr
        assert m.session("x").ask("still there?")


# --- a hostile model server ---

def event(name, **fields):
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def error(status, kind, message, head=""):
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    return (f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n{head}content-length: {len(body)}\r\n"
            f"connection: close\r\n\r\n").encode() + body


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
CHUNKED = STREAM.replace(b"connection: close", b"transfer-encoding: chunked")
FINE = (STREAM + event("message_start", message={
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}) +
        event("content_block_start", index=0, content_block={"type": "text", "text": "fine"}) +
        event("content_block_stop", index=0) +
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1}) +
        event("message_stop"))

# What is answered to a message of that name: bytes, and then these again and again.
ANSWERS = {
    "key_in_a_message": (error(401, "authentication_error", f"bad key {KEY}"), b""),
    "key_as_a_type": (error(401, KEY, "no"), b""),
    "key_in_pieces": (error(401, "authentication_error", f"{KEY[:40]} {KEY[40:]}"), b""),
    "key_as_a_request_id": (error(401, "authentication_error", "no", f"request-id: {KEY[:50]}\r\n"), b""),
    "key_in_the_stream": (STREAM + event("error", error={"type": "invalid_request_error", "message": KEY}), b""),
    "a_terminal": (error(400, "invalid_request_error", "a\x1b[2Jb\x9b2Jc\x07"), b""),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"b" * 1000 + b"\r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"x-a: " + b"b" * 1000 + b"\r\n"),
    "one_line": (STREAM + b"data: ", b"b" * 65536),
    "comments": (STREAM, b":\n" * 32768),
    "a_body": (b"HTTP/1.1 400 No\r\ncontent-type: text/plain\r\n\r\n", b"b" * 65536),
}


class Server:
    """Answers as the last message of a request says; a name that it does not know with something fine."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self.socket.accept()[0],), daemon=True).start()

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        size = int(re.search(rb"content-length: *(\d+)", head, re.I)[1])
        while len(body) < size:
            body += connection.recv(65536)
        return json.loads(body)["messages"][-1]["content"]

    def _answer(self, connection):
        with contextlib.suppress(OSError), connection:
            content = self._read(connection)
            text = content if isinstance(content, str) else content[-1]["text"]
            once, again = ANSWERS.get(text.strip(), (FINE, b""))
            connection.sendall(once)
            while again:
                connection.sendall(again)


@contextlib.contextmanager
def hostile():
    server = Server()
    environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.port}",
                   "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    with Mount(offline=False, environment=environment) as m:
        yield m
    server.socket.close()


def files_with_pieces_of(secret, directory):
    pieces = [secret[i:i + 12].encode() for i in range(len(secret) - 12)]
    return [path for path in directory.rglob("*") if path.is_file() and
            any(piece in path.read_bytes() for piece in pieces)]


@test
def a_server_that_quotes_the_key_would_have_it_in_the_log():
    with hostile() as m:
        for name in (n for n in ANSWERS if n.startswith("key_")):
            s = m.session(name)
            s.send(name)
            wait_until(lambda: of_type(s.events(), "session.error"), 15, name)
            (s / "ctl").write_text("interrupt")
            assert KEY[:16] not in s.read("error") + s.read("events"), name
        assert not files_with_pieces_of(KEY, m.store)
        for pid in (m.pid("fs"), m.pid("spawner"), m.supervisor):
            with contextlib.suppress(PermissionError):
                assert KEY.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


@test
def a_server_that_writes_to_terminals_would_steer_that_of_who_reads_an_error():
    with hostile() as m:
        s = m.session("x")
        s.send("a_terminal")
        s.wait()
        message = of_type(s.events(), "session.error")[-1]["error"]["message"]
        shown = s.read("error") + message
        assert "b" in message and not [c for c in shown if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160], shown


@test
def answers_without_an_end_would_take_the_memory_and_everybodys_turn():
    with hostile() as m:
        harness, before = m.pid("harness"), resident_kib(m.pid("harness"))
        for name in ("headers", "trailers", "one_line", "comments", "a_body"):
            s = m.session(name)
            s.send(name)
            wait_until(lambda: of_type(s.events(), "session.error"), 30, f"an end of {name}")
            (s / "ctl").write_text("interrupt")
        assert m.session("calm").ask("hello").strip() == "fine"
        assert m.pid("harness") == harness, "the harness died"
        assert resident_kib(harness) - before < 40_000


# --- a careless host ---

@test
def thousands_of_open_files_would_stop_the_tree():
    with Mount() as m:
        s = m.session("x")
        read_only, opened = os.O_RDONLY | os.O_NONBLOCK, []
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
        try:
            with contextlib.suppress(OSError):  # ENFILE is a fine answer
                for _ in range(1000):
                    opened.append(os.open(s / "input", os.O_WRONLY))
                    os.write(opened[-1], b"the beginning of a message")
                    opened += [os.open(s / name, read_only) for name in ("wait", "follow", "live", "events")]
            assert len(opened) > 500
            began = time.monotonic()
            assert m.facts()["version"] and time.monotonic() - began < 1
        finally:
            for fd in opened:
                with contextlib.suppress(OSError):
                    os.close(fd)
        assert m.session("y").ask("hello")


main()
