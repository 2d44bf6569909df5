"""What forecast models find as detectors on labelled series, next to detectors that learn point by point.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scikit-learn==1.9.1

Run: BONGSU_DATA=FOLDER python benches/peers/forecast_detector.py [--set NAME]... [--step N]
     [--rows N] [--detector "NAME key=value ..."]... [--binary bongsu]

Reads the sets of online_accuracy.py, with its measures: means over the series of each set, and over
all series. `--step N` takes every N-th series, `--rows N` the last rows of each only. All judge each
value before they learn it. Prints the seconds as well.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import online_accuracy
import peer

DETECTORS = [
    "ewma",
    "holt-winters",
    "seasonal-profile",
    "forecast model=naive",
    "forecast model=auto-ets",
    "forecast model=auto-ets calibrate=0.005",
    "forecast model=theta",
    "forecast model=seasonal-naive",
    "forecast model=mstl",
]


def scores(binary, detector, folder):
    name, *settings = detector.split()
    command = [binary, "detect", "--quiet", "--detector", name, "--input", str(folder / "in.csv")]
    for setting in settings:
        command += ["--set", setting]
    out = folder / "out.csv"
    start = time.perf_counter()
    done = subprocess.run(command + ["--output", str(out)], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        return None, seconds
    return pd.read_csv(out).score.to_numpy(float), seconds


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--set", action="append", choices=list(online_accuracy.SETS))
    arguments.add_argument("--step", type=int, default=1)
    arguments.add_argument("--rows", type=int, default=0)
    arguments.add_argument("--detector", action="append")
    arguments.add_argument("--binary")
    arguments = arguments.parse_args()
    binary = arguments.binary
    if binary is None:
        command = ["cargo", "build", "--release", "-p", "bongsu-cli"]
        subprocess.run(command, cwd=peer.ROOT, check=True)
        binary = str(peer.target_directory() / "release" / "bongsu")
    data = Path(os.environ["BONGSU_DATA"])
    print("| set | detector | ROC-AUC | PR-AUC | stretches found | false alarms per 1,000 | seconds |")
    print("|---|---|---|---|---|---|---|")
    everything = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for chosen in arguments.set or online_accuracy.SETS:
            results, count = {}, 0
            rows = list(online_accuracy.SETS[chosen](data / chosen))[:: arguments.step]
            for _, times, values, labels in rows:
                times, values, labels = (x[-arguments.rows :] for x in (times, values, labels))
                if not labels.any() or np.nanmin(values) == np.nanmax(values):
                    continue
                count += 1
                table = pd.DataFrame({"timestamp": times.astype(int), "value": values})
                table.to_csv(folder / "in.csv", index=False)
                for detector in arguments.detector or DETECTORS:
                    found, seconds = scores(binary, detector, folder)
                    if found is None:
                        found = np.full(len(values), np.nan)
                    row = (*online_accuracy.measures(found, labels, 1.0), seconds)
                    results.setdefault(detector, []).append(row)
                    everything.setdefault(detector, []).append((chosen, row))
            for detector, rows in results.items():
                show(f"{chosen} ({count} series)", detector, np.mean(rows, axis=0))
    for detector, rows in everything.items():
        sets = {}
        for chosen, row in rows:
            sets.setdefault(chosen, []).append(row)
        show("mean of sets", detector, np.mean([np.mean(r, axis=0) for r in sets.values()], axis=0))


def show(label, detector, row):
    roc, pr, found, alarms, seconds = row
    print(f"| {label} | {detector} | {roc:.3f} | {pr:.3f} | {found:.2f} | {alarms:.2f} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
