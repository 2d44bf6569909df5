"""Writes `hypothesis_*.json` beside this script: inputs and what the references make of them.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scipy==1.17.1
    statsmodels==0.15.0
    mpmath==1.3.0

Run: python generate_hypothesis.py
The Rust tests read the files and never need Python. Columns of numbers are text with as many
digits as it takes to be exact. The test for outliers runs in 40 digits with mpmath, after Rosner
1983, since NumPy loses digits at an offset of 1e9.
"""

import json
from pathlib import Path

import numpy as np
from mpmath import mp, mpf
from scipy import stats

HERE = Path(__file__).parent
mp.dps = 40


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(float(v)) for v in np.asarray(values, dtype=float).ravel())


def write(name, document):
    (HERE / f"hypothesis_{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def gesd_inputs():
    rng = np.random.default_rng(1983)
    # The example of Rosner 1983.
    rosner = [-0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56,
              1.58, 1.65, 1.69, 1.70, 1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10,
              2.14, 2.15, 2.23, 2.24, 2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92,
              2.92, 2.93, 3.21, 3.26, 3.30, 3.59, 3.68, 4.30, 4.64, 5.34, 5.42, 6.01]
    noise = rng.normal(size=80)
    spikes = noise.copy()
    spikes[[7, 30, 31, 60]] = [9, -12, 14, 13.5]
    return {
        "rosner": (rosner, 10),
        "noise": (noise, 8),
        "spikes": (spikes, 12),
        "one_outlier": (np.r_[noise[:40], 1e6], 4),
        "least": ([1.0, 2.0, 4.5], 1),
        "constant_and_spike": (np.r_[np.full(20, 3.7), 100.0], 3),
        "counts": (np.r_[rng.poisson(4, size=60).astype(float), 25, 25, 31], 9),
        "tiny": (spikes * 1e-12, 12),
        "huge": (spikes * 1e12, 12),
        "offset": (1e9 + 1e-3 * spikes, 12),
        "skewed": (rng.lognormal(size=50), 20),
    }


def gesd(values, most, hybrid, side):
    left = [(mpf(float(v)), row) for row, v in enumerate(values)]
    n = len(left)
    rows, statistics, criticals = [], [], []
    for i in range(1, most + 1):
        x = [v for v, _ in left]
        if hybrid:
            center = median(x)
            scale = median([abs(v - center) for v in x]) / mpf(stats.norm.ppf(0.75))
        else:
            center = sum(x) / len(x)
            scale = mp.sqrt(sum((v - center) ** 2 for v in x) / (len(x) - 1))
        if scale == 0:
            break
        sign = {"both": abs, "up": lambda d: d, "down": lambda d: -d}[side]
        deviations = [sign(v - center) / scale for v, _ in left]
        furthest = max(range(len(left)), key=lambda j: deviations[j])
        statistics.append(deviations[furthest])
        rows.append(left.pop(furthest)[1])
        p = 0.05 / ((2 if side == "both" else 1) * (n - i + 1))
        t = mpf(stats.t.isf(p, n - i - 1))
        criticals.append((n - i) * t / mp.sqrt((n - i - 1 + t * t) * (n - i + 1)))
    found = max((i + 1 for i in range(len(rows)) if statistics[i] > criticals[i]), default=0)
    return {
        "rows": rows,
        "found": found,
        "statistics": encode(statistics),
        "criticals": encode(criticals),
    }


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def gesd_cases():
    cases = {}
    for name, (values, most) in gesd_inputs().items():
        cases[name] = {"x": encode(values), "most": most}
        for side in ("both", "up", "down"):
            cases[name][side] = gesd(values, most, False, side)
        if name != "constant_and_spike":
            cases[name]["hybrid"] = gesd(values, most, True, "both")
    return cases


def main():
    write("gesd", gesd_cases())


if __name__ == "__main__":
    main()
