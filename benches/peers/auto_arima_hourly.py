"""Automatic ARIMA with a season of a day over 400 hourly series, next to statsforecast on 20 of them.

Requirements: numpy, statsforecast 2.1. Run, with BONGSU_DATA naming the shared data:
    python auto_arima_hourly.py --cache reference.json [--series 400] [--sample 20] [--threads 2]

The series, of 700 to 960 points (the 48 after them are held out):

- `servers`: metrics of 12 servers (ASD), 45 days at 5 minutes, as hourly means; those that are
  constant for a day or have few values are left out;
- `taylor`: the half-hourly electricity demand of Taylor, as hourly means of the whole and of windows
  that start at other half hours; and the hourly taxi passengers of New York, windows of it;
- `synthetic`: daily waves, some with a week on top, a trend, autoregressive noise or a random walk,
  counts or an amplitude that grows with the level, by a seeded generator.

The reference's results on every k-th series are kept in the file given by `--cache`; `--cached-only`
takes what is there and computes no others. Prints the total
time, the distribution of the processor time of a series, the most memory held, and for the sample the
processor time of a series of both and the MASE of the first 24 and of all 48 points held out.
"""

import argparse
import csv
import gzip
import json
import os
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

from auto_arima_accuracy import build, ours, theirs

DAY = 24
HELD = 48


def lengths(count, rng):
    return rng.integers(700, 961, size=count)


def hourly(values, points):
    """Means of each hour of values at `points` an hour."""
    whole = len(values) // points * points
    return np.asarray(values[:whole], dtype=float).reshape(-1, points).mean(axis=1)


def table(path):
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    return rows


def servers(data):
    found = []
    for path in sorted((data / "asd" / "train").glob("omi-*.csv.gz")):
        parts = []
        for part in (path, data / "asd" / "test" / path.name):
            rows = []
            for row in table(part):
                try:
                    rows.append([float(v) for v in row])
                except ValueError:
                    continue
            parts.append(np.array(rows))
        width = min(part.shape[1] for part in parts)
        joined = np.vstack([part[:, :width] for part in parts])
        for column in joined.T:
            series = hourly(column, 12)
            days = series[: len(series) // DAY * DAY].reshape(-1, DAY)
            distinct = np.unique(series).size > len(series) // 4
            if len(series) >= 700 + HELD and distinct and (np.ptp(days, axis=1) > 0).all():
                found.append(series)
    return found


def column(path, name):
    with open(path, newline="") as file:
        return np.array([float(row[name]) for row in csv.DictReader(file)])


def demand(data, rng, count):
    taylor = column(data / "darts" / "taylor.csv", "Y")
    taxi = column(data / "darts" / "taxi_new_york_passengers.csv", "#Passengers")
    sources = [hourly(taylor, 2), hourly(taylor[1:], 2), hourly(taxi, 2)]
    for i in range(count):
        source = sources[i % len(sources)]
        start = rng.integers(0, len(source) - 700 - HELD + 1)
        yield source[start:]


def synthetic(rng, count):
    for i in range(count):
        n = 1008
        t = np.arange(n)
        phases = rng.uniform(0, 2 * np.pi, size=4)
        wave = sum(np.cos(2 * np.pi * k * t / DAY + p) / k for k, p in zip((1, 2, 3), phases))
        if i % 2:
            wave = wave * (1 + 0.3 * np.cos(2 * np.pi * t / 168 + phases[3]))
        noise = np.zeros(n)
        phi, e = rng.uniform(0.2, 0.95), rng.normal(size=n)
        for k in range(1, n):
            noise[k] = phi * noise[k - 1] + e[k]
        size = rng.uniform(0.3, 4)
        kind = i % 5
        if kind == 0:
            yield 50 + size * wave + noise
        elif kind == 1:
            yield 200 + 0.02 * t + size * wave + noise
        elif kind == 2:
            yield 100 + size * wave + np.cumsum(rng.normal(size=n)) * 0.3
        elif kind == 3:
            yield rng.poisson(np.exp(2.5 + 0.4 * wave + 0.1 * noise)).astype(float)
        else:
            yield np.exp(3 + 0.15 * size * wave + 0.1 * noise)


def collect(data, count):
    rng = np.random.default_rng(24)
    real = servers(data)
    kept = real[: count // 2]
    windows = list(demand(data, rng, (count - len(kept)) // 3))
    made = list(synthetic(rng, count - len(kept) - len(windows)))
    kinds = ["servers"] * len(kept) + ["taylor"] * len(windows) + ["synthetic"] * len(made)
    series = []
    for values, n in zip(kept + windows + made, lengths(count, rng)):
        n = min(int(n), len(values) - HELD)
        series.append((list(map(float, values[:n])), list(map(float, values[n : n + HELD])), DAY))
    return kinds, series


def mase(mean, series, steps):
    x, held, m = (np.asarray(v) for v in series)
    scale = np.abs(x[int(m) :] - x[: -int(m)]).mean()
    return np.abs(np.asarray(mean)[:steps] - held[:steps]).mean() / scale


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only-reference", action="store_true")
    parser.add_argument("--cached-only", action="store_true")
    arguments = parser.parse_args()
    kinds, series = collect(Path(os.environ["BONGSU_DATA"]), arguments.series)
    chosen = list(range(0, len(series), max(len(series) // arguments.sample, 1)))[: arguments.sample]
    cache = json.loads(arguments.cache.read_text()) if arguments.cache.exists() else {}
    if arguments.cached_only:
        chosen = [i for i in chosen if str(i) in cache]
    if any(str(i) not in cache for i in chosen):
        # Compiled before it is timed.
        theirs((series[0][0][:80], 1, 4))
    for i in chosen:
        if str(i) not in cache:
            x, held, m = series[i]
            cache[str(i)] = theirs((x, len(held), m))
            arguments.cache.write_text(json.dumps(cache))
    if arguments.only_reference:
        return
    own, summary = ours(build(), series, arguments.threads)
    seconds = np.array([result["seconds"] for result in own])
    failed = [(i, kinds[i], result["failure"]) for i, result in enumerate(own) if "failure" in result]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    print(f"{len(series)} series ({counts}) of {min(len(s[0]) for s in series)} to {max(len(s[0]) for s in series)} points")
    print(f"{arguments.threads} threads: {summary['seconds']:.1f} s in all, at most {summary['kilobytes'] / 1024:.0f} MiB; failed: {failed}")
    quantiles = np.quantile(seconds, [0, 0.5, 0.9, 0.99, 1])
    print("seconds a series, least, median, 90 %, 99 %, most:", " ".join(f"{q:.2f}" for q in quantiles))
    for kind in dict.fromkeys(kinds):
        part = [result["seconds"] for result, k in zip(own, kinds) if k == kind]
        print(f"  {kind}: mean {np.mean(part):.2f}, most {np.max(part):.2f}")
    for i in np.argsort(seconds)[-5:][::-1]:
        print(f"  slowest: {i} {kinds[i]} {seconds[i]:.2f} s {own[i].get('orders')} after {own[i].get('models')} models")
    both = [(own[i], cache[str(i)], series[i]) for i in chosen if "mean" in own[i] and "mean" in cache[str(i)]]
    alone, _ = ours(build(), [series[i] for i in chosen], 1)
    timed = [(a["seconds"], cache[str(i)]["seconds"]) for a, i in zip(alone, chosen)]
    timed = [pair for pair in timed if pair[1] is not None]
    one, other = np.mean(timed, axis=0)
    ratios = [b / a for a, b in timed]
    print(f"{len(timed)} timed, one thread: {one:.2f} s a series, the reference {other:.1f} s: {other / one:.0f} times")
    print("ratio of a series, least, median, most:", " ".join(f"{q:.0f}" for q in np.quantile(ratios, [0, 0.5, 1])))
    for steps in (DAY, HELD):
        a, b = (np.mean([mase(pair[side]["mean"], pair[2], steps) for pair in both]) for side in (0, 1))
        print(f"MASE of {steps} points: {a:.3f}, the reference {b:.3f}")
    same = [p for p in both if [p[0]["orders"][j] for j in (1, 4)] == [p[1]["orders"][j] for j in (1, 4)]]
    better = [p for p in same if p[1]["exact"] is None or p[0]["aicc"] <= p[1]["exact"] + 0.01]
    print(f"AICc no worse: {len(better)} of {len(same)} that difference alike, of {len(both)}")


if __name__ == "__main__":
    main()
