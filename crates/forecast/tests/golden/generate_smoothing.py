"""Writes smoothing.json beside this script: series, and what the reference forecasts for them.

Requirements (pinned):
    numpy==2.5.5
    scipy==1.18.1
    statsmodels==0.15.0
    coreforecast==0.0.20
    statsforecast==2.1.1

Run: python generate_smoothing.py
The Rust tests read the file and never need Python. The deviations of the dynamic Theta models are
those of many paths that the reference simulates (for the others it moves the line, which the model
does not), those of complex exponential smoothing of many paths of its equations, simulated here (the
reference adds errors to the states).
"""

import json
from pathlib import Path

import numpy as np
from coreforecast.scalers import boxcox_lambda
from statsforecast import models
from statsforecast.ces import auto_ces
from statsforecast.theta import auto_theta, forecast_theta, simulate_theta

HERE = Path(__file__).parent


def inputs():
    rng = np.random.default_rng(20240301)

    def seasonal(n, m, level, slope, swing, noise):
        t = np.arange(n)
        wave = np.sin(2 * np.pi * t / m) + 0.4 * np.cos(4 * np.pi * t / m)
        return level + slope * t + swing * wave + noise * rng.normal(size=n)

    outlier = seasonal(60, 12, 200, 1, 30, 5)
    outlier[30] += 800
    sparse = rng.poisson(0.3, size=80) * rng.integers(1, 9, size=80).astype(float)
    return {
        "monthly": seasonal(96, 12, 200, 1, 30, 5),
        "two_years": seasonal(26, 12, 200, 1, 30, 5),
        "quarterly": seasonal(60, 4, 200, 2, 30, 10),
        "hourly": seasonal(240, 24, 500, 0.2, 100, 20),
        "walk": 500 + np.cumsum(rng.normal(size=80) * 10),
        "slope": 100 + 5 * np.arange(40) + 10 * rng.normal(size=40),
        "negative": seasonal(60, 4, 0, 1, 30, 10),
        "outlier": outlier,
        "counts": rng.poisson(40, size=72).astype(float),
        "yearly": 100 * np.array([3.1, 3.9, 4.2, 5.8, 5.1, 6.9, 7.7, 7.1, 9.4, 9.9, 11.2]),
        "huge": seasonal(48, 12, 200, 1, 30, 5) * 1e12,
        "tiny": seasonal(48, 12, 200, 1, 30, 5) * 1e-12,
        "sparse": sparse,
        "late": np.r_[np.zeros(20), sparse[:20]],
        "once": np.r_[np.zeros(5), 7.0, np.zeros(6)],
        "never": np.zeros(10),
    }


PERIODS = {"monthly": 12, "two_years": 12, "quarterly": 4, "hourly": 24, "negative": 4, "outlier": 12,
           "counts": 12, "huge": 12, "tiny": 12}
SPARSE = ["sparse", "late", "once", "never", "counts"]


def exact(values):
    return " ".join(repr(float(v)) for v in values)


def short(values):
    return " ".join(f"{v:.12g}" for v in np.asarray(values, dtype=float))


def naive(y, m):
    kinds = {
        "last": models.Naive(),
        "drift": models.RandomWalkWithDrift(),
        "mean": models.HistoricAverage(),
        "seasonal": models.SeasonalNaive(season_length=m),
    }
    out = {}
    for kind, model in kinds.items():
        fcst = model.forecast(y=y, h=2 * m + 1, level=[80])
        out[kind] = {"mean": short(fcst["mean"]), "upper": short(fcst["hi-80"])}
    return out


def theta(y, m, name):
    out = {}
    # The search of the reference stops at an absolute spread.
    scale = {"tiny": 1e12, "huge": 1e-12}.get(name, 1.0)
    for model in ("STM", "OTM", "DSTM", "DOTM"):
        fit = auto_theta(y * scale, m, model=model)
        fcst = forecast_theta(fit, 2 * m + 1)
        out[model] = {
            "mean": short(fcst["mean"] / scale),
            "value": repr(float(fit["mse"] / scale)),
            "seasonal": bool(fit.get("decompose", False)),
        }
        if model in ("DSTM", "DOTM") and name in ("monthly", "walk", "quarterly"):
            fit["residuals"] = thetamodel_residuals(fit)
            paths = simulate_theta(fit, h=2 * m + 1, n_paths=40_000, seed=1)
            out[model]["deviation"] = " ".join(f"{v:.5g}" for v in paths.std(axis=0))
    return out


def thetamodel_residuals(fit):
    """Of the series without its season, which the model does not keep."""
    if not fit.get("decompose"):
        return fit["residuals"]
    n, m = len(fit["residuals"]), fit["m"]
    season = np.resize(np.roll(fit["seas_forecast"]["mean"], n % m), n)
    if fit["decomposition_type"] == "multiplicative":
        return fit["residuals"] / season
    return fit["residuals"] - season


def ces_paths(fit, h, count=20_000):
    """The deviations of simulated paths."""
    rng = np.random.default_rng(1)
    p, m, kind = fit["par"], fit["m"], fit["seasontype"]
    n = fit["n"]
    rows = [np.tile(row, (count, 1)) for row in fit["states"][n : n + m]]
    out = []
    for _ in range(h):
        level = rows[-m] if kind == "S" else rows[-1]
        season = rows[-m]
        forecast = level[:, 0] + (season[:, 2] if kind in "PF" else 0)
        e = np.sqrt(fit["sigma2"]) * rng.normal(size=count)
        out.append(forecast + e)
        new = np.empty_like(level)

        def move(x, c, re, im):
            return x - (1 - im) * c + (re - im) * e, x + (1 - re) * c + (re + im) * e

        new[:, 0], new[:, 1] = move(level[:, 0], level[:, 1], p["alpha_0"], p["alpha_1"])
        if kind == "P":
            new[:, 2] = season[:, 2] + p["beta_0"] * e
        elif kind == "F":
            new[:, 2], new[:, 3] = move(season[:, 2], season[:, 3], p["beta_0"], p["beta_1"])
        rows.append(new)
    return np.std(out, axis=1)


def ces(y, m):
    out = {}
    for season in ("N", "S", "P", "F", "Z"):
        if season not in "NZ" and m == 1:
            continue
        fit = auto_ces(y, m, model=season)
        model = models.AutoCES(season_length=m, model=season)
        out[season] = {
            "mean": short(model.forecast(y=y, h=2 * m + 1)["mean"]),
            "log_likelihood": repr(float(fit["loglik"])),
            "aicc": repr(float(fit["aicc"])),
            "deviation": " ".join(f"{v:.5g}" for v in ces_paths(fit, 2 * m + 1)),
            "chosen": fit["seasontype"],
        }
    return out


def sparse(y):
    kinds = {
        "classic": models.CrostonClassic(),
        "optimised": models.CrostonOptimized(),
        "sba": models.CrostonSBA(),
        "tsb": models.TSB(alpha_d=0.2, alpha_p=0.3),
    }
    out = {}
    for kind, model in kinds.items():
        fitted = kind != "optimised"
        fcst = model.forecast(y=y, h=2, fitted=fitted)
        out[kind] = {"mean": short(fcst["mean"])}
        if fitted:
            out[kind]["fitted"] = short(fcst["fitted"])
    return out


def main():
    series = inputs()
    cases = {}
    for name, y in series.items():
        m = PERIODS.get(name, 1)
        case = {"period": m, "naive": naive(y, m)}
        if name in SPARSE:
            case["sparse"] = sparse(y)
        if name not in ("late", "once", "never", "sparse"):
            case["theta"] = theta(y, m, name)
            case["ces"] = ces(y, m)
        cases[name] = case
    for name, case in cases.items():
        y = series[name]
        if y.min() > 0 and len(y) >= 2 * max(case["period"], 2):
            # The reference's search has single precision.
            y = y / y.max() * 500
            found = boxcox_lambda(y, "guerrero", max(case["period"], 2), lower=-1.0, upper=2.0)
            case["lambda"] = repr(float(found))
    golden = {"series": {name: exact(y) for name, y in series.items()}, "cases": cases}
    (HERE / "smoothing.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
