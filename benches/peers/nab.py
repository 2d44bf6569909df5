"""The scores of Bongsu's online detectors on the Numenta Anomaly Benchmark.

Requirements (pinned):
    numpy==2.4.6
    pandas==2.3.3

Run: BONGSU_DATA=FOLDER python benches/peers/nab.py [--leave-out] [--legal] [DETECTOR]...

Reads the folder nab of $BONGSU_DATA. Every detector sees each value once, scores it, and then learns
it; it knows neither the limits of a file nor what comes later. Prints the score of the three profiles
of NAB 1.1, each at its best threshold over all files, and what the standard one comes from. With
`--leave-out` the threshold of each of the seven folders is the best one of the other six.

`--legal` uses what the benchmark lets detectors know beforehand: the least and the largest value of a
file. The first value that comes as near to one of them as a share of their distance gets something added
to its score. What and how near is tried on a grid; with `--leave-out` both are chosen, with the
threshold, on the other six folders.

The Rust scorer in crates/eval gives the published results for the published scores of three of the
benchmark's own detectors (Skyline, random cut forest, relative entropy); this one agrees with it.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import peer

# The cost of a false alarm and of a miss.
PROFILES = {"standard": (0.11, 1.0), "low FP": (0.22, 1.0), "low FN": (0.11, 2.0)}

# How near to a limit, as a share of their distance, and what is added to the score.
NEAR = [0.001, 0.01, 0.05]
MORE = [0.5, 1.0, 2.0]


def files(folder):
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    for name, spans in sorted(windows.items()):
        table = pd.read_csv(folder / "data" / name, parse_dates=["timestamp"])
        rows = []
        for start, end in spans:
            inside = table.timestamp.between(pd.Timestamp(start), pd.Timestamp(end))
            places = np.flatnonzero(inside.to_numpy())
            rows.append((places[0], places[-1]))
        times = table.timestamp.to_numpy("datetime64[s]").astype(float)
        yield name, times, table.value.to_numpy(float), rows


def sigmoid(position):
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, 3))) - 1)


def worths(rows, windows):
    """The window of each row, -1 outside, and what an alarm there is worth."""
    window, worth = np.full(rows, -1), np.full(rows, -1.0)
    for first, last in windows:
        after = np.arange(last + 1, rows)
        worth[after] = sigmoid((after - last) / (last - first))
    for k, (first, last) in enumerate(windows):
        inside = np.arange(first, last + 1)
        window[inside] = k
        left = (last - inside + 1) / (last - first + 1)
        worth[inside] = sigmoid(-left) / sigmoid(np.array(-1.0))
    return window, worth


class Corpus:
    """The scored rows of files, without the probation, from the highest score down."""

    def __init__(self, parts):
        scores, windows, values, self.windows = [], [], [], 0
        for (_, _, x, spans), score in parts:
            window, worth = worths(len(x), spans)
            judged = np.arange(len(x)) >= min(int(0.15 * len(x)), 750)
            scores.append(score[judged])
            windows.append(np.where(window >= 0, window + self.windows, -1)[judged])
            values.append(worth[judged])
            self.windows += len(spans)
        scores, window, worth = map(np.concatenate, (scores, windows, values))
        order = np.argsort(-scores, kind="stable")
        self.scores, self.window, self.worth = scores[order], window[order], worth[order]

    def curve(self, false_alarm, miss):
        """Thresholds, and the sum of worths that each gives above a detector without alarms."""
        gain, best = np.zeros(len(self.scores)), {}
        for i, (window, worth) in enumerate(zip(self.window.tolist(), self.worth.tolist())):
            if window < 0:
                gain[i] = false_alarm * worth
            elif window not in best:
                best[window], gain[i] = worth, worth + miss
            elif worth > best[window]:
                gain[i], best[window] = worth - best[window], worth
        last = np.append(self.scores[1:] < self.scores[:-1], True)
        return self.scores[last], np.cumsum(gain)[last]

    def sweep(self, profile):
        """The best threshold and its score."""
        thresholds, sums = self.curve(*PROFILES[profile])
        at = int(np.argmax(sums))
        return thresholds[at], max(sums[at], 0.0) / (self.windows * (1 + PROFILES[profile][1]))

    def at(self, threshold):
        """The sum at a threshold, of the standard profile."""
        thresholds, sums = self.curve(*PROFILES["standard"])
        flagged = np.flatnonzero(thresholds >= threshold)
        return sums[flagged[-1]] if len(flagged) else 0.0


def first_at_limits(values, near):
    """The first value that is as near to the least or the largest one of all."""
    low, high = values.min(), values.max()
    margin = near * (high - low)
    first = np.zeros(len(values), bool)
    if high > low:
        first[np.argmax(values >= high - margin)] = True
        first[np.argmax(values <= low + margin)] = True
    return first


def legal(parts, near, more):
    """The parts with `more` added to scores above 0 of the first values at the limits of their file."""
    return [
        (file, score + more * (first_at_limits(file[2], near) & (score > 0)))
        for file, score in parts
    ]


def left_out(variants):
    total, windows = 0.0, 0
    parts = variants[0]
    for folder in sorted({part[0][0].split("/")[0] for part in parts}):
        best = []
        for variant in variants:
            others = [part for part in variant if not part[0][0].startswith(folder)]
            threshold, score = Corpus(others).sweep("standard")
            best.append((score, threshold))
        at = max(range(len(best)), key=lambda i: best[i][0])
        inside = [part for part in variants[at] if part[0][0].startswith(folder)]
        threshold, corpus = best[at][1], Corpus(inside)
        total, windows = total + corpus.at(threshold), windows + corpus.windows
    return total / (2 * windows)


def scores_of(binary, detector, times, values, folder):
    source, clock, out = (folder / name for name in ("in.f64", "times.f64", "out.f64"))
    peer.write_table(source, values)
    peer.write_table(clock, times)
    command = [binary, detector, "0", str(out), str(source), str(clock), "period=auto"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    # None is the least anomalous, infinite ones are the largest.
    return np.nan_to_num(np.fromfile(out, "<f8"), nan=0.0, posinf=1e300)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--leave-out", action="store_true")
    arguments.add_argument("--legal", action="store_true")
    arguments.add_argument("detector", nargs="*", default=["auto-stream"])
    arguments = arguments.parse_args()
    command = ["cargo", "build", "--release", "-p", "bongsu-stream", "--example", "peer_online"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    binary = str(peer.target_directory() / "release" / "examples" / "peer_online")
    data = list(files(Path(os.environ["BONGSU_DATA"], "nab")))
    left = " left out |" if arguments.leave_out else ""
    print(f"| detector | standard | low FP | low FN | threshold | found | false rows |{left}")
    print("|---|---|---|---|---|---|---|" + ("---|" if left else ""))
    with tempfile.TemporaryDirectory() as folder:
        for detector in arguments.detector or ["auto-stream"]:
            parts = [
                (file, scores_of(binary, detector, file[1], file[2], Path(folder))) for file in data
            ]
            variants = [parts]
            if arguments.legal:
                variants = [legal(parts, near, more) for near in NEAR for more in MORE]
                sweeps = [Corpus(variant).sweep("standard")[1] for variant in variants]
                at = int(np.argmax(sweeps))
                parts = variants[at]
                detector += f", limits known ({NEAR[at // len(MORE)]}, {MORE[at % len(MORE)]})"
            corpus = Corpus(parts)
            best = {profile: corpus.sweep(profile) for profile in PROFILES}
            threshold = best["standard"][0]
            flagged = corpus.scores >= threshold
            found = len(set(corpus.window[flagged].tolist()) - {-1})
            false = int((flagged & (corpus.window < 0)).sum())
            cells = [f"{100 * score:.1f}" for _, score in best.values()]
            cells += [f"{threshold:.2f}", f"{found} of {corpus.windows}", str(false)]
            if left:
                cells.append(f"{100 * left_out(variants):.1f}")
            print(f"| `{detector}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
