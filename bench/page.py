# SPDX-License-Identifier: MIT
"""One page that a person reads in a minute: the targets first, then a picture for each workload, all
figures behind it. Nothing is loaded from anywhere."""
import html
import os
import re

import plot
import text
import workloads

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 1rem;
	color: #1c2330; background: #fff }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
p.about { color: #556; font-size: .85rem; overflow-wrap: anywhere }
p.verdict { font-size: 1.15rem; font-weight: 600 }
.wide { overflow-x: auto }
.wide svg { display: block; min-width: 640px; width: 100%; height: auto }
table { border-collapse: collapse; font-size: .8rem; white-space: nowrap }
th, td { text-align: left; padding: .15rem .45rem; border-bottom: 1px solid #dde }
td.number { text-align: right; font-variant-numeric: tabular-nums }
tr.yes td:first-child { color: #0b6e4f } tr.no td:first-child { color: #b3261e; font-weight: 600 }
tr.no td { background: #fdf3f2 }
code { overflow-wrap: anywhere } summary { cursor: pointer; padding: .3rem 0 }
"""
NUMBER = re.compile(r"^-?[0-9.]+[kM]?( \S+)?$")


def cell(words):
    kind = ' class="number"' if NUMBER.match(words) else ""
    return f"<td{kind}>{html.escape(words.replace('**', ''))}</td>"


def table(head, lines, classes=None):
    body = "".join(
        f"<tr{classes[i] if classes else ''}>{''.join(map(cell, line))}</tr>\n"
        for i, line in enumerate(lines))
    heads = "".join(f"<th>{html.escape(x)}</th>" for x in head)
    return f'<div class="wide"><table><tr>{heads}</tr>\n{body}</table></div>'


def picture(folder, name):
    try:
        with open(os.path.join(folder, name + ".svg"), encoding="utf-8") as f:
            drawn = f.read()
    except OSError:
        return ""
    drawn = drawn[drawn.index("<svg"):]
    # Ids are the page's: those of two pictures must differ.
    drawn = re.sub(r'(id="|href="#|href=\'#|id=\'|url\(#)', lambda m: m.group(1) + name + "-", drawn)
    return f'<div class="wide">{drawn}</div>'


def targets_part(result):
    found = result["targets"]
    if not found:
        return ""
    classes = [{True: ' class="yes"', False: ' class="no"', None: ""}[t["reached"]] for t in found]
    return (f'<p class="verdict">{text.verdict(result)}</p><p>A ratio above 1 is in our favour. '
            f"{text.how_judged(result)}</p>"
            + table(text.TARGET_HEAD, [text.target_line(t) for t in found], classes))


def workload_part(result, workload, folder):
    rows = [r for r in result["rows"] if r["workload"] == workload.name]
    if not rows:
        return ""
    commands = "\n".join(dict.fromkeys(r["command"] for r in rows))
    return (f"<h2>{workload.name}: {html.escape(workload.title)}</h2>\n"
            + picture(folder, workload.name)
            + f"<details><summary>All {len(rows)} figures, and the commands</summary>"
            + table(text.ROW_HEAD, [text.row_line(r) for r in rows])
            + f'<div class="wide"><pre>{html.escape(commands)}</pre></div></details>\n')


def render(result, folder):
    about = "<br>".join(html.escape(x) for x in text.about_lines(result["about"]))
    left = "".join(f"<li>{html.escape(x['workload'])}: {html.escape(x['case'])}: "
                   f"{html.escape(x['why'])}</li>" for x in result["left_out"])
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>warren beside its peers</title><style>{STYLE}</style></head><body>\n"
            f"<h1>warren beside its peers</h1><p class=\"about\">{about}</p>\n"
            + targets_part(result)
            + "".join(workload_part(result, w, folder) for w in workloads.WORKLOADS)
            + (f"<h2>Left out</h2><ul>{left}</ul>" if left else "") + "</body></html>\n")


def write(result, folder, say):
    """Pictures, then the page that holds them."""
    why = plot.missing()
    if why:
        say(why)
    for workload in workloads.WORKLOADS:
        path = os.path.join(folder, workload.name + ".svg")
        rows = [r for r in result["rows"] if r["workload"] == workload.name]
        if os.path.exists(path):
            os.unlink(path)
        failed = None if why or not rows else plot.draw(f"{workload.name}: {workload.title}", rows,
                                                        path)
        if failed:
            say(failed)
    with open(os.path.join(folder, "page.html"), "w", encoding="utf-8") as f:
        f.write(render(result, folder))
