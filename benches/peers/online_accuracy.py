"""What Bongsu's and river's online detectors of one metric find on labelled series.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scikit-learn==1.9.1
    river==0.26.0 (needs Python 3.12)

Run: BONGSU_DATA=FOLDER python benches/peers/online_accuracy.py [--set NAME]... [--step N]

Reads the folders nab, merlion_synth, gutentag, ucr_anomaly and asd (each metric of the test part by
itself, labelled by the machine) of $BONGSU_DATA. `--step N` takes every N-th series. Every detector
sees each value once, scores it and then learns it; all have their defaults. Prints a table of means
over the series of each set: areas under the ROC and the precision-recall curve of points, the share
of labelled stretches with an alarm, and alarms outside of them per 1,000 points. river's detectors
come without a threshold: that of StandardAbsoluteDeviation is 3 here, that of GaussianScorer the
same distance, 0.9973. Points without a score count as the least anomalous. Series of a set without
timestamps have a point a minute, those of asd one every five.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

import peer

# Detector: its threshold.
OURS = {
    "auto-stream": 3.0,
    "ewma": 4.0,
    "online-mad": 4.0,
    "holt-winters": 4.0,
    "seasonal-profile": 4.0,
    "spot": 1.0,
    "robust-z": 3.5,
}
THEIRS = {"StandardAbsoluteDeviation": 3.0, "GaussianScorer": 0.9973}


def nab(folder):
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for path in sorted((folder / "data").rglob("*.csv")):
        table = pd.read_csv(path, parse_dates=["timestamp"])
        labels = np.zeros(len(table), bool)
        for start, end in windows[str(path.relative_to(folder / "data"))]:
            inside = (table.timestamp >= pd.Timestamp(start)) & (table.timestamp <= pd.Timestamp(end))
            labels |= inside.to_numpy()
        yield path.stem, seconds(table.timestamp), table.value.to_numpy(float), labels


def seconds(timestamps):
    return pd.to_datetime(timestamps).to_numpy("datetime64[s]").astype(float)


def minutes(values, step=1):
    return 60.0 * step * np.arange(len(values))


def column(folder, pattern, label):
    for path in sorted(folder.glob(pattern)):
        table = pd.read_csv(path)
        if label in table:
            values = [name for name in table.columns if name not in ("timestamp", label)]
            x = table[values[0]] if values else table.iloc[:, 0]
            times = minutes(x)
            if "timestamp" in table and table.timestamp.dtype == object:
                times = seconds(table.timestamp)
            yield path.stem, times, x.to_numpy(float), table[label].to_numpy() > 0


def ucr(folder):
    for path in sorted(folder.glob("*.txt")):
        _, start, end = map(int, path.stem.split("_")[-3:])
        values = np.array(path.read_text().split(), float)
        labels = np.zeros(len(values), bool)
        labels[start - 1 : end] = True
        yield path.stem, minutes(values), values, labels


def asd(folder):
    for path in sorted((folder / "test").glob("*.csv*")):
        table = pd.read_csv(path)
        for name in table.columns:
            if name not in ("timestamp", "label"):
                x = table[name].to_numpy(float)
                yield f"{path.stem} {name}", minutes(x, 5), x, table.label.to_numpy() > 0


SETS = {
    "nab": nab,
    "merlion_synth": lambda folder: column(folder, "*.csv", "anomaly"),
    "gutentag": lambda folder: column(folder, "*.csv.gz", "is_anomaly"),
    "ucr_anomaly": ucr,
    "asd": asd,
}


def scores_of_ours(times, values, folder, binary):
    source, clock, out = (folder / name for name in ("in.f64", "times.f64", "out.f64"))
    peer.write_table(source, values)
    peer.write_table(clock, times)
    for name in OURS:
        command = [binary, name, "0", str(out), str(source), str(clock), "period=auto"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield name, np.fromfile(out, "<f8")


def scores_of_theirs(values):
    try:
        from river import anomaly
    except ImportError:
        return
    for name in THEIRS:
        detector, out = getattr(anomaly, name)(), np.full(len(values), np.nan)
        for i, value in enumerate(values.tolist()):
            if value == value:
                out[i] = detector.score_one(None, value)
                detector.learn_one(None, value)
        yield name, out


def stretches(labels):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(int), [0]])))
    return edges.reshape(-1, 2)


def measures(scores, labels, threshold):
    alarms = scores > threshold
    # Infinite scores are the largest; none is the least.
    scores = np.nan_to_num(scores, nan=-1.0, posinf=1e300)
    found = [alarms[a:b].any() for a, b in stretches(labels)]
    return (
        roc_auc_score(labels, scores),
        average_precision_score(labels, scores),
        np.mean(found),
        1_000 * alarms[~labels].mean(),
    )


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--set", action="append", choices=list(SETS))
    arguments.add_argument("--step", type=int, default=1)
    arguments = arguments.parse_args()
    command = ["cargo", "build", "--release", "-p", "bongsu-stream", "--example", "peer_online"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    binary = str(peer.target_directory() / "release" / "examples" / "peer_online")
    data = Path(os.environ["BONGSU_DATA"])
    print("| set | detector | ROC-AUC | PR-AUC | stretches found | false alarms per 1,000 |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.set or SETS:
            results, count = {}, 0
            for _, times, values, labels in list(SETS[name](data / name))[:: arguments.step]:
                if not labels.any() or np.nanmin(values) == np.nanmax(values):
                    continue
                count += 1
                for detector, scores in scores_of_ours(times, values, Path(folder), binary):
                    found = measures(scores, labels, OURS[detector])
                    results.setdefault(detector, []).append(found)
                for detector, scores in scores_of_theirs(values):
                    found = measures(scores, labels, THEIRS[detector])
                    results.setdefault(f"river {detector}", []).append(found)
            for detector, rows in results.items():
                roc, pr, found, alarms = np.mean(rows, axis=0)
                label = f"{name} ({count} series)"
                print(
                    f"| {label} | {detector} | {roc:.3f} | {pr:.3f} | {found:.2f} | {alarms:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
