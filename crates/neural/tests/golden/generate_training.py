"""Writes `training.json` and the safetensors files `training_*` beside this script: the losses of
PyTorch's training, epoch by epoch, from first weights that are written down, with the windows in
their order and without dropout, so that nothing is drawn at random.

Requirements (pinned):
    torch==2.15.0
    safetensors==0.8.0
    numpy==2.4.6

Run: python generate_training.py
The Rust tests read the files and never need Python. They make the same table by the same formula.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from generate_weights import autoencoder, built, forecaster, recurrent_autoencoder

HERE = Path(__file__).parent
ROWS, HELD_BACK, EPOCHS, BATCH = 150, 30, 6, 32

# Name: features, steps, layers, whether the row after the window is foretold.
NETWORKS = {
    "dense": (4, 1, autoencoder(4, [16, 6]), False),
    "lstm": (2, 8, recurrent_autoencoder("lstm", 2, 8, [6, 3]), False),
    "gru": (2, 8, recurrent_autoencoder("gru", 2, 8, [6, 3]), False),
    "forecast": (2, 8, forecaster("lstm", 2, [6, 3]), True),
}
# Name: loss, clip_norm, weight_decay (of AdamW), l2 (of the weights alone), learning rate.
SETTINGS = {
    "plain": ("mse", None, 0.0, 0.0, 1e-3),
    "clipped": ("mse", 0.05, 0.0, 0.0, 1e-3),
    "decayed": ("mse", 1.0, 0.1, 0.0, 3e-3),
    "l2": ("mse", 1.0, 0.0, 0.01, 3e-3),
    "huber": ("huber", 1.0, 0.0, 0.0, 3e-3),
    "mae": ("mae", 1.0, 0.0, 0.0, 3e-3),
}
LOSSES = {
    "mse": nn.functional.mse_loss,
    "mae": nn.functional.l1_loss,
    "huber": lambda y, x: nn.functional.huber_loss(y, x, delta=0.5),
}


def table(features):
    i, j = np.arange(ROWS)[:, None], np.arange(features)
    noise = ((i * 7_919 + j * 104_729) % 1_000) / 1_000 - 0.5
    return (np.sin(0.4 * i + j) + 0.3 * noise).astype(np.float32)


def windows(rows, steps, foretells):
    """Inputs and what is expected of them."""
    whole = steps + foretells
    count = len(rows) - whole + 1
    every = np.stack([rows[first : first + whole] for first in range(count)])
    every = torch.from_numpy(every)
    return every[:, :steps], every[:, steps:] if foretells else every


def losses(network, rows, steps, foretells, setting):
    loss, clip_norm, weight_decay, l2, rate = setting
    cost = LOSSES[loss]
    learned = windows(rows[:-HELD_BACK], steps, foretells)
    held_back = windows(rows[-HELD_BACK:], steps, foretells)
    adam = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=weight_decay)
    found = []
    for _ in range(EPOCHS):
        total = 0.0
        for x, target in zip(*(part.split(BATCH) for part in learned)):
            value = cost(network(x), target)
            penalty = sum((w**2).sum() for w in network.parameters() if w.ndim > 1)
            adam.zero_grad()
            (value + l2 / 2 * penalty).backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
            adam.step()
            total += value.item() * len(x)
        with torch.no_grad():
            judged = cost(network(held_back[0]), held_back[1]).item()
        found.append([total / len(learned[0]), judged])
    return found


def main():
    torch.set_num_threads(1)
    torch.manual_seed(20260102)
    cases = {}
    for name, (features, steps, layers, foretells) in NETWORKS.items():
        network = built(features, layers).eval()
        save_file(network.state_dict(), HERE / f"training_{name}.safetensors")
        # An LSTM has but one bias in Bongsu: one of PyTorch's two is 0 and stays so.
        first = {key: value.clone() for key, value in network.state_dict().items()}
        cases[name] = {"features": features, "steps": steps, "layers": layers, "losses": {}}
        for setting, values in SETTINGS.items():
            network.load_state_dict(first)
            for module in network.modules():
                if isinstance(module, nn.LSTM):
                    module.bias_ih_l0.data += module.bias_hh_l0.data
                    module.bias_hh_l0.data.zero_()
                    module.bias_hh_l0.requires_grad_(False)
            rows = table(features)
            cases[name]["losses"][setting] = losses(network, rows, steps, foretells, values)
    (HERE / "training.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
