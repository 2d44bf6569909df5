"""Turns the weights of a Keras, ONNX or PyTorch model into a safetensors file for `bongsu train --weights`.

Requirements (pinned; of the frameworks only the one whose file is read):
    numpy==2.4.6
    safetensors==0.8.0
    keras==3.15.1 (.keras, .h5; any backend)
    onnx==1.23.2 (.onnx)
    torch==2.15.0 (.pt: a saved state_dict)

Run: python convert_weights.py --model MODEL [--units N,...] SOURCE OUTPUT.safetensors

Afterwards: bongsu train --model MODEL --set units=N,... --weights OUTPUT.safetensors --input NORMAL.csv
--save m.bngs, which fits scaler and threshold to normal rows; `--set scaling=`, `activation=` and
`output=` are to be those that the network was trained with.

MODEL is autoencoder, vae, lstm-autoencoder, gru-autoencoder or lstm-forecast, as `bongsu train` calls
them, and `--units` what `--set units=` says there. SOURCE holds the same layers with weights in the
same order; layers without weights that change no number where a network is used (dropout, repetition)
are passed over, and what is not supported is refused by name. Its layers are numbered anew as
`bongsu_neural::Weights` documents. Of a VAE the source is the encoder and the decoder one after the
other (`--decoder FILE` where they are two files); the encoder ends in one layer that gives means and
logarithms of variances, or in two, the means first.

    Keras   kernels are transposed; LSTM gates i, f, c, o are PyTorch's i, f, g, o; of a GRU the
            gates z, r, h become r, z, n, and it must have `reset_after=True`, which is the default.
    ONNX    Gemm, or MatMul and Add, is a dense layer; LSTM gates i, o, f, c become i, f, g, o; GRU
            gates z, r, h become r, z, n, and it must have `linear_before_reset=1`.
"""

import argparse
from pathlib import Path

import numpy as np

UNITS = {
    "autoencoder": "64,32",
    "vae": "64",
    "lstm-autoencoder": "50,25",
    "gru-autoencoder": "50,25",
    "lstm-forecast": "50,25",
}


# What a dense layer may do to its sums.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")
# Layers of Keras, and operators of ONNX, that only move numbers.
MOVING = ("InputLayer", "Dropout", "RepeatVector", "Reshape", "Flatten")
MOVING_OPERATORS = (
    *("Cast", "Concat", "ConstantOfShape", "Dropout", "Expand", "Flatten", "Gather", "Identity"),
    *("Range", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    *("Relu", "Sigmoid", "Tanh"),
)


def places(model, units):
    """The prefixes of the layers with weights, in order, and what they are."""
    outer = len(units) - 1
    cell = "gru" if model == "gru-autoencoder" else "lstm"
    before = [2 * i for i in range(outer)]  # each is followed by a dropout
    code = 2 * outer
    if model == "autoencoder":
        after = [code + 1 + 2 * i for i in range(outer)]
        return [(f"{i}.", "dense") for i in [*before, code, *after, 4 * outer + 1]]
    if model == "vae":
        every = [2 * i for i in range(len(units) + 1)]
        return [(f"{part}.{i}.", "dense") for part in ("encoder", "decoder") for i in every]
    if model == "lstm-forecast":
        return [(f"{i}.", None) for i in [*before, code]] + [(f"{code + 1}.", "dense")]
    after = range(code + 2, code + 3 + outer)
    recurrent = [(f"{i}.", cell) for i in [*before, code, *after]]
    return recurrent + [(f"{code + 3 + outer}.", "dense")]


def reordered(matrix, order):
    """The gates along the first axis in another order."""
    gates = np.split(np.asarray(matrix), len(order))
    return np.concatenate([gates[i] for i in order])


def dense(weight, bias):
    return "dense", {"weight": weight, "bias": bias}


def recurrent(kind, w, r, b, d):
    return kind, {"weight_ih_l0": w, "weight_hh_l0": r, "bias_ih_l0": b, "bias_hh_l0": d}


def from_keras(path):
    import keras

    model = keras.models.load_model(path, compile=False, safe_mode=True)
    for layer in flat(model):
        if isinstance(layer, keras.layers.TimeDistributed):
            layer = layer.layer
        weights = layer.get_weights()
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.Dense | keras.layers.Activation):
            name = layer.activation.__name__
            if name not in ACTIVATIONS:
                raise SystemExit(f"layer `{layer.name}`: the activation {name} is not supported")
        if isinstance(layer, keras.layers.Dense):
            bias = weights[1] if layer.use_bias else np.zeros(layer.units)
            yield dense(weights[0].T, bias)
        elif isinstance(layer, keras.layers.LSTM):
            w, r = weights[0].T, weights[1].T
            bias = weights[2] if layer.use_bias else np.zeros(len(w))
            check(layer)
            yield recurrent("lstm", w, r, bias, np.zeros(len(w)))
        elif isinstance(layer, keras.layers.GRU):
            if not layer.reset_after:
                raise SystemExit(f"layer `{layer.name}`: a GRU needs reset_after=True")
            check(layer)
            w, r = [reordered(x.T, [1, 0, 2]) for x in weights[:2]]
            biases = weights[2] if layer.use_bias else np.zeros((2, len(w)))
            b, d = [reordered(x, [1, 0, 2]) for x in biases]
            yield recurrent("gru", w, r, b, d)
        elif kind not in (*MOVING, "Activation", "ReLU"):
            raise SystemExit(f"layer `{layer.name}` ({kind}) is not supported")


def flat(model):
    for layer in model.layers:
        yield from flat(layer) if hasattr(layer, "layers") else [layer]


def check(layer):
    found = (layer.activation.__name__, layer.recurrent_activation.__name__)
    if found != ("tanh", "sigmoid"):
        raise SystemExit(f"layer `{layer.name}`: activations {found}, but tanh and sigmoid are needed")


def from_onnx(path):
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    waiting = None
    for node in graph.node:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [known.get(name) for name in node.input]
        if waiting is not None and not (node.op_type == "Add" and waiting[0] in node.input):
            if node.op_type not in ("Identity", "Reshape"):
                yield dense(waiting[1].T, np.zeros(waiting[1].shape[1]))
                waiting = None
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(given["value"])
        elif node.op_type in ("Identity", "Transpose") and inputs[0] is not None:
            order = given.get("perm")
            known[node.output[0]] = inputs[0] if node.op_type == "Identity" else inputs[0].transpose(order)
        elif node.op_type == "Gemm":
            weight = inputs[1] if given.get("transB") else inputs[1].T
            yield dense(weight, inputs[2] if len(inputs) > 2 else np.zeros(len(weight)))
        elif node.op_type == "MatMul" and inputs[1] is not None:
            waiting = (node.output[0], inputs[1])
        elif node.op_type == "Add" and waiting is not None:
            bias = next(x for x in inputs if x is not None)
            yield dense(waiting[1].T, bias)
            waiting = None
        elif node.op_type in ("LSTM", "GRU"):
            if given.get("direction", b"forward") != b"forward":
                raise SystemExit(f"node `{node.name}`: only the direction forward is supported")
            wanted = [b"Sigmoid", b"Tanh", b"Tanh"][: 3 if node.op_type == "LSTM" else 2]
            if given.get("activations", wanted) != wanted:
                raise SystemExit(f"node `{node.name}`: only the usual activations are supported")
            if node.op_type == "GRU" and not given.get("linear_before_reset"):
                raise SystemExit(f"node `{node.name}`: a GRU needs linear_before_reset=1")
            order = [0, 2, 3, 1] if node.op_type == "LSTM" else [1, 0, 2]
            w, r = [reordered(x[0], order) for x in inputs[1:3]]
            both = inputs[3][0] if len(inputs) > 3 and inputs[3] is not None else np.zeros(2 * len(w))
            b, d = [reordered(x, order) for x in np.split(both, 2)]
            yield recurrent(node.op_type.lower(), w, r, b, d)
        elif node.op_type not in MOVING_OPERATORS:
            raise SystemExit(f"node `{node.name}` ({node.op_type}) is not supported")
    if waiting is not None:
        yield dense(waiting[1].T, np.zeros(waiting[1].shape[1]))


def from_pytorch(path):
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    layers = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        layers.setdefault(layer, {})[leaf] = tensor.numpy()
    for layer, found in layers.items():
        if set(found) == {"weight", "bias"} and found["weight"].ndim == 2:
            yield "dense", found
        elif set(found) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}:
            gates = len(found["weight_hh_l0"]) // found["weight_hh_l0"].shape[1]
            yield {3: "gru", 4: "lstm"}[gates], found
        else:
            raise SystemExit(f"layer `{layer}` with {sorted(found)} is not supported")


READERS = {".keras": from_keras, ".h5": from_keras, ".onnx": from_onnx, ".pt": from_pytorch}


def read(path):
    reader = READERS.get(Path(path).suffix)
    if reader is None:
        raise SystemExit(f"{path}: the name must end in one of {', '.join(READERS)}")
    try:
        return list(reader(path))
    except Exception as error:  # each framework has its own for a damaged file
        raise SystemExit(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def joined(layers, expected):
    """Two last layers of an encoder of a VAE, means and logarithms of variances, as one."""
    if len(layers) != expected + 1:
        return layers
    at = expected // 2 - 1
    (_, mean), (_, log_variance) = layers[at : at + 2]
    both = {name: np.concatenate([mean[name], log_variance[name]]) for name in mean}
    return [*layers[:at], ("dense", both), *layers[at + 2 :]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, choices=UNITS)
    parser.add_argument("--units")
    parser.add_argument("--decoder")
    parser.add_argument("source")
    parser.add_argument("output")
    given = parser.parse_args()
    units = [int(size) for size in (given.units or UNITS[given.model]).split(",")]
    layers = read(given.source) + (read(given.decoder) if given.decoder else [])
    wanted = places(given.model, units)
    if given.model == "vae":
        layers = joined(layers, len(wanted))
    if len(layers) != len(wanted):
        found = ", ".join(kind for kind, _ in layers)
        raise SystemExit(f"{len(wanted)} layers with weights are needed, but there are: {found}")
    tensors = {}
    for (prefix, kind), (found, values) in zip(wanted, layers):
        if kind not in (None, found) and not (kind == "lstm" and found == "gru"):
            raise SystemExit(f"layer {prefix[:-1]} must be {kind}, but is {found}")
        for name, value in values.items():
            tensors[prefix + name] = np.ascontiguousarray(value, dtype=np.float32)
    from safetensors.numpy import save_file

    save_file(tensors, given.output)
    for name, tensor in tensors.items():
        print(name, list(tensor.shape))


if __name__ == "__main__":
    main()
