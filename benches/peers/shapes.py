"""VUS-PR of Bongsu's detectors of shapes and of TSB-AD's definitions of them.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3
    scipy==1.17.1
    scikit-learn==1.9.1
    statsmodels==0.15.0
    stumpy==1.14.1

Run: BONGSU_DATA=FOLDER python benches/peers/shapes.py [--write] [--all] [--set NAME]...

Reads the folders gutentag, merlion_synth, nab and ucr_anomaly of $BONGSU_DATA: the series with a
labelled anomaly in their first 25,000 points, of which those are taken; every second one of
gutentag and nab unless `--all` asks for every one. `--write` renews the table
in docs/benchmarks.md. The exit status is 1 when the mean of one of ours over a set is more than
0.01 below that of its reference.

The references are SR, MatrixProfile, Sub_PCA, POLY and KMeansAD_U of TSB-AD 1.5, with the
parameters that its authors found best for single series. They are written here anew, because the
package asks for PyTorch and an older NumPy. Their window is a peak of the autocorrelation. Ours
have their defaults, the matrix profile the strongest period as its window (100 without one). Each
detector is fitted to the whole series that it scores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import peer
from vus import vus_pr

# Below the peer module, which sets the number of threads.
import stumpy
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import argrelextrema
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from statsmodels.tsa.stattools import acf

warnings.filterwarnings("ignore")
BEGIN, END = "<!-- shapes: begin -->", "<!-- shapes: end -->"
MOST_POINTS = 25_000
TOLERANCE = 0.01
LARGE = ("gutentag", "nab")


# The data: (name, values, labels) of each series.


def gutentag(folder):
    for path in sorted(folder.glob("*.csv.gz")):
        table = pd.read_csv(path)
        yield path.name.split(".")[0], table["value-0"], table["is_anomaly"]


def merlion_synth(folder):
    for path in sorted(folder.glob("*_anomaly.csv")):
        table = pd.read_csv(path)
        yield path.stem, table.iloc[:, 1], table["anomaly"]


def nab(folder):
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for path, spans in sorted(windows.items()):
        table = pd.read_csv(folder / "data" / path, parse_dates=["timestamp"])
        labels = np.zeros(len(table))
        for start, end in spans:
            labels[table["timestamp"].between(pd.Timestamp(start), pd.Timestamp(end))] = 1
        yield Path(path).stem, table["value"], labels


def ucr_anomaly(folder):
    for path in sorted(folder.glob("*.txt")):
        values = np.array(path.read_text().split(), dtype=float)
        start, end = map(int, path.stem.split("_")[-2:])
        labels = np.zeros(len(values))
        labels[start - 1 : end] = 1
        yield path.stem.split("_")[3], values, labels


SETS = {"gutentag": gutentag, "merlion_synth": merlion_synth, "nab": nab, "ucr_anomaly": ucr_anomaly}


def series_of(name):
    for title, values, labels in SETS[name](Path(os.environ["BONGSU_DATA"], name)):
        values = np.asarray(values, dtype=float)[:MOST_POINTS]
        labels = (np.asarray(labels, dtype=float)[:MOST_POINTS] > 0.5).astype(int)
        if 0 < labels.sum() < len(labels):
            yield title, values, labels


# The references.


def autocorrelation_window(values, rank=1):
    """The lag in [6, 303] of the highest peak of the autocorrelation, else 125; at rank 2 of the
    next highest one that lies at a longer lag."""
    base, default = 3, 125
    correlation = acf(values[:20_000], nlags=400, fft=True)[base:]
    peaks = argrelextrema(correlation, np.greater)[0]
    if len(peaks) == 0:
        return default
    order = np.argsort(correlation[peaks])[::-1]
    chosen = order[0]
    if rank == 2:
        chosen = next((i for i in order[1:] if i > order[0]), chosen)
    return int(peaks[chosen]) + base if 3 <= peaks[chosen] <= 300 else default


def unit(values):
    return (values - values.min()) / (values.max() - values.min())


def spectral_residual(values):
    x = unit(values)
    spectrum = np.fft.fft(x)
    logs = np.log(np.maximum(np.abs(spectrum), np.finfo(float).tiny))
    half = logs[1 : (len(logs) + 2) // 2]
    # An average over 100 frequencies, padded with the first and the last value of the series.
    padded = np.concatenate([np.full(49, x[0]), half, np.full(50, x[-1])])
    average = np.convolve(padded, np.full(100, 0.01), "valid")
    mirrored = (average[:-1] if len(x) % 2 == 0 else average)[::-1]
    average = np.concatenate([logs[:1], average, mirrored])
    return np.abs(np.fft.ifft(np.exp(logs - average + 1j * np.angle(spectrum))))


def matrix_profile(values):
    window = autocorrelation_window(values)
    profile = stumpy.stump(values, m=window)[:, 0].astype(float)
    scores = np.full(len(values), profile.min())
    scores[window // 2 : window // 2 + len(profile)] = profile
    return scores


def sub_pca(values):
    window = autocorrelation_window(values)
    x = StandardScaler().fit_transform(sliding_window_view(values, window))
    x = x[:, np.any(x != 0, axis=0)]
    pca = PCA(svd_solver="full").fit(x)
    scores = np.zeros(len(x))
    for start in range(0, len(x), 4096):
        distances = cdist(x[start : start + 4096], pca.components_)
        scores[start : start + 4096] = (distances / pca.explained_variance_ratio_).sum(axis=1)
    before = window // 2
    return np.pad(scores, (before, window - 1 - before), mode="edge")


def poly(values, power=4):
    """The error of a polynomial of the neighbourhood of each block, without the block itself."""
    x, n = unit(values), len(values)
    window = autocorrelation_window(values)
    around = min(max(10 * window, 100), n)
    scores = np.zeros(n)
    first = -(-min(500, n // 10) // window)
    for start in range(first * window, n, window):
        end = min(start + window, n)
        if start + around // 2 >= n:
            low, high = n - around, n
        elif start - around // 2 > 0:
            low, high = start - around // 2, start + around // 2
        else:
            low, high = 0, around
        places = np.concatenate([np.arange(low, start), np.arange(end, high)])
        fitted = np.polyval(np.polyfit(places, x[places], power), np.arange(start, end))
        scores[start:end] = np.sqrt(np.mean((x[start:end] - fitted) ** 2))
    return scores


def kmeans(values):
    window = autocorrelation_window(values, rank=2)
    x = sliding_window_view(values, window)
    with np.errstate(all="ignore"):
        x = np.nan_to_num((x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, ddof=1, keepdims=True))
    distances = KMeans(n_clusters=10, random_state=0).fit(x).transform(x).min(axis=1)
    sums = np.convolve(distances, np.ones(window))
    return sums / np.convolve(np.ones(len(distances)), np.ones(window))


REFERENCES = {
    "spectral-residual": spectral_residual,
    "matrix-profile": matrix_profile,
    "sub-pca": sub_pca,
    "poly": poly,
    "kmeans": kmeans,
}


# Both sides.


def measured(scores, values, labels):
    if not np.all(np.isfinite(scores)):
        return 0.0
    return vus_pr(scores, labels, autocorrelation_window(values))


def ours(sets):
    """The VUS-PR of each detector on each series: set, detector, series."""
    command = ["cargo", "build", "--release", "-p", "bongsu-ml", "--example", "shapes"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    areas = {name: {} for name in sets}
    with tempfile.TemporaryDirectory() as directory:
        for name, series in sets.items():
            Path(directory, name).mkdir()
            for title, values, _ in series:
                values.astype("<f8").tofile(Path(directory, name, f"{title}.f64"))
        binary = peer.target_directory() / "release" / "examples" / "shapes"
        subprocess.run([binary], check=True, env=os.environ | {"BONGSU_DATA": directory})
        for name, series in sets.items():
            for title, values, labels in series:
                for path in sorted(Path(directory, name).glob(f"{title}.*.scores")):
                    detector = path.name[len(title) + 1 : -len(".scores")]
                    area = measured(np.fromfile(path, "<f8"), values, labels)
                    areas[name].setdefault(detector, {})[title] = area
    return areas


def theirs(sets):
    return {
        name: {
            detector: {title: measured(score(x), x, labels) for title, x, labels in series}
            for detector, score in REFERENCES.items()
        }
        for name, series in sets.items()
    }


def mean(areas):
    return float(np.mean(list(areas.values())))


def reference_of(detector):
    return next(name for name in REFERENCES if detector.startswith(name))


def table(our, their, sets):
    titles = [f"{name} ({len(series)} series)" for name, series in sets.items()]
    lines = ["| detector | " + " | ".join(titles) + " | mean |", "|---|" + "---|" * (len(titles) + 1)]
    first = next(iter(our.values()))
    for detector in sorted(first, key=lambda d: (list(REFERENCES).index(reference_of(d)), d)):
        pairs = [(mean(our[n][detector]), mean(their[n][reference_of(detector)])) for n in sets]
        pairs.append(tuple(np.mean(pairs, axis=0)))
        cells = [f"{a:.3f} / {b:.3f}" for a, b in pairs]
        lines.append(f"| {detector} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--set", action="append", choices=SETS, help="only this set")
    parser.add_argument("--all", action="store_true", help="every series, which takes twice as long")
    arguments = parser.parse_args()
    sets = {name: list(series_of(name)) for name in arguments.set or SETS}
    if not arguments.all:
        sets = {name: series[::2] if name in LARGE else series for name, series in sets.items()}
    our, their = ours(sets), theirs(sets)
    text = table(our, their, sets)
    if arguments.write:
        page = peer.ROOT / "docs" / "benchmarks.md"
        before, rest = page.read_text().split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    else:
        print(text)
    worse = [
        f"{detector} on {name} {mean(our[name][detector]):.3f} < {mean(areas):.3f}"
        for name in sets
        for detector, areas in their[name].items()
        if mean(our[name][detector]) < mean(areas) - TOLERANCE
    ]
    if worse:
        sys.exit(f"below the reference: {', '.join(worse)}")


if __name__ == "__main__":
    main()
