# SPDX-License-Identifier: MIT
"""A 9P2000.L client for tests and benchmarks: it lays out itself what it sends. A Client speaks over a carrier, which has
send(BYTES) and receive(), of whole messages; Socket is one, others are what a test makes."""
import errno
import os
import socket
import struct

DEADLINE = 60  # seconds after which something hangs: no test is decided by time before
NOFID, NOTAG = 0xFFFFFFFF, 0xFFFF
RLERROR = 7
O_RDWR, O_CREAT, O_APPEND = os.O_RDWR, os.O_CREAT, os.O_APPEND


def text(s):
    raw = s.encode() if isinstance(s, str) else s
    return struct.pack("<H", len(raw)) + raw


# Requests: (type, what stands behind the tag).


def version(msize=65536):
    return 100, struct.pack("<I", msize) + text("9P2000.L")


def attach(tree="", user="", uid=0):
    """As fid 0."""
    return 104, struct.pack("<II", 0, NOFID) + text(user) + text(tree) + struct.pack("<I", uid)


def walk(fid, new, *names):
    return 110, struct.pack("<IIH", fid, new, len(names)) + b"".join(map(text, names))


def getattr_of(fid):
    return 24, struct.pack("<IQ", fid, 0x7FF)


def open_of(fid, flags=0):
    return 12, struct.pack("<II", fid, flags)


def read_of(fid, offset, count):
    return 116, struct.pack("<IQI", fid, offset, count)


def readdir_of(fid, offset, count=8192):
    return 40, struct.pack("<IQI", fid, offset, count)


def clunk_of(fid):
    return 120, struct.pack("<I", fid)


def message(kind, body, tag=1):
    return struct.pack("<IBH", 7 + len(body), kind, tag) + body


class Refused(OSError):
    """An Rlerror."""

    def __init__(self, number):
        super().__init__(number, os.strerror(number))


class Socket:
    """A connection to a Unix socket, or to "tcp:ADDRESS:PORT"; SECONDS are for each call."""

    def __init__(self, path, seconds=DEADLINE):
        if path.startswith("tcp:"):
            host, port = path[4:].rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), seconds)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(path)  # which waits where the queue is full; with a time limit it would fail there
            self.socket.settimeout(seconds)
        self.rest = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next message. ConnectionError: the server is gone; TimeoutError: it says nothing."""
        while len(self.rest) < 4 or len(self.rest) < struct.unpack_from("<I", self.rest)[0]:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "the server closed the connection")
            self.rest += piece
        size = struct.unpack_from("<I", self.rest)[0]
        whole, self.rest = self.rest[:size], self.rest[size:]
        return whole


class Client:
    """A session over a carrier, or over a Socket for a path. Calls raise Refused, and what the carrier raises."""

    def __init__(self, carrier, msize=65536, attached=True):
        self.carrier = Socket(carrier) if isinstance(carrier, str) else carrier
        self.next_fid = 1
        if attached:
            self.call(*version(msize), tag=NOTAG)
            self.call(*attach())

    def close(self):
        self.carrier.close()

    def send(self, kind, body, tag=1):
        self.carrier.send(message(kind, body, tag))

    def receive(self):
        """(type, tag, body) of the next message."""
        whole = self.carrier.receive()
        _, kind, tag = struct.unpack_from("<IBH", whole)
        return kind, tag, whole[7:]

    def ask(self, kind, body, tag=1):
        """The (type, body) that comes back, whatever the type is."""
        self.send(kind, body, tag)
        got, got_tag, answer = self.receive()
        assert got_tag == tag, (got_tag, tag)
        if got == RLERROR:
            raise Refused(struct.unpack("<I", answer)[0])
        return got, answer

    def call(self, kind, body, tag=1):
        got, answer = self.ask(kind, body, tag)
        assert got == kind + 1, (kind, got)
        return answer

    def fid(self):
        self.next_fid += 1
        return self.next_fid

    def walk(self, *names, start=0):
        """A new fid. As ENOENT also what stops on its way."""
        fid = self.fid()
        n = struct.unpack_from("<H", self.call(*walk(start, fid, *names)))[0]
        if n < len(names):
            raise OSError(errno.ENOENT, names[n])
        return fid

    def open(self, *names, flags=O_RDWR):
        fid = self.walk(*names)
        self.call(*open_of(fid, flags))
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
        return self.call(*read_of(fid, offset, count))[4:]

    def write(self, fid, offset, data):
        return struct.unpack("<I", self.call(118, struct.pack("<IQI", fid, offset, len(data)) + data))[0]

    def fsync(self, fid):
        self.call(50, struct.pack("<II", fid, 0))

    def clunk(self, fid):
        self.call(*clunk_of(fid))

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
        answer = self.call(*getattr_of(fid))
        return struct.unpack_from("<I", answer, 21)[0], struct.unpack_from("<Q", answer, 49)[0]

    def readdir(self, fid, offset=0, count=8192):
        return self.call(*readdir_of(fid, offset, count))[4:]

    def unlink(self, name, flags=0, folder=0):
        self.call(76, struct.pack("<I", folder) + text(name) + struct.pack("<I", flags))

    def set_xattr(self, fid, name, value):
        new = self.walk(start=fid)
        self.call(32, struct.pack("<I", new) + text(name) + struct.pack("<QI", len(value), 0))
        self.write(new, 0, value)
        self.clunk(new)
