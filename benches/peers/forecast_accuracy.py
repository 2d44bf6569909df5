"""Accuracy of the forecasting models next to statsforecast's and Prophet's, on M4 weekly and M3.

Requirements: numpy, pandas, statsforecast 2.1 (prophet 1.5 for its own rows). Run, with BONGSU_DATA
naming the shared data:
    python forecast_accuracy.py [--every N] [--models auto-ets,dot] [--sets m4-weekly,m3-monthly]
        [--cache FOLDER] [--reference-only]

Prints a Markdown table: mean MASE, mean sMAPE in percent, and OWA, the mean of both relative to
those of Naive2 (the last value, after a season that a test finds was taken out). M4 weekly is
forecast without a season, as published, and as `m4-weekly-52` with a season of 52 weeks; its errors
are scaled by those of the naive forecast in both. `--every N` takes each N-th series. Series that one
side cannot forecast count for neither, and the last column tells how many there are.

The reference's forecasts are kept in the folder `--cache`, so that they need not be worked out again
and that each reference can run in its own environment (`--reference-only`).
"""

import argparse
import csv
import gzip
import json
import logging
import os
import subprocess
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODELS = [
    "naive",
    "seasonal-naive",
    "drift",
    "theta",
    "dot",
    "ces",
    "auto-ets",
    "auto-arima",
    "mstl",
    "prophet",
    "ensemble",
    "ensemble-weighted",
    "ensemble-long",
    "ensemble-long-weighted",
]
# Models of one season more.
SEASONAL = {"seasonal-naive", "mstl", "ensemble-long", "ensemble-long-weighted"}
ENSEMBLE = ["auto-ets", "ces", "auto-arima", "dot"]
# Ours next to the reference's median; with a season of 52 weeks `auto-ets` and `auto-arima` of the
# reference go without one, as ours do in `ensemble-long`.
MEDIANS = {"ensemble", "ensemble-weighted", "ensemble-long", "ensemble-long-weighted"}
WITHOUT_SEASON = {"auto-ets", "auto-arima"}


def m4_weekly(data, period):
    def rows(part):
        path = data / "m4_weekly" / f"Weekly-{part}.csv.gz"
        with gzip.open(path, "rt", newline="") as file:
            return [[float(v) for v in row[1:] if v] for row in list(csv.reader(file))[1:]]

    return [(x, xx, period, 1) for x, xx in zip(rows("train"), rows("test"))]


def m3(data, kind):
    with gzip.open(data / "m1_m3" / "m3_data.json.gz", "rt") as file:
        series = json.load(file)
    series = list(series.values()) if isinstance(series, dict) else series
    m = {"yearly": 1, "quarterly": 4, "monthly": 12}[kind]
    return [(s["x"], s["xx"], m, m) for s in series if s["period"][0].lower() == kind]


# Of each: the known values, those that came, the season to forecast with, and that of the scale.
SETS = {
    "m4-weekly": lambda data: m4_weekly(data, 1),
    "m4-weekly-52": lambda data: m4_weekly(data, 52),
    "m3-yearly": lambda data: m3(data, "yearly"),
    "m3-quarterly": lambda data: m3(data, "quarterly"),
    "m3-monthly": lambda data: m3(data, "monthly"),
}


def theirs(job):
    """The reference's forecast of one series; none where it fails."""
    warnings.simplefilter("ignore")
    name, x, h, period = job
    try:
        return [float(v) for v in (by_prophet if name == "prophet" else by_statsforecast)(*job)]
    except Exception:
        return None


def by_prophet(_, x, h, period):
    import pandas as pd
    from prophet import Prophet

    for logger in ("cmdstanpy", "prophet"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    days = pd.date_range("2000-01-02", periods=len(x) + h, freq="7D")
    model = Prophet(uncertainty_samples=0).fit(pd.DataFrame({"ds": days[: len(x)], "y": x}))
    return model.predict(pd.DataFrame({"ds": days[len(x) :]}))["yhat"]


def by_statsforecast(name, x, h, period):
    from statsforecast import models

    model = {
        "naive": models.Naive,
        "seasonal-naive": lambda: models.SeasonalNaive(season_length=period),
        "drift": models.RandomWalkWithDrift,
        "theta": lambda: models.Theta(season_length=period),
        "dot": lambda: models.DynamicOptimizedTheta(season_length=period),
        "ces": lambda: models.AutoCES(season_length=period),
        "auto-ets": lambda: models.AutoETS(season_length=period),
        "auto-arima": lambda: models.AutoARIMA(season_length=period),
        "mstl": lambda: models.MSTL(season_length=period),
        "mfles": lambda: models.MFLES(season_length=None if period == 1 else period),
        "auto-mfles": lambda: models.AutoMFLES(
            test_size=h, n_windows=2, season_length=None if period == 1 else [period]
        ),
    }[name]()
    return model.forecast(y=np.asarray(x, dtype=float), h=h)["mean"]


def references(set_name, name, series, every, cache, pool):
    """The reference's forecasts of `series`, every N-th of a set."""
    if name in MEDIANS:
        members = [
            references(*plain(set_name, one, series), every, cache, pool) for one in ENSEMBLE
        ]
        each = [[f for f in one if f is not None] for one in zip(*members)]
        return [np.median(one, axis=0) if one else None for one in each]
    path = cache / f"{set_name}-{name}.json" if cache else None
    known = json.loads(path.read_text()) if path and path.exists() else {}
    missing = [i for i in range(len(series)) if str(i * every) not in known]
    size = 40 * getattr(pool, "_max_workers", 1)
    for start in range(0, len(missing), size):
        part = missing[start : start + size]
        jobs = [(name, series[i][0], len(series[i][1]), series[i][2]) for i in part]
        known |= {str(i * every): f for i, f in zip(part, pool.map(theirs, jobs, chunksize=8))}
        if path:
            path.with_suffix(".new").write_text(json.dumps(known))
            path.with_suffix(".new").replace(path)
    return [known[str(i * every)] for i in range(len(series))]


def plain(set_name, name, series):
    """With which set and season a member of the median is known."""
    if set_name == "m4-weekly-52" and name in WITHOUT_SEASON:
        return "m4-weekly", name, [(x, xx, 1, scale) for x, xx, _, scale in series]
    return set_name, name, series


def ours(binary, name, series):
    lines = [" ".join([name, str(m), str(len(xx)), *map(repr, x)]) for x, xx, m, _ in series]
    done = subprocess.run([binary], input="\n".join(lines), check=True, capture_output=True, text=True)
    rows = [np.array(line.split(), dtype=float) for line in done.stdout.splitlines()]
    return [row if len(row) else None for row in rows]


def naive2(x, h, m):
    x = np.asarray(x, dtype=float)
    if m > 1 and len(x) >= 3 * m:
        d = x - x.mean()
        r = np.array([(d[k:] * d[: len(d) - k]).sum() for k in range(m + 1)]) / (d**2).sum()
        if abs(r[m]) > 1.645 * np.sqrt((1 + 2 * (r[1:m] ** 2).sum()) / len(x)):
            factors = season_of(x, m)
            phases = (len(x) + np.arange(h)) % m
            return x[-1] / factors[(len(x) - 1) % m] * factors[phases]
    return np.full(h, x[-1])


def season_of(x, m):
    """The factors of a classical multiplicative decomposition."""
    weights = np.r_[0.5, np.ones(m - 1), 0.5] / m if m % 2 == 0 else np.ones(m) / m
    trend = np.convolve(x, weights, mode="valid")
    edge = (len(weights) - 1) // 2
    ratio = x[edge : edge + len(trend)] / trend
    phases = (edge + np.arange(len(trend))) % m
    factors = np.array([ratio[phases == phase].mean() for phase in range(m)])
    return factors / factors.mean()


def measures(forecasts, series):
    mase, smape = [], []
    for f, (x, xx, _, m) in zip(forecasts, series):
        x, xx, f = (np.asarray(v, dtype=float) for v in (x, xx, f))
        scale = np.abs(x[m:] - x[:-m]).mean()
        mase.append(np.abs(f - xx).mean() / scale if scale > 0 else np.nan)
        smape.append(200 * (np.abs(f - xx) / (np.abs(f) + np.abs(xx))).mean())
    return np.nanmean(mase), np.mean(smape)


def row(set_name, name, series, both):
    good = [i for i, pair in enumerate(zip(*both)) if all(f is not None for f in pair)]
    kept = [series[i] for i in good]
    base = measures([naive2(x, len(xx), m) for x, xx, _, m in kept], kept)
    cells = []
    for side in both:
        mase, smape = measures([side[i] for i in good], kept)
        cells.append((mase, smape, (mase / base[0] + smape / base[1]) / 2))
    text = " | ".join(f"{cells[side][k]:.3f}" for k in range(3) for side in range(2))
    ratio = cells[0][0] / cells[1][0]
    return f"| {set_name} | {len(series)} | {name} | {text} | {ratio:.4f} | {len(series) - len(good)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--reference-only", action="store_true")
    arguments = parser.parse_args()
    data = Path(os.environ["BONGSU_DATA"])
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    if not arguments.reference_only:
        build = ["cargo", "build", "--release", "-p", "bongsu-forecast", "--example", "forecast_batch"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
        binary = Path(target) / "release" / "examples" / "forecast_batch"
        print("| set | series | model | MASE ours | theirs | sMAPE ours | theirs | OWA ours | theirs | MASE ratio | failed |")
        print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for set_name in arguments.sets.split(","):
            series = SETS[set_name](data)[:: arguments.every]
            for name in arguments.models.split(","):
                if name in SEASONAL and series[0][2] == 1:
                    continue
                weeks = set_name == "m4-weekly-52"
                if weeks and name in ("auto-ets", "auto-arima", "ensemble", "ensemble-weighted"):
                    continue
                if name.startswith("ensemble-long") and not weeks:
                    continue
                if name == "prophet" and not set_name.startswith("m4-weekly"):
                    continue
                known = references(set_name, name, series, arguments.every, arguments.cache, pool)
                if not arguments.reference_only:
                    print(row(set_name, name, series, (ours(binary, name, series), known)), flush=True)


if __name__ == "__main__":
    main()
