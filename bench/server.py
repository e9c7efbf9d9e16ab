# SPDX-License-Identifier: MIT
"""A server of bench/peers, from its start to its end.

A peer is a module with
    NAME      what tables call it
    WHERE     "wire" (a client of ours), "virtio" (a guest's device), or both; "fuse" (fuse-bench,
              with whose end the server ends too)
    missing(tools)                 None, or why it can't be started and what to do
    command(tools, share, state)   its words; STATE is an empty folder of its own
    address(share, state)          for `warren bench`, or the path of a vhost-user socket
    ANAME     what a client attaches to: a format of SHARE
    SUPERVISED  is it a child of what is started that serves?
    version(tools)                 a line
"""
import importlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 30


def load(name):
    return importlib.import_module("peers." + name)


def first_line(words):
    """What a program says of its version."""
    try:
        run = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20,
                             stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return ((run.stdout + run.stderr).strip().splitlines() or ["unknown"])[0]


def package_version(package):
    return first_line(["dpkg-query", "-W", "-f", "${Package} ${Version}", package])


def need_program(program, package):
    """For `missing`: servers are often where only root's PATH looks."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if shutil.which(program, path=path):
        return None
    return f"there is no {program}: install the package {package} (tools/deps bench)"


def in_child():
    """Runs in the child: Ctrl-C is for us, who then end it in order; and no core files."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def is_listening(path):
    """Without a connection to it."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        return any(line.split()[3:4] == ["00010000"] and line.rstrip().endswith(" " + path)
                   for line in f)


def describe_exit(code):
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class Failed(RuntimeError):
    """A server or guest that did not do what it is for."""


class Server:
    """`with Server(peer, tools, share, cpu) as s`: it takes clients at s.address. CPU None: any."""

    def __init__(self, peer, tools, share, cpu=None):
        self.peer, self.process = peer, None
        self.state = tempfile.mkdtemp(prefix="warren-peer-")
        self.log = os.path.join(self.state, "output")
        self.address = peer.address(share, self.state)
        self.aname = peer.ANAME.format(share=share)
        try:
            self.again = lambda: self.start(tools, share, cpu)
            self.again()
        except BaseException:
            self.stop()
            raise

    def start(self, tools, share, cpu):
        # It never outlives us.
        words = ["setpriv", "--pdeathsig", "KILL"]
        if cpu is not None:
            words += ["taskset", "-c", str(cpu)]
        words += self.peer.command(tools, share, self.state)
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={**os.environ, "PATH": path}, preexec_fn=in_child)
        deadline = time.monotonic() + START_SECONDS
        while not self.takes_clients():
            if self.process.poll() is not None:
                raise Failed(f"{self.peer.NAME} ended at once: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.peer.NAME} takes no client after {START_SECONDS} s: "
                             f"{self.last_words()}")
            time.sleep(0.01)

    def takes_clients(self):
        kind, _, rest = self.address.partition(":")
        if kind == "vhost-user":  # one client at a time, maybe one in all: leave it alone
            return is_listening(rest)
        try:
            if kind == "unix":
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(rest)
            else:
                host, _, port = rest.rpartition(":")
                socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True

    def last_words(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return " / ".join(f.read().strip().splitlines()[-3:]) or "it said nothing"
        except OSError:
            return "it said nothing"

    @property
    def pid(self):
        """Of the process that serves."""
        pid = self.process.pid
        if self.peer.SUPERVISED:
            try:
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                    pid = int((f.read().split() or [pid])[0])
            except OSError:
                raise Failed(f"{self.peer.NAME} has ended: {self.last_words()}") from None
        return pid

    def cpu_seconds(self):
        """CPU time of all its threads so far."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)
        except OSError:
            raise Failed(f"{self.peer.NAME} has ended: {self.last_words()}") from None

    def wake_ups(self):
        """Of all its threads so far: how often they stopped waiting. A supervisor counts too."""
        total = 0
        for path in (f"/proc/{pid}/task/{tid}/status" for pid in {self.pid, self.process.pid}
                     for tid in os.listdir(f"/proc/{pid}/task")):
            try:
                with open(path, encoding="ascii") as f:
                    said = f.read()
            except OSError:  # a thread that has just ended
                continue
            total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", said, re.M)[1])
        return total

    def own_mib(self):
        """Memory that is no file's; what a supervisor and its child share counts once."""
        total = 0
        for pid in {self.pid, self.process.pid}:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(r"^Pss_Anon:\s*(\d+)", f.read(), re.M)[1])
        return total / 1024

    def revive(self, wait=0):
        """After a client: a line when the server has died of it; it is started again. A server that
        is dying may need a moment: WAIT seconds at most."""
        try:
            self.process.wait(wait)
        except subprocess.TimeoutExpired:
            return None
        said = f"the server died with {describe_exit(self.process.returncode)}"
        for name in os.listdir(self.state):  # a socket that is left over looks like a server
            path = os.path.join(self.state, name)
            if path != self.log and not os.path.isdir(path):
                os.unlink(path)
        self.again()
        return said

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
