"""Writes growth.json beside this script: exponential smoothing whose trend multiplies.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    statsmodels==0.15.0

Run: python generate_growth.py
The Rust tests read the file and never need Python.

The log-likelihoods are without their constants, as the Rust library states them. Each case holds one
at given parameters and first states, and the highest that the reference finds from several starts.
The reference updates a season that multiplies by the new level, other than Hyndman et al. 2008 and R:
there the likelihood is that of the book's equations, written out below, and no fit is compared.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

HERE = Path(__file__).parent
LETTERS = {"A": "add", "M": "mul", "N": None}


def inputs():
    rng = np.random.default_rng(20240815)
    t = np.arange(60)
    wave = 1 + 0.2 * np.sin(np.pi * t / 2) + 0.1 * np.cos(np.pi * t)
    noise = np.exp(0.05 * rng.normal(size=60))
    return {
        "growing": 20 * 1.03**t * noise,
        "growing_season": 20 * 1.03**t * wave * noise,
        "falling": 500 * 0.97 ** t[:40] * noise[:40],
        "flat": 50 + rng.normal(size=45),
        "counts": rng.poisson(5, size=40) + 1.0,
        "outlier": np.where(t == 30, 400.0, 60 + 0.5 * t + rng.normal(size=60)),
        "short": 10 * 1.1 ** t[:12] * noise[:12],
        "huge": 1e12 * 1.02 ** t[:30] * noise[:30],
        "tiny": 1e-12 * 1.02 ** t[:30] * noise[:30],
    }


CASES = [
    *[("growing", 1, error + "MN", damped) for error in "AM" for damped in (False, True)],
    *[("growing_season", 4, "MM" + season, damped) for season in "NAM" for damped in (False, True)],
    *[("growing_season", 4, "AM" + season, damped) for season in "NAM" for damped in (False, True)],
    *[("falling", 1, error + "MN", damped) for error in "AM" for damped in (False, True)],
    *[("flat", 1, error + "MN", False) for error in "AM"],
    *[("counts", 4, "MMM", False), ("counts", 1, "MMN", True), ("outlier", 1, "MMN", False)],
    *[("short", 1, "MMN", False), ("huge", 1, "MMN", True), ("tiny", 1, "MMN", False)],
]


def recursion(y, m, model, smoothing, state, season):
    """The log-likelihood without constants, by the equations of Hyndman et al. 2008, table 2.2, 2.3."""
    a, b, g, phi = smoothing
    (level, slope), season = state, list(season)
    squares = logs = 0.0
    for t, value in enumerate(y):
        trend = slope**phi
        base = level * trend
        s = season[t % m] if season else 0.0
        f = {"N": base, "A": base + s, "M": base * s}[model[2]]
        e = value - f
        if model[0] == "M":
            logs += np.log(abs(f))
            squares += (e / f) ** 2
        else:
            squares += e * e
        r = e / s if model[2] == "M" else e
        slope, level = trend + b * r / level, base + a * r
        if season:
            season[t % m] = s + g * (e / base if model[2] == "M" else e)
    return -0.5 * len(y) * np.log(squares) - logs


def reference(y, m, model, damped, **known):
    return ETSModel(
        y,
        error=LETTERS[model[0]],
        trend=LETTERS[model[1]],
        damped_trend=damped,
        seasonal=LETTERS[model[2]],
        seasonal_periods=m if model[2] != "N" else None,
        **known,
    )


def without_constants(log_likelihood, n):
    return log_likelihood + 0.5 * n * (np.log(2 * np.pi) + 1) - 0.5 * n * np.log(n)


def exact(values):
    return " ".join(repr(float(v)) for v in values)


def case(name, y, m, model, damped):
    seasonal = model[2] != "N"
    unit = 1.0 if 1e-3 < y[0] < 1e6 else y[0]
    y = y / unit
    smoothing = [0.3, 0.05, 0.1 if seasonal else 0.0, 0.9 if damped else 1.0]
    state = [float(np.mean(y[:4])) / 1.05, 1.02]
    season = []
    if seasonal:
        season = [1.1, 0.9, 1.05, 0.95] if model[2] == "M" else [1.0, -1.5, 0.8, -0.3]
    known = {"initial_level": state[0], "initial_trend": state[1]}
    if seasonal:
        known["initial_seasonal"] = season
    fixed = reference(y, m, model, damped, initialization_method="known", **known)
    given = [smoothing[0], smoothing[1]] + ([smoothing[2]] if seasonal else []) + ([smoothing[3]] if damped else [])
    at_given = without_constants(fixed.loglike(np.array(given)), len(y))
    own = recursion(y, m, model, smoothing, state, season)
    if model[2] == "M":
        at_given = own
    np.testing.assert_allclose(own, at_given, rtol=1e-9)
    best = -np.inf if model[2] != "M" else np.nan
    free = reference(y, m, model, damped)
    for start in (None, 0.2, 0.8):
        first = None
        if start is not None:
            first = free.start_params.copy()
            first[0] = start
        fit = free.fit(start_params=first, disp=False, maxiter=2000)
        if np.isfinite(fit.llf) and np.isfinite(fit.params).all():
            best = max(best, fit.llf) if model[2] != "M" else np.nan
    shift = len(y) * np.log(unit)
    return {
        "input": name,
        "period": m,
        "model": model,
        "damped": damped,
        "unit": repr(float(unit)),
        "smoothing": exact(smoothing),
        "state": exact(state),
        "season": exact(season),
        "at_given": repr(float(at_given)),
        "fitted": repr(float(without_constants(best, len(y)) - shift)),
    }


def main():
    warnings.simplefilter("ignore")
    series = inputs()
    golden = {
        "series": {name: exact(values) for name, values in series.items()},
        "cases": [case(name, series[name], *rest) for name, *rest in CASES],
    }
    (HERE / "growth.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
