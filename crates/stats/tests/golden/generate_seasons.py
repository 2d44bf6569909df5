"""Writes seasons.json beside this script: series and how the references take them apart.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    statsmodels==0.15.0

Run: python generate_seasons.py
The Rust tests read the file and never need Python. Columns of numbers are text; parts are rounded
to a relative 1e-11 of the largest, far below every tolerance.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from statsmodels.tsa.seasonal import MSTL, STL, seasonal_decompose
from statsmodels.tsa.stattools import acf

HERE = Path(__file__).parent


def inputs():
    rng = np.random.default_rng(20240229)
    i = np.arange(61)
    noise = rng.normal(size=61)
    wave = 10 + 0.05 * i + 3 * np.sin(2 * np.pi * i / 12) + 0.4 * noise
    outlier = wave.copy()
    outlier[40] += 1e6
    outliers = wave.copy()
    outliers[[10, 11, 40, 54, 60]] += [9, -14, 30, -8, 25]
    dead = wave.copy()
    dead[20:46] += 500
    t = np.arange(1300)
    long = 20 + 5 * np.sin(2 * np.pi * t / 96) + t / 200 + rng.normal(size=1300)
    long[[100, 101, 700, 1299]] += [40, -30, 60, 20]
    long[900:1150] += 60
    return {
        "long": (np.round(long, 2), 96),
        "wave": (wave, 12),
        "outlier": (outlier, 12),
        "outliers": (outliers, 12),
        "shifted": (dead, 12),
        "two_cycles": (wave[:24], 12),
        "two_cycles_and_one": (wave[:25], 12),
        "odd_period": (wave, 7),
        "shortest": (noise[:30] + 5, 2),
        "constant": (np.full(24, 3.7), 6),
        "tiny": (wave * 1e-12, 12),
        "huge": (wave * 1e12, 12),
        "counts": (rng.poisson(4 + 3 * np.sin(2 * np.pi * i / 12)).astype(float), 12),
    }


def encode(values, largest=None):
    """Numbers as text; with `largest`, without digits below 1e-11 of it."""
    if largest is None:
        return " ".join(repr(float(v)) for v in values)
    unit = 10.0 ** (np.floor(np.log10(largest)) - 11) if largest > 0 else 1.0
    text = []
    for v in values:
        text.append("nan" if np.isnan(v) else f"{round(v / unit) * unit:.14g}")
    return " ".join(text)


def parts(result):
    """The parts of a result; of a long series every 31st number, and the last ones."""
    observed = np.asarray(result.observed)
    largest = np.max(np.abs(observed))
    n = len(observed)
    kept = np.arange(n) if n < 100 else np.r_[np.arange(0, n, 31), np.arange(n - 5, n)]
    seasonal = np.atleast_2d(np.asarray(result.seasonal).T)
    encoded = {
        "seasonal": [encode(s[kept], largest) for s in seasonal],
        "trend": encode(np.asarray(result.trend)[kept], largest),
        "residual": encode(np.asarray(result.resid)[kept], largest),
    }
    if result.weights is not None and np.any(np.asarray(result.weights) != 1):
        encoded["weights"] = encode(np.asarray(result.weights)[kept], 1.0)
    return encoded


STL_CASES = [
    ("wave", {}, {}),
    ("wave", {"robust": True}, {}),
    ("wave", {"seasonal": 3, "trend": 15, "low_pass": 21, "seasonal_deg": 0, "trend_deg": 0,
              "low_pass_deg": 0}, {"inner_iter": 1, "outer_iter": 2}),
    ("wave", {"seasonal": 13, "trend": 49, "low_pass": 67, "robust": True}, {}),
    ("wave", {"seasonal": 35, "trend": 211, "low_pass": 99, "robust": True}, {}),
    ("wave", {"seasonal_jump": 3, "trend_jump": 4, "low_pass_jump": 5}, {}),
    ("wave", {"seasonal": 5, "seasonal_jump": 2, "trend_jump": 10, "low_pass_jump": 50,
              "robust": True}, {}),
    ("long", {}, {}),
    ("long", {"robust": True}, {}),
    ("long", {"robust": True, "trend": 151, "seasonal_deg": 0, "trend_deg": 0}, {}),
    ("long", {"robust": True, "trend": 99, "seasonal": 35}, {"inner_iter": 3, "outer_iter": 4}),
    ("long", {"robust": True, "trend_jump": 20, "low_pass_jump": 9}, {}),
    ("long", {"robust": True, "trend": 1401, "low_pass": 1301}, {}),
    ("outlier", {}, {}),
    ("outlier", {"robust": True}, {}),
    ("outliers", {"robust": True}, {}),
    ("outliers", {"robust": True, "seasonal_deg": 0}, {"inner_iter": 1, "outer_iter": 3}),
    ("shifted", {"robust": True, "trend": 13}, {}),
    ("two_cycles", {}, {}),
    ("two_cycles_and_one", {}, {}),
    ("odd_period", {"robust": True}, {}),
    ("shortest", {"robust": True}, {}),
    ("constant", {}, {}),
    ("tiny", {"robust": True}, {}),
    ("huge", {"robust": True}, {}),
    ("counts", {"robust": True}, {}),
]

CLASSICAL_CASES = [
    ("wave", {}),
    ("wave", {"model": "multiplicative"}),
    ("wave", {"two_sided": False}),
    ("wave", {"extrapolate_trend": "period"}),
    ("wave", {"extrapolate_trend": 4, "two_sided": False, "model": "multiplicative"}),
    ("outlier", {}),
    ("two_cycles", {}),
    ("odd_period", {"extrapolate_trend": 1}),
    ("odd_period", {"two_sided": False}),
    ("shortest", {}),
    ("constant", {}),
    ("constant", {"model": "multiplicative"}),
    ("tiny", {"model": "multiplicative"}),
    ("huge", {}),
    ("counts", {}),
]

MSTL_CASES = [
    ("wave", {"periods": [12]}),
    ("wave", {"periods": [5, 12]}),
    ("outliers", {"periods": [24, 4], "windows": [7, 11], "stl_kwargs": {"robust": True}}),
    ("wave", {"periods": [3, 9, 27], "iterate": 3}),
    ("wave", {"periods": [4, 12], "lmbda": 0.5}),
    ("wave", {"periods": [4, 12], "lmbda": "auto"}),
]


def main():
    warnings.simplefilter("error")
    series = inputs()
    document = {
        "inputs": {name: {"x": encode(x), "period": p} for name, (x, p) in series.items()},
        "stl": [],
        "classical": [],
        "mstl": [],
        "acf": [],
    }
    for name, settings, passes in STL_CASES:
        x, period = series[name]
        result = STL(x, period=period, **settings).fit(**passes)
        document["stl"].append({"input": name, "settings": settings | passes, **parts(result)})
    for name, settings in CLASSICAL_CASES:
        x, period = series[name]
        result = seasonal_decompose(x, period=period, **settings)
        result._weights = None
        document["classical"].append({"input": name, "settings": settings, **parts(result)})
    for name, settings in MSTL_CASES:
        x, _ = series[name]
        model = MSTL(x, **{k: dict(v) if k == "stl_kwargs" else v for k, v in settings.items()})
        document["mstl"].append({"input": name, "settings": settings, **parts(model.fit()),
                                 "lambda": model.est_lmbda})
    for name in ("wave", "outlier", "counts", "tiny", "two_cycles"):
        for adjusted in (False, True):
            x, _ = series[name]
            lags = min(30, len(x) - 1)
            values = acf(x, nlags=lags, adjusted=adjusted, fft=True)
            document["acf"].append({"input": name, "adjusted": adjusted, "acf": encode(values)})
    (HERE / "seasons.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
