# SPDX-License-Identifier: MIT
"""Windows of requests, to fill a server: replies are counted and not looked at."""
import os
import select
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tools/lib"))
from ninep import DEADLINE, RLERROR, Client, Refused, message  # noqa: E402


class Windows(Client):
    """A client that asks for much at a time."""

    def take_replies(self):
        """How many are complete."""
        data, at, n = self.carrier.rest, 0, 0
        while len(data) - at >= 7:
            size = int.from_bytes(data[at:at + 4], "little")
            if len(data) - at < size:
                break
            if data[at + 4] == RLERROR:
                raise Refused(struct.unpack_from("<I", data, at + 7)[0])
            at += size
            n += 1
        self.carrier.rest = data[at:]
        return n

    def exchange(self, data, n):
        """Sends and receives by turns, so that neither side waits for the other for ever."""
        poll, peer = select.poll(), self.carrier.socket
        peer.setblocking(False)
        left = memoryview(data)
        while n:
            poll.register(peer, select.POLLIN | (select.POLLOUT if left else 0))
            if not poll.poll(1000 * DEADLINE):
                raise TimeoutError("the server does not answer")
            if left:
                try:
                    left = left[peer.send(left):]
                except BlockingIOError:
                    pass
            try:
                got = peer.recv(1 << 20)
            except BlockingIOError:
                continue
            if not got:
                raise ConnectionError("the server has closed the connection")
            self.carrier.rest += got
            n -= self.take_replies()
        peer.settimeout(DEADLINE)

    def calls(self, requests, depth):
        """All of REQUESTS, DEPTH at a time."""
        window = []
        for request in requests:
            window.append(message(*request, tag=len(window)))
            if len(window) == depth:
                self.exchange(b"".join(window), depth)
                window = []
        if window:
            self.exchange(b"".join(window), len(window))
