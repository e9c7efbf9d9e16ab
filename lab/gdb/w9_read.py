# SPDX-License-Identifier: MIT
"""One read of the 9P client, and what it did to its iterator: the steps that move bytes, and the rule
that each has to obey.

What holds for every step and every read: the cursor moves by as many bytes of folios as the count goes
down, and what a zero-copy reply is received into is these folios' pages. A copy that starts behind its
folio's end and is not moved to the next one breaks it, wherever in memory its bytes fall."""
import gdb

import w9_fids
import w9_mm
from w9_dwarf import Missing, at_address, type_named
from w9_iter import FOLIOQ, Cursor, Segment, first_segment, segments_from

IO_HEADER = 24  # include/net/9p/9p.h, P9_IOHDRSZ: a macro, so no debug information has it


def stack_pointer(frame):
    return int(frame.read_register("sp")) & (1 << 64) - 1


def bytes_words(n):
    return "1 byte" if n == 1 else "%d bytes" % n


class Layout:
    """All folios of a request, as one row; the CURSOR's own is the one at HERE."""

    def __init__(self, cursor):
        self.folios, self.here = [], 0  # (folio, size)
        for segment in segments_from(first_segment(cursor.queue)):
            if segment.address == cursor.queue:
                self.here = len(self.folios) + cursor.slot
            self.folios += zip(segment.folios, segment.sizes)

    def position(self, cursor):
        return sum(size for _, size in self.folios[:self.here]) + cursor.offset

    def pages(self, position, n):
        """For each page of N bytes from POSITION on: (folio's number, address of its struct page,
        bytes)."""
        page_size, record = w9_mm.PAGE_SIZE, type_named("struct page").sizeof
        start = 0
        for number, (folio, size) in enumerate(self.folios):
            while n and start <= position < start + size:
                part = min(n, page_size - position % page_size)
                yield number, folio + (position - start) // page_size * record, part
                position, n = position + part, n - part
            start += size

    def owner(self, pfn, meant):
        """Whose that physical page is: a word, and words. MEANT is the number of the right folio."""
        for number, (folio, size) in enumerate(self.folios):
            first = w9_mm.pfn_of(folio)
            if first is None or not first <= pfn < first + size // w9_mm.PAGE_SIZE:
                continue
            if number == meant:
                return "next", "by luck the next folio, where they were meant to go"
            return "queue", "folio %d of the request's %d" % (number + 1, len(self.folios))
        inode = w9_mm.inode_of_pfn(pfn)
        if inode:
            return "file", "the page cache of %s" % (w9_mm.path_of_inode(inode) or "another file")
        return "other", "no page of this request nor of another file"


class Step:
    """Bytes that a function of the iterator moves; the cursor before and after."""

    def __init__(self, cursor):
        self.before = cursor
        self.why = self.landed = self.physical = None
        self.lost = 0

    def finish(self, after):
        n = self.before.count - after.count
        if self.before.kind != FOLIOQ or not n:
            return
        start = self.before.position(self.before.queue)
        end = after.position(self.before.queue)
        if start is not None and end is not None:
            self.check(n, end - start)

    def check(self, n, moved):
        """N bytes moved the cursor by MOVED."""
        raise NotImplementedError

    def _moved_wrongly(self, n, moved):
        self.lost = n
        self.why = "%s at slot %d, iov_offset 0x%x moved the cursor by %d" % (
            bytes_words(n), self.before.slot, self.before.offset, moved)


class Copy(Step):
    """_copy_to_iter: the reply's bytes from SOURCE into the iterator."""

    def __init__(self, frame):
        super().__init__(Cursor(frame.read_var("i").dereference()))
        self.source = int(frame.read_var("addr"))

    def check(self, n, moved):
        if moved == n:
            return
        self._moved_wrongly(n, moved)
        if not self.before.is_parked:
            return
        self.why = ("the copy of %s began at slot %d, iov_offset 0x%x, the end of a folio of "
                    "0x%x bytes: they went to the page behind it" %
                    (bytes_words(n), self.before.slot, self.before.offset, self.before.folio_size))
        layout = Layout(self.before)
        pfn = w9_mm.pfn_of(layout.folios[layout.here][0])
        if pfn is None:
            return
        self.physical = pfn * w9_mm.PAGE_SIZE + self.before.offset
        self.landed, words = layout.owner(self.physical // w9_mm.PAGE_SIZE, layout.here + 1)
        seen = ", and are there now" if self._is_there(n) else ""
        self.why += " (physical 0x%x%s: %s)" % (self.physical, seen, words)

    def _is_there(self, n):
        address = w9_mm.address_of_pfn(self.physical // w9_mm.PAGE_SIZE)
        if address is None:
            return False
        inferior = gdb.selected_inferior()
        address += self.physical % w9_mm.PAGE_SIZE
        try:
            return inferior.read_memory(address, n) == inferior.read_memory(self.source, n)
        except gdb.MemoryError:
            return False


class Extract(Step):
    """iov_iter_get_pages_alloc2: the pages that the reply is received into."""

    def __init__(self, frame):
        super().__init__(Cursor(frame.read_var("i").dereference()))
        self.pages_at = int(frame.read_var("pages"))

    def check(self, n, moved):
        if moved != n:
            self._moved_wrongly(n, moved)
        array = at_address("unsigned long", self.pages_at)
        layout = Layout(self.before)
        wrong = None
        lost = 0
        for i, (number, page, part) in enumerate(layout.pages(layout.position(self.before), n)):
            got = int(at_address("unsigned long", int(array) + 8 * i))
            if got != page:
                lost += part
                wrong = wrong or (number, got)
        if wrong:
            self.lost = lost
            self._tell(layout, wrong[0], wrong[1])

    def _tell(self, layout, number, page):
        pfn = w9_mm.pfn_of(page)
        self.why = "%s of the reply are received into pages that are not the iterator's: " \
                   "for folio %d" % (bytes_words(self.lost), number + 1)
        if pfn is None:
            return
        self.physical = pfn * w9_mm.PAGE_SIZE
        self.landed, words = layout.owner(pfn, -1)
        self.why += " physical 0x%x (%s)" % (self.physical, words)


class Read:
    """One call of p9_client_read_once, from its entry on."""

    def __init__(self, frame):
        fid = frame.read_var("fid").dereference()
        caller = frame.older()
        self.iterator = int(frame.read_var("to"))
        self.error_at = int(frame.read_var("err"))
        self.return_pc = caller.pc()
        self.return_sp = stack_pointer(caller)
        self.fid = int(fid["fid"])
        self.offset = int(frame.read_var("offset"))
        self.iounit = int(fid["iounit"])
        self.msize = int(fid["clnt"]["msize"])
        self.before = Cursor(self._iterator_value())
        self.queue = self._queue_sizes()
        self.file = self._find_file(fid)
        self.is_zero_copy = False
        self.asked = self._rsize()
        self.steps = []
        self.after = self.why = None
        self.error = self.lost = 0

    def _iterator_value(self):
        return at_address("struct iov_iter", self.iterator)

    def _rsize(self):
        """What the kernel will ask for; p9_client_zc_rpc is told, a copied read's fmt hides it."""
        most = self.msize - IO_HEADER
        return min(self.iounit if 0 < self.iounit <= most else most, self.before.count)

    def _queue_sizes(self):
        if self.before.kind != FOLIOQ:
            return None
        return [size for segment in segments_from(self.before.queue) for size in segment.sizes]

    def _find_file(self, fid):
        try:
            return self._file_of_folio() or w9_fids.path_of_fid(fid)
        except (gdb.error, Missing):
            return None

    def _file_of_folio(self):
        if self.before.kind != FOLIOQ:
            return None
        segment = Segment(at_address("struct folio_queue", self.before.queue))
        inode = w9_mm.inode_of_folio(segment.folios[0]) if segment.folios else None
        return w9_mm.path_of_inode(inode) if inode else None

    def finish(self):
        self.after = Cursor(self._iterator_value())
        self.error = int(at_address("int", self.error_at))
        for step in self.steps:
            self.why = self.why or step.why
            self.lost += step.lost
        if not self.why:
            self.why = self._moved_wrongly()

    def _moved_wrongly(self):
        if self.before.kind != FOLIOQ:
            return None
        start = self.before.position(self.before.queue)
        end = self.after.position(self.before.queue)
        n = self.before.count - self.after.count
        if start is None or end is None or end - start == n:
            return None
        return "%s were read, and the cursor moved by %d" % (bytes_words(n), end - start)

    def landing(self):
        for step in self.steps:
            if step.why:
                return step.landed, step.physical
        return None, None

    def record(self):
        landed, physical = self.landing()
        return {
            "fid": self.fid, "file": self.file, "offset": self.offset, "asked": self.asked,
            "count": self.before.count - self.after.count, "zc": self.is_zero_copy,
            "error": self.error, "iounit": self.iounit, "msize": self.msize,
            "iter": "0x%x" % self.iterator, "iter_type": self.before.kind,
            "slot": self.before.slot, "iov_offset": self.before.offset,
            "folio_size": self.before.folio_size, "count_before": self.before.count,
            "slot_after": self.after.slot, "iov_offset_after": self.after.offset,
            "folio_size_after": self.after.folio_size, "count_after": self.after.count,
            "queue": self.queue, "broken": self.why is not None, "why": self.why,
            "lost": self.lost,
            "landed": landed, "physical": physical,
        }

    def words(self):
        how = "zero-copy" if self.is_zero_copy else "copied"
        text = "%s fid %d offset 0x%x: %s, %s" % (
            self.file or "-", self.fid, self.offset,
            bytes_words(self.before.count - self.after.count), how)
        if self.error:
            text += ", error %d" % self.error
        text += "\n  before  %s\n  after   %s\n" % (self.before.words(), self.after.words())
        return text + ("  BROKEN  %s\n" % self.why if self.why else "")


