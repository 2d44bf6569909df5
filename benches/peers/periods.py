"""How often the period of a series is found, and how often one where there is none.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3

Run: BONGSU_DATA=FOLDER python benches/peers/periods.py [--show]

Reads the folders m1_m3, m4_weekly, darts, statsmodels, prophet and nab of $BONGSU_DATA, and makes
series of its own. A series of known periods counts as right when the strongest period that is found
is one of them up to a fiftieth, as related when it is a whole multiple or part of one, as none when
nothing is found, and as wrong else. Of series without a period the share is printed in which one is
found. `--show` prints what is found in each series but those of the competitions.
"""

import argparse
import gzip
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import peer


def competition(folder, name, kind):
    sets = json.loads(gzip.decompress((folder / f"m1_m3/{name}_data.json.gz").read_bytes()))
    rows = sets.values() if isinstance(sets, dict) else sets
    for i, row in enumerate(rows):
        if str(row["period"][0]).lower() == kind:
            yield f"{name} {i}", np.array(list(row["x"]) + list(row["xx"]), float)


# File: the periods that its origin says, and the column (the last numeric one without).
CLASSIC = {
    "darts/AirPassengers.csv": ([12], None),
    "darts/ausbeer.csv": ([4], None),
    "darts/ice_cream_heater.csv": ([12], None),
    "darts/monthly-milk.csv": ([12], None),
    "darts/monthly-milk-incomplete.csv": ([12], None),
    "darts/temps.csv": ([365], None),
    "darts/us_gasoline.csv": ([52], None),
    "darts/wineind.csv": ([12], None),
    "darts/woolyrnq.csv": ([4], None),
    "darts/taylor.csv": ([48, 336], None),
    "darts/taxi_new_york_passengers.csv": ([48, 336], None),
    "darts/ILINet.csv": ([52], "% WEIGHTED ILI"),
    "darts/monthly-sunspots.csv": ([132], None),
    "statsmodels/sunspots.csv": ([11], "SUNACTIVITY"),
    "statsmodels/co2.csv": ([52], "co2"),
    "statsmodels/elec_equip.csv": ([12], None),
    "prophet/example_air_passengers.csv": ([12], "y"),
    "prophet/example_retail_sales.csv": ([12], "y"),
    "prophet/example_wp_log_R.csv": ([7, 365], "y"),
    "prophet/example_wp_log_peyton_manning.csv": ([7, 365], "y"),
    "prophet/example_yosemite_temps.csv": ([288], "y"),
}


def classics(data):
    for name, (periods, column) in CLASSIC.items():
        table = pd.read_csv(data / name)
        numeric = table.apply(pd.to_numeric, errors="coerce").dropna(axis=1, how="all")
        values = numeric[column] if column else numeric.iloc[:, -1]
        yield name, values.to_numpy(float), periods


def nab(data):
    for path in sorted((data / "nab" / "data").rglob("*.csv")):
        table = pd.read_csv(path, parse_dates=["timestamp"])
        step = table.timestamp.diff().median().total_seconds()
        day = 86400 / step
        daily = path.parent.name in ("realTweets", "realTraffic") or path.stem in (
            "nyc_taxi",
            "art_daily_small_noise",
            "art_daily_perfect_square_wave",
            "art_daily_no_noise",
            "art_daily_flatmiddle",
            "art_daily_jumpsdown",
            "art_daily_jumpsup",
            "art_daily_nojump",
            "elb_request_count_8c0756",
        )
        if daily and day == round(day) and step == 300 or path.stem == "nyc_taxi":
            yield path.stem, table.value.to_numpy(float), [round(day), round(7 * day)]


def made(rng, count):
    """Waves of known period: with growth, with noise, with a wandering level, of sharp peaks."""
    for i in range(count):
        period = int(rng.choice([5, 7, 12, 24, 48, 60, 96, 144, 288]))
        cycles = rng.uniform(4, 20)
        n = int(period * cycles)
        turn = np.arange(n) / period * 2 * np.pi + rng.uniform(0, 6.3)
        wave = np.sin(turn) + rng.normal(0, 0.5) * np.sin(2 * turn) + rng.normal(0, 0.3) * np.cos(3 * turn)
        kind = i % 4
        if kind == 0:
            values = np.exp(1.5 * np.arange(n) / n) * (10 + 3 * wave)
        elif kind == 1:
            values = wave + 0.7 * rng.normal(size=n)
        elif kind == 2:
            values = wave + 0.2 * np.cumsum(rng.normal(size=n)) + 0.3 * rng.normal(size=n)
        else:
            values = (np.arange(n) % period < max(1, period // 8)) * 5.0 + rng.normal(size=n)
        yield f"made {('growth', 'noise', 'wander', 'peaks')[kind]} {period} of {n}", values, [period]


def without(rng, count):
    for i in range(count):
        n = int(rng.integers(30, 3000))
        noise = rng.normal(size=n)
        kind = ("white", "walk", "ar", "walk with slope")[i % 4]
        if kind == "white":
            values = noise
        elif kind == "walk":
            values = np.cumsum(noise)
        elif kind == "walk with slope":
            values = np.cumsum(noise + 0.3)
        else:
            values = noise.copy()
            for t in range(1, n):
                values[t] += 0.9 * values[t - 1]
        yield kind, values


def search(binary, all_values):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.txt"
        lines = (" ".join(repr(float(x)).replace("nan", "NaN") for x in values) for values in all_values)
        path.write_text("\n".join(lines) + "\n")
        out = subprocess.run([binary, str(path)], check=True, capture_output=True, text=True)
    return [[int(p.split(":")[0]) for p in line.split()] for line in out.stdout.split("\n")[:-1]]


def near(a, b):
    return abs(a - b) <= max(b / 50, 0.5)


def verdict(found, periods):
    if not found:
        return "none"
    first = found[0]
    if any(near(first, p) for p in periods):
        return "right"
    if any(near(first, p * k) or near(first * k, p) for p in periods for k in range(2, 9)):
        return "related"
    return "wrong"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--show", action="store_true")
    arguments.add_argument("--binary", help="the example peer_periods, when it is built already")
    arguments = arguments.parse_args()
    show, binary = arguments.show, arguments.binary
    if binary is None:
        command = ["cargo", "build", "--release", "-p", "bongsu-stats", "--example", "peer_periods"]
        subprocess.run(command, cwd=peer.ROOT, check=True)
        binary = str(peer.target_directory() / "release" / "examples" / "peer_periods")
    data, rng = Path(os.environ["BONGSU_DATA"]), np.random.default_rng(7)
    known = {
        "M3 monthly": [(n, x, [12]) for n, x in competition(data, "m3", "monthly")],
        "M3 quarterly": [(n, x, [4]) for n, x in competition(data, "m3", "quarterly")],
        "M1 monthly": [(n, x, [12]) for n, x in competition(data, "m1", "monthly")],
        "classic": list(classics(data)),
        "nab, daily": list(nab(data)),
        "made": list(made(rng, 400)),
    }
    print("| series | count | right | related | none | wrong |\n|---|---|---|---|---|---|")
    for name, rows in known.items():
        found = search(binary, [values for _, values, _ in rows])
        verdicts = [verdict(f, periods) for f, (_, _, periods) in zip(found, rows)]
        shares = " | ".join(f"{verdicts.count(v) / len(rows):.3f}" for v in ("right", "related", "none", "wrong"))
        print(f"| {name} | {len(rows)} | {shares} |", flush=True)
        if show and not name.startswith("M"):
            for f, v, (label, values, periods) in zip(found, verdicts, rows):
                if v != "right" or name != "made":
                    print(f"    {label}: {periods} -> {f} {v}")
        if name == "made":
            for kind in ("growth", "noise", "wander", "peaks"):
                part = [v for v, (label, _, _) in zip(verdicts, rows) if f" {kind} " in label]
                shares = " | ".join(f"{part.count(v) / len(part):.3f}" for v in ("right", "related", "none", "wrong"))
                print(f"| made, {kind} | {len(part)} | {shares} |")
    rows = list(without(rng, 400))
    none = {
        "M3 yearly": [x for _, x in competition(data, "m3", "yearly")],
        **{k: [x for kind, x in rows if kind == k] for k in ("white", "walk", "ar", "walk with slope")},
    }
    print("\n| series without a period | count | one found |\n|---|---|---|")
    for name, rows in none.items():
        found = search(binary, rows)
        print(f"| {name} | {len(rows)} | {np.mean([bool(f) for f in found]):.3f} |", flush=True)


if __name__ == "__main__":
    main()
