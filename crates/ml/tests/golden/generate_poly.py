"""Writes poly.json beside this script: series and the least squares predictions of each window.

Requirements (pinned):
    numpy==2.4.6

Run: python generate_poly.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def main():
    rng = np.random.default_rng(11)
    noise = rng.normal(size=120)
    outlier = noise.copy()
    outlier[60] = 1e4
    series = {
        "noise": noise,
        "outlier": outlier,
        "counts": rng.poisson(4, size=120).astype(float),
        "trend": 0.3 * np.arange(120) + noise,
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "short": noise[:23],
    }
    cases = []
    for name, x in series.items():
        for window, power in ((20, 1), (20, 4), (9, 0), (12, 7)):
            grid = np.arange(window)
            fits = [Polynomial.fit(grid, x[i : i + window], power) for i in range(len(x) - window)]
            predicted = np.array([fit(window) for fit in fits])
            errors = np.abs(x[window:] - predicted)
            cases.append({
                "name": name,
                "window": window,
                "power": power,
                "x": encode(x),
                "predicted": encode(predicted),
                "scale": 1.482602218505602 * float(np.median(errors)),
            })
    (HERE / "poly.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
