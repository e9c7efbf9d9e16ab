# SPDX-License-Identifier: MIT
"""A 9P server that listens on a Unix socket: diod, warren."""
import os
import socket
import subprocess
import time


class SocketServer:
    """One server that shares FOLDER; send() and receive() carry whole 9P messages."""

    def __init__(self, command, folder, scratch):
        path = os.path.join(scratch, "9p")
        self.process = subprocess.Popen([w.format(socket=path, folder=folder) for w in command],
                                        cwd=scratch,  # where it leaves a core
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise EOFError(f"{command[0]} does not listen") from None
                time.sleep(0.01)

    def send(self, message):
        self.socket.sendall(message)

    def _exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.socket.recv(n - len(got))
            if not more:
                try:
                    status = self.process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    raise EOFError("it hangs up") from None
                raise EOFError(f"the server ends with {status}")
            got += more
        return got

    def receive(self, seconds):
        """The reply; TimeoutError when none comes, EOFError when the server hangs up or is gone."""
        self.socket.settimeout(seconds)
        try:
            head = self._exactly(4)
            return head + self._exactly(int.from_bytes(head, "little") - 4)
        except ConnectionError as error:
            raise EOFError(str(error)) from None

    def close(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()
