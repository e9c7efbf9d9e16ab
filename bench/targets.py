# SPDX-License-Identifier: MIT
"""What the server has to reach beside its peers, and whether it does."""
from figures import one, select

BOTH = ("same CPU", "split CPUs")
SMALL = ("getattr", "walk", "open", "read")

# case, against, step, depth, placements, at least, what is compared
WIRE = [
    *(("warren", "diod", step, 64, BOTH, 6, "rate") for step in SMALL),
    *(("warren", "diod", step, 64, BOTH, 6, "server CPU") for step in SMALL),
    *(("warren", "diod", step, 1, ("same CPU",), 2, "rate") for step in SMALL),
    ("warren", "diod", "sequential", 8, BOTH, 2, "rate"),
    ("warren, TCP", "nfs-ganesha", "sequential", 8, BOTH, 2, "rate"),
    ("warren", "limit: pread+send", "sequential", 8, BOTH, 0.8, "rate"),
    *((case, "limit: " + limit, "read", 64, BOTH, None, what) for case in ("warren", "diod")
      for limit in ("pread+send", "send") for what in ("rate", "server CPU")),
    *(("warren", "diod", "readdir", d, BOTH, 1.5, "rate") for d in (1, 8)),
    *(("warren, vhost-user", "virtiofsd", step, depth, BOTH, None, what)
      for step in SMALL for depth in (1, 64) for what in ("rate", "server CPU")),
    ("warren, vhost-user", "virtiofsd", "sequential", 8, BOTH, None, "rate"),
    ("warren, vhost-user", "limit: preadv", "read", 64, BOTH, 0.5, "rate"),
    ("warren, vhost-user", "limit: preadv", "read", 1, BOTH, None, "rate"),
    ("warren, vhost-user", "limit: preadv", "sequential", 8, BOTH, 0.85, "rate"),
]
# workloads, against (the best of its cases), at least; ours is the best cache mode
_ALL = ("W1", "W2", "W3", "W4", "W5", "W6")
GUEST = [(_ALL, "virtiofs", 1), (("W1",), "hostfs", 1), (_ALL, "host", None)]
IDLE_AT_MOST = [("idle wake-ups", 0), ("idle memory", 3)]
# grows, operation, from, to: how much more it may cost
SCALE = [("fids", "getattr", 1000, 1000000, 1.3), ("fids", "walk", 1000, 1000000, 1.3),
         ("directory entries", "walk", 1000, 1000000, 1.3),
         ("directory entries", "readdir, an entry", 10000, 1000000, 1.3)]
IDLE = 0.1  # others that keep so much of a CPU busy, or less, do not disturb


def find(rows, case, step, depth, placement):
    """The row; of the sizes of sequential reads the best one of that server."""
    mine = select(rows, workload="W8", case=case, placement=placement, depth=depth)
    mine = [r for r in mine if r["step"].split()[0] == step]
    return max(mine, key=lambda r: r["max"], default=None)


def same_size(rows, row, against):
    return one(rows, workload="W8", step=row["step"], case=against,
               placement=row["placement"], depth=row["depth"])


def divide(a, b):
    return a / b if a and b else None


def busy_us(row):
    """CPU time that a unit needs one after the other: on two CPUs client and server overlap."""
    both, server = row["cpu_us"], row["server_cpu_us"]
    if None in (both, server) or row["placement"] == "same CPU":
        return both
    return max(server, both - server)


def target(ours, theirs, what, at_least, ratios, others):
    """RATIOS: by medians, best runs, CPU time. Others' work does not disturb the last."""
    median, best, cpu = ratios
    judged = cpu if others > IDLE and cpu is not None else best
    return {
        "workload": ours["workload"], "step": ours["step"], "depth": ours["depth"],
        "placement": ours["placement"], "case": ours["case"], "against": theirs["case"],
        "what": what, "at_least": at_least, "ratio": median, "ratio_best": best, "ratio_cpu": cpu,
        "judged_ratio": judged, "judged_by": "cpu" if judged is cpu else "best",
        "reached": None if at_least is None or judged is None else judged >= at_least,
        "unit": ours["unit"], "command": ours["command"], "command_against": theirs["command"]}


def judge_wire(rows, others):
    for case, against, step, depth, placements, at_least, what in WIRE:
        for placement in placements:
            ours = find(rows, case, step, depth, placement)
            theirs = find(rows, against, step, depth, placement)
            if ours and against == "limit: pread+send":
                theirs = same_size(rows, ours, against)
            if not ours or not theirs:
                continue
            cpu = divide(busy_us(theirs), busy_us(ours))
            if what == "rate":
                ratios = (divide(ours["median"], theirs["median"]),
                          divide(ours["max"], theirs["max"]), cpu)
            else:
                ratios = (divide(theirs["server_cpu_us"], ours["server_cpu_us"]),
                          divide(theirs["server_cpu_us_min"], ours["server_cpu_us_min"]), None)
            yield target(ours, theirs, what, at_least, ratios, others)


def fastest(rows, name, others):
    """Of the cases of NAME. On a busy machine, by what it needs of CPUs."""
    found = [r for r in rows if r["case"].partition(",")[0] == name]
    key = "cpu_us" if others > IDLE and all(r["cpu_us"] for r in found) else "min"
    return min(found, key=lambda r: r[key], default=None)


def judge_guest(rows, others):
    for names, against, at_least in GUEST:
        for key in dict.fromkeys((r["workload"], r["step"], r["placement"]) for r in rows):
            if key[0] not in names:
                continue
            same = select(rows, workload=key[0], step=key[1], placement=key[2])
            ours, theirs = (fastest(same, name, others) for name in ("warren", against))
            if ours and theirs:
                ratios = (divide(theirs["median"], ours["median"]),
                          divide(theirs["min"], ours["min"]),
                          divide(busy_us(theirs), busy_us(ours)))
                yield target(ours, theirs, "time", at_least, ratios, others)


def judge_idle(rows):
    for step, at_most in IDLE_AT_MOST:
        for ours in select(rows, workload="W8", step=step):
            if not ours["case"].startswith("warren"):
                continue
            spare = divide(at_most, ours["median"])
            yield {**target(ours, {**ours, "case": f"{at_most} {ours['unit']} at most"}, "idle", 1,
                            (spare, spare, None), 0), "reached": ours["median"] <= at_most}


def judge_scale(rows):
    """The ratio is turned round, so that it too has to be large: 1/1.3 at least."""
    for grows, op, few, many, at_most in SCALE:
        less, more = (one(rows, workload="scale", grows=grows, op=op, n=n) for n in (few, many))
        if less and more:
            ratios = divide(less["median"], more["median"]), divide(less["min"], more["min"])
            yield target(more, {**less, "case": f"{few} {grows}"}, "server CPU",
                         round(1 / at_most, 2), (*ratios, None), 0)


def judge(rows, others):
    """An object for each target and placement that was measured; OTHERS: CPUs that others used."""
    return [*judge_wire(rows, others), *judge_scale(rows), *judge_idle(rows),
            *judge_guest(rows, others)]
