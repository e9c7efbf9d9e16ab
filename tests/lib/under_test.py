# SPDX-License-Identifier: MIT
"""A server under test, for tests in Python; its clients are those of tools/lib/ninep.py, which can be imported after this."""
import errno
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lib"))
from ninep import DEADLINE  # noqa: E402


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
