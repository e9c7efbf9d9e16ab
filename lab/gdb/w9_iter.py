# SPDX-License-Identifier: MIT
"""The cursor of a read: struct iov_iter, and the folio_queue that it walks."""
import gdb

import w9_mm
from w9_dwarf import Command, Missing, at_address, enum_name, has_field, has_type, to_struct

SEGMENTS_MAX = 4096
FOLIOQ = "ITER_FOLIOQ"


class Segment:
    """One struct folio_queue: up to 31 folios, and a pointer to the next."""

    def __init__(self, queue):
        self.address = int(queue.address)
        self.slots = int(queue["vec"]["nr"])
        self.capacity = queue["orders"].type.range()[1] + 1
        self.slots = min(self.slots, self.capacity)
        self.sizes = [w9_mm.PAGE_SIZE << int(queue["orders"][i]) for i in range(self.slots)]
        self.folios = [int(queue["vec"]["folios"][i]) for i in range(self.slots)]
        self.next = int(queue["next"])
        self.rreq = int(queue["rreq_id"]) if has_field(queue.type, "rreq_id") else None

    def size_at(self, slot):
        return self.sizes[slot] if slot < self.slots else None


def segments_from(address):
    n = 0
    while address and n < SEGMENTS_MAX:
        segment = Segment(at_address("struct folio_queue", address))
        yield segment
        address, n = segment.next, n + 1


def first_segment(address):
    """The queue's, by way of the back pointers; a consumer frees segments that it is done with."""
    for _ in range(SEGMENTS_MAX):
        before = int(at_address("struct folio_queue", address)["prev"])
        if not before:
            break
        address = before
    return address


class Cursor:
    """Where an iov_iter stood when we looked: the kernel goes on."""

    def __init__(self, value):
        self.address = int(value.address)
        self.kind = enum_name("enum iter_type", value["iter_type"])
        self.is_source = bool(value["data_source"])
        self.count = int(value["count"])
        self.offset = int(value["iov_offset"])
        self.queue = self.slot = self.folio_size = self.slots = None
        self.start = self.segments = None
        if self.kind == FOLIOQ:
            self._take_queue(value)
        elif self.kind == "ITER_XARRAY":
            self.start = int(value["xarray_start"])
        elif self.kind in ("ITER_IOVEC", "ITER_BVEC", "ITER_KVEC"):
            self.segments = int(value["nr_segs"])

    def _take_queue(self, value):
        self.queue = int(value["folioq"])
        self.slot = int(value["folioq_slot"])
        segment = Segment(value["folioq"].dereference())
        self.slots = segment.slots
        self.folio_size = segment.size_at(self.slot)

    @property
    def is_parked(self):
        """Behind the last byte of its folio, where the next one's first was meant."""
        return self.folio_size is not None and self.offset >= self.folio_size

    def position(self, origin):
        """Bytes from the first folio of the segment ORIGIN (an address) to the cursor; None when
        the queue does not lead there."""
        total = 0
        try:
            for segment in segments_from(origin):
                if segment.address == self.queue:
                    return total + sum(segment.sizes[:self.slot]) + self.offset
                total += sum(segment.sizes)
        except gdb.MemoryError:
            pass
        return None

    def words(self):
        text = "%s %s, count 0x%x" % (self.kind, "source" if self.is_source else "destination",
                                      self.count)
        if self.kind == FOLIOQ:
            text += ", slot %d of %d, iov_offset 0x%x" % (self.slot, self.slots, self.offset)
            if self.folio_size is None:
                return text + ", behind the last folio of its segment"
            text += ", folio size 0x%x" % self.folio_size
            return text + (": at the end of this folio, not in it" if self.is_parked else "")
        text += ", iov_offset 0x%x" % self.offset
        if self.start is not None:
            text += ", file offset 0x%x" % (self.start + self.offset)
        if self.segments is not None:
            text += ", %d segments" % self.segments
        return text


def need_folio_queue():
    if not has_type("struct folio_queue"):
        raise Missing("this kernel has no struct folio_queue: netfs reads into ITER_XARRAY "
                      "(before 6.12) or another iterator; see w9-iter")


def find_in_frames(type_name):
    """The nearest variable of that type, or pointer to one, from the selected frame outwards."""
    if gdb.selected_thread() is None:
        raise gdb.GdbError("no guest runs under this gdb")
    frame = gdb.selected_frame()
    while frame is not None:
        try:
            block = frame.block()
        except RuntimeError:
            block = None
        while block is not None and not block.is_global and not block.is_static:
            for symbol in block:
                found = _as_struct(frame, symbol, type_name)
                if found is not None:
                    return found, symbol.name, frame.name()
            if block.function:
                break
            block = block.superblock
        frame = frame.older()
    raise gdb.GdbError("no %s in this frame or its callers: give an expression" % type_name)


def _as_struct(frame, symbol, type_name):
    if not (symbol.is_variable or symbol.is_argument):
        return None
    plain = symbol.type.strip_typedefs()
    is_pointer = plain.code == gdb.TYPE_CODE_PTR
    if is_pointer:
        plain = plain.target().strip_typedefs()
    if str(plain.unqualified()) != type_name:
        return None
    try:
        value = symbol.value(frame)
        if value.is_optimized_out or (is_pointer and not int(value)):
            return None
        value = value.dereference() if is_pointer else value
        value.fetch_lazy()
        return value
    except gdb.error:
        return None


class IterCommand(Command):
    """w9-iter [EXPR]: where an iov_iter stands.

EXPR is a struct iov_iter, a pointer to one or its address; without it, the nearest one of the
selected frame and its callers."""

    def __init__(self):
        super().__init__("w9-iter", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def run(self, argument):
        if argument:
            value = to_struct(gdb.parse_and_eval(argument), "struct iov_iter")
        else:
            value, name, function = find_in_frames("struct iov_iter")
            gdb.write("%s of %s, " % (name, function))
        cursor = Cursor(value)
        gdb.write("iov_iter 0x%x: %s\n" % (cursor.address, cursor.words()))


class FolioqCommand(Command):
    """w9-folioq [EXPR]: the folios of a folio_queue, segment by segment.

EXPR is a struct folio_queue or a struct iov_iter over one, a pointer or (of a folio_queue) its
address; without it, the nearest iov_iter of the selected frame and its callers. The cursor's slot is
marked."""

    def __init__(self):
        super().__init__("w9-folioq", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def run(self, argument):
        need_folio_queue()
        cursor = None
        if argument:
            value = gdb.parse_and_eval(argument)
            if "struct iov_iter" in str(value.type.strip_typedefs()):
                cursor = Cursor(to_struct(value, "struct iov_iter"))
        else:
            cursor = Cursor(find_in_frames("struct iov_iter")[0])
        if cursor is None:
            start = int(to_struct(value, "struct folio_queue").address)
        elif cursor.kind != FOLIOQ:
            raise gdb.GdbError("this iov_iter walks no folio_queue, it is a %s" % cursor.kind)
        else:
            start = cursor.queue
        for segment in segments_from(start):
            print_segment(segment, cursor)


def print_segment(segment, cursor):
    gdb.write("folio_queue 0x%x: %d of %d slots%s\n" % (
        segment.address, segment.slots, segment.capacity,
        "" if segment.next else ", the last segment"))
    is_here = cursor is not None and cursor.queue == segment.address
    for slot, folio in enumerate(segment.folios):
        gdb.write("  slot %2d  %s%s\n" % (
            slot, folio_words(folio, segment.sizes[slot]),
            "  <- iov_offset 0x%x" % cursor.offset if is_here and cursor.slot == slot else ""))
    if is_here and cursor.slot >= segment.slots:
        gdb.write("  slot %2d  <- behind the last folio, iov_offset 0x%x\n" % (
            cursor.slot, cursor.offset))


def folio_words(folio, size):
    if not folio:
        return "empty"
    pfn = w9_mm.pfn_of(folio)
    return "folio 0x%x  physical %s  size 0x%x  file offset 0x%x  %s" % (
        folio, "unknown" if pfn is None else "0x%x" % (pfn * w9_mm.PAGE_SIZE), size,
        w9_mm.index_of_folio(folio) * w9_mm.PAGE_SIZE, " ".join(w9_mm.flags_of(folio)) or "-")
