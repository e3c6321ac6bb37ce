# SPDX-License-Identifier: MIT
"""What the workspace tests share: a mount of their own, TAP, and bounded waits.

    lib.main(PROGRAM, MODE, [test, ...])

MODE is `root` (the server runs as root and works as the sandbox's private user,
as in a root-started installation) or `user` (everything as one ordinary user;
started by root it becomes nobody first).  Each test is a function that takes
the Mount and raises Failed; it gets a fresh mount.  The server must leave
without a word on stderr and with as many descriptors as it began with.
"""
import ctypes
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SANDBOX_UID = 123456  # nobody's, like the ranges that sandboxes get
NOBODY = 65534
TEST_SECONDS = 240  # under sanitizers on a busy machine; ordinarily a few seconds


libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def equal(got, want, text):
    check(got == want, f"{text}: got {got!r}, want {want!r}")


class Mounter:
    """A child that stays root and mounts for nobody, where /dev/fuse is closed to ordinary users."""

    def __init__(self):
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid:
            other.close()
            return
        self.socket.close()
        try:
            while request := other.recv(4096):
                verb, path = request.decode().split(" ", 1)
                self.mount(other, path) if verb == "mount" else self.unmount(other, path)
        finally:
            os._exit(0)

    def mount(self, other, path):
        fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={fd},rootmode=40000,user_id={NOBODY},group_id={NOBODY}"
        if libc.mount(b"workspace-test", path.encode(), b"fuse", 6, options.encode()) < 0:  # nosuid,nodev
            other.send(b"no")
        else:
            socket.send_fds(other, [b"ok"], [fd])
        os.close(fd)

    def unmount(self, other, path):
        libc.umount2(path.encode(), 2)  # MNT_DETACH
        other.send(b"ok")

    def ask(self, verb, path):
        self.socket.send(f"{verb} {path}".encode())
        answer, fds, _, _ = socket.recv_fds(self.socket, 10, 1)
        return fds[0] if fds else None


mounter = None


class Mount:
    """A mount with two workspaces: w0, and w1 which is read-only."""

    def __init__(self, program, mode):
        self.program, self.mode = program, mode
        self.base = tempfile.mkdtemp(prefix="workspace-")
        os.chmod(self.base, 0o755)
        self.point = self.base + "/m"
        self.back = [self.base + "/store/w0", self.base + "/store/w1"]  # what the sandbox sees
        self.dir = self.point + "/w0"
        self.native = self.base + "/native"  # for comparison
        self.outside = self.base + "/outside"  # nothing may happen there
        for path in [self.point, *self.back, self.native, self.outside]:
            os.makedirs(path)
        if mode == "root":
            for path in self.back:
                os.chown(path, SANDBOX_UID, SANDBOX_UID)
            os.chmod(self.base + "/store", 0o700)
        with open(self.outside + "/x", "w") as f:
            f.write("outside\n")
        self.start()

    def start(self):
        self.log = open(self.base + "/log", "w+")
        fd = mounter.ask("mount", self.point) if mounter else None
        point = self.point if fd is None else f"/dev/fd/{fd}"
        self.server = subprocess.Popen([self.program, point, *self.back], stdout=subprocess.PIPE, stderr=self.log,
                                       cwd="/", pass_fds=[] if fd is None else [fd])
        if fd is not None:
            os.close(fd)
        line = self.server.stdout.readline()
        if line != b"ready\n":
            self.server.wait()
            self.log.seek(0)
            said = " ".join(self.log.read().split())
            self.remove()
            raise Skip("cannot mount here: " + said)

    def stop(self):
        """Unmounts; returns what was suspicious."""
        self.server.send_signal(signal.SIGTERM)
        try:
            status = self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            status = self.server.wait()
        self.server.stdout.close()
        self.log.seek(0)
        said = self.log.read()[:4000]
        self.log.close()
        return said + (f"server left with {status}\n" if status else "")

    def remove(self):
        if mounter:
            mounter.ask("unmount", self.point)
        else:
            subprocess.run(["fusermount3", "-uzq", self.point], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    def as_sandbox(self, function, *args):
        """Runs function in a child that is the sandbox's user; returns its pid."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            if self.mode == "root":
                # The way to the store is closed to that user, so it starts inside, as a sandbox does.
                os.chdir(self.back[0])
                os.setgroups([])
                os.setresgid(SANDBOX_UID, SANDBOX_UID, SANDBOX_UID)
                os.setresuid(SANDBOX_UID, SANDBOX_UID, SANDBOX_UID)
            else:
                os.chdir(self.back[0])
            function(*args)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def sandbox(self, function, *args):
        pid = self.as_sandbox(function, *args)
        equal(os.waitpid(pid, 0)[1], 0, "the sandbox's part failed")


def run(*words, cwd=None, ok=True, stdin=None, env=None):
    """Runs a program for at most a minute; returns (status, output)."""
    done = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL if stdin is None else None, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False,
                          env=dict(os.environ, **(env or {})))
    text = done.stdout.decode(errors="replace")
    if ok and done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: status {done.returncode}: {text[-800:]}")
    return done.returncode, text


def shell(script, cwd):
    return run("bash", "-euc", script, cwd=cwd)[1]


def errno_of(function, *args, **kwargs):
    """The name of the errno that a call raises, or None."""
    try:
        function(*args, **kwargs)
        return None
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))


def punch(fd, offset, size):
    """Makes a hole."""
    if libc.fallocate(fd, 3, ctypes.c_long(offset), ctypes.c_long(size)) < 0:  # KEEP_SIZE | PUNCH_HOLE
        raise OSError(ctypes.get_errno(), "fallocate")


def one_test(program, mode, test):
    mount = None
    stop = None
    try:
        mount = Mount(program, mode)
        # A server that hangs would hang us too, in a state that no signal ends; without a server, calls fail.
        stop = threading.Timer(TEST_SECONDS, mount.server.kill)
        stop.start()
        test(mount)
        os.chdir("/")
        said = mount.stop()
        check(not said, "the server said: " + said)
    finally:
        os.chdir("/")
        if stop:
            stop.cancel()
        if mount:
            if mount.server.poll() is None:
                mount.server.kill()
                mount.server.wait()
            mount.remove()


def become(mode):
    if mode == "root" and os.getuid() != 0:
        print("1..0 # SKIP only root can run as root")
        sys.exit(0)
    if mode == "user" and os.getuid() == 0:
        global mounter
        mounter = Mounter()
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ.update(HOME="/nonexistent", LC_ALL="C.UTF-8", GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="a",
                      GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
    os.umask(0o022)


def main(tests):
    program, mode = os.path.abspath(sys.argv[1]), sys.argv[2]
    only = sys.argv[3:]
    become(mode)
    failures = 0
    tests = [t for t in tests if not only or t.__name__ in only]
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        begun = time.monotonic()
        try:
            one_test(program, mode, test)
            print(f"ok {number} - {name} ({time.monotonic() - begun:.1f} s)")
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}")
        except Exception as why:
            failures += 1
            print(f"not ok {number} - {name}")
            print("# " + str(why)[:2000].replace("\n", "\n# "))
            if not isinstance(why, Failed):
                print("# " + traceback.format_exc().replace("\n", "\n# "))
        sys.stdout.flush()
    sys.exit(1 if failures else 0)
