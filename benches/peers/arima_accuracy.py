"""Fits of ARIMA models next to statsmodels' on real series: by how much our log-likelihood is below.

Requirements: numpy, statsmodels 0.15. Run, with BONGSU_DATA naming the shared data:
    python arima_accuracy.py [--half first|second|all] [--shift K] [--cache FILE] [--worst N]

Series of M3, M4 weekly (the last 400 points), PlanetLab (CPU of virtual machines), and classic ones,
the half-hourly Taylor demand among them as hourly means. Each gets three plain models and, where it
has a season, two seasonal ones, with the trend that both take by default. From every fifth series
6 % of the values, and three in a row, are taken out. `first` and `second` are every other series: one
half to choose by, one to check on; `--shift` gives other models to each series. `--cache` keeps the reference's fits between runs.

Both sides are compared on one likelihood, ours, at the parameters that each found: so that a
difference in how the start of an integrated model is treated does not count. Where the reference's
parameters are outside the open region of stationary and invertible models its own value is taken.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PLAIN = [
    (1, 0, 1), (2, 1, 2), (3, 0, 2), (1, 0, 0), (1, 1, 1), (2, 0, 2), (0, 1, 1), (3, 1, 3), (2, 0, 1),
    (0, 2, 2), (5, 1, 1), (4, 0, 4), (1, 1, 2), (0, 0, 3), (2, 1, 0), (1, 2, 1),
]
SEASONAL = [
    ((0, 1, 1), (0, 1, 1)), ((1, 0, 1), (1, 0, 1)), ((1, 0, 0), (0, 1, 1)), ((2, 1, 1), (1, 0, 1)),
    ((1, 1, 1), (1, 1, 1)), ((2, 0, 2), (1, 0, 0)), ((0, 1, 2), (2, 0, 0)),
]
CLASSIC = {
    "darts/AirPassengers": (1, 12), "darts/ausbeer": (0, 4), "darts/gasrate_co2": (1, 1),
    "darts/heart_rate": (0, 1), "darts/ice_cream_heater": (1, 12), "darts/monthly-milk": (1, 12),
    "darts/monthly-sunspots": (1, 1), "darts/temps": (1, 7), "darts/us_gasoline": (1, 1),
    "darts/wineind": (0, 12), "darts/woolyrnq": (0, 4), "darts/australian_tourism": (0, 4),
    "darts/exchange_rate": (0, 1), "statsmodels/co2": (1, 1), "statsmodels/elec_equip": (1, 12),
    "statsmodels/nile": (1, 1), "statsmodels/sunspots": (1, 1), "statsmodels/macrodata": (2, 4),
    "statsmodels/E6": (2, 4),
}


def columns(path, column):
    with open(path, newline="") as file:
        for row in list(csv.reader(file))[1:]:
            try:
                yield float(row[column])
            except (ValueError, IndexError):
                continue


def series(data):
    """Name, period, values."""
    with gzip.open(data / "m1_m3" / "m3_data.json.gz", "rt") as file:
        for number, one in enumerate(json.load(file).values()):
            if number % 60 == 0:
                kind = one["period"][0].lower()
                yield f"m3-{kind}-{number}", {"quarterly": 4, "monthly": 12}.get(kind, 1), one["x"]
    with gzip.open(data / "m4_weekly" / "Weekly-train.csv.gz", "rt", newline="") as file:
        for number, row in enumerate(list(csv.reader(file))[1:]):
            if number % 18 == 0:
                yield f"m4-weekly-{number}", 1, [float(v) for v in row[1:] if v][-400:]
    with open(next((data / "planetlab").glob("*.csv"))) as file:
        for number, row in enumerate(list(csv.reader(file))[1:]):
            if number % 60 == 0:
                yield f"planetlab-{number}", 1, [float(x) for x in row[1:] if x]
    for name, (column, period) in CLASSIC.items():
        yield name, period, list(columns(data / f"{name}.csv", column))[-300:]
    halves = np.array(list(columns(data / "darts" / "taylor.csv", 0)))
    hours = halves.reshape(-1, 2).mean(axis=1)
    for start in (0, 504, 1008):
        yield f"taylor-{start}", 24, hours[start : start + 504].tolist()


def cases(data, half, shift):
    plain, seasonal = 3 * shift, 2 * shift
    for number, (name, period, values) in enumerate(series(data)):
        y = np.asarray(values, dtype=float)
        if number % 5 == 0:
            rng = np.random.default_rng(number)
            y[rng.choice(len(y), max(1, len(y) * 6 // 100), replace=False)] = np.nan
            y[len(y) // 2 : len(y) // 2 + 3] = np.nan
            name += " with gaps"
        orders = [(PLAIN[(plain + k) % len(PLAIN)], (0, 0, 0)) for k in range(3)]
        plain += 3
        if period > 1:
            orders += [SEASONAL[(seasonal + k) % len(SEASONAL)] for k in range(2)]
            seasonal += 2
        if half != "all" and (number % 2 == 0) != (half == "first"):
            continue
        for order, season in orders:
            yield name, y.tolist(), order, (*season, period if any(season) else 0)


def theirs(case):
    """The reference's log-likelihood, parameters and seconds; none where it raises."""
    from statsmodels.tsa.arima.model import ARIMA

    _, y, order, season = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        try:
            fitted = ARIMA(np.array(y), order=order, seasonal_order=season).fit()
        except (ValueError, np.linalg.LinAlgError) as error:
            return {"error": str(error)}
        seconds = time.perf_counter() - start
    return {"value": fitted.llf, "parameters": fitted.params.tolist(), "seconds": seconds}


def key(case):
    name, y, order, season = case
    return f"{name} {len(y)} {order} {season}"


def references(all_cases, cache, jobs):
    known = json.loads(cache.read_text()) if cache and cache.exists() else {}
    missing = [case for case in all_cases if key(case) not in known]
    with ProcessPoolExecutor(jobs) as pool:
        for case, result in zip(missing, pool.map(theirs, missing)):
            known[key(case)] = result
            if cache:
                cache.write_text(json.dumps(known))
    return [known[key(case)] for case in all_cases]


def ours(binary, all_cases, results):
    lines = []
    for (_, y, order, season), result in zip(all_cases, results):
        given = result.get("parameters", [])
        words = [*order, *season, len(given), *map(repr, given), *map(repr, y)]
        lines.append(" ".join(map(str, words)))
    done = subprocess.run([binary], input="\n".join(lines), check=True, capture_output=True, text=True)
    return [line.split(" ", 4) for line in done.stdout.splitlines()]


def report(title, rows):
    """Counts over rows of (deficit, seconds of theirs, seconds of ours, converged)."""
    if not rows:
        return
    deficit = np.array([row[0] for row in rows])
    ratio = np.median([row[1] / row[2] for row in rows])
    total = sum(row[1] for row in rows) / sum(row[2] for row in rows)
    print(
        f"| {title} | {len(rows)} | {(deficit > 1e-3).sum()} | {max(deficit.max(), 0):.3g} "
        f"| {(deficit < -1e-3).sum()} | {-deficit.min():.3g} | {sum(not row[3] for row in rows)} "
        f"| {ratio:.0f} | {total:.0f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["first", "second", "all"], default="all")
    parser.add_argument("--shift", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    all_cases = list(cases(Path(os.environ["BONGSU_DATA"]), arguments.half, arguments.shift))
    results = references(all_cases, arguments.cache, arguments.jobs)
    build = ["cargo", "build", "--release", "-p", "bongsu-forecast", "--example", "arima_batch"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    lines = ours(target / "release" / "examples" / "arima_batch", all_cases, results)
    groups = {"plain": [], "seasonal": [], "plain, gaps": [], "seasonal, gaps": []}
    worst, alone = [], []
    for case, result, (value, at, seconds, converged, failure) in zip(all_cases, results, lines):
        # The reference gives 0 where its start leaves no value that counts.
        if "error" in result or result["value"] == 0 or failure:
            alone.append(f"{key(case)}: ours {failure or value}, theirs {result.get('error', result.get('value'))}")
            continue
        # Outside the open region only the reference's own value is known.
        reference = float(at) if np.isfinite(float(at)) else result["value"]
        row = (reference - float(value), result["seconds"], float(seconds), converged == "true")
        kind = ("seasonal" if case[3][3] else "plain") + (", gaps" if "gaps" in case[0] else "")
        groups[kind].append(row)
        worst.append((row[0], float(seconds), converged, key(case)))
    print("| models | fits | below by more than 1e-3 | worst | above by more than 1e-3 | most | not converged "
          "| median ratio of times | ratio of total times |")
    print("|---|---|---|---|---|---|---|---|---|")
    for title, rows in groups.items():
        report(title, rows)
    report("all", [row for rows in groups.values() for row in rows])
    for one in alone:
        print("not compared:", one)
    for deficit, seconds, converged, name in sorted(worst, reverse=True)[: arguments.worst]:
        print(f"{deficit:10.5f} {seconds:8.4f} s converged {converged} {name}")
    if arguments.worst:
        print("slowest:")
    for deficit, seconds, converged, name in sorted(worst, key=lambda w: -w[1])[: arguments.worst]:
        print(f"{deficit:10.5f} {seconds:8.4f} s converged {converged} {name}")


if __name__ == "__main__":
    main()
