# SPDX-License-Identifier: MIT
"""Follows p9_client_read_once: what each read of the 9P client did to its iterator, and whether each
byte went into the folios.

The guest runs between the stops of four breakpoints: entry and return of the read, entry of
p9_client_zc_rpc (the reply goes straight into the pages), entry and return of _copy_to_iter (the reply
is copied). Reads of several tasks interleave; the iterator's address tells them apart.

What holds for every copy and every read: the cursor moves by as many bytes of folios as the count goes
down. A copy that starts behind its folio's end and is not moved to the next one breaks it, wherever in
memory its bytes fall."""
import json

import gdb

import w9_fids
import w9_mm
from w9_dwarf import Command, Missing, at_address, find_entry
from w9_iter import FOLIOQ, Cursor, Segment, segments_from

IO_HEADER = 24  # include/net/9p/9p.h, P9_IOHDRSZ: a macro, so no debug information has it


def stack_pointer(frame):
    return int(frame.read_register("sp")) & (1 << 64) - 1


class Copy:
    """One copy of reply bytes into the iterator."""

    def __init__(self, source, cursor):
        self.source = source
        self.before = cursor
        self.why = self.landed = self.physical = None

    def finish(self, after):
        n = self.before.count - after.count
        if self.before.kind != FOLIOQ or not n:
            return
        start = self.before.position(self.before.queue)
        end = after.position(self.before.queue)
        if start is None or end is None or end - start == n:
            return
        if not self.before.is_parked:
            self.why = ("the copy of %d bytes at slot %d, iov_offset 0x%x moved the cursor by %d" %
                        (n, self.before.slot, self.before.offset, end - start))
            return
        self.why = ("the copy of %d bytes began at slot %d, iov_offset 0x%x, the end of a folio of "
                    "0x%x bytes: they went to the page behind it" %
                    (n, self.before.slot, self.before.offset, self.before.folio_size))
        self._find_landing(n)

    def _find_landing(self, n):
        segments = list(segments_from(self.before.queue))
        pfn = w9_mm.pfn_of(segments[0].folios[self.before.slot])
        if pfn is None:
            return
        self.physical = pfn * w9_mm.PAGE_SIZE + self.before.offset
        page = self.physical // w9_mm.PAGE_SIZE
        self.landed, words = self._owner(segments, page)
        seen = ", and are there now" if self._is_there(n) else ""
        self.why += " (physical 0x%x%s: %s)" % (self.physical, seen, words)

    def _owner(self, segments, page):
        at = 0
        meant = self.before.slot + 1
        for segment in segments:
            for slot, folio in enumerate(segment.folios):
                first = w9_mm.pfn_of(folio)
                if first is not None and first <= page < first + segment.sizes[slot] // w9_mm.PAGE_SIZE:
                    if at + slot == meant:
                        return "next", "by luck the next folio, where they were meant to go"
                    return "queue", "the folio of slot %d of the same read" % (at + slot)
            at += len(segment.folios)
        inode = w9_mm.inode_of_pfn(page)
        if inode:
            name = w9_mm.path_of_inode(inode)
            return "file", "the page cache of %s" % (name or "another file")
        return "other", "no page of this read nor of another file"

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
        self.copies = []
        self.after = self.why = None
        self.error = 0

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
        for copy in self.copies:
            self.why = self.why or copy.why
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
        return "%d bytes were read, and the cursor moved by %d" % (n, end - start)

    def landing(self):
        for copy in self.copies:
            if copy.why:
                return copy.landed, copy.physical
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
            "landed": landed, "physical": physical,
        }

    def words(self):
        how = "zero-copy" if self.is_zero_copy else "copied"
        text = "%s fid %d offset 0x%x: %d bytes, %s" % (
            self.file or "-", self.fid, self.offset, self.before.count - self.after.count, how)
        if self.error:
            text += ", error %d" % self.error
        text += "\n  before  %s\n  after   %s\n" % (self.before.words(), self.after.words())
        return text + ("  BROKEN  %s\n" % self.why if self.why else "")


class Follower:
    """Lets the guest run and calls SINK with each Read that is done; a true answer ends it."""

    def __init__(self, sink):
        self.sink = sink
        self.reads = {}  # by iterator
        self.copies = {}  # (pc, sp) of their return: the Read and its Copy
        self.handlers = {}  # by address
        self.breakpoints = []
        self.copy_breakpoint = None

    def arm(self):
        """What the kernel has now; a module's functions come with its symbols."""
        for name, handler in (("p9_client_read_once", self._read_enters),
                              ("p9_client_zc_rpc", self._zero_copy_enters),
                              ("_copy_to_iter", self._copy_enters)):
            entry = find_entry(name)
            if entry is None or entry in self.handlers:
                continue
            breakpoint = self._stop_at(entry, handler)
            if name == "_copy_to_iter":
                self.copy_breakpoint = breakpoint
                breakpoint.enabled = bool(self.reads)

    def is_armed(self):
        return any(handler == self._read_enters for handler in self.handlers.values())

    def _stop_at(self, address, handler):
        breakpoint = gdb.Breakpoint("*0x%x" % address, internal=True)
        breakpoint.silent = True
        self.breakpoints.append(breakpoint)
        self.handlers[address] = handler
        return breakpoint

    def _watch_copies(self):
        if self.copy_breakpoint is not None:
            wanted = bool(self.reads)
            if self.copy_breakpoint.enabled != wanted:
                self.copy_breakpoint.enabled = wanted

    def _read_enters(self, frame):
        read = Read(frame)
        self.reads[read.iterator] = read
        if read.return_pc not in self.handlers:
            self._stop_at(read.return_pc, self._read_returns)
        self._watch_copies()

    def _read_returns(self, frame):
        sp = stack_pointer(frame)
        for iterator, read in self.reads.items():
            if read.return_pc == frame.pc() and read.return_sp == sp:
                del self.reads[iterator]
                self._watch_copies()
                read.finish()
                return self.sink(read)
        return False

    def _zero_copy_enters(self, frame):
        read = self.reads.get(int(frame.read_var("uidata")))
        if read:
            read.is_zero_copy = True
            read.asked = int(frame.read_var("inlen"))

    def _copy_enters(self, frame):
        read = self.reads.get(int(frame.read_var("i")))
        if not read:
            return
        copy = Copy(int(frame.read_var("addr")), Cursor(frame.read_var("i").dereference()))
        read.copies.append(copy)
        caller = frame.older()
        if caller.pc() not in self.handlers:
            self._stop_at(caller.pc(), self._copy_returns)
        self.copies[caller.pc(), stack_pointer(caller)] = (read, copy)

    def _copy_returns(self, frame):
        read, copy = self.copies.pop((frame.pc(), stack_pointer(frame)), (None, None))
        if copy:
            copy.finish(Cursor(at_address("struct iov_iter", read.iterator)))

    def run(self):
        """Returns when the guest has ended, when SINK said so, or when something else stopped it."""
        gdb.events.new_objfile.connect(self._symbols_came)
        try:
            self.arm()
            self._loop()
        finally:
            gdb.events.new_objfile.disconnect(self._symbols_came)
            for breakpoint in self.breakpoints:
                if breakpoint.is_valid():
                    breakpoint.delete()

    def _symbols_came(self, event):
        self.arm()

    def _join(self):
        """Takes part in the read that the guest stands in: of its breakpoint here only what comes later
        would be seen."""
        frame = gdb.newest_frame()
        inner, outer = frame, frame
        while outer is not None and outer.name() != "p9_client_read_once":
            inner, outer = outer, outer.older()
        if outer is None:
            return
        self._read_enters(outer)
        if inner.name() == "p9_client_zc_rpc":
            self._zero_copy_enters(inner)
        elif inner.pc() in self.handlers and inner is frame:
            self.handlers[frame.pc()](frame)

    def _loop(self):
        self._join()
        while True:
            said = ""
            try:
                said = gdb.execute("continue", to_string=True)
            except gdb.error:  # QEMU has ended, and its gdbstub with it
                if gdb.selected_inferior().pid:
                    raise
            if not gdb.selected_inferior().pid:
                return
            frame = gdb.newest_frame()
            handler = self.handlers.get(frame.pc())
            if handler is None:
                gdb.write("stopped by something else: %s\n" % said.strip())
                return
            if handler(frame):
                return


class ReadsCommand(Command):
    """w9-reads [--json FILE] [N]: let the guest run and show every read of the 9P client.

For each p9_client_read_once: file, offset, bytes, zero-copy or copied, and where its iterator stood
before and after. Ends with the guest, after N reads, or at the first that broke the rule that every
byte goes into the folios; interrupt it with Ctrl-C. With --json, one object a line goes to FILE, and
a broken read does not end it."""

    def __init__(self):
        super().__init__("w9-reads", gdb.COMMAND_RUNNING)

    def run(self, argument):
        words = gdb.string_to_argv(argument)
        path = None
        if words[:1] == ["--json"] and len(words) > 1:
            path, words = words[1], words[2:]
        if len(words) > 1 or (words and not words[0].isdigit()):
            raise gdb.GdbError("w9-reads takes [--json FILE] [N]")
        self.left = int(words[0]) if words else -1
        if not gdb.selected_inferior().pid:
            raise gdb.GdbError("no guest runs under this gdb")
        if path:
            with open(path, "a", buffering=1) as file:
                self._follow(lambda read: self._write(file, read))
        else:
            self._follow(self._show)

    def _follow(self, sink):
        follower = Follower(sink)
        follower.arm()
        if not follower.is_armed():
            gdb.write("p9_client_read_once is not there yet: waiting for the symbols of 9pnet\n")
        follower.run()

    def _count(self):
        self.left -= 1
        return self.left == 0

    def _write(self, file, read):
        file.write(json.dumps(read.record()) + "\n")
        return self._count()

    def _show(self, read):
        gdb.write(read.words())
        gdb.flush()
        return self._count() or read.why is not None


class ParkedFunction(gdb.Function):
    """$w9_parked(ITER): does the iov_iter stand at the end of a folio instead of the next one's start?

For conditions: break _copy_to_iter if $w9_parked(i)"""

    def __init__(self):
        super().__init__("w9_parked")

    def invoke(self, iterator):
        return Cursor(iterator.dereference()).is_parked
