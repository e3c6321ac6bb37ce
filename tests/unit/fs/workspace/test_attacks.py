#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A hostile sandbox writes the workspace while the host works in it through the mount.

`outside/x` must never be read or written, and the mount's own `secret`, where in
the real mount the user's other sessions lie, never opened: its server says
ESCAPE on stderr, which fails the test.
"""
import fcntl
import os
import resource
import signal
import socket
import stat
import subprocess
import time

from lib import Skip, check, equal, errno_of, libc, main, run

RACE_SECONDS = 2
RACES = 10000
EXCHANGE = 2


def write(path, text="inside\n"):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path) as f:
        return f.read()


def overwrite(path):
    with open(path, "r+") as f:
        f.write("inside\n")


def exchange(a, b):
    return libc.renameat2(-100, a.encode(), -100, b.encode(), EXCHANGE)


class Attacker:
    """Repeats an action as the sandbox, as fast as it can, until the block ends or it has run for too long."""

    def __init__(self, m, action):
        self.m, self.action = m, action

    def work(self):
        until = time.monotonic() + 10 * RACE_SECONDS
        while time.monotonic() < until:
            for _ in range(100):
                self.action()

    def __enter__(self):
        self.pid = self.m.as_sandbox(self.work)

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def victim(m, *actions):
    """Repeats what a host program does, each action for itself; returns how often it worked and prints how else it ended."""
    until = time.monotonic() + RACE_SECONDS
    worked, failed = 0, {}
    for n in range(RACES):
        if time.monotonic() > until:
            break
        try:
            actions[n % len(actions)]()
            worked += 1
        except OSError as e:
            failed[e.strerror] = failed.get(e.strerror, 0) + 1
    equal(read(m.outside + "/x"), "outside\n", "the file outside")
    equal(os.listdir(m.outside), ["x"], "the directory outside")
    print(f"# {worked} done, refused: {failed}")
    return worked


def test_directory_becomes_link(m):
    os.chmod(m.outside, 0o777)
    os.chmod(m.outside + "/x", 0o666)
    for target in [m.outside, "../../outside", "../"]:
        def prepare():
            os.mkdir("d")
            os.symlink(target, "evil")
            write("d/x")

        path = m.dir + "/d/x"
        actions = [
            lambda: equal(read(path), "inside\n", "read"), lambda: overwrite(path), lambda: os.chmod(path, 0o600),
            lambda: os.utime(path), lambda: os.truncate(path, 7), lambda: write(m.dir + "/d/y"),
            lambda: os.rename(m.dir + "/d/y", m.dir + "/d/z"), lambda: os.unlink(m.dir + "/d/z"),
            lambda: os.mkdir(m.dir + "/d/e"), lambda: os.rmdir(m.dir + "/d/e"), lambda: os.link(path, m.dir + "/d/h"),
            lambda: os.unlink(m.dir + "/d/h"), lambda: os.listdir(m.dir + "/d"),
        ]

        m.sandbox(prepare)
        with Attacker(m, lambda: exchange("d", "evil")):
            check(victim(m, *actions) > 10, "the host got something done meanwhile")
        m.sandbox(lambda: run("rm", "-r", "d", "evil"))


def test_file_becomes_link(m):
    os.chmod(m.outside + "/x", 0o666)

    def prepare():
        write("x")
        os.symlink(m.outside + "/x", "evil")

    def act():
        fd = os.open(m.dir + "/x", os.O_RDWR | os.O_CREAT)
        equal(os.read(fd, 99), b"inside\n", "read")
        os.pwrite(fd, b"inside\n", 0)
        os.close(fd)
        os.chmod(m.dir + "/x", 0o600)

    m.sandbox(prepare)
    with Attacker(m, lambda: exchange("x", "evil")):
        check(victim(m, act) > 10, "the host got something done meanwhile")


def test_file_becomes_fifo(m):
    def prepare():
        write("x")
        os.mkfifo("fifo")

    m.sandbox(prepare)
    with Attacker(m, lambda: exchange("x", "fifo")):
        check(victim(m, lambda: equal(read(m.dir + "/x"), "inside\n", "read")) > 10, "something got done")


def test_links_while_directories_move(m):
    """`a/b/c/l` may say `../../../secret`; `c` jumps between depth 3 and depth 1, where that would lead out."""
    def prepare():
        os.makedirs("a/b/c/d")
        os.symlink("../../../secret", "a/b/c/l")
        os.symlink("../../../../secret", "a/b/c/d/l")
        os.symlink("../secret", "c1")
        write("secret")

    def move():
        os.rename("a/b/c", "c")
        os.rename("c", "a/b/c")

    def act():
        for path in ["a/b/c/l", "c/l", "a/b/c/d/l", "c/d/l", "c1"]:
            try:
                equal(read(f"{m.dir}/{path}"), "inside\n", "read through " + path)
                with open(f"{m.dir}/{path}", "r+") as f:
                    f.write("inside\n")
            except OSError:
                os.listdir(m.dir)

    m.sandbox(prepare)
    with Attacker(m, move):
        victim(m, act)


def test_one_link_at_two_depths(m):
    """A hard link of a symbolic link has one inode, but two places."""
    def prepare():
        os.makedirs("a/b/c")
        os.symlink("../../../secret", "a/b/c/l")
        os.link("a/b/c/l", "l", follow_symlinks=False)
        write("secret")

    m.sandbox(prepare)
    for _ in range(100):
        equal(read(m.dir + "/a/b/c/l"), "inside\n", "deep down it leads to the top")
        equal(os.readlink(m.dir + "/l"), "outside:..\\..\\..\\secret", "at the top it leads nowhere")
        equal(errno_of(open, m.dir + "/l"), "ENOENT", "and cannot be opened")


def test_links(m):
    texts = {
        # ".." after a name is collapsed: the tricks name a file inside that is not there.
        "abs": "/etc/passwd", "top": "/", "mount": m.point + "/secret", "up": "../secret", "chain": "up", "chain2": "d/up2",
        "d/up2": "../../secret", "dots": "d/../../secret", "trick": "self/../secret", "self": "d/back", "d/back": "..",
        "proc": "/proc/self/root/etc/passwd", "deep": "d/d/d/../../../../secret", "slash": "..//secret",
        "trick2": "d/back/../secret", "trick3": "d/back/d/back/../../secret",
    }

    def prepare():
        os.makedirs("d/d/d")
        write("d/f")
        for name, text in texts.items():
            os.symlink(text, name)
        os.symlink("/workspace/d/f", "in")
        os.symlink("/workspace/d/f", "d/d/in")
        os.symlink("../f", "d/d/rel")

    m.sandbox(prepare)
    for name in texts:
        path = m.dir + "/" + name
        if name in ["self", "d/back"]:  # to the top
            continue
        equal(errno_of(open, path), "ENOENT", f"{name} leads nowhere")
    for name in ["abs", "top", "mount", "up", "chain", "chain2", "d/up2", "dots", "proc", "deep"]:
        equal(errno_of(open, m.dir + "/" + name, "w"), "ENOENT", f"{name} cannot be written through")
    equal(os.stat(m.dir + "/self").st_ino, os.stat(m.dir).st_ino, "a link to the top")
    for name in ["in", "d/d/in", "d/d/rel"]:
        equal(read(m.dir + "/" + name), "inside\n", name)
    equal(os.readlink(m.dir + "/d/d/in"), "../../d/f", "rewritten")
    equal(os.readlink(m.dir + "/abs"), "outside:\\etc\\passwd", "what is said of one that leads out")
    equal(errno_of(os.mkdir, m.dir + "/outside:\\x"), "ENOENT", "nobody makes what it leads to")
    equal(os.readlink(m.back[0] + "/abs"), "/etc/passwd", "the link itself is as it was made")


def quickly(function, text):
    begun = time.monotonic()
    said = errno_of(function)
    check(time.monotonic() - begun < 5, text + " did not hang")
    return said


def test_special_files(m):
    def prepare():
        os.mkfifo("fifo", 0o666)
        socket.socket(socket.AF_UNIX).bind("socket")

    m.sandbox(prepare)
    names = ["fifo", "socket"]
    if m.mode == "root":
        os.mknod(m.back[0] + "/device", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
        os.mknod(m.back[0] + "/disk", stat.S_IFBLK | 0o666, os.makedev(7, 0))
        names += ["device", "disk"]
    for name in names:
        path = m.dir + "/" + name
        st = os.lstat(path)
        check(stat.S_ISSOCK(st.st_mode) and st.st_rdev == 0, name + " is shown as a socket")
        for flags in [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_TRUNC]:
            said = quickly(lambda f=flags: os.open(path, f), name)
            check(said in ["ENXIO", "EACCES"], f"open of {name}: {said}")
        check(name in os.listdir(m.dir), name + " is listed")
    run("grep", "-r", "something", m.dir, ok=False)
    run("tar", "-C", m.dir, "-cf", "/dev/null", ".", ok=False)
    for name in names:
        os.rename(m.dir + "/" + name, m.dir + "/renamed")
        os.unlink(m.dir + "/renamed")
    equal([errno_of(os.mkfifo, m.dir + "/p"), errno_of(os.mknod, m.dir + "/c", stat.S_IFCHR | 0o600, os.makedev(1, 3))][:1],
          ["EPERM"], "made through the mount")


def test_set_user_id(m):
    write(m.dir + "/prog", "#!/bin/sh\n")

    def plant():
        os.chmod("prog", 0o6755)
        os.mkdir("d")
        os.chmod("d", 0o2755)

    m.sandbox(plant)
    equal([oct(os.stat(m.dir + "/" + n).st_mode & 0o7777) for n in ["prog", "d"]], ["0o755"] * 2, "shown")
    for bits in [0o4755, 0o2755, 0o6777]:
        equal(errno_of(os.chmod, m.dir + "/prog", bits), "EPERM", "chmod")
        equal(errno_of(os.open, m.dir + f"/new{bits}", os.O_CREAT | os.O_WRONLY, bits), "EPERM", "create")
    with open(m.dir + "/prog", "a") as f:
        f.write("x")
    equal(os.stat(m.back[0] + "/prog").st_mode & 0o4000, 0, "writing takes it away")
    os.chmod(m.dir + "/prog", 0o700)
    equal(os.stat(m.back[0] + "/prog").st_mode & 0o7777, 0o700, "so does chmod")
    equal(errno_of(os.chown, m.dir + "/prog", os.getuid() + 1, -1), "EPERM", "chown")
    equal(errno_of(os.chown, m.dir + "/prog", -1, os.getgid() + 1), "EPERM", "chgrp")


def test_lease(m):
    """Whoever opens a leased file waits up to 45 seconds for the holder to give way."""
    reader, writer = os.pipe()

    def hold():
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        write("x")
        fd = os.open("x", os.O_RDWR)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.write(writer, b"x")
        time.sleep(30)

    pid = m.as_sandbox(hold)
    try:
        os.read(reader, 1)
        for flags in [os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_TRUNC]:
            equal(quickly(lambda f=flags: os.open(m.dir + "/x", f), "a lease"), "EBUSY", "open")
        quickly(lambda: os.truncate(m.dir + "/x", 0), "truncate")
        equal(quickly(lambda: os.stat(m.dir + "/x"), "a lease"), None, "stat")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_unreadable(m):
    def prepare():
        write("f")
        os.mkdir("d")
        write("d/f")
        os.chmod("f", 0)
        os.chmod("d", 0)

    m.sandbox(lambda: os.chmod(".", 0))
    equal(errno_of(open, m.dir + "/f"), "EACCES", "in a top that is closed")
    os.chmod(m.dir, 0o755)
    m.sandbox(prepare)
    equal(errno_of(open, m.dir + "/f"), "EACCES", "what its owner may not read")
    equal(errno_of(os.listdir, m.dir + "/d"), "EACCES", "or list")
    os.chmod(m.dir + "/f", 0o600)
    os.chmod(m.dir + "/d", 0o700)
    equal(read(m.dir + "/f") + read(m.dir + "/d/f"), "inside\n" * 2, "after chmod")


def test_hard_links(m):
    m.sandbox(lambda: (write("a"), os.link("a", "b"), os.mkdir("d"), os.link("a", "d/c")))
    equal(os.stat(m.dir + "/d/c").st_nlink, 3, "links")
    with open(m.dir + "/b", "a") as f:
        f.write("more")
    equal(read(m.dir + "/d/c"), "inside\nmore", "written through another name")
    os.unlink(m.dir + "/a")
    equal(os.stat(m.dir + "/b").st_nlink, 2, "after one is gone")


def test_big_directory(m):
    m.sandbox(lambda: [os.close(os.open(f"f{i}" + "x" * (i % 200), os.O_CREAT)) for i in range(5000)])
    names = os.listdir(m.dir)
    equal((len(names), len(set(names))), (5000, 5000), "each name once")
    equal(sorted(names), sorted(os.listdir(m.back[0])), "names")
    run("rm", "-r", m.dir, ok=False)
    equal(os.listdir(m.back[0]), [], "removed")


def test_deep_tree(m):
    """Deeper than PATH_MAX; and deeper than is served."""
    name = "d" * 200

    def dig():
        for _ in range(400):
            os.mkdir(name)
            os.chdir(name)

    m.sandbox(dig)
    os.chdir(m.dir)
    for _ in range(300):
        os.chdir(name)
    write("f")
    equal(read("f"), "inside\n", "300 levels down")
    os.unlink("f")
    depth = 300
    try:
        while depth < 400:
            os.chdir(name)
            depth += 1
    except OSError as e:
        equal(e.strerror, "File name too long", "too deep")
    check(320 <= depth < 330, f"64 KiB of names: {depth}")
    os.chdir("/")
    run("rm", "-r", m.back[0] + "/" + name)


def test_odd_sizes(m):
    def prepare():
        write("big")
        os.truncate("big", 1 << 40)

    m.sandbox(prepare)
    equal(os.stat(m.dir + "/big").st_size, 1 << 40, "a sparse file")
    with open(m.dir + "/big", "rb") as f:
        equal(os.pread(f.fileno(), 10, (1 << 40) - 5), b"\0" * 5, "its end")
        m.sandbox(lambda: os.truncate("big", 3))
        equal(os.pread(f.fileno(), 10, 1 << 39), b"", "cut while it is open")
        time.sleep(0.2)
        equal(os.pread(f.fileno(), 10, 0), b"ins", "what is left")
    write(m.dir + "/x", "y" * 300000)
    with Attacker(m, lambda: (os.truncate("x", 10), os.truncate("x", 300000))):
        victim(m, lambda: read(m.dir + "/x"))


def test_read_only_tree(m):
    write(m.back[1] + "/f")
    os.mkdir(m.back[1] + "/d")
    path = m.point + "/w1/"
    equal(read(path + "f"), "inside\n", "reading")
    actions = [lambda: os.open(path + "f", os.O_WRONLY), lambda: os.open(path + "g", os.O_CREAT), lambda: os.chmod(path + "f", 0),
               lambda: os.unlink(path + "f"), lambda: os.mkdir(path + "e"), lambda: os.rmdir(path + "d"),
               lambda: os.rename(path + "f", path + "g"), lambda: os.symlink("x", path + "l"), lambda: os.link(path + "f", path + "l"),
               lambda: os.truncate(path + "f", 0), lambda: os.utime(path + "f"), lambda: os.mknod(path + "n"),
               lambda: os.open(path + "f", os.O_RDONLY | os.O_TRUNC)]
    equal([errno_of(a) for a in actions], ["EROFS"] * len(actions), "changes")
    equal(sorted(os.listdir(m.back[1])), ["d", "f"], "nothing changed")


def test_between_trees(m):
    write(m.dir + "/f")
    equal(errno_of(os.rename, m.dir + "/f", m.point + "/w1/f"), "EROFS", "rename to the read-only one")
    equal(errno_of(os.rename, m.dir + "/f", m.point + "/f"), "EXDEV", "rename out")
    equal(errno_of(os.link, m.dir + "/f", m.point + "/w1/f"), "EROFS", "link")


def test_mounted_over(m):
    """What is mounted below a workspace is not part of it."""
    if m.mode != "root":
        raise Skip("needs mount(2)")
    os.mkdir(m.back[0] + "/d")
    if libc.mount(b"none", (m.back[0] + "/d").encode(), b"tmpfs", 0, None) < 0:
        raise Skip("cannot mount a tmpfs")
    try:
        write(m.back[0] + "/d/f")
        equal(errno_of(os.stat, m.dir + "/d"), "EXDEV", "the mount point")
        equal(errno_of(open, m.dir + "/d/f"), "EXDEV", "a file below")
    finally:
        libc.umount2((m.back[0] + "/d").encode(), 2)


def test_session_forgotten(m):
    write(m.dir + "/f")
    with open(m.dir + "/f") as f:
        os.chdir(m.dir)
        m.server.send_signal(signal.SIGUSR1)
        errno_of(os.stat, m.point + "/none")
        time.sleep(0.2)
        errno_of(os.stat, m.point + "/none")
        equal(f.read(), "inside\n", "an open file is still read")
        equal(errno_of(os.stat, "f"), "ESTALE", "a name below is stale")
        time.sleep(1.1)
        os.chdir("/")
        equal(read(m.dir + "/f"), "inside\n", "found anew")
    os.rename(m.back[0], m.back[0] + "-")
    os.mkdir(m.back[0])
    time.sleep(1.1)
    equal(os.listdir(m.dir), ["f"], "a renamed top is kept")
    run("rm", "-r", m.back[0] + "-")
    time.sleep(1.1)
    equal(os.listdir(m.dir), [], "a removed one is replaced")


def test_too_many_open(m):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    write(m.dir + "/f")
    fds, said = [], None
    try:
        while len(fds) < 5000:
            fds.append(os.open(m.dir + "/f", os.O_RDONLY))
    except OSError as e:
        said = e.strerror
    count = len(fds)
    for fd in fds:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check(said in ["Too many open files in system", "Too many open files"], f"{count} open files: {said}")
    print(f"# refused after {count}")
    until = time.monotonic() + 5
    while errno_of(open, m.dir + "/f") and time.monotonic() < until:
        time.sleep(0.05)
    equal(read(m.dir + "/f"), "inside\n", "after they are closed")


def test_long_work(m):
    """What takes the disk long to do for one does not stop the others."""
    def fill():
        with open("big", "wb") as f:
            for _ in range(200):
                f.write(os.urandom(1 << 20))

    worst = {}
    for what in ["fsync", "rm"]:
        m.sandbox(fill)
        write(m.dir + "/small")
        pid = os.fork()
        if pid == 0:
            fd = os.open(m.dir + "/big", os.O_RDWR)
            os.fsync(fd)
            if what == "rm":
                os.unlink(m.dir + "/big")
            os._exit(0)
        worst[what] = 0
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            begun = time.monotonic()
            os.stat(m.dir + "/small")
            worst[what] = max(worst[what], time.monotonic() - begun)
            time.sleep(0.001)
    print("# longest stat meanwhile, ms:", {k: round(v * 1000, 1) for k, v in worst.items()})
    check(os.path.exists(m.dir + "/small") and not os.path.exists(m.dir + "/big"), "both were done")


def test_fork_of_tools(m):
    """Many programs at once; nothing is lost."""
    done = [subprocess.Popen(["bash", "-c", f"for i in $(seq 50); do echo $i > f{n}.$i; mv f{n}.$i g{n}.$i; done"], cwd=m.dir)
            for n in range(4)]
    equal([p.wait(60) for p in done], [0] * 4, "status")
    equal(len(os.listdir(m.back[0])), 200, "files")


main([test_directory_becomes_link, test_file_becomes_link, test_file_becomes_fifo, test_links_while_directories_move,
      test_one_link_at_two_depths, test_links, test_special_files, test_set_user_id, test_lease, test_unreadable, test_hard_links,
      test_big_directory, test_deep_tree, test_odd_sizes, test_read_only_tree, test_between_trees, test_mounted_over,
      test_session_forgotten, test_too_many_open, test_long_work, test_fork_of_tools])
