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
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from mpmath import mp, mpf
from scipy import stats
from statsmodels.robust.scale import Huber, qn_scale
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.stattools import jarque_bera
from statsmodels.tsa.stattools import adfuller, kpss

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


def pairs():
    rng = np.random.default_rng(1947)
    a, b = rng.normal(size=40), rng.normal(0.4, 1.5, size=55)
    return {
        "noise": (a, b),
        "same_size": (a, b[:40]),
        "multiple": (a, b[:20]),
        "small": (a[:5], b[:7]),
        "least": (a[:2], b[:2]),
        "distinct": (a[:8], b[:30] + 9),
        "far": (a, b + 30),
        "equal": (a, a),
        "counts": (rng.poisson(4, size=50).astype(float), rng.poisson(5, size=35).astype(float)),
        "one_outlier": (np.r_[a, 1e6], b),
        "tiny": (a * 1e-12, b * 1e-12),
        "huge": (a * 1e12, b * 1e12),
        "large": (rng.normal(size=400), rng.normal(0.3, 1, size=300)),
    }


SIDES = {"two_sided": "two-sided", "less": "less", "greater": "greater"}


def two_sample_cases():
    cases = {}
    for name, (a, b) in pairs().items():
        case = {"a": encode(a), "b": encode(b), "energy": repr(float(stats.energy_distance(a, b)))}
        for side, alternative in SIDES.items():
            t = stats.ttest_ind(a, b, equal_var=False, alternative=alternative)
            case[f"welch_{side}"] = encode([t.statistic, t.pvalue, t.df])
            for method in ("auto", "exact", "asymptotic"):
                if method != "exact" or len(a) * len(b) < 10_000:
                    u = stats.mannwhitneyu(a, b, alternative=alternative, method=method)
                    case[f"mann_whitney_{side}_{method}"] = encode([u.statistic, u.pvalue])
                ks_method = "asymp" if method == "asymptotic" else method
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    ks = stats.ks_2samp(a, b, alternative=alternative, method=ks_method)
                if not caught:  # else it fell back to the asymptotic p-value
                    case[f"ks_{side}_{method}"] = encode([ks.statistic, ks.pvalue])
        cases[name] = case
    return cases


def kolmogorov_cases():
    """The distribution behind asymptotic p-values, one row for each method that finds it."""
    sizes = [5, 60, 139, 141, 900, 5_200, 40_000, 120_000, 900_000]
    rows = []
    for n in sizes:
        for z in (0.3, 0.5, 0.8, 1.2, 1.45, 1.6, 2.5, 5.0, 12.0):
            d = z / np.sqrt(n)
            rows.append([n, d, stats.kstwo.sf(d, n)])
    return encode(rows)


def series_cases():
    rng = np.random.default_rng(1979)
    noise = rng.normal(size=120)
    ar = np.zeros(150)
    for i in range(1, 150):
        ar[i] = 0.6 * ar[i - 1] + rng.normal()
    inputs = {
        "noise": noise,
        "autoregression": ar,
        "walk": np.cumsum(noise),
        "trend": 0.05 * np.arange(120) + noise,
        "short": noise[:12],
        "counts": rng.poisson(3, size=90).astype(float),
        "one_outlier": np.r_[noise[:60], 1e3, noise[60:]],
        "tiny": ar * 1e-12,
        "huge": ar * 1e12,
        "offset": ar + 100,
    }
    cases = {}
    warnings.simplefilter("ignore")
    for name, x in inputs.items():
        lags = min(len(x) - 1, 10)
        lb = acorr_ljungbox(x, lags=lags, boxpierce=True, model_df=2)
        case = {
            "x": encode(x),
            "jarque_bera": encode(jarque_bera(x)),
            "ljung_box": {c: encode(lb[c]) for c in lb.columns},
        }
        for trend in ("c", "ct"):
            for lags in ("auto", "legacy", 3):
                stat, p, used, critical = kpss(x, trend, lags, result_object=False)
                case[f"kpss_{trend}_{lags}"] = encode([stat, p, used, *critical.values()])
        # Beside a column of ones statsmodels' pseudoinverse loses digits of huge values; the Rust
        # test holds the results for them against those for "autoregression".
        for trend in ("n", "c", "ct", "ctt") if name not in ("tiny", "huge") else ():
            if name == "short" and trend == "n":
                continue  # The regression has as many columns as observations.
            for choice in ("AIC", "BIC", "t-stat", None):
                r = adfuller(x, regression=trend, autolag=choice, result_object=True)
                best = np.nan if r.icbest is None else r.icbest
                case[f"adf_{trend}_{choice}"] = encode(
                    [r.statistic, r.pvalue, r.lags, r.nobs, *r.critical_values.values(), best]
                )
        cases[name] = case
    return cases


def cusum(x, target, scale, slack):
    up, down, sums = 0.0, 0.0, []
    for v in x:
        z = (v - target) / scale
        up, down = max(0.0, up + z - slack), max(0.0, down - z - slack)
        sums.append((up, down))
    return np.array(sums).T


def cusum_cases():
    rng = np.random.default_rng(1954)
    noise = rng.normal(size=100)
    inputs = {
        "noise": (noise, 0.0, 1.0),
        "shift": (np.r_[noise, noise[:50] + 2], 0.1, 1.3),
        "drop": (np.r_[noise[:30], noise - 3], 0.0, 1.0),
        "short": (noise[:9], 0.0, 1.0),
        "one_outlier": (np.r_[noise[:20], 1e6, noise[20:]], 0.0, 1.0),
        "tiny": (noise * 1e-12, 0.0, 1e-12),
        "huge": (noise * 1e12, 0.0, 1e12),
        "counts": (rng.poisson(4, size=70).astype(float), 4.0, 2.0),
        "constant": (np.full(40, 3.7), 3.7, 0.5),
    }
    cases = {}
    for name, (x, target, scale) in inputs.items():
        up, down = cusum(x, target, scale, 0.5)
        cases[name] = {"x": encode(x), "target": target, "scale": scale,
                       "up": encode(up), "down": encode(down)}
    return cases


def rolling_cases():
    rng = np.random.default_rng(2014)
    noise = rng.normal(size=60)
    missing = noise.copy()
    missing[[0, 20, 21, 47]] = np.nan
    inputs = {
        "noise": noise,
        "missing": missing,
        "counts": rng.poisson(3, size=60).astype(float),
        "constant": np.full(30, 3.7),
        "short": noise[:7],
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "one_outlier": np.r_[noise[:30], 1e6, noise[30:50]],
    }
    cases = {}
    for name, x in inputs.items():
        case = {"x": encode(x)}
        for window in (1, 2, 7, 16):
            for q in (0.0, 0.25, 0.5, 0.9, 1.0):
                case[f"{window} {q}"] = encode(pd.Series(x).rolling(window).quantile(q))
        cases[name] = case
    return cases


def sn_scale(x):
    """The definition of Rousseeuw and Croux 1993, not corrected for few values."""
    n = len(x)
    inner = np.sort(np.abs(x[:, None] - x), axis=1)[:, n // 2]
    return 1.1926 * np.sort(inner)[(n + 1) // 2 - 1]


def robust_cases():
    rng = np.random.default_rng(1993)
    noise = rng.normal(size=60)
    inputs = {
        "noise": noise,
        "odd": noise[:41],
        "two": noise[:2],
        "three": noise[:3],
        "counts": rng.poisson(4, size=70).astype(float),
        "one_outlier": np.r_[noise[:30], 1e6],
        "tiny": noise * 1e-12,
        "huge": noise * 1e12,
        "offset": 1e9 + 1e-3 * np.round(noise, 3),
        "skewed": rng.lognormal(size=300),
    }
    cases = {}
    for name, x in inputs.items():
        case = {"x": encode(x), "qn": repr(qn_scale(x)), "sn": repr(float(sn_scale(x)))}
        if len(x) > 3 and name != "offset":  # NumPy's sums lose its digits
            location, scale = Huber(maxiter=1000)(x)
            case["huber"] = encode([location, scale])
        cases[name] = case
    t = np.arange(60.0)
    lines = {
        "line": (t, 3 + 0.5 * t + noise),
        "ties": (np.round(t / 3), np.round(0.2 * t + noise)),
        "two": (t[:2], noise[:2]),
        "outliers": (rng.normal(size=60), np.r_[noise[:50], 1e6 * noise[50:]]),
        "many": (rng.normal(size=700), rng.normal(size=700)),
        "many_ties": (rng.poisson(9, size=650).astype(float), rng.poisson(5, size=650).astype(float)),
    }
    for name, (x, y) in lines.items():
        cases[f"line_{name}"] = {
            "x": encode(x), "y": encode(y), "line": encode(stats.theilslopes(y, x, 0.9))
        }
    return cases


def main():
    write("robust", robust_cases())
    write("rolling", rolling_cases())
    write("cusum", cusum_cases())
    write("gesd", gesd_cases())
    write("two_samples", two_sample_cases() | {"kolmogorov": kolmogorov_cases()})
    write("series", series_cases())


if __name__ == "__main__":
    main()
