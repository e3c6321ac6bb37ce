# SPDX-License-Identifier: MIT
"""The file system alone, for its own tests: agentdirs-fs as the supervisor would start it, and a stand-in for the
harness that does what a test tells it to.

    with Tree() as t:
        s = t.session("x")
        (s / "input").write_text("hello")
        t.take("x"); t.say("x", "m1", "hi"); t.idle("x")

Tree.kill() ends the process with -9 and starts a successor on the same mount, as the supervisor does.
"""

import array
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from lib import BUILD, Failure, is_root, mounts_below

PACKET_MAX = 65536


def program(name):
    found = next(iter(pathlib.Path(BUILD).rglob(name)), None)
    if not found:
        raise Failure(f"{name} is not built in {BUILD}")
    return found


def packet(**fields):
    """A field list, base/fields.h."""
    out = b""
    for name, value in fields.items():
        value = str(value).encode()
        out += struct.pack("B", len(name)) + name.encode() + struct.pack("<I", len(value)) + value + b"\0"
    return out


def unpack(data):
    fields, at = {}, 0
    while at < len(data):
        size = data[at]
        name = data[at + 1:at + 1 + size].decode()
        at += 1 + size
        (size,) = struct.unpack_from("<I", data, at)
        fields[name] = data[at + 4:at + 4 + size].decode()
        at += 4 + size + 1
    return fields


ELSEWHERE = """
import json, os, select, sys
names = {"os": os, "select": select}
for line in sys.stdin:
    try:
        value = eval(json.loads(line), names)
        answer = value if isinstance(value, (int, list, str, type(None))) else value.decode()
    except OSError as error:
        answer = {"errno": error.errno}
    print(json.dumps(answer), flush=True)
"""


class Elsewhere:
    """Evaluates Python in another process.  Whoever starts agentdirs-fs must hold nothing open on the mount: a child
    closes what it inherits before it becomes the new process, and that waits for the process that it would become."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd="/")
        return self

    def __call__(self, expression):
        self.process.stdin.write(json.dumps(expression) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if isinstance(answer, dict):
            raise OSError(answer["errno"], expression)
        return answer

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Tree:
    def __init__(self, **words):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="tree."))
        self.path, self.store = self.base / "mnt", self.base / "store"
        self.path.mkdir()
        self.words = {"allow_other": 0, "umask": "077", "model": "claude-sonnet-5-5", "offline": 1, **words}
        self.init = os.memfd_create("init")
        self.hints = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.device = None
        self.process = self.standin = self.control = None
        self.output = open(self.base / "output", "w+")
        try:
            self.start()
            self.standin = subprocess.Popen(
                [program("agentdirs-standin"), f"store={self.store}", f"hints={self.hints[1].fileno()}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                pass_fds=[self.hints[1].fileno()], cwd="/")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __truediv__(self, name):
        return self.path / name

    # The supervisor's part.

    def start(self):
        """Starts the process, on the live mount if there is one, and waits until it is ready."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inherited = [theirs.fileno(), self.init, self.hints[0].fileno()]
        words = {**self.words, "store": self.store, "mountpoint": self.path, "init": self.init,
                 "hints": self.hints[0].fileno(), "control": theirs.fileno()}
        if self.device is not None:
            words["device"] = self.device
            inherited.append(self.device)
        self.control = ours
        self.process = subprocess.Popen(
            [program("agentdirs-fs"), *(f"{name}={value}" for name, value in words.items())],
            pass_fds=inherited, cwd="/", stdout=self.output, stderr=self.output)
        theirs.close()
        ours.settimeout(30)
        while (said := self._hear()) != "ready":
            if said != "mounted":
                raise Failure(f"agentdirs-fs does not start: {said}")

    def _hear(self):
        data, ancillary, _, _ = self.control.recvmsg(PACKET_MAX, socket.CMSG_SPACE(64))
        for _, _, payload in ancillary:
            self.device = array.array("i", payload)[0]
        said = unpack(data)
        return said.get("why") or said.get("say", "nothing")

    def tell(self, **fields):
        self.control.send(packet(**fields))

    def kill(self):
        """kill -9, and a successor on the same mount."""
        self.process.kill()
        self.process.wait(10)
        self.control.close()
        self.start()

    def end(self):
        """SIGTERM, and then the mount goes with its last descriptor; the exit code."""
        self.process.terminate()
        code = self.process.wait(20)
        self._drop_device()
        return code

    def _drop_device(self):
        if self.device is not None:
            os.close(self.device)
        self.device = None

    def close(self):
        code = None
        try:
            if self.process and self.process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = self.end()
        finally:
            for child in (self.process, self.standin):
                if child and child.poll() is None:
                    child.kill()
                    child.wait(10)
            self._drop_device()
            for point in mounts_below(self.base):
                subprocess.run(["umount", "-l", point] if is_root() else ["fusermount3", "-uz", point],
                               timeout=10, check=False)
            self.output.seek(0)
            said = self.output.read()
            for name in ("output", "control"):
                if getattr(self, name):
                    getattr(self, name).close()
            for end in self.hints:
                end.close()
            os.close(self.init)
            shutil.rmtree(self.base, ignore_errors=True)
        if said:
            raise Failure(f"agentdirs-fs said:\n{said}")
        if code not in (None, 0):
            raise Failure(f"agentdirs-fs ended with {code}")

    # The harness's part.

    def _do(self, *words):
        self.standin.stdin.write(" ".join(words) + "\n")
        self.standin.stdin.flush()
        answer = self.standin.stdout.readline().strip()
        if answer.startswith("error") or not answer:
            raise Failure(f"standin: {' '.join(words)[:200]}: {answer}")
        return answer

    def session(self, name):
        (self.path / "sessions" / name).mkdir()
        return self.path / "sessions" / name

    def append(self, session, hinted=True, **event):
        self._do("append" if hinted else "quiet", session, json.dumps(event))

    def take(self, session):
        self._do("take", session)

    def delta(self, session, id, text):
        self._do("delta", session, id, json.dumps(text))

    def say(self, session, id, text):
        self.append(session, type="agent.message", id=id, content=[{"type": "text", "text": text}])

    def idle(self, session, **reason):
        self.append(session, type="session.status_idle",
                    stop_reason=reason or {"type": "end_turn"}, stop_details=None)

    def archive(self, session):
        self._do("archive", session)

    def queued(self, session):
        """The queue, as texts of messages or whole events."""
        events = json.loads(self._do("queued", session))
        return [e["content"][0]["text"] if e["type"] == "user.message" and len(e["content"]) == 1 else e
                for e in events]
