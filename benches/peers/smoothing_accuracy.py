"""Accuracy of the smoothing models next to statsforecast's, on the M4 weekly and M3 series.

Requirements: numpy, pandas, statsforecast 2.1. Run, with BONGSU_DATA naming the shared data:
    python smoothing_accuracy.py [--every N] [--models auto-ets,dot] [--sets m4-weekly,m3-monthly]

Prints a Markdown table: mean MASE, mean sMAPE in percent, and OWA, the mean of both relative to
those of Naive2 (the last value, after a season that a test finds was taken out). M4 weekly is
forecast without a season, as published. `--every N` takes each N-th series.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MODELS = ["naive", "drift", "theta", "dot", "ces", "auto-ets"]


def m4_weekly(data):
    def rows(part):
        path = data / "m4_weekly" / f"Weekly-{part}.csv.gz"
        with gzip.open(path, "rt", newline="") as file:
            return [[float(v) for v in row[1:] if v] for row in list(csv.reader(file))[1:]]

    return [(x, xx, 1) for x, xx in zip(rows("train"), rows("test"))]


def m3(data, kind):
    with gzip.open(data / "m1_m3" / "m3_data.json.gz", "rt") as file:
        series = json.load(file)
    series = list(series.values()) if isinstance(series, dict) else series
    period = {"yearly": 1, "quarterly": 4, "monthly": 12}[kind]
    return [(s["x"], s["xx"], period) for s in series if s["period"][0].lower() == kind]


SETS = {
    "m4-weekly": m4_weekly,
    "m3-yearly": lambda data: m3(data, "yearly"),
    "m3-quarterly": lambda data: m3(data, "quarterly"),
    "m3-monthly": lambda data: m3(data, "monthly"),
}


def theirs(job):
    """The reference's forecast of one series."""
    warnings.simplefilter("ignore")
    from statsforecast import models

    name, x, h, period = job
    x = np.asarray(x, dtype=float)
    model = {
        "naive": models.Naive,
        "seasonal-naive": lambda: models.SeasonalNaive(season_length=period),
        "drift": models.RandomWalkWithDrift,
        "theta": lambda: models.Theta(season_length=period),
        "dot": lambda: models.DynamicOptimizedTheta(season_length=period),
        "ces": lambda: models.AutoCES(season_length=period),
        "auto-ets": lambda: models.AutoETS(season_length=period),
    }[name]()
    return model.forecast(y=x, h=h)["mean"]


def ours(binary, name, series):
    lines = [" ".join([name, str(m), str(len(xx)), *map(repr, x)]) for x, xx, m in series]
    done = subprocess.run([binary], input="\n".join(lines), check=True, capture_output=True, text=True)
    return [np.array(line.split(), dtype=float) for line in done.stdout.splitlines()]


def naive2(x, h, m):
    x = np.asarray(x, dtype=float)
    if m > 1 and len(x) >= 3 * m:
        d = x - x.mean()
        r = np.array([(d[k:] * d[: len(d) - k]).sum() for k in range(m + 1)]) / (d**2).sum()
        if abs(r[m]) > 1.645 * np.sqrt((1 + 2 * (r[1:m] ** 2).sum()) / len(x)):
            from statsmodels.tsa.seasonal import seasonal_decompose

            factors = seasonal_decompose(x, model="multiplicative", period=m).seasonal
            return np.resize(factors[-m:], h) * (x[-1] / factors[-1])
    return np.full(h, x[-1])


def measures(forecasts, series):
    mase, smape = [], []
    for f, (x, xx, m) in zip(forecasts, series):
        x, xx = np.asarray(x, dtype=float), np.asarray(xx, dtype=float)
        scale = np.abs(x[m:] - x[:-m]).mean()
        mase.append(np.abs(f - xx).mean() / scale if scale > 0 else np.nan)
        smape.append(200 * (np.abs(f - xx) / (np.abs(f) + np.abs(xx))).mean())
    return np.nanmean(mase), np.mean(smape)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    data = Path(os.environ["BONGSU_DATA"])
    build = ["cargo", "build", "--release", "-p", "bongsu-forecast", "--example", "smoothing_batch"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    binary = Path(target) / "release" / "examples" / "smoothing_batch"
    print("| set | series | model | MASE ours | theirs | sMAPE ours | theirs | OWA ours | theirs | MASE ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for set_name in arguments.sets.split(","):
            series = SETS[set_name](data)[:: arguments.every]
            base = measures([naive2(x, len(xx), m) for x, xx, m in series], series)
            for name in arguments.models.split(","):
                jobs = [(name, x, len(xx), m) for x, xx, m in series]
                both = []
                for forecasts in (ours(binary, name, series), list(pool.map(theirs, jobs, chunksize=8))):
                    mase, smape = measures(forecasts, series)
                    both.append((mase, smape, (mase / base[0] + smape / base[1]) / 2))
                cells = [f"{both[side][k]:.3f}" for k in range(3) for side in range(2)]
                ratio = both[0][0] / both[1][0]
                print(f"| {set_name} | {len(series)} | {name} | {' | '.join(cells)} | {ratio:.4f} |", flush=True)


if __name__ == "__main__":
    main()
