# SPDX-License-Identifier: MIT
"""Follows p9_client_read_once: lets the guest run, and looks at each read where its bytes are moved.

The guest runs between the stops of its breakpoints: entry and return of the read, entry of
p9_client_zc_rpc (the reply goes straight into the pages), entry and return of what takes these pages
from the iterator, and of _copy_to_iter (the reply is copied). Reads of several tasks interleave; the
iterator's address tells them apart."""
import json

import gdb

from w9_dwarf import Command, at_address, find_entry
from w9_iter import Cursor
from w9_read import Copy, Extract, Read, stack_pointer

# Functions that are of interest during a read only, and the step that a call of theirs is.
STEPS = {"_copy_to_iter": Copy, "iov_iter_get_pages_alloc2": Extract}


class Follower:
    """Lets the guest run and calls SINK with each Read that is done; a true answer ends it."""

    def __init__(self, sink):
        self.sink = sink
        self.reads = {}  # by iterator
        self.steps = {}  # (pc, sp) of their return: the Read and its Step
        self.handlers = {}  # by address
        self.breakpoints = []
        self.step_breakpoints = []

    def arm(self):
        """What the kernel has now; a module's functions come with its symbols."""
        self._stop_in("p9_client_read_once", self._read_enters)
        self._stop_in("p9_client_zc_rpc", self._zero_copy_enters)
        for name, kind in STEPS.items():
            breakpoint = self._stop_in(name, lambda frame, kind=kind: self._step_enters(frame, kind))
            if breakpoint:
                breakpoint.enabled = bool(self.reads)
                self.step_breakpoints.append(breakpoint)

    def _stop_in(self, function, handler):
        entry = find_entry(function)
        if entry is None or entry in self.handlers:
            return None
        return self._stop_at(entry, handler)

    def is_armed(self):
        return any(handler == self._read_enters for handler in self.handlers.values())

    def _stop_at(self, address, handler):
        breakpoint = gdb.Breakpoint("*0x%x" % address, internal=True)
        breakpoint.silent = True
        self.breakpoints.append(breakpoint)
        self.handlers[address] = handler
        return breakpoint

    def _watch_steps(self):
        wanted = bool(self.reads)
        for breakpoint in self.step_breakpoints:
            if breakpoint.enabled != wanted:
                breakpoint.enabled = wanted

    def _read_enters(self, frame):
        read = Read(frame)
        self.reads[read.iterator] = read
        if read.return_pc not in self.handlers:
            self._stop_at(read.return_pc, self._read_returns)
        self._watch_steps()

    def _read_returns(self, frame):
        sp = stack_pointer(frame)
        for iterator, read in self.reads.items():
            if read.return_pc == frame.pc() and read.return_sp == sp:
                del self.reads[iterator]
                self._watch_steps()
                read.finish()
                return self.sink(read)
        return False

    def _zero_copy_enters(self, frame):
        read = self.reads.get(int(frame.read_var("uidata")))
        if read:
            read.is_zero_copy = True
            read.asked = int(frame.read_var("inlen"))

    def _step_enters(self, frame, kind):
        read = self.reads.get(int(frame.read_var("i")))
        if not read:
            return
        step = kind(frame)
        read.steps.append(step)
        caller = frame.older()
        if caller.pc() not in self.handlers:
            self._stop_at(caller.pc(), self._step_returns)
        self.steps[caller.pc(), stack_pointer(caller)] = (read, step)

    def _step_returns(self, frame):
        read, step = self.steps.pop((frame.pc(), stack_pointer(frame)), (None, None))
        if step:
            step.finish(Cursor(at_address("struct iov_iter", read.iterator)))

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
