"""Writes the ONNX files beside this script, and what onnxruntime computes with them.

Requirements (pinned):
    torch==2.15.0
    onnx==1.23.2
    onnxscript==0.7.2
    onnxruntime==1.31.1
    numpy==2.4.6

Run: python generate_onnx.py
The Rust tests of feature `onnx` read the files and never need Python.
"""

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from torch import nn

from generate_weights import autoencoder, built, inputs, recurrent_autoencoder, spread

HERE = Path(__file__).parent


class Rows(nn.Module):
    """A network of windows of one step, on rows."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x[:, None])[:, 0]


class Convolutions(nn.Module):
    """What no layer of Bongsu's own does: convolutions over time and a batch normalisation."""

    def __init__(self, features):
        super().__init__()
        self.encoder = nn.Conv1d(features, 6, 3, stride=2, padding=1)
        self.normal = nn.BatchNorm1d(6)
        self.decoder = nn.ConvTranspose1d(6, features, 4, stride=2, padding=1)

    def forward(self, x):
        code = nn.functional.leaky_relu(self.normal(self.encoder(x.transpose(1, 2))))
        return self.decoder(code).transpose(1, 2)


class Attention(nn.Module):
    """A layer of a transformer, between two dense ones."""

    def __init__(self, features):
        super().__init__()
        self.before = nn.Linear(features, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.after = nn.Linear(8, features)

    def forward(self, x):
        return self.after(self.layer(self.before(x)))


# Name: network, steps, features, whether the number of windows is open, the newer exporter or not.
NETWORKS = {
    "onnx_dense": (Rows(built(4, autoencoder(4, [9, 3]))), 1, 4, True, True),
    "onnx_dense_of_7": (Rows(built(3, autoencoder(3, [5, 2], "tanh"))), 1, 3, False, False),
    "onnx_lstm": (built(2, recurrent_autoencoder("lstm", 2, 6, [5, 3])), 6, 2, True, True),
    "onnx_lstm_older": (built(2, recurrent_autoencoder("lstm", 2, 6, [5, 3])), 6, 2, True, False),
    "onnx_gru": (built(2, recurrent_autoencoder("gru", 2, 8, [4, 2])), 8, 2, True, False),
    "onnx_convolutions": (Convolutions(2), 8, 2, True, False),
    "onnx_attention": (Attention(3), 5, 3, False, True),
}


def example(rng, network, steps, features, windows):
    x = np.concatenate([inputs(rng, steps, features), rng.normal(size=(windows - 5, steps, features))])
    return torch.from_numpy((x[:, 0] if isinstance(network, Rows) else x).astype(np.float32))


def export(name, network, x, is_open, newer):
    path = HERE / f"{name}.onnx"
    names = {"input_names": ["x"], "output_names": ["y"]}
    if newer:
        shapes = {"dynamic_shapes": ({0: torch.export.Dim("windows", min=1)},)} if is_open else {}
        torch.onnx.export(
            network, (x,), path, dynamo=True, external_data=False, verbose=False, **names, **shapes
        )
    else:
        axes = {"dynamic_axes": {"x": {0: "windows"}, "y": {0: "windows"}}} if is_open else {}
        torch.onnx.export(network, (x,), path, dynamo=False, **names, **axes)
    # Where the layers came from is most of what an exporter writes.
    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    onnx.save(model, path)
    return path


def text(values):
    return " ".join(repr(float(x)) for x in np.asarray(values).ravel())


def odd(name, nodes, axes, kind=TensorProto.FLOAT, outputs=("y",), out_axes=None):
    """A file that cannot be a detector."""
    x = [helper.make_tensor_value_info("x", kind, axes)]
    y = [helper.make_tensor_value_info(output, kind, out_axes or axes) for output in outputs]
    graph = helper.make_graph(nodes, name, x, y)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("somewhere", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save(model, HERE / f"onnx_odd_{name}.onnx")


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(20260103)
    rng = np.random.default_rng(20260103)
    cases = {}
    for name, (network, steps, features, is_open, newer) in NETWORKS.items():
        network = spread(network)
        windows = 70 if is_open and features == 4 else 7
        x = example(rng, network, steps, features, windows)
        path = export(name, network, x[:7], is_open, newer)
        session = onnxruntime.InferenceSession(path)
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        cases[name] = {"steps": steps, "features": features, "inputs": text(x), "outputs": text(y)}
    (HERE / "onnx.json").write_text(json.dumps(cases, indent=1) + "\n")

    # A network that tract 0.23 cannot run.
    network = built(1, recurrent_autoencoder("gru", 1, 8, [4, 2])).eval()
    export("onnx_odd_gru_of_one", network, torch.zeros(7, 8, 1), True, False)

    node = helper.make_node
    relu = [node("Relu", ["x"], ["y"])]
    odd("open_steps", relu, ["windows", "steps", 2])
    odd("four_axes", relu, ["windows", 2, 3, 4])
    odd("integers", [node("Identity", ["x"], ["y"])], ["windows", 2], TensorProto.INT64)
    odd("two_outputs", [*relu, node("Neg", ["x"], ["z"])], ["windows", 2], outputs=("y", "z"))
    odd("smaller", [node("ReduceSum", ["x"], ["y"])], ["windows", 2], out_axes=[1, 1])
    odd("unknown", [node("Wobble", ["x"], ["y"], domain="somewhere")], ["windows", 2])
    odd("logarithm", [node("Log", ["x"], ["y"])], ["windows", 2])
    odd("no_output", [node("Relu", ["x"], ["w"])], ["windows", 2])


if __name__ == "__main__":
    main()
