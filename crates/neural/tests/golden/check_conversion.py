"""Checks that `tools/convert_weights.py` refuses by name what it would convert wrongly, and what it
says of the networks that it converts.

Requirements (pinned): those of `generate_conversion.py`, without onnxscript and onnxruntime.

Run: KERAS_BACKEND=torch python check_conversion.py
"""

import json
import struct
import sys
import tempfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import onnx
import torch
from keras import layers as kl
from onnx import helper

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
import convert_weights

RNG = np.random.default_rng(3)
FEATURES, HIDDEN = 2, 3


def constant(name, *shape, value=None):
    value = RNG.normal(size=shape) if value is None else np.full(shape, value)
    return onnx.numpy_helper.from_array(value.astype(np.float32), name)


def written(path, nodes, constants):
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)
    y = helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [x], [y], constants)), path)


def gemms(path, last=(), **attributes):
    """An autoencoder of units 3, whose first layer has the attributes."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="first", **attributes),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "v", "c"], ["y"], name="last"),
        *last,
    ]
    sizes = [("w", FEATURES, HIDDEN), ("b", HIDDEN), ("v", HIDDEN, FEATURES), ("c", FEATURES)]
    written(path, nodes, [constant(*of) for of in [*sizes, ("d", FEATURES)]])


def forecast(path, cell="LSTM", inputs=("", ""), output=0, cut=True, **attributes):
    """A forecaster of units 3; `inputs` follow the biases of its recurrent layer."""
    gates = {"LSTM": 4, "GRU": 3}[cell] * HIDDEN
    outputs = ["s", "last", "state"][: 3 if cell == "LSTM" else 2]
    taken = outputs[output]
    nodes = [helper.make_node(cell, ["x", "w", "r", "b", *inputs], outputs, name="cell", hidden_size=HIDDEN, **attributes)]
    if cut and output == 0:
        nodes.append(helper.make_node("Gather", ["s", "at"], ["g"]))
        taken = "g"
    nodes.append(helper.make_node("MatMul", [taken, "v"], ["y"], name="last"))
    sizes = [("w", 1, gates, FEATURES), ("r", 1, gates, HIDDEN), ("b", 1, 2 * gates), ("v", HIDDEN, FEATURES)]
    more = [("zeros", 0.0), ("ones", 1.0), ("p", 1.0), ("lengths", 7.0), ("at", -1.0)]
    constants = [constant(*of) for of in sizes] + [constant(n, 1, 1, HIDDEN, value=v) for n, v in more]
    written(path, nodes, constants)


def sequential(path, *layers, steps=None):
    shape = (FEATURES,) if steps is None else (steps, FEATURES)
    keras.Sequential([kl.Input(shape), *layers]).save(path)


def stacked(path, *layers, reorder=None):
    state = torch.nn.Sequential(*layers).state_dict()
    torch.save({name: state[name] for name in reorder or state}, path)


def lstm(code=False, **given):
    """The layers of a recurrent autoencoder of units 3; `given` goes to the decoder's."""
    decoder = kl.LSTM(HIDDEN, **({"return_sequences": True} | given))
    repeat = [] if code else [kl.RepeatVector(5)]
    return [kl.LSTM(HIDDEN, return_sequences=code), *repeat, decoder, kl.Dense(FEATURES)]


LINEAR = torch.nn.Linear
AE, FC, RAE = "autoencoder", "lstm-forecast", "lstm-autoencoder"
GRU = {"cell": "GRU", "linear_before_reset": 1}
# Model, file, what writes it, words of the refusal.
REFUSED = [
    (AE, "onnx", lambda p: gemms(p, alpha=0.5), ["first", "alpha=0.5"]),
    (AE, "onnx", lambda p: gemms(p, beta=2.0), ["first", "beta=2.0"]),
    (AE, "onnx", lambda p: gemms(p, transA=1), ["first", "transA=1"]),
    (AE, "onnx", lambda p: gemms(p, [helper.make_node("Add", ["y", "d"], ["z"], name="more")]), ["more", "Add"]),
    (AE, "onnx", lambda p: gemms(p, [helper.make_node("Add", ["y", "x"], ["z"], name="skip")]), ["skip", "Add"]),
    (AE, "onnx", lambda p: gemms(p, [helper.make_node("Elu", ["y"], ["z"], name="odd")]), ["odd", "Elu"]),
    (FC, "onnx", lambda p: forecast(p, inputs=("", "", "", "p")), ["cell", "input P"]),
    (FC, "onnx", lambda p: forecast(p, inputs=("lengths",)), ["cell", "sequence_lens"]),
    (FC, "onnx", lambda p: forecast(p, inputs=("", "ones", "zeros")), ["cell", "initial_h"]),
    (FC, "onnx", lambda p: forecast(p, inputs=("", "zeros", "ones")), ["cell", "initial_c"]),
    (FC, "onnx", lambda p: forecast(p, inputs=("", "x")), ["cell", "initial_h"]),
    (FC, "onnx", lambda p: forecast(p, clip=3.0), ["cell", "clip=3.0"]),
    (FC, "onnx", lambda p: forecast(p, input_forget=1), ["cell", "input_forget=1"]),
    (FC, "onnx", lambda p: forecast(p, layout=1), ["cell", "layout=1"]),
    (FC, "onnx", lambda p: forecast(p, direction="reverse"), ["cell", "direction", "reverse"]),
    (FC, "onnx", lambda p: forecast(p, activations=["Sigmoid", "Relu", "Tanh"]), ["cell", "activations"]),
    (FC, "onnx", lambda p: forecast(p, cut=False), ["cell", "only the last step"]),
    (FC, "onnx", lambda p: forecast(p, output=2), ["last", "state"]),
    (FC, "onnx", lambda p: forecast(p, "GRU"), ["cell", "linear_before_reset"]),
    (FC, "onnx", lambda p: forecast(p, **GRU, clip=3.0), ["cell", "clip=3.0"]),
    (FC, "onnx", lambda p: forecast(p, **GRU, inputs=("", "ones")), ["cell", "initial_h"]),
    (FC, "onnx", lambda p: forecast(p, **GRU, direction="reverse"), ["cell", "direction"]),
    (RAE, "keras", lambda p: sequential(p, *lstm(go_backwards=True), steps=5), ["go_backwards"]),
    (RAE, "keras", lambda p: sequential(p, *lstm(return_sequences=False), steps=5), ["every step"]),
    (RAE, "keras", lambda p: sequential(p, *lstm(code=True), steps=5), ["only the last step"]),
    (RAE, "keras", lambda p: sequential(p, *lstm(activation="relu"), steps=5), ["relu", "tanh"]),
    (AE, "keras", lambda p: sequential(p, kl.Dense(3), kl.ReLU(6.0), kl.Dense(2)), ["max_value"]),
    (AE, "keras", lambda p: sequential(p, kl.Dense(3, "elu"), kl.Dense(2)), ["elu"]),
    (AE, "pt", lambda p: stacked(p, LINEAR(2, 3), LINEAR(3, 2), reorder=["1.weight", "1.bias", "0.weight", "0.bias"]), ["`1`", "3 to 2"]),
    (AE, "pt", lambda p: stacked(p, LINEAR(2, 3), LINEAR(3, 4)), ["`1`", "3 to 4"]),
    (AE, "pt", lambda p: stacked(p, LINEAR(2, 3), torch.nn.BatchNorm1d(3), LINEAR(3, 2)), ["`1`", "running_mean"]),
    (FC, "pt", lambda p: stacked(p, LINEAR(2, 3), LINEAR(3, 2)), ["lstm, dense"]),
    (FC, "pt", lambda p: stacked(p, torch.nn.RNN(2, 3), LINEAR(3, 2)), ["`0`", "weight_hh_l0"]),
]
DENSE = {"model": AE, "units": "3", "activation": "relu", "output": "linear"}
FORECAST = {"model": FC, "units": "3", "cell": "lstm"}
# Model, file, what writes it, the metadata.
TAKEN = [
    (AE, "onnx", gemms, DENSE),
    (AE, "onnx", lambda p: gemms(p, [helper.make_node("Sigmoid", ["y"], ["z"])]), DENSE | {"output": "sigmoid"}),
    (FC, "onnx", forecast, FORECAST),
    (FC, "onnx", lambda p: forecast(p, output=1), FORECAST),
    (FC, "onnx", lambda p: forecast(p, inputs=("", "zeros", "zeros")), FORECAST),
    (FC, "onnx", lambda p: forecast(p, **GRU), FORECAST | {"cell": "gru"}),
    (AE, "keras", lambda p: sequential(p, kl.Dense(3, "tanh", use_bias=False), kl.Dense(2)), DENSE | {"activation": "tanh"}),
    (AE, "keras", lambda p: sequential(p, kl.Dense(3), kl.ReLU(), kl.Dense(2)), DENSE),
    (RAE, "keras", lambda p: sequential(p, *lstm(), steps=5), FORECAST | {"model": RAE, "output": "linear"}),
    (AE, "pt", lambda p: stacked(p, LINEAR(2, 3, bias=False), LINEAR(3, 2)), {"model": AE, "units": "3"}),
    (FC, "pt", lambda p: stacked(p, torch.nn.LSTM(2, 3, bias=False), LINEAR(3, 2)), FORECAST),
]


def converted(folder, model, ending, write):
    """The refusal, or the metadata."""
    source, out = Path(folder, f"source.{ending}"), Path(folder, "out.safetensors")
    write(source)
    arguments = ["convert_weights.py", "--model", model, "--units", str(HIDDEN), str(source), str(out)]
    try:
        with mock.patch("sys.argv", arguments), mock.patch("builtins.print"):
            convert_weights.main()
    except SystemExit as refusal:
        return str(refusal)
    content = out.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size])["__metadata__"]


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (model, ending, write, words) in enumerate(REFUSED):
            found = converted(folder, model, ending, write)
            if not isinstance(found, str) or not all(word in found for word in words):
                wrong.append(f"refusal {number}: {words} are not in: {found}")
        for number, (model, ending, write, metadata) in enumerate(TAKEN):
            found = converted(folder, model, ending, write)
            if found != metadata:
                wrong.append(f"conversion {number}: not {metadata}, but: {found}")
    print("\n".join([*wrong, f"{len(REFUSED) + len(TAKEN) - len(wrong)} right, {len(wrong)} wrong"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
