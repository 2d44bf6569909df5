"""Compares the statistical detectors with pandas and NumPy on the same input file.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3

Run: python benches/peers/stats.py [--rounds 7]
It builds the Rust example, then times reference and ours in turn, single-threaded, in one run;
prints the ratio of the medians and the largest difference of the scores.
"""

import argparse
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
CARGO = ["cargo", "build", "--release", "-p", "bongsu-stats", "--example", "peer_stats"]


def zscore(x, window):
    rolling = pd.Series(x).rolling(window)
    return ((x - rolling.mean()).abs() / rolling.std()).to_numpy()


def robust_z(x, window):
    """Median and MAD of every window with NumPy, in blocks that fit the cache."""
    out = np.full(len(x), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, window)[:-1]
    for start in range(0, len(windows), 2000):
        part = windows[start : start + 2000]
        center = np.median(part, axis=1)
        mad = np.median(np.abs(part - center[:, None]), axis=1)
        judged = x[window + start : window + start + len(part)]
        out[window + start : window + start + len(part)] = (
            0.6744897501960817 * np.abs(judged - center) / mad
        )
    return out


def iqr(x, window):
    rolling = pd.Series(x).rolling(window)
    q1, q3 = rolling.quantile(0.25).shift(), rolling.quantile(0.75).shift()
    outside = np.maximum(np.maximum(q1 - x, x - q3), 0.0)
    return (outside / (q3 - q1)).to_numpy()


def ewma(x, _window):
    s = pd.Series(x)
    e = s.ewm(alpha=0.1, adjust=False)
    return ((s - e.mean().shift()).abs() / np.sqrt(e.var(bias=True)).shift()).to_numpy()


# How often each scores in a row, in one process, before it is the other's turn.
REPEATS = 3

CASES = [
    ("zscore", zscore, 1_000_000, 100),
    ("robust-z", robust_z, 100_000, 100),
    ("iqr", iqr, 1_000_000, 100),
    ("ewma", ewma, 1_000_000, 0),
]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=7)
    rounds = arguments.parse_args().rounds
    subprocess.run(CARGO, cwd=ROOT, check=True)
    target = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"],
            cwd=ROOT, check=True, capture_output=True, text=True,
        ).stdout
    )["target_directory"]
    ours = str(Path(target) / "release" / "examples" / "peer_stats")
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as directory:
        for name, reference, n, window in CASES:
            x = 20 + np.random.default_rng(1).normal(size=n)
            source, result = Path(directory, "x.f64"), Path(directory, "scores.f64")
            x.astype("<f8").tofile(source)
            theirs_seconds, our_seconds = [], []
            reference(x, window)  # once to warm up, as ours does
            for _ in range(rounds):
                for _ in range(REPEATS):
                    start = time.perf_counter()
                    theirs = reference(x, window)
                    theirs_seconds.append(time.perf_counter() - start)
                command = [ours, str(source), str(window), name, str(REPEATS), str(result)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                our_seconds.extend(map(float, done.stdout.split()))
            scores = np.fromfile(result, "<f8")
            both = ~np.isnan(theirs)
            # Where the reference divides by a variance of 0 there is nothing to compare.
            both &= np.isfinite(theirs)
            error = np.max(np.abs(scores[both] - theirs[both]) / (1 + theirs[both]))
            a, b = statistics.median(theirs_seconds), statistics.median(our_seconds)
            print(
                f"{name:10} n={n:<9,} window={window:<4} reference {a * 1e9 / n:9.2f} ns a point, "
                f"ours {b * 1e9 / n:8.2f} ns, ratio {a / b:7.1f}, largest difference {error:.1e}"
            )
            if error > 1e-9:
                sys.exit(f"{name}: the scores differ")


if __name__ == "__main__":
    main()
