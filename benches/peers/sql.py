"""Rows per second of scores over Parquet: `bongsu sql` against pandas and river.

    python benches/peers/sql.py --bongsu target/release/bongsu --folder DIR [--series 10000] [--points 10000]

Writes the data set into DIR once: noisy sines with three outliers each, 100 series a file, sorted. Then
`bongsu sql` scores all of it by robust_z and hst_score; pandas reads, sorts and scores the first file by median
and median absolute deviation of each series, and river's half-space trees the first 50,000.

Requires numpy, pandas, pyarrow and, for half-space trees, river. `bongsu` is a build with the feature `sql`.
"""

import argparse
import resource
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILE = 100


def generate(folder, series, points):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    times = pa.array(1_767_225_600_000 + 60_000 * np.arange(points), pa.timestamp("ms"))
    for first in range(0, series, FILE):
        tables = []
        for one in range(first, min(first + FILE, series)):
            values = 10 * one % 97 + 3 * np.sin(np.arange(points) / 229) + rng.standard_normal(points)
            values[rng.integers(0, points, 3)] += 20
            names = pa.array([f"host-{one:05}"] * points).dictionary_encode()
            tables.append(pa.table({"series": names, "ts": times, "value": values}))
        pq.write_table(pa.concat_tables(tables).unify_dictionaries(), folder / f"{first:06}.parquet")


def ours(bongsu, folder, call):
    """Seconds and the most memory in megabytes of a query that scores every row."""
    query = (
        f"SELECT count(*), count(score) FROM (SELECT {call} OVER (PARTITION BY series ORDER BY ts)"
        f" AS score FROM {folder.name})"
    )
    start = time.perf_counter()
    running = subprocess.Popen(
        [bongsu, "sql", query, "--data", folder.parent, "--format", "csv"], stdout=subprocess.PIPE
    )
    counted = running.stdout.read().decode().splitlines()[-1]
    running.wait()
    seconds = time.perf_counter() - start
    if running.returncode != 0:
        raise SystemExit(f"{call} failed")
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, int(counted.split(",")[0])


def by_pandas(file):
    def score(values):
        middle = values.median()
        spread = 1.4826 * (values - middle).abs().median()
        return (values - middle).abs() / spread / 3.5

    start = time.perf_counter()
    frame = pq.read_table(file).to_pandas().sort_values(["series", "ts"])
    frame.groupby("series", observed=True)["value"].transform(score)
    return frame, time.perf_counter() - start


def by_river(values):
    from river.anomaly import HalfSpaceTrees

    model = HalfSpaceTrees(n_trees=25, height=8, window_size=250, limits={"x": (-20, 140)}, seed=0)
    start = time.perf_counter()
    for value in values:
        model.score_one({"x": value})
        model.learn_one({"x": value})
    return time.perf_counter() - start


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--bongsu", required=True)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--series", type=int, default=10_000)
    arguments.add_argument("--points", type=int, default=10_000)
    given = arguments.parse_args()
    folder = given.folder / "metrics"
    if not folder.exists():
        generate(folder, given.series, given.points)
    print("| what | rows | seconds | rows a second | peak MB |")
    print("|---|---:|---:|---:|---:|")
    # The least first: the peak of children is that of the largest so far.
    for call in ("robust_z(ts, value, 'window=60')", "hst_score(ts, value)", "robust_z(ts, value)"):
        seconds, most, rows = ours(given.bongsu, folder, call)
        print(f"| `{call}` | {rows} | {seconds:.1f} | {rows / seconds:,.0f} | {most:,.0f} |")
    files = sorted(folder.glob("*.parquet"))
    frame, seconds = by_pandas(files[0])
    print(f"| pandas: read, sort, robust z of each series | {len(frame)} | {seconds:.2f} | {len(frame) / seconds:,.0f} | |")
    try:
        values = frame["value"].to_numpy()[:50_000]
        seconds = by_river(values)
        print(f"| river, half-space trees | {len(values)} | {seconds:.1f} | {len(values) / seconds:,.0f} | |")
    except ImportError:
        print("river is not installed")


if __name__ == "__main__":
    main()
