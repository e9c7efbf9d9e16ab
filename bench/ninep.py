# SPDX-License-Identifier: MIT
"""As little of a 9P2000.L client as it takes to fill a server: requests in windows, replies that are
counted and not looked at."""
import select
import socket
import struct

from server import Failed

NOFID = 0xffffffff
TLOPEN, TGETATTR, TREADDIR, TREAD, TCLUNK = 12, 24, 40, 116, 120
RLERROR = 7
MSIZE = 65536
NO_TAG = 0xffff


def walk(fid, new, name=None):
    """The body of a Twalk, as all of these: what stands behind the tag."""
    if name is None:
        return 110, struct.pack("<IIH", fid, new, 0)
    return 110, struct.pack("<IIHH", fid, new, 1, len(name)) + name


def getattr_of(fid):
    return TGETATTR, struct.pack("<IQ", fid, 0x7ff)


def open_of(fid):
    return TLOPEN, struct.pack("<II", fid, 0)


def read_of(fid, offset, count):
    return TREAD, struct.pack("<IQI", fid, offset, count)


def readdir_of(fid, offset):
    return TREADDIR, struct.pack("<IQI", fid, offset, MSIZE - 24)


def clunk(fid):
    return TCLUNK, struct.pack("<I", fid)


def message(tag, kind, body):
    return struct.pack("<IBH", 7 + len(body), kind, tag) + body


class Client:
    """Attached as fid 0."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.rest = b""
        self.exchange(message(NO_TAG, 100, struct.pack("<IH", MSIZE, 8) + b"9P2000.L"), 1)
        self.call((104, struct.pack("<IIHHI", 0, NOFID, 0, 0, NOFID)))

    def close(self):
        self.socket.close()

    def take_reply(self, reply):
        if reply[4] == RLERROR:
            raise Failed(f"the server answers with error {struct.unpack_from('<I', reply, 7)[0]}")
        return reply

    def take_replies(self, last=None):
        """How many are complete; LAST gets them."""
        data, at, n = self.rest, 0, 0
        while len(data) - at >= 7:
            size = int.from_bytes(data[at:at + 4], "little")
            if len(data) - at < size:
                break
            self.take_reply(data[at:at + min(size, 11)])
            if last is not None:
                last.append(data[at:at + size])
            at += size
            n += 1
        self.rest = data[at:]
        return n

    def exchange(self, data, n, last=None):
        """Sends and receives by turns, so that neither side waits for the other for ever."""
        poll = select.poll()
        self.socket.setblocking(False)
        left = memoryview(data)
        while n:
            poll.register(self.socket, select.POLLIN | (select.POLLOUT if left else 0))
            if not poll.poll(30000):
                raise Failed("the server does not answer")
            if left:
                try:
                    left = left[self.socket.send(left):]
                except BlockingIOError:
                    pass
            try:
                got = self.socket.recv(1 << 20)
            except BlockingIOError:
                continue
            if not got:
                raise Failed("the server has closed the connection")
            self.rest += got
            n -= self.take_replies(last)

    def call(self, request):
        """The whole reply."""
        replies = []
        self.exchange(message(0, *request), 1, replies)
        return replies[0]

    def calls(self, requests, depth):
        """All of REQUESTS, DEPTH at a time."""
        window = []
        for request in requests:
            window.append(message(len(window), *request))
            if len(window) == depth:
                self.exchange(b"".join(window), depth)
                window = []
        if window:
            self.exchange(b"".join(window), len(window))
