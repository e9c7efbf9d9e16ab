# SPDX-License-Identifier: MIT
"""A file system whose disk can fail: one folder of files in memory, by FUSE, for root."""
import ctypes
import errno
import os
import select
import stat
import struct
import threading

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 1, 2, 3, 4, 14, 15, 16, 17, 18, 20
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, BATCH_FORGET = 25, 26, 27, 28, 29, 42
INTERRUPT = 36
QUIET = (FORGET, BATCH_FORGET, INTERRUPT)
ON_DISK = (READ, WRITE, FSYNC)
MNT_DETACH = 2
libc = ctypes.CDLL(None, use_errno=True)


class SickDisk:
    """Mounted on FOLDER. FILES: name: content. While `error` is set, reads, writes and fsync of every file get it;
    between hold() and release() they are not answered. `done` counts the requests of each kind."""

    def __init__(self, folder, files):
        self.folder = folder
        self.names = [None, None] + list(files)  # by inode number
        self.content = {name: bytearray(c) for name, c in files.items()}
        self.error, self.done = 0, {}
        self.held, self.lock = None, threading.Lock()
        self.stop = os.pipe()
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        if libc.mount(b"sick", folder.encode(), b"fuse", 6, options.encode()):  # nosuid, nodev
            raise OSError(ctypes.get_errno(), "mount of FUSE")
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def hold(self):
        self.held = []

    def release(self):
        with self.lock:
            held, self.held = self.held, None
        for request in held:
            self.answer(request)

    def close(self):
        """Whoever has it mounted in another namespace gets errors from then on."""
        os.close(self.stop[1])
        self.thread.join()
        os.close(self.fd)
        os.close(self.stop[0])
        libc.umount2(self.folder.encode(), MNT_DETACH)

    def serve(self):
        while True:
            ready = select.select([self.fd, self.stop[0]], [], [])[0]
            if self.stop[0] in ready:
                return
            try:
                request = os.read(self.fd, 1 << 20)
            except OSError as e:
                if e.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return  # unmounted
            self.take(request)

    def take(self, request):
        kind = struct.unpack_from("<II", request)[1]
        self.done[kind] = self.done.get(kind, 0) + 1
        with self.lock:
            if self.held is not None and kind in ON_DISK:
                self.held.append(request)
                return
        self.answer(request)

    def answer(self, request):
        _, kind, unique, node = struct.unpack_from("<IIQQ", request)
        if kind in QUIET:
            return
        try:
            body, error = self.act(kind, node, request[40:]), 0
        except OSError as e:
            body, error = b"", e.errno
        try:
            os.write(self.fd, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)
        except OSError:
            pass  # nobody waits any more

    def attributes(self, node):
        if node == 1:
            mode, size = stat.S_IFDIR | 0o755, 0
        else:
            mode, size = stat.S_IFREG | 0o644, len(self.content[self.names[node]])
        return struct.pack("<QQQ24xIIIIIIII", node, size, 1, 0, 0, 0, mode, 1, 0, 0, 0) + struct.pack("<II", 4096, 0)

    def act(self, kind, node, body):
        if kind == INIT:
            major, _, ahead = struct.unpack_from("<III", body)
            return struct.pack("<IIIIHHIIHHI28x", major, 31, ahead, 0, 16, 16, 1 << 17, 1, 0, 0, 0)
        if kind == LOOKUP:
            name = body.rstrip(b"\0").decode()
            if name not in self.content:
                raise OSError(errno.ENOENT, name)
            found = self.names.index(name, 2)
            return struct.pack("<QQQQII", found, 0, 0, 0, 0, 0) + self.attributes(found)
        if kind in (GETATTR, SETATTR):
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if kind in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, 1, 0)  # FOPEN_DIRECT_IO: nothing is cached
        if kind in (RELEASE, RELEASEDIR, FLUSH):
            return b""
        if kind == STATFS:
            return struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 19, 1 << 19, 0, 0, 4096, 255, 4096, 0)
        return self.touch(kind, node, body)

    def touch(self, kind, node, body):
        """What comes to the disk itself."""
        if self.error:
            raise OSError(self.error, "the disk")
        if kind == FSYNC:
            return b""
        if kind not in (READ, WRITE):
            raise OSError(errno.ENOSYS, str(kind))
        _, offset, size = struct.unpack_from("<QQI", body)
        content = self.content[self.names[node]]
        if kind == READ:
            return bytes(content[offset:offset + size])
        content[offset:offset + size] = body[40:40 + size]
        return struct.pack("<II", size, 0)
