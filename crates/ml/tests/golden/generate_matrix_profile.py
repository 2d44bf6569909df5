"""Writes matrix_profile.json beside this script: series and the profiles that stumpy gives.

Requirements (pinned):
    numpy==2.4.6
    stumpy==1.14.1

Run: python generate_matrix_profile.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import stumpy

HERE = Path(__file__).parent


def inputs():
    rng = np.random.default_rng(20160106)
    t = np.arange(160)
    wave = np.sin(t / 5) + 0.1 * rng.normal(size=160)
    walk = np.cumsum(rng.normal(size=120))
    flat = wave.copy()
    flat[40:80] = 0.5
    flat[120:140] = -0.25
    missing = wave.copy()
    missing[[40, 120]] = np.nan
    missing[121] = np.inf
    outlier = wave.copy()
    outlier[90] = 1e4
    return {
        "wave": (wave, 20),
        "walk": (walk, 17),
        "flat": (flat, 16),
        "constant": (np.full(60, 3.7), 8),
        "missing": (missing, 12),
        "outlier": (outlier, 25),
        "counts": (rng.poisson(2, size=120).astype(float), 10),
        "shortest_window": (wave[:80], 3),
        "few": (wave[:23], 16),
        "tiny": (walk * 1e-12, 17),
        "huge": (walk * 1e12, 17),
        "offset": (1e6 + walk, 17),
        "long": (np.sin(np.arange(500) / 9) + np.cumsum(0.05 * rng.normal(size=500)), 50),
    }


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(float(v)) for v in values)


def left(x, m):
    """The left profile, one distance profile at a time."""
    # stumpy's distance profile, unlike its matrix profile, loses digits at an offset and takes what
    # deviates by less than 1e-7 as constant.
    finite = x[np.isfinite(x)]
    x = (x - finite.mean()) / (np.ptp(finite) or 1.0)
    zone = int(np.ceil(m / 4))
    out = []
    for j in range(len(x) - m + 1):
        last = j - zone - 1
        if last < 0 or not np.isfinite(x[j : j + m]).all():
            out.append(np.inf)
        else:
            out.append(stumpy.core.mass(x[j : j + m], x[: last + m]).min())
    return out


def main():
    series = inputs()
    cases = {}
    for name, (x, m) in series.items():
        own = stumpy.stump(x, m)
        other = series["wave"][0] * (1e12 if name == "huge" else 1.0)
        cases[name] = {
            "m": m,
            "x": encode(x),
            "self": encode(own[:, 0]),
            "left": encode(left(x, m)),
            "join": encode(stumpy.stump(x, m, other, ignore_trivial=False)[:, 0]),
            "other": encode(other) if name == "huge" else None,
            # Which of several equal matches is found is not compared.
            "starts": encode(own[:, 1]) if name in ("wave", "walk", "long", "offset") else None,
        }
    (HERE / "matrix_profile.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
