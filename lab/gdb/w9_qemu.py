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
            if time.monotonic() > end or os.path.exists(socket) and "refused" not in str(reason):
                raise gdb.GdbError("cannot take the guest at %s: %s; has another debugger got it?"
                                   % (socket, reason))
            time.sleep(0.05)


def attach(socket, modules=None):
    """MODULES is the folder of the modules' debug files; None: the kernel has no modules."""
    _connect(socket)
    w9_modules.follow(modules)
