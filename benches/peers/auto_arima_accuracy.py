"""Automatic ARIMA next to statsforecast's `AutoARIMA`, on the M4 weekly and M3 series.

Requirements: numpy, pandas, statsforecast 2.1. Run, with BONGSU_DATA naming the shared data:
    python auto_arima_accuracy.py --cache reference.json [--every N] [--sets m4-weekly,m3-monthly]

Each set is sampled: every N-th series, from the first. The reference's results are kept in the file
given by `--cache`, so that only what is not there is computed; one thread on both sides.

Prints a Markdown table, a line a set:

- `same d, D`: the share of series where both difference as often. The criteria of models with
  different numbers of differences are of different data; those are left out of the next two columns.
- `AICc no worse`: the share of them where ours is at most 0.01 above the reference's, as it reports
  it; and `exact`: as recomputed at its coefficients. What it reports is, for models whose moving
  average it had to turn invertible at the end of its search, of a conditional likelihood, which is
  not comparable. Of models with a root within 1 % of the unit circle, which both mean to refuse, the
  reference keeps those of a single lag.
- mean MASE and sMAPE (percent) of both over all series, and the ratio of the MASE.
- total seconds of processor time of both.

The criterion is the same on both sides: `-2 l + 2 k + 2 k (k + 1) / (n - k - 1)`, where `l` is the
exact likelihood of the differenced series, `k` counts coefficients, mean or drift, and the variance,
and `n` is the number of values less those that differencing takes.
"""

import argparse
import csv
import gzip
import json
import math
import os
import subprocess
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
CLOSE = 0.01


def m4_weekly(data):
    def rows(part):
        path = data / "m4_weekly" / f"Weekly-{part}.csv.gz"
        with gzip.open(path, "rt", newline="") as file:
            return [[float(v) for v in row[1:] if v] for row in list(csv.reader(file))[1:]]

    return [(x, xx, 1) for x, xx in zip(rows("train"), rows("test"))]


def m3(kind, period, data):
    with gzip.open(data / "m1_m3" / "m3_data.json.gz", "rt") as file:
        series = json.load(file)
    series = list(series.values()) if isinstance(series, dict) else series
    return [(s["x"], s["xx"], period) for s in series if s["period"][0].lower() == kind]


SETS = {
    "m4-weekly": m4_weekly,
    "m3-yearly": partial(m3, "yearly", 1),
    "m3-quarterly": partial(m3, "quarterly", 4),
    "m3-monthly": partial(m3, "monthly", 12),
}


def exact_aicc(fit, x):
    """The criterion of a fit of the reference, its likelihood evaluated at its coefficients."""
    from statsforecast import arima

    coefficients = fit["coef"]
    p, q, sp, sq, m, d, sd = fit["arma"]
    regression = x.copy()
    steps = np.arange(1, len(x) + 1)
    for name, column in (("intercept", np.ones(len(x))), ("drift", steps), ("ex_1", steps)):
        regression -= coefficients.get(name, 0.0) * column
    state = fit["model"]
    fresh = arima.make_arima(state["phi"], state["theta"], state["delta"])
    squares, logs, used, _ = arima.arima_like(
        regression, fresh["phi"], fresh["theta"], fresh["delta"], fresh["a"], fresh["P"], fresh["Pn"], 0, False
    )
    n = len(x) - d - sd * m
    k = int(np.sum(fit["mask"])) + 1
    if used == 0 or squares <= 0 or n <= k + 1:
        return math.inf
    deviance = n * (math.log(squares / used) + logs / used + 1 + math.log(2 * math.pi))
    return deviance + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def theirs(job):
    """What the reference chooses for one series; None where it fails."""
    warnings.simplefilter("ignore")
    from statsforecast.models import AutoARIMA

    x, h, m = job
    x = np.asarray(x, dtype=float)
    start = time.process_time()
    try:
        model = AutoARIMA(season_length=m).fit(x)
        mean = model.predict(h)["mean"]
    except Exception as error:
        return {"failure": repr(error), "seconds": time.process_time() - start}
    seconds = time.process_time() - start
    fit = model.model_
    p, q, sp, sq, _, d, sd = (int(v) for v in fit["arma"])
    finite = lambda value: float(value) if math.isfinite(value) else None
    return {
        "aicc": finite(fit.get("aicc", math.nan)),
        "exact": finite(exact_aicc(fit, x)) if fit.get("aicc") is not None else None,
        "orders": [p, d, q, sp, sd, sq],
        "coefficients": {name: float(value) for name, value in fit["coef"].items()},
        "mean": [float(v) for v in mean],
        "seconds": seconds,
    }


def build():
    command = ["cargo", "build", "--release", "-p", "bongsu-forecast", "--example", "auto_arima_batch"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return Path(target) / "release" / "examples" / "auto_arima_batch"


def ours(binary, series, threads=1):
    """What we choose for each of series `(x, h, m)` of one `m`, and what the program says at the end."""
    lines = [" ".join([str(len(xx)) if hasattr(xx, "__len__") else str(xx), *map(repr, map(float, x))]) for x, xx, _ in series]
    done = subprocess.run(
        [binary, str(series[0][2]), str(threads)],
        input="\n".join(lines), check=True, capture_output=True, text=True,
    )
    *results, summary = map(json.loads, done.stdout.splitlines())
    return results, summary


def measures(means, series):
    mase, smape = [], []
    for f, (x, xx, m) in zip(means, series):
        f, x, xx = (np.asarray(v, dtype=float) for v in (f, x, xx))
        scale = np.abs(x[m:] - x[:-m]).mean()
        mase.append(np.abs(f - xx).mean() / scale if scale > 0 else np.nan)
        smape.append(200 * (np.abs(f - xx) / (np.abs(f) + np.abs(xx))).mean())
    return np.array(mase), np.array(smape)


def reference(name, series, indices, cache_path, jobs):
    cache = json.loads(cache_path.read_text()) if cache_path.exists() else {}
    missing = [i for i in indices if f"{name}/{i}" not in cache]
    if missing:
        # Compiled before it is timed.
        theirs((series[missing[0]][0][-60:], 1, series[missing[0]][2]))
    for at in range(0, len(missing), 8):
        part = missing[at : at + 8]
        work = [(series[i][0], len(series[i][1]), series[i][2]) for i in part]
        if jobs > 1:
            with ProcessPoolExecutor(jobs) as pool:
                found = list(pool.map(theirs, work))
        else:
            found = [theirs(job) for job in work]
        cache |= {f"{name}/{i}": result for i, result in zip(part, found)}
        cache_path.write_text(json.dumps(cache))
    return [cache[f"{name}/{i}"] for i in indices]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1, help="processes for the reference")
    parser.add_argument("--only-reference", action="store_true")
    parser.add_argument("--worse", action="store_true", help="list the series where ours is worse")
    arguments = parser.parse_args()
    data = Path(os.environ["BONGSU_DATA"])
    binary = None if arguments.only_reference else build()
    if binary:
        print("| set | series | same d, D | AICc no worse | exact | MASE ours | theirs | ratio | sMAPE ours | theirs | s ours | theirs |")
        print("|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    sums = []
    for name in arguments.sets.split(","):
        whole = SETS[name](data)
        indices = range(0, len(whole), arguments.every)
        other = reference(name, whole, indices, arguments.cache, arguments.jobs)
        if not binary:
            continue
        series = [whole[i] for i in indices]
        own, _ = ours(binary, series)
        lost = [i for i, a, b in zip(indices, own, other) if "failure" in a or "failure" in b]
        for i, a, b in zip(indices, own, other):
            if i in lost:
                print(f"<!-- {name}/{i} left out: ours {a.get('failure')}, theirs {b.get('failure')} -->")
        kept = [(i, s, a, b) for i, s, a, b in zip(indices, series, own, other) if i not in lost]
        same = [k for k in kept if [k[2]["orders"][j] for j in (1, 4)] == [k[3]["orders"][j] for j in (1, 4)]]
        counts = []
        for key in ("aicc", "exact"):
            worse = [k for k in same if k[3][key] is not None and k[2]["aicc"] > k[3][key] + CLOSE]
            counts.append(len(same) - len(worse))
            if arguments.worse:
                for i, s, a, b in worse:
                    print(f"<!-- {name}/{i} {key} n={len(s[0])}: {a['aicc']:.3f} {a['orders']} {a['trend']} theirs {b[key]:.3f} {b['orders']} {b['coefficients']} -->")
        both = [measures([k[side]["mean"] for k in kept], [k[1] for k in kept]) for side in (2, 3)]
        seconds = [sum(k[side]["seconds"] for k in kept) for side in (2, 3)]
        sums.append((len(kept), len(same), *counts, *(np.nansum(m) for pair in both for m in pair), *seconds))
        row(name, sums[-1])
    if binary:
        row("all", tuple(map(sum, zip(*sums))))


def row(name, sums):
    n, same, reported, exact, mase, smape, their_mase, their_smape, seconds, their_seconds = sums
    share = lambda part, whole: f"{100 * part / max(whole, 1):.1f} %"
    print(
        f"| {name} | {n} | {share(same, n)} | {share(reported, same)} | {share(exact, same)} "
        f"| {mase / n:.3f} | {their_mase / n:.3f} | {mase / their_mase:.4f} "
        f"| {smape / n:.2f} | {their_smape / n:.2f} | {seconds:.2f} | {their_seconds:.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
