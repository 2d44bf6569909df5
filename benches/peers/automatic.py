"""The automatic detector of tables beside others, on several metrics of one machine.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3

Run: BONGSU_DATA=FOLDER python benches/peers/automatic.py [--leave-out] BONGSU [DETECTOR]...

Reads the folders asd and skab of $BONGSU_DATA; BONGSU is the built command. Every detector has its
defaults, learns the part without labels alone (the train files of asd, the first 400 rows of each run of
skab) and judges the rest. A detector may be given with parameters, `auto-multivariate:average=1`. With
`--leave-out` the detectors are taken for variants of one: of each set the figures are those of the
variant that is best, by VUS-PR, on the other one. Prints the mean VUS-PR, with buffers of up to 50 rows, and the mean best F1.
"""

import argparse
import gzip
import io
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

DETECTORS = ["auto-multivariate", "pca", "isolation-forest", "robust-z", "autoencoder"]
BUFFER = 50
SKAB_TRAIN = 400


def unpacked(path):
    return pd.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())))


def asd(folder):
    for path in sorted((folder / "asd" / "test").glob("*.csv*")):
        read = unpacked if path.suffix == ".gz" else pd.read_csv
        train, test = read(folder / "asd" / "train" / path.name), read(path)
        labels = test["label"].to_numpy()
        columns = [name for name in test if name not in ("label", "timestamp")]
        yield np.vstack([train[columns], test[columns]]), len(train), labels


def skab(folder):
    for path in sorted((folder / "skab" / "data").rglob("*.csv*")):
        table = pd.read_csv(path, sep=";")
        if "anomaly" not in table:
            continue
        labels = table["anomaly"].to_numpy()[SKAB_TRAIN:]
        yield table.iloc[:, 1:-2].to_numpy(), SKAB_TRAIN, labels


def run(command, *arguments):
    done = subprocess.run([command, "--quiet", *arguments], check=True, capture_output=True)
    return done.stdout


def measured(command, detector, values, train, labels, folder):
    frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])])
    frame.insert(0, "timestamp", 60 * np.arange(len(frame)))
    frame.to_csv(folder / "in.csv", index=False)
    name, *parameters = detector.split(":")
    settings = [part for parameter in parameters for part in ("--set", parameter)]
    rows = run(command, "detect", "--detector", name, *settings, "--train-rows", str(train),
               "--input", str(folder / "in.csv"))
    scores = pd.read_csv(io.BytesIO(rows)).iloc[train:]
    scores.to_csv(folder / "scores.csv", index=False)
    truth = pd.DataFrame({"timestamp": scores["timestamp"], "label": labels.astype(int)})
    truth.to_csv(folder / "labels.csv", index=False)
    found = run(command, "evaluate", "--scores", str(folder / "scores.csv"),
                "--labels", str(folder / "labels.csv"), "--vus-window", str(BUFFER))
    found = json.loads(found)
    return found["vus_pr"], found["best_f1"]


def main():
    data = Path(os.environ["BONGSU_DATA"])
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leave-out", action="store_true")
    arguments.add_argument("command")
    arguments.add_argument("detectors", nargs="*", default=DETECTORS)
    arguments = arguments.parse_args()
    print("| method | asd VUS-PR | asd F1 | skab VUS-PR | skab F1 |\n|---|---|---|---|---|")
    table = []
    for detector in arguments.detectors:
        sets = []
        with tempfile.TemporaryDirectory() as folder:
            for series in (asd(data), skab(data)):
                found = [measured(arguments.command, detector, *one, Path(folder)) for one in series]
                sets.append(np.mean(found, axis=0))
        table.append(sets)
        show(f"`{detector}`", sets)
    if arguments.leave_out:
        vus = np.array([[found[0] for found in sets] for sets in table])
        of_asd, of_skab = vus[:, 1].argmax(), vus[:, 0].argmax()
        show("chosen on the other set", [table[of_asd][0], table[of_skab][1]])


def show(name, sets):
    cells = " | ".join(f"{cell:.3f}" for found in sets for cell in found)
    print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
