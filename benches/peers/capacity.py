"""When does it run out? Bongsu's capacity plans against the straightforward way with scikit-learn.

    python benches/peers/capacity.py [--data DIR] [--only GROUP] [--count N] [--ours]

The straightforward way: features of the clock, the calendar and the last 24 values; linear regression
and a random forest (100 trees, seed 42) fitted on the first 80 % of the history; the one with the better R2
on the other 20 % is fitted again on all of it and forecasts the horizon with the last known
statistics; the first step whose forecast is above the threshold is the answer. Its interval is where the
forecast plus and minus 1.2816 standard deviations of the errors on the 20 % cross first.

Both see the same history. The truth is the first step of what came later that is above the threshold. A
crossing beyond the horizon counts as one at its end, for the truth as for the answers. The groups:

- synthetic ones, of 720 hours with 720 more to come: trend, day, week and noise of different kinds;
- real ones: the first part of a series is history, the rest is to come; the threshold lies between the
  greatest value of the last third of the history and that of the future, at a share drawn at random, or
  2 % above the former where the future does not exceed it. So a threshold near to the past is one that is
  not crossed, which nobody can know; with --blind it lies above that greatest value by a share, drawn at
  random from 0 to 45 %, of the range of that third, whatever comes.

Requires numpy 2, pandas 3, scikit-learn 1.9. Needs `cargo build --release -p bongsu-capacity --example capacity_plans`.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600
LEVEL = 0.8
Z = 1.2815515655446004


def crossing(path, threshold):
    above = np.flatnonzero(path > threshold)
    return int(above[0]) + 1 if len(above) else None


# Synthetic series, whose truth is a realisation of the process that made them.


def season(hours, rng):
    day, week = rng.uniform(1, 6), rng.uniform(0.5, 0.95)
    shape = np.sin(2 * np.pi * (hours - rng.integers(24)) / 24)
    weekend = (hours // 24) % 7 >= 5
    return day * shape * np.where(weekend, week, 1) - np.where(weekend, rng.uniform(0, 3), 0)


def autoregressive(count, share, rng):
    noise, value = rng.standard_normal(count), 0.0
    out = np.empty(count)
    for i in range(count):
        value = share * value + noise[i] * np.sqrt(1 - share * share)
        out[i] = value
    return out


def synthetic(kind, index):
    rng = np.random.default_rng([index, sum(map(ord, kind))])
    past = ahead = 720
    hours = np.arange(past + ahead)
    base = rng.uniform(20, 50)
    slope = rng.uniform(0.1, 1.0) / 24
    scale = rng.uniform(0.3, 2.0)
    line = base + slope * hours
    if kind == "line":
        values = line + scale * rng.standard_normal(len(hours))
    elif kind == "autocorrelated":
        values = line + scale * autoregressive(len(hours), 0.95, rng)
    elif kind == "wandering":
        values = line + np.cumsum(rng.standard_normal(len(hours))) * scale * 0.15
        values += 0.3 * scale * rng.standard_normal(len(hours))
    elif kind == "bend":
        at = rng.integers(300, 600)
        values = base + slope * (0.2 * hours + 1.3 * np.maximum(hours - at, 0))
        values = values + scale * autoregressive(len(hours), 0.8, rng)
    elif kind == "spikes":
        values = line + scale * rng.standard_normal(len(hours))
        spikes = rng.choice(past, 8, replace=False)
        values[spikes] += rng.uniform(10, 40, len(spikes))
    elif kind == "flat":
        values = base + scale * autoregressive(len(hours), 0.9, rng)
    values = values + season(hours, rng)
    days = rng.uniform(1, 40)
    if kind == "flat":
        threshold = base + rng.uniform(12, 25)
    else:
        level = np.mean(values[past - 24 : past])
        growth = slope * 24 * (1.5 if kind == "bend" else 1.0)
        threshold = level + growth * days + np.ptp(season(np.arange(168), np.random.default_rng(0))) / 2
        threshold = max(threshold, np.quantile(values[past - 48 : past], 0.99) + 0.05)
    return case(f"{kind}-{index}", HOUR, values[:past], values[past:], threshold)


def case(name, step, past, future, threshold):
    return {
        "group": name.rsplit("-", 1)[0],
        "name": name,
        "step_seconds": step,
        "values": [None if np.isnan(v) else float(v) for v in past],
        "threshold": float(threshold),
        "horizon_days": len(future) * step / 86400,
        "level": LEVEL,
        "truth": crossing(np.asarray(future), threshold),
        "steps": len(future),
    }


# Real series.


def real_case(name, step, values, share, index, blind=False):
    values = np.asarray(values, float)
    past, future = np.split(values, [int(len(values) * share)])
    if len(past) < 24 or np.nanmax(past) == np.nanmin(past):
        return None
    rng = np.random.default_rng([index, 7])
    top, later = np.nanmax(past[-len(past) // 3 :]), np.nanmax(future)
    where = rng.uniform(0.0, 0.9)
    if blind:
        # Nothing of the future is in it.
        threshold = top + where * 0.5 * (top - np.nanmin(past[-len(past) // 3 :]))
    else:
        threshold = top + where * (later - top) if later > top else top + 0.02 * abs(top)
    return case(name, step, past, np.nan_to_num(future, nan=-np.inf), threshold)


def planetlab(data, blind=False):
    """A day of hosts of ten virtual machines at 5 minutes: 16 hours known, 8 to come."""
    for file in sorted((data / "planetlab").glob("*.csv")):
        machines = pd.read_csv(file, index_col=0).to_numpy(float)
        hosts = machines[: len(machines) // 10 * 10].reshape(-1, 10, machines.shape[1]).mean(axis=1)
        for i, host in enumerate(hosts):
            yield real_case(f"planetlab-{i}", 300, host, 2 / 3, i, blind)


def hourly(data, folder, blind):
    """Hourly means of metrics of the Numenta benchmark."""
    for i, file in enumerate(sorted((data / "nab").rglob(f"{folder}/*.csv"))):
        frame = pd.read_csv(file, parse_dates=["timestamp"]).set_index("timestamp")["value"]
        yield real_case(f"{folder}-{i}", HOUR, frame.resample("1h").mean().to_numpy(), 2 / 3, i, blind)


def nab(data, blind=False):
    for folder in ("realAWSCloudwatch", "realKnownCause", "realTraffic"):
        yield from hourly(data, folder, blind)


def m4_weekly(data, blind=False):
    """Weekly series of M4 with trends: five years, of which the last is to come."""
    frame = pd.read_csv(data / "m4_weekly" / "Weekly-train.csv.gz", index_col=0)
    for i, (_, row) in enumerate(frame.iterrows()):
        values = row.dropna().to_numpy(float)[-260:]
        if i % 4 == 0 and len(values) >= 130:
            yield real_case(f"m4 weekly-{i}", 7 * 86400, values, 0.8, i, blind)


SYNTHETIC = ["line", "autocorrelated", "wandering", "bend", "spikes", "flat"]
REAL = [planetlab, nab, m4_weekly]


# The straightforward way.


def features(times, recent):
    times = pd.DatetimeIndex(times)
    calendar = [times.astype("int64") / 1e9, times.hour, times.day_of_week, times.day, times.month]
    return np.column_stack([*calendar, *np.asarray(recent).T])


def theirs(case):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    step = pd.Timedelta(seconds=case["step_seconds"])
    values = pd.Series(case["values"], dtype=float)
    values.index = pd.Timestamp(0) + step * np.arange(1, len(values) + 1)
    values = values.interpolate(limit_direction="both")
    window = values.rolling(min(24, len(values) // 4)).agg(["mean", "std", "max", "min"])
    known = window.shift(1).dropna()
    x, y = features(known.index, known.to_numpy()), values[known.index].to_numpy()
    split = int(0.8 * len(x))
    best = None
    for model in (LinearRegression(), RandomForestRegressor(n_estimators=100, random_state=42, n_jobs=1)):
        errors = y[split:] - model.fit(x[:split], y[:split]).predict(x[split:])
        score = r2_score(y[split:], y[split:] - errors)
        if best is None or score > best[0]:
            best = (score, model, np.std(errors))
    _, model, spread = best
    model.fit(x, y)
    times = values.index[-1] + step * np.arange(1, case["steps"] + 1)
    last = np.repeat(window.iloc[[-1]].to_numpy(), case["steps"], axis=0)
    mean = model.predict(features(times, last))
    bounds = [crossing(mean + sign * Z * spread, case["threshold"]) for sign in (1, 0, -1)]
    return {"lower": bounds[0], "median": bounds[1], "upper": bounds[2], "model": type(model).__name__}


# Ours.


def ours(cases):
    command = [str(target() / "release/examples/capacity_plans")]
    sent = [{k: c[k] for k in ("name", "step_seconds", "values", "threshold", "horizon_days", "level")} | ({"candidates": c["candidates"]} if "candidates" in c else {}) for c in cases]
    done = subprocess.run(command, input=json.dumps(sent), capture_output=True, text=True, check=True)
    out = []
    for case, answer in zip(cases, json.loads(done.stdout)):
        if "error" in answer:
            out.append({"error": answer["error"], "seconds": answer["seconds"]})
            continue
        plan = answer["plan"]
        step = case["step_seconds"] / 86400
        steps = lambda days: None if days is None else max(days / step, 0)
        out.append({
            "lower": steps(plan["days_left_lower"]),
            "median": steps(plan["days_left"]),
            "upper": steps(plan["days_left_upper"]),
            "model": plan["model"],
            "seconds": answer["seconds"],
            "plan": plan,
        })
    return out


def target():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Path(json.loads(done.stdout)["target_directory"])


def judge(cases, answers):
    """Mean error as a share of the horizon, coverage, and the mean width as a share of the horizon."""
    errors, inside, widths = [], [], []
    for case, answer in zip(cases, answers):
        steps = case["steps"]
        at = lambda value: steps if value is None else min(value, steps)
        truth = at(case["truth"])
        errors.append(abs(at(answer["median"]) - truth) / steps)
        # A truth at the end of the horizon is beyond it, as is an upper bound there.
        # A step on either side is rounding.
        inside.append(at(answer["lower"]) - 1 <= truth <= at(answer["upper"]) + 1)
        widths.append((at(answer["upper"]) - at(answer["lower"])) / steps)
    return np.mean(errors), np.mean(inside), np.mean(widths)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=Path, default=os.environ.get("BONGSU_DATA"))
    arguments.add_argument("--only", action="append", default=[])
    arguments.add_argument("--count", type=int, default=60, help="cases of each synthetic group")
    arguments.add_argument("--ours", action="store_true", help="without scikit-learn")
    arguments.add_argument("--seed", type=int, default=0, help="the first synthetic case")
    arguments.add_argument("--blind", action="store_true", help="thresholds of real series that know nothing of the future")
    arguments = arguments.parse_args()
    cases = [synthetic(kind, arguments.seed + i) for kind in SYNTHETIC for i in range(arguments.count)]
    if arguments.data:
        cases += [c for source in REAL for c in source(Path(arguments.data), arguments.blind) if c]
    groups = {}
    for c in cases:
        if not arguments.only or c["group"] in arguments.only:
            groups.setdefault(c["group"], []).append(c)
    print("| series | cases | error, scikit-learn | error, Bongsu | coverage of 80 %, scikit-learn | coverage, Bongsu | width, scikit-learn | width, Bongsu |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for group, members in groups.items():
        start = time.time()
        mine = ours(members)
        took = time.time() - start
        kept = [(c, a) for c, a in zip(members, mine) if "error" not in a]
        failed = [a["error"] for a in mine if "error" in a]
        members, mine = [c for c, _ in kept], [a for _, a in kept]
        others = [theirs(c) for c in members] if not arguments.ours else None
        (e1, c1, w1), (e2, c2, w2) = judge(members, others) if others else (np.nan,) * 3, judge(members, mine)
        print(f"| {group} | {len(members)} | {e1:.3f} | **{e2:.3f}** | {c1:.0%} | **{c2:.0%}** | {w1:.2f} | {w2:.2f} |" if others else
              f"| {group} | {len(members)} | {e2:.3f} | {c2:.0%} | {w2:.2f} |", flush=True)
        models = pd.Series([a["model"] for a in mine]).value_counts().to_dict()
        print(f"<!-- {group}: {took / max(1, len(mine)):.2f} s a plan; {models}; failed {len(failed)} {failed[:1]}; "
              f"crossed {np.mean([c['truth'] is not None for c in members]):.0%} -->", flush=True)


if __name__ == "__main__":
    main()
