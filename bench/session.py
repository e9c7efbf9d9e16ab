# SPDX-License-Identifier: MIT
"""One call of tools/bench: what it needs, what it measures, what it leaves."""
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import figures
import guest_run
import others
import page
import qemu_run
import scale
import server
import targets
import text
import wire

KERNEL = "6.12-uml-fuse"


def say(words):
    print(f"tools/bench: {words}", file=sys.stderr, flush=True)


class Missing(RuntimeError):
    pass


def find_tools(root, args):
    """Programs, built if need be."""
    build = os.path.abspath(args.build) if args.build else None
    if not build:
        if os.environ.get("WARREN_DEPS") != "no":
            subprocess.run([f"{root}/tools/deps", "bench"], check=False)
        run = subprocess.run([f"{root}/tools/build"], stdout=subprocess.PIPE, text=True,
                             check=False)
        if run.returncode:
            raise Missing("warren could not be built: the reason stands above")
        build = run.stdout.strip()
        subprocess.run(["ninja", "-C", build, "bench/bench-helper", "bench/fuse-bench"],
                       check=False, stdout=subprocess.DEVNULL)
    tools = SimpleNamespace(warren=f"{build}/src/cmd/warren", helper=f"{build}/bench/bench-helper",
                            fuse_bench=f"{build}/bench/fuse-bench", image=None,
                            may_fetch=os.environ.get("WARREN_DEPS") != "no")
    for program in (tools.warren, tools.helper, tools.fuse_bench):
        if not os.access(program, os.X_OK):
            raise Missing(f"there is no {program}: build first, or leave out --build")
    return tools


def find_kernel(tools):
    """The guest's; the first use builds it, in some minutes."""
    run = subprocess.run([tools.warren, "lab", "kernel", "build", KERNEL], text=True,
                         stdout=subprocess.PIPE, check=False)
    if run.returncode:
        raise Missing(f"there is no kernel {KERNEL}: the reason stands above")
    folder = run.stdout.split()[-1]
    return os.path.join(folder, "image")


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
    return found.group(1) if found else "unknown"


def about(root, tools, args, cpus):
    run = subprocess.run(["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True,
                         text=True, check=False)
    versions = {}
    for name in dict.fromkeys([*wire.PEERS, "virtiofsd_wire"]):
        peer = server.load(name)
        if not peer.missing(SimpleNamespace(**{**vars(tools), "may_fetch": False})):
            versions[peer.NAME] = peer.version(tools)
    command = " ".join(["tools/bench", "--only", ",".join(w.name for w in args.chosen),
                        *(["--quick"] if args.quick else []), "--runs", str(args.runs)])
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "command": command, "cpu": cpu_model(),
            "cpus": len(cpus), "host_kernel": platform.release(),
            "guest_kernel": os.path.basename(os.path.dirname(tools.image)) if tools.image else None,
            "commit": run.stdout.strip() or None, "versions": versions,
            "load_before": os.getloadavg()[0], "quick": args.quick, "runs": args.runs}


def measure(tools, args, folder, cpus):
    rows, left_out = figures.Rows(), []
    options = SimpleNamespace(runs=args.runs, seconds=args.seconds, quick=args.quick,
                              large_mib=32 if args.quick else 256)
    if any(w.where == "wire" for w in args.chosen):
        share = os.path.join(folder, "wire-share")
        os.mkdir(share)
        wire.Wire(tools, options, rows, left_out, say).run(share, cpus)
    if any(w.where == "scale" for w in args.chosen):
        share = os.path.join(folder, "scale-share")
        os.mkdir(share)
        scale.Scale(tools, options, rows, left_out, say).run(share, cpus)
    guests = [w for w in args.chosen if w.where == "guest"]
    if guests:
        guest_run.GuestRun(tools, options, rows, left_out, say).run(folder, guests, cpus)
    for workload in (w for w in args.chosen if w.where == "qemu"):
        qemu_run.QemuRun(tools, options, rows, left_out, say).run(folder, workload)
    return rows.finished(), left_out


def write_all(result, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    page.write(result, folder, say)
    say(f"all figures: {folder}/results.json; to look at: {folder}/page.html")


def run(root, args):
    cpus = sorted(os.sched_getaffinity(0))
    try:
        tools = find_tools(root, args)
        if any(w.where == "guest" for w in args.chosen):
            tools.image = find_kernel(tools)
    except Missing as e:
        say(f"error: {e}")
        return 3
    head = about(root, tools, args, cpus)
    began, meanwhile = time.monotonic(), others.Others()
    with tempfile.TemporaryDirectory(prefix="warren-bench-") as folder:
        rows, left_out = measure(tools, args, folder, cpus)
    head["seconds"], head["others_cpus"] = round(time.monotonic() - began), meanwhile.cpus()
    result = {"about": head, "rows": rows, "targets": targets.judge(rows, head["others_cpus"]),
              "left_out": left_out}
    if not rows:
        say("error: nothing could be measured: the reasons stand above")
        return 4
    write_all(result, args.output)
    print(json.dumps(result, indent=1) if args.json else text.everything(result))
    return 0
