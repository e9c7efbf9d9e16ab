# SPDX-License-Identifier: MIT
"""Pretty printers: one line of what matters; `print/r` shows the fields."""
import gdb
import gdb.printing

import w9_fids
import w9_iter


class OneLine:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return self.words(self.value)
        except gdb.error as error:
            return "{cannot be read: %s}" % error


class IovIter(OneLine):
    def words(self, value):
        return "{%s}" % w9_iter.Cursor(value).words()


class FolioQueue(OneLine):
    def words(self, value):
        segment = w9_iter.Segment(value)
        return "{%d of %d slots, sizes [%s], next 0x%x}" % (
            segment.slots, segment.capacity, ", ".join("0x%x" % s for s in segment.sizes),
            segment.next)


class Qid(OneLine):
    def words(self, value):
        return "{%s}" % w9_fids.qid_words(value)


class Fid(OneLine):
    def words(self, value):
        return "{%s}" % w9_fids.fid_words(value)


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("warren")
    printers.add_printer("iov_iter", "^iov_iter$", IovIter)
    printers.add_printer("folio_queue", "^folio_queue$", FolioQueue)
    printers.add_printer("p9_qid", "^p9_qid$", Qid)
    printers.add_printer("p9_fid", "^p9_fid$", Fid)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
