# SPDX-License-Identifier: MIT
"""Rows of figures: what was measured, how often, and what came out."""
import statistics


class Rows:
    """A row for each (workload, step, placement, depth, cache, case); values are added run by run."""
    KEYS = ("workload", "step", "placement", "depth", "cache", "case")
    # The CPU time of client and server together is what a second would have to pay for if
    # nobody else took any of it: with both on one CPU, the inverse of the rate.
    COSTS = ("server_cpu_us", "cpu_us", "requests", "syscalls")

    def __init__(self):
        self.rows = {}

    def add(self, value, unit, command, costs=None, more=None, **key):
        """VALUE in UNIT of one run; COSTS: of one of its
        units (an operation, an entry, a megabyte), None where it is not known."""
        k = tuple(key.get(name) for name in self.KEYS)
        row = self.rows.setdefault(k, {
            **dict(zip(self.KEYS, k)), "unit": unit, "values": [], "command": command,
            "costs": {name: [] for name in self.COSTS}, **(more or {})})
        row["values"].append(value)
        for name in self.COSTS:
            if (costs or {}).get(name) is not None:
                row["costs"][name].append(costs[name])

    def finished(self):
        """For JSON: with medians, smallest and largest."""
        out = []
        for row in self.rows.values():
            values = row["values"]
            done = {k: v for k, v in row.items() if k != "costs"}
            done.update(median=statistics.median(values), min=min(values), max=max(values),
                        runs=len(values))
            for name, got in row["costs"].items():
                done[name] = statistics.median(got) if got else None
                done[name + "_min"] = min(got) if got else None
            out.append(done)
        return out


def select(rows, **key):
    return [r for r in rows if all(r.get(k) == v for k, v in key.items())]


def one(rows, **key):
    """The only row of that key, or None."""
    found = select(rows, **key)
    return found[0] if len(found) == 1 else None
