"""What Bongsu's and river's online detectors of several features find on labelled streams.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scikit-learn==1.9.1
    river==0.26.0 (needs Python 3.12; without it only Bongsu is measured)

Run: BONGSU_DATA=FOLDER python benches/peers/trees_accuracy.py [--set NAME]... [--step N]

Reads the folders asd (the test part is judged, after the train part), skab and adbench (sets of at
least 1,400 rows, in the order of the file) of $BONGSU_DATA. Every detector sees each row once, scores
it and then learns it, with its defaults; rows without a score and the first 400 are not judged.
river's half-space trees get features scaled by its MinMaxScaler, as its documentation does it.
`--step N` takes every N-th stream. Prints means over the streams of each set.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

import peer

OURS = ["half-space-trees-auto", "half-space-trees-small", "micro-clusters", "loda"]
OURS += ["random-cut-forest"]
FIRST = 400


def asd(folder):
    for path in sorted((folder / "test").glob("*.csv*")):
        test = pd.read_csv(path)
        train = pd.read_csv(folder / "train" / path.name)
        columns = [name for name in test.columns if name not in ("timestamp", "label")]
        rows = np.vstack([train[columns], test[columns]])
        labels = np.concatenate([np.full(len(train), -1), test.label > 0])
        yield path.stem, rows, labels


def skab(folder):
    for path in sorted(folder.rglob("*.csv")):
        table = pd.read_csv(path, sep=";")
        if "anomaly" in table:
            rows = table.drop(columns=["datetime", "anomaly", "changepoint"]).to_numpy(float)
            yield path.stem, rows, table.anomaly.to_numpy()


def adbench(folder):
    for path in sorted(folder.glob("*.csv.gz")):
        table = pd.read_csv(path)
        if len(table) >= 1_400:
            yield path.stem, table.drop(columns="label").to_numpy(float), table.label.to_numpy()


SETS = {"asd": asd, "skab": skab, "adbench": adbench}


def scores_of_ours(rows, folder, binary):
    source, out = folder / "in.f64", folder / "out.f64"
    peer.write_table(source, rows)
    for name in OURS:
        command = [binary, name, "0", str(out), str(source), "height=8", "trees=100"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield name, np.fromfile(out, "<f8")


def scores_of_theirs(rows):
    try:
        from river import anomaly, preprocessing
    except ImportError:
        return
    scaler, trees = preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=42)
    out = np.zeros(len(rows))
    for i, row in enumerate(rows.tolist()):
        row = dict(enumerate(row))
        scaler.learn_one(row)
        row = scaler.transform_one(row)
        out[i] = trees.score_one(row)
        trees.learn_one(row)
    yield "river HalfSpaceTrees", out


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--set", action="append", choices=list(SETS))
    arguments.add_argument("--step", type=int, default=1)
    arguments = arguments.parse_args()
    command = ["cargo", "build", "--release", "-p", "bongsu-stream", "--example", "peer_trees"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    binary = str(peer.target_directory() / "release" / "examples" / "peer_trees")
    data = Path(os.environ["BONGSU_DATA"])
    print("| set | detector | ROC-AUC | PR-AUC |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.set or SETS:
            results, count = {}, 0
            for _, rows, labels in list(SETS[name](data / name))[:: arguments.step]:
                judged = labels >= 0
                judged[:FIRST] = False
                truth = labels[judged] > 0
                if not truth.any() or truth.all():
                    continue
                count += 1
                every = list(scores_of_ours(rows, Path(folder), binary))
                for detector, scores in every + list(scores_of_theirs(rows)):
                    found = scores[judged]
                    measured = roc_auc_score(truth, found), average_precision_score(truth, found)
                    results.setdefault(detector, []).append(measured)
            for detector, measured in results.items():
                roc, pr = np.mean(measured, axis=0)
                print(f"| {name} ({count} streams) | {detector} | {roc:.3f} | {pr:.3f} |", flush=True)


if __name__ == "__main__":
    main()
