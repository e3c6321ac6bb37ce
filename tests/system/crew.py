# SPDX-License-Identifier: MIT
"""A crew of stand-ins, to test the supervisor alone: it behaves by script, leaves notes, and mounts nothing.

Crew.make(directory) puts `agentdirs` and a stand-in for each of its programs there.  Each start of a stand-in takes
the next line of behaviour-NAME (none left: serve):

    serve           says ready and serves until SIGTERM
    crash           ends with exit code 3 before it is ready
    failed TEXT     says failed and ends with exit code 2
    hang            never gets ready
    finish          says ready, and ends with exit code 0 when told through finish-NAME
    stubborn        serves and ignores SIGTERM
    noisy           serves after printing odd things

and writes a line of JSON to seen-NAME.  The fs stand-in makes ordinary files README and status in the mount point.
"""

import json
import os
import pathlib
import shutil
import socket
import struct
import sys

NAMES = ("spawner", "rehearsal", "fs", "harness")


class Crew:
    def __init__(self, directory, agentdirs):
        self.directory = pathlib.Path(directory)
        self.agentdirs = self.directory / "agentdirs"
        shutil.copy2(agentdirs, self.agentdirs)
        shutil.copy2("/bin/true", self.directory / "agentdirs-hands")
        source = pathlib.Path(__file__).read_text()
        for name in NAMES:
            program = self.directory / f"agentdirs-{name}"
            program.write_text(f"#!{sys.executable} -I\n" + source)
            program.chmod(0o755)

    def behave(self, name, *lines):
        (self.directory / f"behaviour-{name}").write_text("".join(line + "\n" for line in lines))

    def finish(self, name):
        (self.directory / f"finish-{name}").touch()

    def seen(self, name):
        """What each start of it was given, oldest first."""
        try:
            return [json.loads(line) for line in (self.directory / f"seen-{name}").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def ended(self):
        """Names in the order in which they ended on SIGTERM."""
        return (self.directory / "ended").read_text().split()


# --- the stand-in itself ---

def fields(**values):
    packet = b""
    for name, value in values.items():
        name, value = name.encode(), value.encode()
        packet += bytes([len(name)]) + name + struct.pack("<I", len(value)) + value + b"\0"
    return packet


def read_fields(packet):
    found = {}
    while packet:
        size = packet[0]
        name, packet = packet[1:1 + size].decode(), packet[1 + size:]
        (size,) = struct.unpack("<I", packet[:4])
        found[name], packet = packet[4:4 + size].decode(), packet[4 + size + 1:]
    return found


def next_behaviour(path):
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return "serve"
    path.write_text("".join(line + "\n" for line in lines[1:]))
    return lines[0] if lines else "serve"


def read_memfd(fd):
    return os.read(int(fd), 4096).decode() if fd else None


class StandIn:
    def __init__(self, program):
        self.place = program.parent
        self.name = program.name.removeprefix("agentdirs-")
        self.words = dict(word.split("=", 1) for word in sys.argv[1:])
        self.control = socket.socket(fileno=int(self.words["control"]))
        self.root = pathlib.Path(self.words.get("mountpoint", "/nonexistent"))
        self.stopping = False

    def leave_note(self):
        import fcntl
        listed = [int(name) for name in os.listdir("/proc/self/fd")]
        note = {"pid": os.getpid(), "words": self.words, "environment": dict(os.environ),
                "fds": sorted(fd for fd in listed if os.path.exists(f"/proc/self/fd/{fd}")),
                "key": read_memfd(self.words.get("key"))}
        if "hands" in self.words:
            note["seals"] = fcntl.fcntl(int(self.words["hands"]), 1034)  # F_GET_SEALS
        with open(self.place / f"seen-{self.name}", "a") as out:
            out.write(json.dumps(note) + "\n")

    def say(self, what, fds=(), **more):
        socket.send_fds(self.control, [fields(say=what, **more)], list(fds))

    def end(self, *_):
        with open(self.place / "ended", "a") as out:
            out.write(self.name + "\n")
        for name in ("README", "status"):
            (self.root / name).unlink(missing_ok=True)
        os._exit(0)

    def show(self, facts):
        lines = "".join(f"{name} {value}\n" for name, value in facts.items() if name != "do")
        (self.root / "status.new").write_text(lines)
        (self.root / "status.new").rename(self.root / "status")

    def serve(self, patient=True):
        if self.name == "fs":
            (self.root / "README").write_text("a stand-in\n")
            self.say("mounted", [os.open("/dev/null", os.O_RDWR)])
        self.say("ready")
        self.control.settimeout(0.02)
        while not (self.place / f"finish-{self.name}").exists():
            try:
                packet = self.control.recv(65536)
            except TimeoutError:
                continue
            if not packet:
                self.end()
            self.show(read_fields(packet))
        for name in ("README", "status"):
            (self.root / name).unlink(missing_ok=True)
        os._exit(0)

    def behave(self, how):
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN if how == "stubborn" else self.end)
        if how == "crash":
            os._exit(3)
        if how.startswith("failed"):
            self.say("failed", why=how[7:])
            os._exit(2)
        while how == "hang":
            signal.pause()
        if how == "noisy":
            os.write(2, b"first\nwith \x1b[2J escape\n" + b"x" * 10000 + b"\nlast without newline")
        self.serve()


if __name__ == "__main__" and pathlib.Path(sys.argv[0]).name.startswith("agentdirs-"):
    me = StandIn(pathlib.Path(sys.argv[0]))
    me.leave_note()
    me.behave(next_behaviour(me.place / f"behaviour-{me.name}"))
