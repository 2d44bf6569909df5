"""Writes the golden files beside this script: inputs and the scores that the references give.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scipy==1.17.1

Run: python generate.py
The Rust tests read the files and never need Python. Columns of numbers are text with as many
digits as it takes to be exact.
"""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

HERE = Path(__file__).parent


def inputs():
    rng = np.random.default_rng(20240229)
    noise = rng.normal(size=60)
    one_outlier = noise.copy()
    one_outlier[30] = 1e6
    missing = noise.copy()
    missing[[0, 20, 21, 47]] = np.nan
    steps = np.repeat([5.0, 5.0, 7.0, 5.0], 15)
    return {
        "noise": noise,
        "constant": np.full(40, 3.7),
        "constant_then_change": np.r_[np.full(25, 3.7), 3.8, np.full(14, 3.7)],
        "one_outlier": one_outlier,
        "missing": missing,
        "just_above_window": noise[:11],
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "counts": rng.poisson(4, size=60).astype(float),
        "steps": steps,
        "offset": 1e9 + 1e-3 * noise,
        "skewed": rng.lognormal(size=60),
    }


def encode(values):
    """Numbers as text: every reader then rounds them alike."""
    return " ".join(repr(float(v)) for v in values)


def exact_zscore(window, x):
    """|x - mean| / std in rational arithmetic: no digit is lost."""
    w = [Fraction(float(v)) for v in window]
    mean = sum(w) / len(w)
    squares = sum((v - mean) ** 2 for v in w)
    distance = abs(Fraction(float(x)) - mean)
    if squares == 0:
        return 0.0 if distance == 0 else math.inf
    return math.sqrt(distance**2 * (len(w) - 1) / squares)


def rolling(values, window, inclusive, judge):
    out = []
    for i, x in enumerate(values):
        end = i + 1 if inclusive else i
        part = values[max(end - window, 0) : end]
        bad = len(part) < window or np.isnan(part).any() or np.isnan(x)
        out.append(math.nan if bad else judge(part, x))
    return out


def zscore_pandas(values, window):
    r = pd.Series(values).rolling(window)
    return ((values - r.mean()).abs() / r.std()).to_numpy()


def robust(part, x):
    center = np.median(part)
    scale = stats.median_abs_deviation(part) / stats.norm.ppf(0.75)
    if scale == 0:
        scale = np.sqrt(np.pi / 2) * np.mean(np.abs(part - center))
    if x == center:
        return 0.0
    return math.inf if scale == 0 else abs(x - center) / scale


def iqr(part, x):
    q1, q3 = np.quantile(part, [0.25, 0.75])
    outside = max(q1 - x, x - q3, 0.0)
    if outside == 0:
        return 0.0
    return math.inf if q3 == q1 else outside / (q3 - q1)


def ewm(values, alpha):
    s = pd.Series(values).dropna()
    e = s.ewm(alpha=alpha, adjust=False)
    mean, std = e.mean().shift(), np.sqrt(e.var(bias=True)).shift()
    out = (s - mean).abs() / std
    out[(s - mean) == 0] = 0.0
    return out.reindex(range(len(values))).to_numpy()


def main():
    window, alpha = 10, 0.3
    cases = {}
    for name, x in inputs().items():
        z = zscore_pandas(x, window)
        exact = np.array(rolling(x, window, True, exact_zscore))
        # pandas updates its sums and loses digits at large offsets and after outliers; there the
        # reference is rational arithmetic. Constant windows are 0/0 in pandas and 0 here.
        easy = name in ("noise", "missing", "just_above_window", "counts", "skewed", "tiny", "huge")
        if easy:
            assert np.allclose(z, exact, rtol=1e-9, atol=1e-12, equal_nan=True), name
        cases[name] = {
            "x": encode(x),
            "zscore_pandas": encode(z) if easy else None,
            "zscore": encode(exact),
            "zscore_exclusive": encode(rolling(x, window, False, exact_zscore)),
            "robust_z": encode(rolling(x, window, False, robust)),
            "robust_z_inclusive": encode(rolling(x, window, True, robust)),
            "iqr": encode(rolling(x, window, False, iqr)),
            "ewm": None if name in ("offset", "one_outlier") else encode(ewm(x, alpha)),
        }
        clean = x[~np.isnan(x)]
        cases[name]["column"] = {
            "median": repr(float(np.median(clean))),
            "mad": repr(float(stats.median_abs_deviation(clean))),
            "mean_abs_dev": repr(float(np.mean(np.abs(clean - np.median(clean))))),
            "quantiles": encode(np.quantile(clean, [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])),
        }
    document = {"window": window, "alpha": alpha, "cases": cases}
    (HERE / "rolling.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
