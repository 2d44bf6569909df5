"""What networks trained by Bongsu and by PyTorch find on labelled server metrics.

Requirements (pinned):
    torch==2.15.0
    numpy==2.4.6
    pandas==3.1.1
    scikit-learn==1.9.1

Run: BONGSU_DATA=FOLDER python benches/peers/neural_accuracy.py [--machines N,...] [--seeds N] [--cache FOLDER]

Reads the folder asd (19 metrics a server, 5 minutes apart) of $BONGSU_DATA: each network is trained on
the train part of a server and judges its test part. Both sides: the same layers, 0.9 of the rows for
training (scaled by their means and deviations) and the last 0.1 to choose the best epoch, Adam at
0.001, batches of 32, gradients clipped to a norm of 1. First weights are each library's own: those of
dense layers are drawn alike, those of recurrent layers as Keras draws them by Bongsu. The error of a row is the mean squared error of its scaled features, for sequences the mean
over the windows that cover it; the VAE is judged by the mean of its code. Prints means over
servers and seeds of the areas under the ROC curve and of VUS-PR with buffers up to 50 points, and the
standard deviation over seeds. `--cache` keeps the results of each training.
"""

import argparse
import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import peer
from vus import vus_pr

torch.set_num_threads(1)
BUFFER = 50
EPOCHS = {"autoencoder": 20, "vae": 20, "lstm-autoencoder": 5}
SEQUENCE, STRIDE = 30, 10


def asd(machine):
    folder = Path(os.environ["BONGSU_DATA"]) / "asd"
    [train, test] = [
        pd.read_csv(folder / part / f"omi-{machine}.csv.gz") for part in ("train", "test")
    ]
    labels = (test.pop("label") > 0).to_numpy().astype(int)
    return train.to_numpy(float), test[train.columns].to_numpy(float), labels


class Dense(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(features, 64), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.Linear(64, 32), nn.ReLU()),
            *(nn.Linear(32, 64), nn.ReLU(), nn.Dropout(0.2)),
            nn.Linear(64, features),
        )

    def forward(self, x):
        return self.layers(x), 0.0


class Variational(nn.Module):
    def __init__(self, features, latent=8):
        super().__init__()
        self.features, self.latent = features, latent
        self.encoder = nn.Sequential(nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 64), nn.ReLU(), nn.Linear(64, features))

    def forward(self, x):
        mean, log_variance = self.encoder(x).split(self.latent, dim=-1)
        code = mean
        if self.training:
            code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(-1).mean()
        return self.decoder(code), divergence / self.features


class Recurrent(nn.Module):
    def __init__(self, features):
        super().__init__()
        sizes = [(features, 50), (50, 25), (25, 25), (25, 50)]
        self.cells = nn.ModuleList([nn.LSTM(*size, batch_first=True) for size in sizes])
        self.dropout, self.dense = nn.Dropout(0.2), nn.Linear(50, features)

    def forward(self, x):
        first, code, third, fourth = self.cells
        steps = x.shape[1]
        x = code(self.dropout(first(x)[0]))[0][:, -1:].repeat(1, steps, 1)
        return self.dense(fourth(third(x)[0])[0]), 0.0


MODELS = {"autoencoder": Dense, "vae": Variational, "lstm-autoencoder": Recurrent}


def starts(rows, window, stride):
    """Where windows start: every `stride` rows, and where the last one ends with the last row."""
    regular = np.arange(0, rows - window + 1, stride)
    return np.union1d(regular, [rows - window])


def theirs(model, seed, train, test):
    torch.manual_seed(seed)
    window, stride = (SEQUENCE, STRIDE) if model == "lstm-autoencoder" else (1, 1)
    rows = len(train) - int(0.1 * len(train))
    center, scale = train[:rows].mean(0), train[:rows].std(0)
    scale[scale < 1e-12] = 1.0

    def windows(x, every):
        x = ((x - center) / scale).astype(np.float32)
        x = np.stack([x[s : s + window] for s in every])
        return torch.from_numpy(x if window > 1 else x[:, 0])

    learned = windows(train, np.arange(0, rows - window + 1, stride))
    held_back = windows(train, np.arange(rows, len(train) - window + 1, stride))
    network = MODELS[model](train.shape[1])
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    best, kept = np.inf, None
    for _ in range(EPOCHS[model]):
        network.train()
        for batch in torch.randperm(len(learned)).split(32):
            x = learned[batch]
            y, more = network(x)
            loss = nn.functional.mse_loss(y, x) + more
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            adam.step()
        network.eval()
        with torch.no_grad():
            y, more = network(held_back)
            loss = float(nn.functional.mse_loss(y, held_back) + more)
        if loss < best:
            best, kept = loss, {k: v.clone() for k, v in network.state_dict().items()}
    network.load_state_dict(kept)
    every = starts(len(test), window, stride)
    x = windows(test, every)
    with torch.no_grad():
        errors = ((network(x)[0] - x) ** 2).mean(-1).numpy()
    if window == 1:
        return errors
    sums, counts = np.zeros(len(test)), np.zeros(len(test))
    for start, error in zip(every, errors):
        sums[start : start + window] += error
        counts[start : start + window] += 1
    return sums / counts


@cache
def example():
    command = ["cargo", "build", "--release", "-p", "bongsu-neural", "--example", "neural_accuracy"]
    subprocess.run(command, cwd=peer.ROOT, check=True)
    return peer.target_directory() / "release" / "examples" / "neural_accuracy"


def ours(model, seed, train, test):
    with tempfile.TemporaryDirectory() as folder:
        out, *tables = [Path(folder, name) for name in ("out.f64", "train.f64", "test.f64")]
        for path, rows in zip(tables, (train, test)):
            peer.write_table(path, rows)
        parameters = {"epochs": EPOCHS[model], "sequence": SEQUENCE, "stride": STRIDE}
        given = [f"{name}={value}" for name, value in (parameters | {"seed": seed}).items()]
        command = [example(), model, "0", out, *tables, *given]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return np.fromfile(out, "<f8")


SIDES = {"Bongsu": ours, "PyTorch": theirs}


def measured(side, model, machine, seed, folder):
    path = folder and Path(folder) / f"{side}-{model}-{machine}-{seed}.json"
    if path and path.exists():
        return json.loads(path.read_text())
    train, test, labels = asd(machine)
    scores = SIDES[side](model, seed, train, test)
    areas = [float(roc_auc_score(labels, scores)), vus_pr(scores, labels, BUFFER)]
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(areas))
    return areas


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machines", default="1,4,7,10")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--cache")
    given = parser.parse_args()
    machines = given.machines.split(",")
    print("| network | library | ROC-AUC | VUS-PR | per server: ROC-AUC, VUS-PR |")
    print("|---|---|---|---|---|")
    for model in given.model or MODELS:
        for side in SIDES:
            areas = np.array(
                [
                    [measured(side, model, m, seed, given.cache) for m in machines]
                    for seed in range(given.seeds)
                ]
            )
            mean, spread = areas.mean((0, 1)), areas.mean(1).std(0)
            each = "; ".join(f"{roc:.3f}, {vus:.3f}" for roc, vus in areas.mean(0))
            cells = " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread))
            print(f"| `{model}` | {side} | {cells} | {each} |", flush=True)


if __name__ == "__main__":
    main()
