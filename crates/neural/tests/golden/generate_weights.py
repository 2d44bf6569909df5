"""Writes the golden files beside this script: weights as PyTorch's `state_dict` has them, in
safetensors files, and what PyTorch computes with them.

Requirements (pinned):
    torch==2.15.0
    safetensors==0.8.0
    numpy==2.4.6

Run: python generate_weights.py
The Rust tests read the files and never need Python. `Stack` is the module whose names and layouts
`bongsu_neural::Weights` documents.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class Dense(nn.Linear):
    def __init__(self, inputs, units, activation):
        super().__init__(inputs, units)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.activation(super().forward(x))


class Repeat(nn.Module):
    def __init__(self, times):
        super().__init__()
        self.times = times

    def forward(self, x):
        return x[:, -1:].repeat(1, self.times, 1)


class Stack(nn.Sequential):
    """Layers one after the other, on (windows, steps, features)."""

    def forward(self, x):
        for layer in self:
            x = layer(x)
            if isinstance(layer, nn.LSTM | nn.GRU):
                x = x[0] if layer.sequences else x[0][:, -1:]
        return x


def recurrent(cell, inputs, units, sequences):
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, units, batch_first=True)
    layer.sequences = sequences
    return layer


def built(features, layers):
    modules = []
    for kind, *values in layers:
        if kind == "dense":
            modules.append(Dense(features, *values))
        elif kind == "dropout":
            modules.append(nn.Dropout(*values))
        elif kind == "repeat":
            modules.append(Repeat(*values))
        else:
            modules.append(recurrent(kind, features, *values))
        features = values[0] if kind in ("dense", "lstm", "gru") else features
    return Stack(*modules)


def autoencoder(features, units, hidden="relu", output="linear"):
    *outer, code = units
    layers = [layer for u in outer for layer in (("dense", u, hidden), ("dropout", 0.2))]
    layers += [("dense", code, hidden)]
    layers += [layer for u in outer[::-1] for layer in (("dense", u, hidden), ("dropout", 0.2))]
    return layers + [("dense", features, output)]


def recurrent_autoencoder(cell, features, sequence, units, output="linear"):
    *outer, code = units
    layers = [layer for u in outer for layer in ((cell, u, True), ("dropout", 0.2))]
    layers += [(cell, code, False), ("repeat", sequence), (cell, code, True)]
    return layers + [(cell, u, True) for u in outer[::-1]] + [("dense", features, output)]


def forecaster(cell, features, units):
    *outer, last = units
    layers = [layer for u in outer for layer in ((cell, u, True), ("dropout", 0.2))]
    return layers + [(cell, last, False), ("dense", features, "linear")]


def variational(features, units, latent, hidden="relu", output="linear"):
    def layers(sizes):
        return [layer for u in sizes for layer in (("dense", u, hidden), ("dropout", 0.0))]

    encoder = layers(units) + [("dense", 2 * latent, "linear")]
    decoder = layers(units[::-1]) + [("dense", features, output)]
    return encoder, decoder


# Name: features, steps, layers. Sizes off and on the widths of vector registers.
STACKS = {
    "dense_30": (30, 1, autoencoder(30, [64, 32])),
    "dense_3": (3, 1, autoencoder(3, [7, 5, 2], "tanh", "sigmoid")),
    "dense_1": (1, 1, autoencoder(1, [16], "sigmoid")),
    "lstm_1": (1, 60, recurrent_autoencoder("lstm", 1, 60, [20, 10])),
    "lstm_5": (5, 7, recurrent_autoencoder("lstm", 5, 7, [9, 6, 3], "sigmoid")),
    "lstm_2": (2, 2, recurrent_autoencoder("lstm", 2, 2, [1])),
    "gru_1": (1, 60, recurrent_autoencoder("gru", 1, 60, [20, 10])),
    "gru_5": (5, 7, recurrent_autoencoder("gru", 5, 7, [9, 6, 3], "tanh")),
    "gru_2": (2, 2, recurrent_autoencoder("gru", 2, 2, [1])),
    "forecast_1": (1, 30, forecaster("lstm", 1, [24, 12])),
    "forecast_4": (4, 1, forecaster("lstm", 4, [5])),
    "forecast_3": (3, 11, forecaster("gru", 3, [8, 8, 3])),
}
VARIATIONAL = {
    "vae_20": (20, variational(20, [32], 8)),
    "vae_4": (4, variational(4, [9, 5], 3, "tanh", "sigmoid")),
    "vae_1": (1, variational(1, [6], 1)),
}


def inputs(rng, steps, features):
    """Noise, zeros, far outliers, tiny numbers, and a constant."""
    shape = (steps, features)
    return np.stack(
        [
            rng.normal(size=shape),
            np.zeros(shape),
            50 * rng.normal(size=shape),
            1e-12 * rng.normal(size=shape),
            np.full(shape, -3.0),
        ]
    ).astype(np.float32)


def spread(module):
    """Weights wide enough that gates saturate here and there."""
    for weight in module.parameters():
        nn.init.uniform_(weight, -1.0, 1.0) if weight.ndim == 1 else nn.init.normal_(
            weight, std=1.5 / weight.shape[1] ** 0.5
        )
    return module.eval()


def text(values):
    return " ".join(repr(float(x)) for x in values.detach().numpy().ravel())


def main():
    torch.manual_seed(20260101)
    rng = np.random.default_rng(20260101)
    cases = {}
    with torch.no_grad():
        for name, (features, steps, layers) in STACKS.items():
            module = spread(built(features, layers))
            x = torch.from_numpy(inputs(rng, steps, features))
            cases[name] = {
                "features": features,
                "steps": steps,
                "layers": layers,
                "inputs": text(x),
                "outputs": text(module(x)),
            }
            save_file(module.state_dict(), HERE / f"{name}.safetensors")
        for name, (features, (encoder, decoder)) in VARIATIONAL.items():
            latent = encoder[-1][1] // 2
            parts = nn.ModuleDict(
                {"encoder": built(features, encoder), "decoder": built(latent, decoder)}
            )
            spread(parts)
            x = torch.from_numpy(inputs(rng, 1, features))
            mean = parts["encoder"](x)[:, :, :latent]
            cases[name] = {
                "features": features,
                "steps": 1,
                "units": [layer[1] for layer in encoder if layer[0] == "dense"][:-1],
                "latent": latent,
                "hidden": encoder[0][2],
                "output": decoder[-1][2],
                "inputs": text(x),
                "outputs": text(parts["decoder"](mean)),
            }
            save_file(parts.state_dict(), HERE / f"{name}.safetensors")
    (HERE / "weights.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
