# SPDX-License-Identifier: MIT
"""A picture for each workload, by gnuplot: how much each case does in a second."""
import shutil
import subprocess

from text import per_second

# The first words of a case: ours are green, limits grey.
COLOURS = {"warren": ["#0b6e4f", "#3aa17e", "#8fd3b6"], "limit": ["#6b7280", "#b8bec9"],
           "host": ["#6b7280"], "hostfs": ["#b8bec9"],
           "": ["#c8553d", "#e8a87c", "#2f4b7c", "#8fa6cb"]}


def drawn_rows(rows):
    """One placement, and of each step one depth."""
    placement = rows[0]["placement"]
    rows = [r for r in rows if r["placement"] == placement and not r["step"].startswith("idle")]
    best = {}
    for r in rows:
        name = r["step"].split()[0] if r["workload"] == "W8" else r["step"]
        depth = r["depth"] or 0
        key = (name, r["case"])
        old = best.get(key)
        if not old or (depth, r["max"]) > (old["depth"] or 0, old["max"]):
            best[key] = r
    return placement, best


def colours(cases):
    """One for each, of those of its kind."""
    left = {kind: list(some) for kind, some in COLOURS.items()}
    found = []
    for case in cases:
        kind = case.replace(":", ",").split(",")[0]
        some = left[kind if kind in left else ""]
        found.append(some.pop(0) if len(some) > 1 else some[0])
    return found


def script(title, rows, path):
    placement, best = drawn_rows(rows)
    steps = list(dict.fromkeys(k[0] for k in best))
    cases = list(dict.fromkeys(k[1] for k in best))
    lines = [
        'set terminal svg size 960,420 dynamic font "sans-serif,13" background "#ffffff"',
        f'set output "{path}"',
        f'set title "{title} ({placement}): a second, more is better" noenhanced',
        "set style data histograms", "set style histogram clustered gap 1",
        "set style fill solid 1 noborder", "set logscale y", 'set format y "10^{%L}"',
        "set key outside top center horizontal noenhanced", "set bmargin 4", "set grid ytics", "unset mxtics",
        "set xtics nomirror noenhanced", "set datafile missing '-'", "$data << END"]
    for step in steps:
        values = []
        for case in cases:
            r = best.get((step, case))
            value = r and (per_second(r) or r["median"])
            values.append(f"{value:.3f}" if value else "-")
        lines.append(f'"{label(best, step)}" ' + " ".join(values))
    lines.append("END")
    plots = [f'$data using {i + 2}:xtic(1) title "{case}" linecolor rgb "{colour}"'
             for i, (case, colour) in enumerate(zip(cases, colours(cases)))]
    lines.append("plot " + ", ".join(plots))
    return "\n".join(lines) + "\n"


def scale_script(title, rows, path):
    """A line for each operation: flat is good."""
    lines = [
        'set terminal svg size 960,420 dynamic font "sans-serif,13" background "#ffffff"',
        f'set output "{path}"', f'set title "{title}: us, flat is good" noenhanced',
        "set style data linespoints", "set logscale xy", 'set format x "10^{%L}"',
        "set key outside right noenhanced", "set grid ytics", "set pointsize 0.6"]
    rows = [r for r in rows if r["unit"] == "us"]
    plots = []
    for i, key in enumerate(dict.fromkeys((r["grows"], r["op"]) for r in rows)):
        lines.append(f"$data{i} << END")
        lines += [f"{r['n']} {r['min']:.4f}" for r in rows if (r["grows"], r["op"]) == key]
        lines.append("END")
        plots.append(f'$data{i} using 1:2 title "{key[0]}: {key[1]}" linewidth 2')
    return "\n".join([*lines, "plot " + ", ".join(plots)]) + "\n"


def label(best, step):
    r = next(r for k, r in best.items() if k[0] == step)
    unit = r["unit"].removesuffix("/s") if r["unit"] != "s" else r["amount_unit"]
    depth = f", {r['depth']} deep" if r["depth"] else ""
    return f"{step}{depth}\\n{unit}"


def missing():
    return None if shutil.which("gnuplot") else \
        "there is no gnuplot, so no pictures: install gnuplot-nox (tools/deps bench)"


def draw(title, rows, path):
    """None, or why there is no picture."""
    draws = scale_script if rows[0]["workload"] == "scale" else script
    run = subprocess.run(["gnuplot"], input=draws(title, rows, path), text=True,
                         capture_output=True, check=False)
    return None if run.returncode == 0 else f"gnuplot: {run.stderr.strip()[-300:]}"
