# SPDX-License-Identifier: MIT
"""QEMU's own 9P server without a guest: its virtio device, driven from outside through qtest.

The machine is QEMU's microvm, which never runs; its memory is a file that is mapped here too; qtest only pokes the
registers of the device. In that memory are the descriptors, the available and the used ring, the request and the reply.
"""
import mmap
import os
import socket
import struct
import subprocess
import time

MEMORY = 64 << 20
DESCRIPTORS, AVAILABLE, USED = 0x100000, 0x101000, 0x102000
REQUEST, REPLY = 0x200000, 0x400000
BUFFER = 1 << 20
RING = 4
FIRST_DEVICE, DEVICE_STEP, DEVICES = 0xFEB00000, 0x200, 24
DEVICE_9P = 9

# Registers of virtio-mmio, version 2
DEVICE_ID, DRIVER_FEATURES, FEATURES_SELECT = 0x08, 0x20, 0x24
QUEUE_SELECT, QUEUE_NUM, QUEUE_READY, QUEUE_NOTIFY, STATUS = 0x30, 0x38, 0x44, 0x50, 0x70
QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE = 0x80, 0x90, 0xA0
VIRTIO_F_VERSION_1_HIGH = 1
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 0x40
MAY_WRITE, NEXT = 2, 1


class Qemu:
    """One QEMU that shares FOLDER; send() and receive() carry whole 9P messages, one in flight, for ninep.Client."""

    def __init__(self, command, folder, scratch, seconds):
        self.seconds = seconds  # for a reply
        memory = os.path.join(scratch, "memory")
        model = "passthrough" if os.getuid() == 0 else "none"
        path = os.path.join(scratch, "qtest")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(120)
            self.process = subprocess.Popen(
                command + ["-M", "microvm,memory-backend=ram", "-m", str(MEMORY >> 20), "-nodefaults",
                           "-no-user-config", "-display", "none", "-S", "-accel", "tcg", "-qtest", "unix:" + path,
                           "-qtest-log", "none", "-global", "virtio-mmio.force-legacy=false",
                           "-object", f"memory-backend-file,id=ram,size={MEMORY},share=on,mem-path={memory}",
                           "-fsdev", f"local,id=f,security_model={model},path={folder}",
                           "-device", "virtio-9p-device,fsdev=f,mount_tag=t"],
                stdin=subprocess.DEVNULL)
            self.channel, _ = listener.accept()
        self.channel.settimeout(120)
        self.lines = self.channel.makefile("r")
        self.turn = 0
        self._start_device()
        with open(memory, "r+b") as f:
            self.memory = mmap.mmap(f.fileno(), MEMORY)

    def _say(self, *words):
        self.channel.sendall((" ".join(words) + "\n").encode())
        answer = self.lines.readline().split()
        if not answer or answer[0] != "OK":
            raise ConnectionError(f"QEMU answers {answer} to {words}")
        return answer

    def _get(self, register):
        return int(self._say("readl", hex(self.base + register))[1], 16)

    def _set(self, register, value):
        self._say("writel", hex(self.base + register), hex(value))

    def _start_device(self):
        for i in range(DEVICES):
            self.base = FIRST_DEVICE + i * DEVICE_STEP
            if self._get(DEVICE_ID) == DEVICE_9P:
                break
        else:
            raise ConnectionError("QEMU has no 9P device")
        self._set(STATUS, ACKNOWLEDGE | DRIVER)
        self._set(FEATURES_SELECT, 1)
        self._set(DRIVER_FEATURES, VIRTIO_F_VERSION_1_HIGH)
        self._set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        self._set(QUEUE_SELECT, 0)
        self._set(QUEUE_NUM, RING)
        for register, at in ((QUEUE_DESC, DESCRIPTORS), (QUEUE_DRIVER, AVAILABLE), (QUEUE_DEVICE, USED)):
            self._set(register, at)
            self._set(register + 4, 0)
        self._set(QUEUE_READY, 1)
        self._set(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

    def send(self, message):
        self.memory[REQUEST:REQUEST + len(message)] = message
        self.memory[DESCRIPTORS:DESCRIPTORS + 32] = struct.pack(
            "<QIHHQIHH", REQUEST, len(message), NEXT, 1, REPLY, BUFFER, MAY_WRITE, 0)
        struct.pack_into("<H", self.memory, AVAILABLE + 4 + 2 * (self.turn % RING), 0)
        self.turn += 1
        struct.pack_into("<H", self.memory, AVAILABLE + 2, self.turn & 0xFFFF)
        self._set(QUEUE_NOTIFY, 0)

    def receive(self):
        """The reply; TimeoutError when none comes, ConnectionError when QEMU is gone or gives the device up."""
        end = time.monotonic() + self.seconds
        while struct.unpack_from("<H", self.memory, USED + 2)[0] != self.turn & 0xFFFF:
            if self.process.poll() is not None:
                raise ConnectionError(f"QEMU ended with {self.process.returncode}")
            if self._get(STATUS) & NEEDS_RESET:
                raise ConnectionError("the device is broken until the guest resets it")
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.001)
        size = struct.unpack_from("<I", self.memory, REPLY)[0]
        return self.memory[REPLY:REPLY + min(size, BUFFER)]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.channel.close()
