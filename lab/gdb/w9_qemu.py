# SPDX-License-Identifier: MIT
"""Takes a guest in QEMU by the socket of its gdbstub."""
import os
import time

import gdb

import w9_modules

PATIENCE = 20  # seconds until QEMU listens, on a busy host


def _connect(socket):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            gdb.execute("target remote " + socket, to_string=True)
            return
        except gdb.error as reason:
            if os.path.exists(socket) and "refused" not in str(reason):
                raise gdb.GdbError("cannot take the guest: %s; has another debugger got it?"
                                   % reason)
            if time.monotonic() > end:
                raise gdb.GdbError("the guest does not listen at %s" % socket)
            time.sleep(0.05)


def _has_page_tables():
    return bool(int(gdb.parse_and_eval("(unsigned long)$cr0")) >> 31 & 1)


def _run_to_start():
    """Before that nothing can be checked, and with KVM no breakpoint be set but the processor's own."""
    start = gdb.Breakpoint("start_kernel", gdb.BP_HARDWARE_BREAKPOINT, internal=True,
                           temporary=True)
    start.silent = True
    gdb.execute("continue", to_string=True)


class AttachCommand(gdb.Command):
    """w9-attach SOCKET [FOLDER]: take the guest in QEMU whose gdbstub listens at SOCKET.

FOLDER has the debug files of its modules, NAME.ko."""

    def __init__(self):
        super().__init__("w9-attach", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) not in (1, 2):
            raise gdb.GdbError("w9-attach takes SOCKET [FOLDER]")
        _connect(words[0])
        if not _has_page_tables():
            _run_to_start()
        w9_modules.follow(words[1] if len(words) > 1 else None)
        gdb.execute("frame")
