# SPDX-License-Identifier: MIT
"""gdb commands and printers for the Linux 9P client: `source` this file in a gdb that has the
kernel's symbols. w9-iter, w9-folioq, w9-fids, w9-reads; `help w9-iter` tells more."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import w9_fids  # noqa: E402
import w9_iter  # noqa: E402
import w9_print  # noqa: E402
import w9_qemu  # noqa: E402
import w9_reads  # noqa: E402

w9_print.register()
for command in (w9_iter.IterCommand, w9_iter.FolioqCommand, w9_fids.FidsCommand,
                w9_reads.ReadsCommand, w9_qemu.AttachCommand):
    command()
w9_reads.ParkedFunction()
