"""Writes features.json beside this script: series and the features of their windows.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scipy==1.17.1

Run: python generate_features.py
The Rust tests read the file and never need Python. Columns of numbers are text with as many digits
as it takes to be exact.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

HERE = Path(__file__).parent


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def spikiness(x):
    """As tsfeatures defines it, of the values themselves."""
    n = len(x)
    if n < 3:
        return np.nan
    leave_one_out = (x.var(ddof=1) * (n - 1) - (x - x.mean()) ** 2) / (n - 2)
    return leave_one_out.var(ddof=1)


def features(window):
    present = ~np.isnan(window)
    x, places = window[present], np.flatnonzero(present)
    n = len(x)
    if n == 0:
        return [0.0] + [np.nan] * 12
    constant = x.min() == x.max()
    d = np.where(present, window - x.mean(), np.nan)
    side = x <= np.median(x)
    return [
        n,
        x.mean(),
        x.std(ddof=1) if n > 1 else np.nan,
        x.min(),
        np.quantile(x, 0.25),
        np.median(x),
        np.quantile(x, 0.75),
        x.max(),
        (0.0 if constant else np.polynomial.Polynomial.fit(places, x, 1).convert().coef[-1])
        if n > 1
        else np.nan,
        0.0 if constant and n > 2 else spikiness(x),
        0.0 if constant else np.nansum(d[1:] * d[:-1]) / np.nansum(d * d),
        0.0 if constant else stats.entropy(np.histogram(x, 10)[0]),
        np.sum(side[1:] != side[:-1]),
    ]


def main():
    rng = np.random.default_rng(13)
    noise = rng.normal(size=40)
    outlier = noise.copy()
    outlier[22] = 1e6
    missing = noise.copy()
    missing[[0, 7, 8, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 30]] = np.nan
    gone = noise.copy()
    gone[5:26] = np.nan
    series = {
        "noise": noise,
        "outlier": outlier,
        "missing": missing,
        "gone": gone,
        "counts": rng.poisson(5, size=40).astype(float),
        "tenths": rng.integers(0, 11, size=40) / 10,
        "steps": np.repeat([3.0, 3.0, 5.0, 3.0], 10),
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
    }
    cases = []
    for name, x in series.items():
        for window, stride in ((11, 1), (16, 16), (2, 5), (17, 3)):
            ends = range(window, len(x) + 1, stride)
            rows = [features(x[end - window : end]) for end in ends]
            if stride == 1:
                rolling = pd.Series(x).rolling(window, min_periods=1)
                pandas = np.c_[rolling.count(), rolling.min(), rolling.quantile(0.25)]
                ours = np.array(rows)[:, [0, 3, 4]]
                assert np.allclose(pandas[window - 1 :], ours, rtol=1e-12, equal_nan=True)
            cases.append({
                "name": name,
                "window": window,
                "stride": stride,
                "x": encode(x),
                "features": encode(rows),
            })
    (HERE / "features.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
