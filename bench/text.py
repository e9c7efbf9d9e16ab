# SPDX-License-Identifier: MIT
"""The tables, as Markdown."""
import targets
import workloads


def short(n):
    """Three digits, for people."""
    if n is None:
        return "-"
    if abs(n) >= 1e6:
        return f"{n / 1e6:.3g}M"
    if abs(n) >= 1e4:
        return f"{n / 1e3:.3g}k"
    return f"{n:.0f}" if abs(n) >= 1000 else f"{n:.3g}"


def ratio(n):
    return "-" if n is None else f"{n:.2f}"


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |",
                      *("| " + " | ".join(x) + " |" for x in lines)])


def step_of(t):
    return t["step"] + (f", depth {t['depth']}" if t.get("depth") else "")


TARGET_HEAD = ["reached", "workload", "ratio", "at least", "against", "ours", "what", "placement",
               "best runs", "medians", "by CPU time"]


def target_line(t):
    return [{True: "yes", False: "**no**", None: "-"}[t["reached"]],
            f"{t['workload']}: {step_of(t)}", ratio(t["judged_ratio"]),
            "-" if t["at_least"] is None else f"{t['at_least']:g}", t["against"], t["case"],
            t["what"], t["placement"], ratio(t["ratio_best"]), ratio(t["ratio"]),
            ratio(t["ratio_cpu"])]


ROW_HEAD = ["step", "placement", "case", "median", "smallest to largest", "a second", "server CPU us",
            "both CPU us", "requests", "system calls"]


def per_second(row):
    """What it does in a second, at its median; None where the figure says that already."""
    if row["unit"] != "s":
        return None
    return row["amount"] / row["median"] if row["median"] else None


def row_line(r):
    rate = per_second(r)
    return [step_of(r), r["placement"], r["case"], f"{short(r['median'])} {r['unit']}",
            f"{short(r['min'])} to {short(r['max'])}",
            "" if rate is None else f"{short(rate)} {r['amount_unit']}", short(r["server_cpu_us"]),
            short(r["cpu_us"]), short(r["requests"]), short(r["syscalls"])]


def scale_tables(rows):
    """For each thing that grows: how much of it across, what is measured down."""
    found = []
    for grows in dict.fromkeys(r["grows"] for r in rows):
        mine = [r for r in rows if r["grows"] == grows]
        steps = sorted({r["n"] for r in mine})
        lines = []
        for op, unit in dict.fromkeys((r["op"], r["unit"]) for r in mine):
            at = {r["n"]: r["min"] for r in mine if r["op"] == op}
            lines.append([f"{op}, {unit}", *(short(at.get(n)) for n in steps)])
        found.append(table([grows, *(f"{n:,}" for n in steps)], lines))
    return found


def about_lines(a):
    lines = [f"{a['date']}, {a['cpus']} CPUs ({a['cpu']}), Linux {a['host_kernel']}, load "
             f"{a['load_before']:.1f} before, others used {a['others_cpus']:.2f} CPUs meanwhile, "
             f"{a['runs']} runs: `{a['command']}`"]
    lines.append("; ".join(f"{name}: {v}" for name, v in a["versions"].items()))
    if a["guest_kernel"]:
        lines.append(f"guest: {a['guest_kernel']}")
    return lines


def verdict(result):
    judged = [t for t in result["targets"] if t["reached"] is not None]
    return f"{sum(t['reached'] for t in judged)} of {len(judged)} targets are reached"


def how_judged(result):
    if result["about"]["others_cpus"] <= targets.IDLE:
        return "Judged by the best runs."
    return ("The machine was busy: judged by the CPU time that client and server need, where it is "
            "known, which others disturb least; else by the best runs.")


def everything(result):
    parts = [*about_lines(result["about"]), ""]
    if result["targets"]:
        parts += [verdict(result) + f". A ratio above 1 is in our favour. {how_judged(result)}", "",
                  table(TARGET_HEAD, map(target_line, result["targets"])), ""]
    for workload in workloads.WORKLOADS:
        rows = [r for r in result["rows"] if r["workload"] == workload.name]
        if rows and workload.where == "scale":
            parts += [f"{workload.name}: {workload.title} (the best runs)", ""]
            parts += [x for t in scale_tables(rows) for x in (t, "")]
        elif rows:
            parts += [f"{workload.name}: {workload.title}", "",
                      table(ROW_HEAD, map(row_line, rows)), ""]
    if result["left_out"]:
        parts += ["Left out:", ""]
        parts += [f"* {x['workload']}: {x['case']}: {x['why']}" for x in result["left_out"]]
    return "\n".join(parts).rstrip()
