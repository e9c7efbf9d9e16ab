# SPDX-License-Identifier: MIT
"""Becomes virtiofsd, with a proxy in front of it that User Mode Linux can talk to.

    vhost_proxy.py DEVICE-SOCKET VIRTIOFSD-SOCKET COMMAND...

User Mode Linux sends a SET_MEM_TABLE that is as long as one of two regions, whatever it holds;
virtiofsd refuses what is not exactly as long as its regions. Only that length is changed, all else,
descriptors too, is passed on. Requests do not come this way: they are in the ring.
"""
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import time

HEADER = struct.Struct("=III")  # request, flags, size of the payload
SET_MEM_TABLE = 5
REGION = 32
PR_SET_PDEATHSIG = 1


def receive(sock, size):
    """Exactly SIZE bytes, and the descriptors that came with them."""
    data, fds = b"", []
    while len(data) < size:
        got, new, _, _ = socket.recv_fds(sock, size - len(data), 8)
        fds += new
        if not got:
            raise EOFError
        data += got
    return data, fds


def pass_on(source, sink, is_front):
    header, fds = receive(source, HEADER.size)
    request, flags, size = HEADER.unpack(header)
    payload = receive(source, size)[0] if size else b""
    if is_front and request == SET_MEM_TABLE and size >= 8:
        payload = payload[:8 + REGION * struct.unpack_from("=I", payload)[0]]
    message = HEADER.pack(request, flags, len(payload)) + payload
    sent = socket.send_fds(sink, [message], fds)
    sink.sendall(message[sent:])
    for fd in fds:
        os.close(fd)


def connect(path):
    while True:
        back = socket.socket(socket.AF_UNIX)
        try:
            back.connect(path)
            return back
        except OSError:
            back.close()
            time.sleep(0.01)


def serve(listener, path):
    """One front end after the other; virtiofsd ends with its first, and we with it."""
    front = listener.accept()[0]
    back = connect(path)
    try:
        while True:
            for sock in select.select([front, back], [], [])[0]:
                pass_on(sock, back if sock is front else front, sock is front)
    except (EOFError, OSError):
        return


def main():
    device, path, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(device)
    listener.listen(1)
    parent = os.getpid()
    if os.fork():
        os.execvp(command[0], command)  # the process that is measured
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        serve(listener, path)


main()
