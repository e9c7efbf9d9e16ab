# SPDX-License-Identifier: MIT
"""Scale: what a request costs the server, and what is held costs of its memory, as there is more of
it by powers of ten. The figure is the server's CPU time, so the speed of the client is no part of it."""
import os
import random
import resource
import struct
from collections import namedtuple
from types import SimpleNamespace

from server import Failed, Server
from windows import Windows
import ninep  # windows.py knows where it is

DEPTH = 64      # where it is not what grows
N_FILES = 1000  # that fids and opened files are of
DESCRIPTORS = 400000
MSIZE = 65536
# What grows, from, to (--quick: 2 powers less), does each one cost memory, what is measured
Growth = namedtuple("Growth", "name least most held")
GROWTHS = [
    Growth("fids", 1000, 1000000, True),
    Growth("directory entries", 1000, 1000000, False),
    Growth("connections", 1, 10000, True),
    Growth("open files", 1000, 100000, True),
    Growth("requests in flight", 1, 4096, False),
]
PEER = SimpleNamespace(
    NAME="warren", WHERE="wire", ANAME="", SUPERVISED=True,
    address=lambda share, state: f"unix:{state}/9p",
    command=lambda tools, share, state: [
        tools.warren, "serve", "--quiet", "--budget", "peers=20000,files=200000", "--max-descriptors",
        str(min(DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[0])),
        "--listen", f"unix:{state}/9p", share])


def most_of(growth, quick):
    """And why it is not as many as it should be."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    # What the server takes for peers and for opened files at most; the rest is for itself.
    here = {"connections": descriptors // 4 - 50, "open files": descriptors // 2 - 300}.get(
        growth.name, growth.most)
    if quick and growth.most > 10000 and growth.most // 100 <= here:
        return growth.most // 100, "--quick"
    return min(growth.most, here), f"this system allows {descriptors} descriptors"


def steps_of(growth, most):
    """1, 10, 100 ...; in the end the largest."""
    n = growth.least
    while n < most:
        yield n
        n *= 10
    yield most


def raise_limits():
    """For a server that opens 100,000 files: more than most systems allow, but to root."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, max(hard, DESCRIPTORS)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def fill(folder, n):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(n):
        os.mknod(f"entry-{i:07}", dir_fd=fd)
    os.close(fd)


class Scale:
    """One run. OPTIONS: runs, seconds, quick; SAY: progress."""

    def __init__(self, tools, options, rows, left_out, say):
        self.tools, self.options, self.rows, self.say = tools, options, rows, say
        self.left_out = left_out
        self.n_ops = max(640, int(32000 * options.seconds))
        self.random = random.Random(1)
        self.server = self.clients = None

    def leave_out(self, case, why):
        self.left_out.append({"workload": "scale", "case": case, "why": why})
        self.say(f"{case} are left out: {why}")

    @property
    def path(self):
        return self.server.address.partition(":")[2]

    def note(self, growth, n, op, value, unit):
        self.rows.add(value, unit, "tools/bench --only scale", workload="scale", placement="-",
                      step=f"{op}: {n} {growth.name}", case="warren",
                      costs={"server_cpu_us": value} if unit == "us" else None,
                      more={"grows": growth.name, "n": n, "op": op})

    def measure(self, growth, n, op, requests, depth):
        """CPU time of the server for each of REQUESTS, after a tenth of them to warm up."""
        client = self.clients[0]
        client.calls(requests[:len(requests) // 10], depth)
        for _ in range(self.options.runs):
            before = self.server.cpu_seconds()
            client.calls(requests, depth)
            spent = self.server.cpu_seconds() - before
            self.note(growth, n, op, spent * 1e6 / len(requests), "us")

    def walk_files(self, first, n):
        """Fids FIRST to FIRST + N - 1, of the files in turn."""
        self.clients[0].calls((ninep.walk(1, first + i, b"entry-%07d" % (i % N_FILES))
                               for i in range(n)), DEPTH)

    def some(self, first, n):
        return (first + self.random.randrange(n) for _ in range(self.n_ops))

    def walks(self, folder, n):
        """A walk and the clunk of its fid, by turns: the cost is that of the mean request."""
        for i in self.some(0, n):
            yield ninep.walk(folder, ninep.NOFID - 1, b"entry-%07d" % i)
            yield ninep.clunk_of(ninep.NOFID - 1)

    def hold_fids(self, n):
        self.walk_files(10, n)

    def measure_fids(self, growth, n):
        self.measure(growth, n, "getattr", [ninep.getattr_of(f) for f in self.some(10, n)], DEPTH)
        self.measure(growth, n, "walk", list(self.walks(1, N_FILES)), DEPTH)

    def hold_directory_entries(self, n):
        self.clients[0].call(*ninep.walk(0, 2, b"dir-%d" % n))

    def measure_directory_entries(self, growth, n):
        self.measure(growth, n, "walk", list(self.walks(2, n)), DEPTH)
        self.clients[0].call(*ninep.open_of(2))
        for _ in range(self.options.runs):
            before, offset, seen = self.server.cpu_seconds(), 0, 0
            while True:
                offset, got = self.page(2, offset)
                if not got:
                    break
                seen += got
            spent = self.server.cpu_seconds() - before
            if seen != n + 2:
                raise Failed(f"{seen} entries of {n + 2} were listed")
            self.note(growth, n, "readdir, an entry", spent * 1e6 / seen, "us")

    def page(self, fid, offset):
        """The last offset of a Treaddir's reply, and its entries."""
        reply = self.clients[0].readdir(fid, offset, MSIZE - 24)
        at, n = 0, 0
        while at < len(reply):
            offset, = struct.unpack_from("<Q", reply, at + 13)
            at += 24 + struct.unpack_from("<H", reply, at + 22)[0]
            n += 1
        return offset, n

    def hold_connections(self, n):
        while len(self.clients) < n:
            self.clients.append(Windows(self.path, MSIZE))

    def measure_connections(self, growth, n):
        self.measure(growth, n, "getattr on one", [ninep.getattr_of(0)] * self.n_ops, DEPTH)
        one = ninep.message(*ninep.getattr_of(0))
        for _ in range(self.options.runs):
            before, done = self.server.cpu_seconds(), 0
            while done < self.n_ops:
                window = [self.clients[(done + i) % n] for i in range(min(n, DEPTH))]
                for client in window:
                    client.carrier.send(one)
                for client in window:
                    client.exchange(b"", 1)
                done += len(window)
            self.note(growth, n, "getattr on all in turn",
                      (self.server.cpu_seconds() - before) * 1e6 / done, "us")

    def hold_open_files(self, n):
        self.walk_files(10, n)
        self.clients[0].calls(map(ninep.open_of, range(10, 10 + n)), DEPTH)

    def measure_open_files(self, growth, n):
        self.measure(growth, n, "getattr", [ninep.getattr_of(f) for f in self.some(10, n)], DEPTH)
        self.measure(growth, n, "read", [ninep.read_of(f, 0, 4096) for f in self.some(10, n)],
                     DEPTH)

    def hold_requests_in_flight(self, n):
        pass

    def measure_requests_in_flight(self, growth, n):
        self.measure(growth, n, "getattr", [ninep.getattr_of(0)] * self.n_ops, n)

    def one(self, growth, n, share, cpu):
        """A server of its own, so that its memory is that of what is held."""
        with Server(PEER, self.tools, share, cpu) as self.server:
            self.clients = []
            try:
                self.clients.append(Windows(self.path, MSIZE))
                self.clients[0].call(*ninep.walk(0, 1, b"files"))
                before = self.server.own_mib()
                name = growth.name.replace(" ", "_")
                getattr(self, "hold_" + name)(n)
                if growth.held and n >= 1000:
                    self.note(growth, n, "memory of each",
                              (self.server.own_mib() - before) * 1048576 / n, "bytes")
                getattr(self, "measure_" + name)(growth, n)
            finally:
                for client in self.clients:
                    client.close()

    def run(self, share, cpus):
        raise_limits()
        os.mkdir(os.path.join(share, "files"))
        fill(os.path.join(share, "files"), N_FILES)
        for growth in GROWTHS:
            most, why = most_of(growth, self.options.quick)
            if most < growth.most:
                self.leave_out(f"more than {most} {growth.name}", why)
            for n in steps_of(growth, most):
                self.say(f"scale: {n} {growth.name}")
                if growth.name == "directory entries":
                    os.mkdir(os.path.join(share, f"dir-{n}"))
                    fill(os.path.join(share, f"dir-{n}"), n)
                try:
                    self.one(growth, n, share, cpus[0])
                except (Failed, OSError) as e:
                    self.leave_out(f"{n} {growth.name}", str(e))
