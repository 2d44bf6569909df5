"""Compares Bongsu with what its users would pick instead, on the same inputs, in one run.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scipy==1.17.1
    statsmodels==0.15.0
    scikit-learn==1.9.1
    stumpy==1.14.1
    pyod==3.6.7
    ruptures==1.1.10
    river==0.26.0 (for the areas drift, online and trees; needs Python 3.12)
    prophet==1.5.0 (for the area prophet_model)
    rrcf==0.4.4 (for the area trees; needs setuptools below 81)
    onnx==1.23.2, onnxruntime==1.31.1, torch==2.15.0 (for the area neural)

Run: python benches/peers/compare.py [--only AREA_OR_NAME]... [--rounds 5] [--write]

Single-threaded. Each case warms up once, then reference and ours take turns; the ratio is that of
the medians. `--write` renews the rows of these cases in the table of docs/benchmarks.md, and what it
says of the machine they ran on; a row that is new comes last. The exit status is 1 when a result
differs from the reference by more than its tolerance.
"""

import argparse
import importlib
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import peer

# A module of this folder for each area; each has a list CASES.
AREAS = [
    "rolling",
    "forest",
    "neighbours",
    "svm",
    "profiles",
    "changepoints",
    "drift",
    "hypothesis",
    "trees",
    "seasons",
    "smoothing",
    "prophet_model",
    "arima",
    "online",
    "neural",
]

BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"


# Where a library is not called as its package.
PACKAGES = {"PyTorch": "torch"}


def installed(name):
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return None  # the cases that need it are left out


def missing(case):
    """The library that the reference of `case` needs and that is not there."""
    for name in ("river", "rrcf", "statsforecast", "prophet", "onnxruntime", "PyTorch"):
        if name in case.reference and installed(PACKAGES.get(name, name)) is None:
            return name
    return None


def environment():
    names = ["numpy", "pandas", "scipy", "statsmodels", "scikit-learn", "stumpy", "pyod"]
    names += ["ruptures", "river", "statsforecast", "prophet", "onnxruntime", "torch"]
    versions = ", ".join(filter(None, map(installed, names)))
    command = ["rustc", "--version"]
    rustc = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]
    return f"CPython {platform.python_version()}, {versions}, rustc {rustc}"


HEADER = [
    "| method | input | reference | reference takes | Bongsu takes | ratio | goal | difference |",
    "|---|---|---|---|---|---|---|---|",
]


def row(r):
    goal = "-" if r.case.goal is None else f"{r.case.goal:g}"
    difference = f"{r.difference:.1e}"
    if r.case.difference_is != "largest difference":
        difference += f" ({r.case.difference_is})"
    return (
        f"| {r.case.name} | {r.case.size} | {r.case.reference} | {peer.duration(r.theirs)} "
        f"| {peer.duration(r.ours)} | {r.ratio:.1f} | {goal} | {difference} |"
    )


def renewed(text, results, areas):
    """The table and the lines on environments in `text`, with these results in their places."""
    lines = text.splitlines()
    rows = {tuple(line.split(" | ")[:2]): line for line in lines if line.startswith("| ")}
    rows.pop(tuple(HEADER[0].split(" | ")[:2]), None)
    rows |= {tuple(row(r).split(" | ")[:2]): row(r) for r in results}
    before = [line[2:].split(": ", 1) for line in lines if line.startswith("- ")]
    ran_on = {area: env for names, env in before for area in names.split(", ")}
    ran_on |= dict.fromkeys(areas, f"{environment()}.")
    kinds = dict.fromkeys(ran_on[area] for area in AREAS if area in ran_on)
    notes = [
        f"- {', '.join(area for area in AREAS if ran_on.get(area) == env)}: {env}" for env in kinds
    ]
    return "\n".join([*HEADER, *rows.values(), "", *notes])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--only", action="append", default=[])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--write", action="store_true")
    arguments = arguments.parse_args()
    cases, areas = [], []
    for area in AREAS:
        for case in importlib.import_module(area).CASES:
            if not arguments.only or area in arguments.only or case.name in arguments.only:
                cases.append(case)
                areas.append(area)
    if not cases:
        sys.exit(f"nothing is called {', '.join(arguments.only)}; areas: {', '.join(AREAS)}")
    for case, area in list(zip(cases, areas)):
        if missing(case):
            print(f"{case.name}: left out, {missing(case)} is not installed")
            cases.remove(case)
            areas.remove(area)
    peer.build(cases)
    target = peer.target_directory()
    results, wrong = [], []
    for case in cases:
        result = peer.run(case, target, arguments.rounds)
        results.append(result)
        print(
            f"{case.name:28} {case.size:22} {peer.duration(result.theirs):>9} "
            f"{peer.duration(result.ours):>9}  x{result.ratio:<7.1f} {result.difference:.1e}",
            flush=True,
        )
        # Written so that a NaN is a failure too.
        if case.tolerance is not None and not result.difference <= case.tolerance:
            wrong.append(case.name)
    if arguments.write:
        page = peer.ROOT / "docs" / "benchmarks.md"
        before, rest = page.read_text().split(BEGIN)
        old, after = rest.split(END)
        page.write_text(f"{before}{BEGIN}\n{renewed(old, results, areas)}\n{END}{after}")
    else:
        print(f"\n{renewed('', results, areas)}")
    if wrong:
        sys.exit(f"these differ from the reference: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
