# SPDX-License-Identifier: MIT
"""A 9P2000.L client and a server under test, for tests in Python: what it sends, it lays out itself."""
import errno
import os
import signal
import socket
import struct
import subprocess

DEADLINE = 60  # seconds after which something hangs: no test is decided by time before
NOFID, NOTAG = 0xFFFFFFFF, 0xFFFF
O_RDWR, O_CREAT, O_APPEND = os.O_RDWR, os.O_CREAT, os.O_APPEND


def text(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack("<H", len(raw)) + raw


class Client:
    """One connection to a Unix socket, or to "tcp:ADDRESS:PORT". Calls raise OSError with the number of an Rlerror; ConnectionError when the
    server is gone; TimeoutError when it says nothing."""

    def __init__(self, path, msize=65536, attach=True):
        if path.startswith("tcp:"):
            host, port = path[4:].rsplit(":", 1)
            self.s = socket.create_connection((host, int(port)), DEADLINE)
        else:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(DEADLINE)
            self.s.connect(path)
        self.buffer = b""
        self.next_fid = 1
        if attach:
            self.call(100, struct.pack("<I", msize) + text("9P2000.L"), tag=NOTAG)
            self.call(104, struct.pack("<II", 0, NOFID) + text("") + text("") + struct.pack("<I", 0))

    def close(self):
        self.s.close()

    def send(self, kind, body, tag=1):
        self.s.sendall(struct.pack("<IBH", 7 + len(body), kind, tag) + body)

    def receive(self):
        """(type, tag, body) of the next message."""
        while len(self.buffer) < 4 or len(self.buffer) < struct.unpack_from("<I", self.buffer)[0]:
            piece = self.s.recv(1 << 20)
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
            self.buffer += piece
        size, kind, tag = struct.unpack_from("<IBH", self.buffer)
        body, self.buffer = self.buffer[7:size], self.buffer[size:]
        return kind, tag, body

    def call(self, kind, body, tag=1):
        self.send(kind, body, tag)
        got, got_tag, answer = self.receive()
        assert got_tag == tag, (got_tag, tag)
        if got == 7:
            number = struct.unpack("<I", answer)[0]
            raise OSError(number, os.strerror(number))
        assert got == kind + 1, (kind, got)
        return answer

    def fid(self):
        self.next_fid += 1
        return self.next_fid

    def walk(self, *names, start=0):
        """A new fid. As ENOENT also what stops on its way."""
        fid = self.fid()
        n = struct.unpack_from("<H", self.call(110, struct.pack("<IIH", start, fid, len(names)) +
                                               b"".join(map(text, names))))[0]
        if n < len(names):
            raise OSError(errno.ENOENT, names[n])
        return fid

    def open(self, *names, flags=O_RDWR):
        fid = self.walk(*names)
        self.call(12, struct.pack("<II", fid, flags))
        return fid

    def create(self, name, mode=0o644, folder=(), flags=O_RDWR):
        fid = self.walk(*folder)
        try:
            self.call(14, struct.pack("<I", fid) + text(name) + struct.pack("<III", flags | O_CREAT, mode, 0))
        except OSError:
            self.clunk(fid)
            raise
        return fid

    def read(self, fid, offset, count):
        answer = self.call(116, struct.pack("<IQI", fid, offset, count))
        return answer[4:]

    def write(self, fid, offset, data):
        return struct.unpack("<I", self.call(118, struct.pack("<IQI", fid, offset, len(data)) + data))[0]

    def fsync(self, fid):
        self.call(50, struct.pack("<II", fid, 0))

    def clunk(self, fid):
        self.call(120, struct.pack("<I", fid))

    def mkdir(self, name, mode=0o755, folder=0):
        self.call(72, struct.pack("<I", folder) + text(name) + struct.pack("<II", mode, 0))

    def mknod(self, name, mode, major=0, minor=0, folder=0):
        self.call(18, struct.pack("<I", folder) + text(name) + struct.pack("<IIII", mode, major, minor, 0))

    def symlink(self, name, target, folder=0):
        self.call(16, struct.pack("<I", folder) + text(name) + text(target) + struct.pack("<I", 0))

    def chmod(self, fid, mode):
        self.setattr(fid, 1, mode=mode)

    def chown(self, fid, uid, gid):
        self.setattr(fid, 6, uid=uid, gid=gid)

    def setattr(self, fid, valid, mode=0, uid=0, gid=0, size=0):
        self.call(26, struct.pack("<IIIIIQQQQQ", fid, valid, mode, uid, gid, size, 0, 0, 0, 0))

    def getattr(self, fid):
        """(mode, size)"""
        answer = self.call(24, struct.pack("<IQ", fid, 0x7FF))
        return struct.unpack_from("<I", answer, 21)[0], struct.unpack_from("<Q", answer, 49)[0]

    def readdir(self, fid, offset=0, count=8192):
        return self.call(40, struct.pack("<IQI", fid, offset, count))[4:]

    def unlink(self, name, flags=0, folder=0):
        self.call(76, struct.pack("<I", folder) + text(name) + struct.pack("<I", flags))

    def set_xattr(self, fid, name, value):
        new = self.walk(start=fid)
        self.call(32, struct.pack("<I", new) + text(name) + struct.pack("<QI", len(value), 0))
        self.write(new, 0, value)
        self.clunk(new)


class Server:
    """warren serve for FOLDER on a Unix socket, or on "tcp:ADDRESS:PORT", once it is ready. BEFORE: words in front of
    its own; PATH: where clients go then."""

    def __init__(self, warren, folder, path, *words, before=()):
        self.path = path
        listen = path if path.startswith("tcp:") else f"unix:{path}"
        ready, child_end = os.pipe()
        self.process = subprocess.Popen(
            [*before, warren, "serve", "--quiet", "--ready-fd", str(child_end), "--listen", listen, *words, folder],
            pass_fds=[child_end], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.close(child_end)
        with os.fdopen(ready) as f:
            line = f.read()
        if not line:
            raise RuntimeError("no server: " + self.process.communicate()[1])
        if listen == path:
            self.path = line.split()[1]

    def processes(self):
        """The one that was started, and those that it started: the last one serves."""
        found, more = [], [self.process.pid]
        while more:
            found += more
            more = [int(p) for pid in more for p in children(pid)]
        return found

    def worker(self):
        return self.processes()[-1]

    def kill(self, pid=None):
        """Without a word, as the kernel does when memory is out."""
        os.kill(pid or self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=DEADLINE)

    def end(self):
        """What it said on standard error."""
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=DEADLINE)[1]
        assert self.process.returncode == 0, (self.process.returncode, said)
        return said

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return f.read().split()
    except FileNotFoundError:
        return []


def status_of(pid, word):
    """A number of /proc/PID/status, such as VmRSS in KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(word + ":"))


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def expect(number, call, *args, **words):
    """CALL fails with this error."""
    try:
        call(*args, **words)
    except OSError as e:
        assert e.errno == number, (call, e, errno.errorcode[number])
        return
    raise AssertionError(f"{call} went well, not {errno.errorcode[number]}")
