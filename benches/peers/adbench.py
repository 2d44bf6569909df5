"""ROC-AUC of Bongsu's detectors and of scikit-learn's and PyOD's on the tables of ADBench.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scikit-learn==1.9.1
    pyod==3.6.7

Run: BONGSU_DATA=FOLDER python benches/peers/adbench.py [--write]

Reads every $BONGSU_DATA/adbench/*.csv.gz; the last column is the label. All but the isolation
forest and the methods that look at one column at a time get standardised columns. Random methods
have the mean of ten seeds. `--write` renews the table in docs/benchmarks.md. The exit status is 1
when one of ours is more than 0.01 below its reference.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from pyod.models.cblof import CBLOF
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

import peer

warnings.filterwarnings("ignore")
BEGIN, END = "<!-- adbench: begin -->", "<!-- adbench: end -->"
SEEDS = 10
TOLERANCE = 0.01


def pyod(build):
    return lambda x, seed: build().fit(x).decision_scores_


def cblof(x, seed):
    return CBLOF(random_state=seed).fit(x).decision_scores_


def forest(x, seed):
    return -IsolationForest(random_state=seed).fit(x).score_samples(x)


def lof(x, seed):
    return -LocalOutlierFactor().fit(x).negative_outlier_factor_


def svm(x, seed):
    return -OneClassSVM().fit(x).score_samples(x)


# Detector: reference, whether on standardised columns, number of seeds, most rows.
REFERENCES = {
    "isolation-forest": (forest, False, SEEDS, None),
    "lof": (lof, True, 1, 20_000),
    "one-class-svm": (svm, True, 1, 8_000),
    "knn": (pyod(KNN), True, 1, 20_000),
    "cblof": (cblof, True, SEEDS, None),
    "pca-weighted": (pyod(PCA), True, 1, None),
    "hbos": (pyod(HBOS), False, 1, None),
    "ecod": (pyod(ECOD), False, 1, None),
    "copod": (pyod(COPOD), False, 1, None),
}


def theirs(x, labels):
    z = StandardScaler().fit_transform(x)
    areas = {}
    for name, (score, scaled, seeds, most) in REFERENCES.items():
        if most is not None and len(x) > most:
            continue
        try:
            runs = [roc_auc_score(labels, score(z if scaled else x, s)) for s in range(seeds)]
            areas[name] = float(np.mean(runs))
        except ValueError:  # a score that is not finite, clusters that cannot be told apart
            continue
    return areas


def ours(tables):
    command = ["cargo", "build", "--release", "-p", "bongsu-ml", "--example", "adbench"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    areas = {name: {} for name in tables}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory, "adbench")
        folder.mkdir()
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        binary = peer.target_directory() / "release" / "examples" / "adbench"
        environment = os.environ | {"BONGSU_DATA": directory}
        done = subprocess.run([binary], check=True, env=environment, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        name, detector, area = line.rsplit(" ", 2)
        areas[name][detector] = float(area)
    return areas


def cell(areas, detector):
    return f"{areas[detector]:.3f}" if detector in areas else "-"


def table(our, their):
    names = sorted(our)
    titles = [f"{d} ours \\| theirs" for d in REFERENCES] + ["pca ours"]
    lines = ["| data set | " + " | ".join(titles) + " |", "|---|" + "---|" * len(titles)]
    for name in names:
        cells = [f"{cell(our[name], d)} \\| {cell(their[name], d)}" for d in REFERENCES]
        lines.append(f"| {name} | " + " | ".join([*cells, cell(our[name], "pca")]) + " |")
    cells = []
    for d in REFERENCES:
        both = [n for n in names if d in our[n] and d in their[n]]
        means = [np.mean([areas[n][d] for n in both]) for areas in (our, their)]
        cells.append(f"{means[0]:.3f} \\| {means[1]:.3f}")
    cells.append(f"{np.mean([our[n]['pca'] for n in names]):.3f}")
    lines.append("| **mean** | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--write", action="store_true")
    arguments = arguments.parse_args()
    folder = Path(os.environ["BONGSU_DATA"], "adbench")
    tables = {p.name.split(".csv")[0]: pd.read_csv(p) for p in sorted(folder.glob("*.csv.gz"))}
    if not tables:
        sys.exit(f"{folder} has no *.csv.gz")
    our = ours(tables)
    their = {}
    for name, data in tables.items():
        values = data.to_numpy(dtype=float)
        their[name] = theirs(values[:, :-1], values[:, -1].astype(int))
    text = table(our, their)
    if arguments.write:
        page = peer.ROOT / "docs" / "benchmarks.md"
        before, rest = page.read_text().split(BEGIN)
        after = rest.split(END)[1]
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    else:
        print(text)
    worse = [
        f"{name}/{d} {our[name][d]:.3f} < {their[name][d]:.3f}"
        for name in tables
        for d in REFERENCES
        if d in our[name] and d in their[name] and our[name][d] < their[name][d] - TOLERANCE
    ]
    if worse:
        sys.exit(f"below the reference: {', '.join(worse)}")


if __name__ == "__main__":
    main()
