"""Writes safetensors files `converted_*` beside this script, made by `tools/convert_weights.py` of
models of Keras and of ONNX files, and what Keras and onnxruntime compute with these.

Requirements (pinned):
    keras==3.15.1
    torch==2.15.0
    onnx==1.23.2
    onnxscript==0.7.2
    onnxruntime==1.31.1
    safetensors==0.8.0
    numpy==2.4.6

Run: KERAS_BACKEND=torch python generate_conversion.py
The Rust tests read the files and never need Python.
"""

import json
import logging
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import torch
from keras import layers as kl

import generate_weights as weights

HERE = Path(__file__).parent
CONVERT = HERE.parents[3] / "tools" / "convert_weights.py"

# Name: what `bongsu train` calls the network, units, features, steps, layers.
STACKS = {
    "dense": ("autoencoder", [7, 3], 5, 1, weights.autoencoder(5, [7, 3])),
    "lstm": ("lstm-autoencoder", [6, 3], 2, 7, weights.recurrent_autoencoder("lstm", 2, 7, [6, 3])),
    "gru": ("gru-autoencoder", [6, 3], 2, 7, weights.recurrent_autoencoder("gru", 2, 7, [6, 3])),
    "forecast": ("lstm-forecast", [6, 3], 2, 7, weights.forecaster("lstm", 2, [6, 3])),
}


def of_keras(features, steps, layers):
    """The same layers in Keras, with weights that are not small."""
    single = steps == 1
    network = keras.Sequential([kl.Input((features,) if single else (steps, features))])
    width = None
    for index, (kind, size, *rest) in enumerate(layers):
        if kind == "dense":
            layer = kl.Dense(size, rest[0])
            last_of_sequence = not single and layers[index - 1][-1] is True
            network.add(kl.TimeDistributed(layer) if last_of_sequence else layer)
        elif kind == "dropout":
            network.add(kl.Dropout(size))
        elif kind == "repeat":
            network.add(kl.RepeatVector(size))
        else:
            cell = {"lstm": kl.LSTM, "gru": kl.GRU}[kind]
            network.add(cell(size, return_sequences=rest[0]))
        width = size if kind not in ("dropout", "repeat") else width
    return wide(network)


def wide(network):
    rng = np.random.default_rng(4)
    for weight in network.weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    return network


def converted(name, model, units, source, *more):
    command = [sys.executable, CONVERT, "--model", model, "--units", ",".join(map(str, units)), *more]
    out = HERE / f"converted_{name}.safetensors"
    subprocess.run([*command, source, out], check=True, stdout=subprocess.DEVNULL)


def text(values):
    return weights.text(torch.as_tensor(np.asarray(values)))


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(20260104)
    rng = np.random.default_rng(20260104)
    cases = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, (model, units, features, steps, layers) in STACKS.items():
            x = weights.inputs(rng, steps, features)
            case = {"features": features, "steps": steps, "layers": layers, "inputs": text(x)}
            given = x[:, 0] if steps == 1 else x

            network = of_keras(features, steps, layers)
            y = network.predict(given, verbose=0)
            endings = ["keras", "h5"] if kind == "dense" else ["keras"]
            for ending in endings:
                network.save(Path(folder, f"{kind}.{ending}"))
                name = f"{kind}_of_{ending}"
                converted(name, model, units, Path(folder, f"{kind}.{ending}"))
                cases[name] = case | {"outputs": text(y)}

            network = weights.spread(weights.built(features, layers))
            torch.save(network.state_dict(), Path(folder, f"{kind}.pt"))
            with torch.no_grad():
                y = network(torch.from_numpy(x))
            converted(f"{kind}_of_pt", model, units, Path(folder, f"{kind}.pt"))
            cases[f"{kind}_of_pt"] = case | {"outputs": text(y)}

            for exporter in ("old", "new"):
                path = Path(folder, f"{kind}_{exporter}.onnx")
                form = {"dynamo": True} if exporter == "new" else {"dynamo": False, "opset_version": 17}
                torch.onnx.export(network, (torch.from_numpy(x),), path, verbose=False, **form)
                session = onnxruntime.InferenceSession(path)
                (y,) = session.run(None, {session.get_inputs()[0].name: x})
                converted(f"{kind}_of_{exporter}_onnx", model, units, path)
                cases[f"{kind}_of_{exporter}_onnx"] = case | {"outputs": text(y)}

        # An encoder with a layer for means and one for logarithms of variances, and a decoder.
        x = weights.inputs(rng, 1, 4)
        rows = keras.Input((4,))
        hidden = kl.Dense(6, "relu")(rows)
        encoder = wide(keras.Model(rows, [kl.Dense(2)(hidden), kl.Dense(2)(hidden)]))
        decoder = wide(keras.Sequential([kl.Input((2,)), kl.Dense(6, "relu"), kl.Dense(4)]))
        encoder.save(Path(folder, "encoder.keras"))
        decoder.save(Path(folder, "decoder.keras"))
        parts = [Path(folder, "encoder.keras"), "--decoder", Path(folder, "decoder.keras")]
        converted("vae_of_keras", "vae", [6], *parts)
        mean, _ = encoder.predict(x[:, 0], verbose=0)
        cases["vae_of_keras"] = {
            "features": 4,
            "steps": 1,
            "units": [6],
            "latent": 2,
            "hidden": "relu",
            "output": "linear",
            "inputs": text(x),
            "outputs": text(decoder.predict(mean, verbose=0)),
        }
    (HERE / "converted.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
