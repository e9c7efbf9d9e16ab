# SPDX-License-Identifier: MIT
"""A 9P server that listens on a Unix socket: diod, warren."""
import os
import subprocess
import time

from ninep import Socket


class SocketServer(Socket):
    """One server that shares FOLDER, and a connection to it."""

    def __init__(self, command, folder, scratch, seconds):
        path = os.path.join(scratch, "9p")
        self.process = subprocess.Popen([w.format(socket=path, folder=folder) for w in command],
                                        cwd=scratch,  # where it leaves a core
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while True:
            try:
                super().__init__(path, seconds)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise ConnectionError(f"{command[0]} does not listen") from None
                time.sleep(0.01)

    def receive(self):
        """The reply; TimeoutError when none comes, ConnectionError when the server hangs up or is gone."""
        try:
            return super().receive()
        except ConnectionError:
            try:
                status = self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                raise ConnectionError("it hangs up") from None
            raise ConnectionError(f"the server ends with {status}") from None

    def close(self):
        super().close()
        self.process.kill()
        self.process.wait()
