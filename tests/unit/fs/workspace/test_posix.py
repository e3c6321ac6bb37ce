#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each case runs on the disk and in the workspace; both must do the same."""
import ctypes
import errno
import fcntl
import mmap
import os
import random
import stat
import subprocess
import time

import lib
from lib import check, equal, errno_of, main

LONG = "n" * 255
TOO_LONG = "n" * 256


def write(path, text="x"):
    with open(path, "w") as f:
        f.write(text)


def read(path):
    with open(path, errors="surrogateescape") as f:
        return f.read()


def mode(path):
    return oct(os.lstat(path).st_mode)


def opens(flags, path="f", perm=0o644):
    """What open says, and what the descriptor can do."""
    try:
        fd = os.open(path, flags, perm)
    except OSError as e:
        return e.strerror
    able = [errno_of(os.read, fd, 1), errno_of(os.write, fd, b"y"), os.fstat(fd).st_size]
    os.close(fd)
    return able


def renames(before, old, new):
    for path in before.split():
        if path.endswith("/"):
            os.mkdir(path)
        elif "@" in path:
            os.symlink(*reversed(path.split("@")))
        else:
            write(path, path)
    return errno_of(os.rename, old, new), tree()


def tree():
    """Everything below the current directory, in words."""
    said = []
    for top, dirs, files in os.walk("."):
        dirs.sort()
        for name in sorted(dirs + files):
            path = top + "/" + name
            st = os.lstat(path)
            said.append((path, oct(st.st_mode), st.st_nlink if not stat.S_ISDIR(st.st_mode) else 0,
                         st.st_size if not stat.S_ISDIR(st.st_mode) else 0,
                         os.readlink(path) if stat.S_ISLNK(st.st_mode) else ""))
    return sorted(said)


def renameat2(old, new, flags):
    libc = lib.libc
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return None


def case_open_flags():
    said = []
    for base in [os.O_RDONLY, os.O_WRONLY, os.O_RDWR]:
        for extra in [0, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_DIRECTORY, os.O_NOFOLLOW,
                      os.O_CREAT | os.O_TRUNC, os.O_NONBLOCK, os.O_SYNC]:
            if base == os.O_RDONLY and extra & os.O_TRUNC:
                continue
            said.append((opens(base | extra, "none"), errno_of(os.unlink, "none")))
            write("f", "12345")
            said.append((opens(base | extra, "f"), read("f")))
            os.symlink("f", "l")
            said.append((opens(base | extra, "l"), read("f")))
            os.unlink("l")
            os.symlink("dangling", "l")
            said.append((opens(base | extra, "l"), errno_of(os.unlink, "dangling")))
            os.unlink("l")
            os.mkdir("d")
            said.append(opens(base | extra, "d") if base else None)
            os.rmdir("d")
    return said


def case_open_errors():
    write("f")
    os.symlink("loop", "loop")
    return [opens(os.O_RDONLY, p) for p in ["f/x", "none/x", "loop", "loop/x", LONG, TOO_LONG, "d/" + TOO_LONG]]


def case_create_mode():
    said = []
    for umask in [0, 0o022, 0o077, 0o777]:
        old = os.umask(umask)
        os.close(os.open(f"f{umask}", os.O_CREAT | os.O_WRONLY, 0o666))
        os.close(os.open(f"x{umask}", os.O_CREAT | os.O_WRONLY, 0o1777))
        os.mkdir(f"d{umask}", 0o777)
        os.symlink("x", f"l{umask}")
        os.umask(old)
    os.close(os.open("ro", os.O_CREAT | os.O_RDWR, 0o444))
    said = tree()
    subprocess.run(["chmod", "-R", "u+rwx", "."], check=True)
    return said


def case_read_only_create():
    fd = os.open("f", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o400)
    os.write(fd, b"abc")
    os.fsync(fd)
    os.close(fd)
    return read("f"), mode("f")


def case_mkdir():
    write("f")
    os.symlink("d", "l")
    said = [errno_of(os.mkdir, p) for p in ["d", "d", "f", "l", "f/x", "none/x", LONG, TOO_LONG, ".", "..", "d/.."]]
    return said, tree(), os.lstat(".").st_nlink


def case_rmdir():
    for path in ["empty", "full", "full/x"]:
        os.mkdir(path)
    write("f")
    os.symlink("empty", "l")
    return [errno_of(os.rmdir, p) for p in ["full", "f", "l", "none", "empty/.", "full/..", "empty", "empty"]], tree()


def case_unlink():
    os.mkdir("d")
    write("f")
    os.symlink("none", "l")
    os.link("f", "h")
    return [errno_of(os.unlink, p) for p in ["d", "none", "f/x", "f", "f", "l", "h", "d/."]], tree()


def case_unlink_open():
    write("f", "12345")
    fd = os.open("f", os.O_RDWR)
    os.unlink("f")
    said = [os.fstat(fd).st_nlink, os.pread(fd, 10, 0), os.pwrite(fd, b"abc", 3), os.fstat(fd).st_size]
    os.ftruncate(fd, 2)
    os.fchmod(fd, 0o600)
    os.utime(fd, (1, 2))
    st = os.fstat(fd)
    write("f", "other")
    said += [os.pread(fd, 10, 0), oct(st.st_mode), st.st_mtime, read("f"), os.pread(fd, 10, 0)]
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    said.append(os.read(again, 10))
    os.close(again)
    os.close(fd)
    return said, tree()


def case_replace_open():
    write("f", "old")
    write("g", "new")
    with open("f") as old:
        os.rename("g", "f")
        return old.read(), os.fstat(old.fileno()).st_nlink, read("f"), tree()


def case_rename():
    said = []
    for number, (before, old, new) in enumerate([
            ("a", "a", "b"), ("a b", "a", "b"), ("a/ b/", "a", "b"), ("a/ b/ b/x", "a", "b"), ("a b/", "a", "b"),
            ("a/ b", "a", "b"), ("a/", "a", "a/b"), ("a/ a/b/ a/b/c/", "a", "a/b/c/d"), ("a", "a", "a"),
            ("", "none", "b"), ("a", "a", "none/b"), ("a", "a/x", "b"), ("l@none", "l", "m"), ("f l@f", "l", "f"),
            ("a/ a/b/ a/b/c", "a/b", "d"), ("a/ a/b/ a/b/c d/", "a/b", "d/b"), ("a", "a", LONG), ("a", "a", TOO_LONG),
            ("a/", "a/.", "b"), ("a/", "a", "b/"), ("a", "a", "b/"), ("a/ b/", "b", "a/.."),
            ("a/ l@a", "l", "a/l"), ("a/ a/x b/ b/y", "a/x", "b/y")]):
        os.mkdir(str(number))
        os.chdir(str(number))
        said.append((old, new, renames(before, old, new)))
        os.chdir("..")
    return said


def case_rename_hard_links():
    write("a")
    os.link("a", "b")
    os.rename("a", "b")
    return tree()


def case_rename_flags():
    write("a", "A")
    write("b", "BB")
    os.mkdir("d")
    write("d/in")
    said = [renameat2("a", "b", 1), renameat2("a", "c", 1), renameat2("c", "b", 2), read("b"), read("c"),
            renameat2("b", "d", 2), read("d"), tree(), renameat2("b", "none", 2), renameat2("b", "d", 3),
            renameat2("b/in", "d", 2), tree()]
    return said


def case_rename_open_directory():
    os.makedirs("a/b/c")
    write("a/b/c/f", "deep")
    fd = os.open("a/b/c", os.O_RDONLY)
    os.rename("a/b", "z")
    said = [os.listdir(fd), read("z/c/f")]
    inner = os.open("f", os.O_RDONLY, dir_fd=fd)
    said.append(os.read(inner, 9))
    os.close(inner)
    os.close(fd)
    return said, tree()


def case_link():
    write("f", "abc")
    os.mkdir("d")
    os.symlink("f", "l")
    said = [errno_of(os.link, "f", p) for p in ["h", "h", "d", "d/h", "none/h", "f/h", TOO_LONG]]
    said += [errno_of(os.link, "d", "x"), errno_of(os.link, "none", "x"),
             errno_of(os.link, "l", "hl", follow_symlinks=False)]
    write("d/h", "changed")
    return said, read("h"), tree(), os.stat("h").st_ino == os.stat("f").st_ino


def case_symlink():
    write("f", "abc")
    os.mkdir("d")
    said = [errno_of(os.symlink, t, n) for t, n in [("f", "l"), ("f", "l"), ("f", "d"), ("../f", "d/l"), ("x" * 4095, "m"),
                                                    ("x" * 4096, "n"), ("none", "o"), ("l", "p"), ("d", "q"), ("f", TOO_LONG)]]
    return said, tree(), read("d/l"), read("p"), read("q/l"), errno_of(os.stat, "o"), errno_of(os.stat, "m"), \
        os.lstat("l").st_size, errno_of(os.readlink, "f"), errno_of(os.readlink, "d")


def case_truncate():
    write("f", "12345")
    said = []
    for size in [3, 10, 0, 100000, 7]:
        os.truncate("f", size)
        said.append((os.stat("f").st_size, read("f")[:20]))
    fd = os.open("f", os.O_RDONLY)
    said += [errno_of(os.ftruncate, fd, 1), errno_of(os.truncate, ".", 1), errno_of(os.truncate, "none", 1),
             errno_of(os.truncate, "f", -1)]
    os.close(fd)
    return said


def case_times():
    write("f")
    os.symlink("f", "l")
    os.mkdir("d")
    said = []
    for path in ["f", "d"]:
        os.utime(path, ns=(1_000_000_001, 2_123_456_789))
        said.append((os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns))
    os.utime("l", ns=(5, 6), follow_symlinks=False)
    said.append((os.lstat("l").st_mtime_ns, os.stat("f").st_mtime_ns))
    before = time.time() - 5
    os.utime("f")
    said.append(os.stat("f").st_mtime > before)
    os.utime("d", ns=(7, 8))
    write("d/x")
    said.append(os.stat("d").st_mtime > before)
    return said


def case_chmod():
    write("f")
    os.mkdir("d")
    said = []
    for bits in [0o600, 0o000, 0o777, 0o1755, 0o444, 0o644]:
        os.chmod("f", bits)
        said.append(mode("f"))
    os.chmod("d", 0o500)
    said.append(mode("d"))
    os.chmod("d", 0o700)
    return said


def case_access():
    if os.getuid() == 0:
        return None  # may everything on the disk; in a workspace only what the sandbox's user may
    write("f")
    os.mkdir("d")
    said = []
    for bits in [0o777, 0o400, 0o200, 0o100, 0o000]:
        os.chmod("f", bits)
        os.chmod("d", bits)
        said.append([os.access(p, m) for p in ["f", "d", "none"] for m in [os.F_OK, os.R_OK, os.W_OK, os.X_OK]])
        said.append([errno_of(os.open, "f", os.O_RDONLY), errno_of(os.open, "f", os.O_WRONLY),
                     errno_of(os.listdir, "d"), errno_of(os.mkdir, "d/x"), errno_of(os.chdir, "d"), os.chdir("..") if bits & 0o100 else 0])
    os.chmod("d", 0o700)
    return said


def case_chown_to_ourselves():
    write("f")
    os.chown("f", os.getuid(), os.getgid())
    os.chown("f", -1, -1)
    return mode("f")


def case_append():
    write("f", "a")
    one, two = os.open("f", os.O_WRONLY | os.O_APPEND), os.open("f", os.O_WRONLY | os.O_APPEND)
    for i in range(5):
        os.write(one, b"1")
        os.write(two, b"22")
    os.pwrite(one, b"end", 0)  # Linux appends
    os.close(one)
    os.close(two)
    return read("f")


def case_map():
    write("f", "a" * 10000)
    with open("f", "r+b") as f:
        shared = mmap.mmap(f.fileno(), 0)
        shared[5000:5003] = b"MAP"
        shared.flush()
        said = [os.pread(f.fileno(), 5, 4999)]
        os.pwrite(f.fileno(), b"WRITE", 9000)
        said.append(bytes(shared[8999:9006]))
        shared.close()
    fd = os.open("f", os.O_RDWR | os.O_APPEND)
    shared = mmap.mmap(fd, 0)
    shared[0:3] = b"top"
    shared.flush()
    shared.close()
    os.close(fd)
    return said, read("f")


def case_allocate():
    fd = os.open("f", os.O_CREAT | os.O_RDWR)
    os.posix_fallocate(fd, 0, 10000)
    said = [os.fstat(fd).st_size]
    os.pwrite(fd, b"x", 200000)
    said += [os.lseek(fd, 150000, os.SEEK_HOLE) <= 150000, os.lseek(fd, 150000, os.SEEK_DATA) > 150000,
             errno_of(os.lseek, fd, 300000, os.SEEK_DATA)]
    os.close(fd)
    return said


def case_copy_range():
    write("f", "0123456789" * 1000)
    a, b = os.open("f", os.O_RDONLY), os.open("g", os.O_CREAT | os.O_RDWR)
    said = [os.copy_file_range(a, b, 5000, 3, 7), os.copy_file_range(a, b, 20000, 0, 10)]
    os.close(a)
    os.close(b)
    return said, read("g")


def case_locks():
    write("f")
    with open("f", "r+") as one, open("f", "r+") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        said = [errno_of(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)]
        fcntl.flock(one, fcntl.LOCK_UN)
        fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        code = "import fcntl,sys\ntry: fcntl.lockf(open('f','r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)\nexcept OSError: sys.exit(3)"
        said.append(subprocess.run(["/usr/bin/python3", "-c", code], check=False).returncode)
    return said


def case_listing_while_removing():
    for i in range(500):
        write(f"f{i}")
    with os.scandir(".") as entries:
        for entry in entries:
            os.unlink(entry.name)
    return os.listdir(".")


def case_seekdir():
    libc = ctypes.CDLL(None)
    libc.opendir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    libc.readdir.restype = ctypes.c_void_p
    for i in range(300):
        write(f"f{i}")
    d = ctypes.c_void_p(libc.opendir(b"."))
    names, places = [], []
    while True:
        places.append(libc.telldir(d))
        at = libc.readdir(d)
        if not at:
            break
        names.append(ctypes.string_at(at + 19))
    same = True
    for i in [250, 3, 299, 0, 17]:
        libc.seekdir(d, ctypes.c_long(places[i]))
        same = same and ctypes.string_at(libc.readdir(d) + 19) == names[i]
    libc.closedir(d)
    return same, sorted(names)


def case_names():
    names = [b"\xff\xfe", b" ", b"a\nb", b"-", b"...", b"\x01", "ü".encode(), b"n" * 255, b"\\", b"*", b"a:b"]
    for name in names:
        with open(name, "wb") as f:
            f.write(name)
    same = [open(n, "rb").read() == n for n in names]
    return sorted(os.listdir(b".")) == sorted(names), same


def case_special():
    write("f")
    os.link("f", "g")
    return [errno_of(os.rename, "f", "f/x"), errno_of(os.listdir, "f"), os.path.samefile("f", "g"),
            errno_of(os.open, "f", os.O_RDONLY | os.O_DIRECTORY), errno_of(os.chdir, "f")]


def case_removed_directory():
    os.mkdir("d")
    fd = os.open("d", os.O_RDONLY)
    os.rmdir("d")
    said = [errno_of(os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=fd), os.listdir(fd), os.fstat(fd).st_nlink]
    os.close(fd)
    return said


def one_case(case, where):
    place = f"{where}/{case.__name__}"
    os.mkdir(place)
    os.chdir(place)
    try:
        return case()
    finally:
        os.chdir("/")


def test_cases(m):
    cases = [f for name, f in sorted(globals().items()) if name.startswith("case_")]
    wrong = []
    for case in cases:
        native, ours = one_case(case, m.native), one_case(case, m.dir)
        if native != ours:
            for n, o in zip(native, ours) if isinstance(native, (list, tuple)) else [(native, ours)]:
                if n != o:
                    wrong.append(f"{case.__name__}: disk {n!r}\n  workspace {o!r}"[:1500])
    check(not wrong, "\n".join(wrong))
    print(f"# {len(cases)} cases")


class Shadow:
    """A file in the workspace and one on the disk, to which the same is done."""

    MAX = 300000

    def __init__(self, m, rng):
        self.rng, self.paths = rng, [m.dir + "/fsx", m.native + "/fsx"]
        self.m, self.fds = m, [os.open(p, os.O_CREAT | os.O_RDWR) for p in self.paths]

    def both(self, function):
        ours, native = [function(fd) for fd in self.fds]
        equal(ours, native, "result")

    def place(self):
        offset = self.rng.randrange(self.MAX)
        return offset, self.rng.randrange(1, 1 << self.rng.randrange(1, 17))

    def do_write(self):
        offset, size = self.place()
        data = self.rng.randbytes(size)
        self.both(lambda fd: os.pwrite(fd, data, offset))

    def do_read(self):
        offset, size = self.place()
        self.both(lambda fd: os.pread(fd, size, offset))

    do_read_again = do_read

    def do_truncate(self):
        size = self.rng.randrange(self.MAX)
        self.both(lambda fd: os.ftruncate(fd, size))

    def do_append(self):
        data = self.rng.randbytes(self.rng.randrange(1, 5000))
        if os.fstat(self.fds[1]).st_size > self.MAX:
            return
        for path in self.paths:
            with open(path, "ab") as f:
                f.write(data)

    def do_reopen(self):
        for i, path in enumerate(self.paths):
            os.close(self.fds[i])
            self.fds[i] = os.open(path, os.O_RDWR)

    def do_map(self):
        size = os.fstat(self.fds[1]).st_size
        if size < 2:
            return
        at = self.rng.randrange(size)
        data = self.rng.randbytes(min(self.rng.randrange(1, 9000), size - at))
        for fd in self.fds:
            with mmap.mmap(fd, size) as memory:
                memory[at:at + len(data)] = data

    def do_punch(self):
        offset, size = self.place()
        self.both(lambda fd: lib.punch(fd, offset, size))

    def do_stat(self):
        self.both(lambda fd: os.fstat(fd).st_size)

    def do_copy(self):
        offset, size = self.place()
        target = self.rng.randrange(self.MAX)
        if not (target + size <= offset or offset + size <= target):
            return
        self.both(lambda fd: os.copy_file_range(fd, fd, size, offset, target))

    def do_behind(self):
        """The sandbox changes it; whoever opens it next sees that."""
        offset, size = self.place()
        data = self.rng.randbytes(size)
        with open(self.m.back[0] + "/fsx", "r+b") as f:
            os.pwrite(f.fileno(), data, offset)
        os.pwrite(self.fds[1], data, offset)
        self.do_reopen()

    def do_compare(self):
        contents = []
        for path in self.paths:
            with open(path, "rb") as f:
                contents.append(f.read())
        check(contents[0] == contents[1], "contents differ")


def test_random_operations(m):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"# SEED={seed}")
    shadow = Shadow(m, random.Random(seed))
    names = sorted(n for n in dir(Shadow) if n.startswith("do_"))
    count = 4000
    for i in range(count):
        name = shadow.rng.choice(names)
        try:
            getattr(shadow, name)()
        except lib.Failed as why:
            raise lib.Failed(f"SEED={seed}, step {i} {name}: {why}") from why
    shadow.do_compare()
    for fd in shadow.fds:
        os.close(fd)
    print(f"# {count} operations")


def test_sees_changes_at_once(m):
    """What the sandbox has written is there for whoever opens the file next, however often it was looked at before."""
    path, behind = m.dir + "/f", m.back[0] + "/f"
    for i in range(300):
        text = f"{i}" * (1 + i % 7)
        if i % 3 == 0:
            write(behind + "~", text)
            os.rename(behind + "~", behind)
        else:
            write(behind, text)
        equal(read(path), text, "content")
        equal(os.stat(path).st_size, len(text), "size")
        with open(path, "rb") as f:
            with open(f"/proc/self/fd/{f.fileno()}", "rb") as again:
                equal(again.read().decode(), text, "opened by descriptor")
        os.listdir(m.dir)  # brings the attributes too
        if i % 5 == 0:
            os.unlink(behind)
            equal(errno_of(open, path), "ENOENT", "open after unlink")
            equal(errno_of(os.stat, path), "ENOENT", "stat after that")
            os.symlink("other", behind)
            write(m.back[0] + "/other", "other")
            equal(read(path), "other", "a link of the same name")
            os.unlink(behind)


def test_sees_an_open_file_grow(m):
    path, behind = m.dir + "/f", m.back[0] + "/f"
    write(behind, "")
    with open(path, "rb") as f:
        for i in range(3):
            with open(behind, "ab") as b:
                b.write(b"%d" % i)
            until = time.monotonic() + 10
            got = b""
            while not got and time.monotonic() < until:
                got = f.read()
                time.sleep(0.02)
            equal(got, b"%d" % i, "what was appended")


def test_directories_replaced_behind_us(m):
    for i in range(30):
        os.mkdir(m.back[0] + "/d")
        write(m.back[0] + "/d/f", str(i))
        equal(read(m.dir + "/d/f"), str(i), "in a new directory of the same name")
        equal(os.listdir(m.dir + "/d"), ["f"], "its listing")
        os.rename(m.back[0] + "/d", f"{m.back[0]}/old{i}")
        equal(read(f"{m.dir}/old{i}/f"), str(i), "at its new place")
        equal(errno_of(open, m.dir + "/d/f"), "ENOENT", "at its old place")


def test_inode_numbers(m):
    write(m.dir + "/f")
    os.link(m.dir + "/f", m.dir + "/g")
    os.mkdir(m.dir + "/d")
    numbers = {n: os.stat(m.dir + "/" + n).st_ino for n in [".", "f", "g", "d"]}
    equal(numbers["f"], numbers["g"], "hard links")
    equal(len(set(numbers.values())), 3, "others differ")
    for entry in os.scandir(m.dir):
        equal(entry.inode(), numbers[entry.name], "listed and looked up: " + entry.name)
    check(os.stat(m.point + "/w1").st_ino != numbers["."], "another tree")
    said = m.stop()
    check(not said, said)
    if lib.mounter:
        lib.mounter.ask("unmount", m.point)
    m.start()
    equal({n: os.stat(m.dir + "/" + n).st_ino for n in numbers}, numbers, "after a new mount")


main([test_cases, test_random_operations, test_sees_changes_at_once, test_sees_an_open_file_grow,
      test_directories_replaced_behind_us, test_inode_numbers])
