"""Turns the weights of a Keras, ONNX or PyTorch model into a safetensors file for `bongsu train --weights`.

Requirements (pinned; of the frameworks only the one whose file is read):
    numpy==2.4.6
    keras==3.15.1 (.keras, .h5; any backend)
    onnx==1.23.2 (.onnx)
    torch==2.15.0 (.pt: a saved state_dict)

Run: python convert_weights.py --model MODEL [--units N,...] SOURCE OUTPUT.safetensors

Afterwards run the `bongsu train` that is printed at the end: it fits scaler and threshold to normal
rows. `--set scaling=` and `sequence=` are to be those that the network was trained with. What is
printed is also in the file's `__metadata__`: model, units, activation, output, and cell or latent.

MODEL is autoencoder, vae, lstm-autoencoder, gru-autoencoder or lstm-forecast, as `bongsu train` calls
them, and `--units` what `--set units=` says there. SOURCE holds the same layers with weights in the
same order; layers without weights that change no number where a network is used (dropout, repetition)
are passed over. Whatever else changes a number, an attribute as much as a layer, is refused by name,
and so are sizes that do not follow from each other. The layers are numbered anew as
`bongsu_neural::Weights` documents. Of a VAE the source is the encoder and the decoder one after the
other (`--decoder FILE` where they are two files); the encoder ends in one layer that gives means and
logarithms of variances, or in two, the means first.

    Keras   kernels are transposed; LSTM gates i, f, c, o are PyTorch's i, f, g, o; of a GRU the
            gates z, r, h become r, z, n, and it must have `reset_after=True`, which is the default.
    ONNX    Gemm, or MatMul and Add, is a dense layer; LSTM gates i, o, f, c become i, f, g, o; GRU
            gates z, r, h become r, z, n, and it must have `linear_before_reset=1`.
    PyTorch a state_dict has its layers in the order in which the module defines them, and this is
            taken for the order in which they are used; it does not say what follows a layer
            (activation, a reversed or repeated sequence), so that is for you to compare.
"""

import argparse
import json
import struct
from dataclasses import dataclass
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
)
# The other operators of ONNX, their attributes, and the values these may have; None is any.
ATTRIBUTES = {
    "Constant": dict.fromkeys(("value", "value_float", "value_floats", "value_int", "value_ints")),
    "Add": {},
    "MatMul": {},
    "Relu": {},
    "Sigmoid": {},
    "Tanh": {},
    "Gemm": {"alpha": [1.0], "beta": [1.0], "transA": [0], "transB": [0, 1]},
    "LSTM": {
        "activations": [[b"Sigmoid", b"Tanh", b"Tanh"]],
        "direction": [b"forward"],
        "hidden_size": None,
        "input_forget": [0],
        "layout": [0],
    },
    "GRU": {
        "activations": [[b"Sigmoid", b"Tanh"]],
        "direction": [b"forward"],
        "hidden_size": None,
        "layout": [0],
        "linear_before_reset": [1],
    },
}


@dataclass
class Layer:
    """A layer with weights, and what is known of its surroundings; None is not known."""

    kind: str
    name: str
    values: dict
    # What is done to the sums of a dense layer.
    activation: str | None = None
    # Whether a recurrent layer passes on every step, not only the last.
    sequences: bool | None = None
    # The number in its file of the layer whose output it takes, -1 for the input.
    source: int | None = None

    def sizes(self):
        """Numbers that go in and come out, after a look at the shapes."""
        shapes = {name: np.shape(value) for name, value in self.values.items()}
        if self.kind == "dense":
            outputs, inputs = shapes["weight"]
            expected = {"weight": (outputs, inputs), "bias": (outputs,)}
        else:
            outputs, inputs = shapes["weight_hh_l0"][1], shapes["weight_ih_l0"][1]
            rows = {"lstm": 4, "gru": 3}[self.kind] * outputs
            expected = {"weight_ih_l0": (rows, inputs), "weight_hh_l0": (rows, outputs)}
            expected |= {"bias_ih_l0": (rows,), "bias_hh_l0": (rows,)}
        if shapes != expected:
            raise SystemExit(f"layer `{self.name}`: the shapes {shapes} are not those of a {self.kind}")
        return inputs, outputs


def places(model, units):
    """The layers with weights in order: their prefixes, kinds, and whether they give every step."""
    outer = len(units) - 1
    cell = "gru" if model == "gru-autoencoder" else "lstm"
    before = [2 * i for i in range(outer)]  # each is followed by a dropout
    code = 2 * outer
    if model == "autoencoder":
        after = [code + 1 + 2 * i for i in range(outer)]
        return [(f"{i}.", "dense", None) for i in [*before, code, *after, 4 * outer + 1]]
    if model == "vae":
        every = [2 * i for i in range(len(units) + 1)]
        return [(f"{part}.{i}.", "dense", None) for part in ("encoder", "decoder") for i in every]
    encoder = [(f"{i}.", cell, True) for i in before] + [(f"{code}.", cell, False)]
    if model == "lstm-forecast":
        return [*encoder, (f"{code + 1}.", "dense", None)]
    decoder = [(f"{i}.", cell, True) for i in range(code + 2, code + 3 + outer)]
    return [*encoder, *decoder, (f"{code + 3 + outer}.", "dense", None)]


def widths(model, units, layers):
    """What must go in and come out of each layer, by the units and by what the first takes."""
    features, mirrored = layers[0].sizes()[0], units[::-1]
    if model == "vae":
        both = layers[len(units)].sizes()[1]
        if both % 2:
            raise SystemExit(f"layer `{layers[len(units)].name}` gives {both} numbers, which are not pairs")
        outputs = [*units, both, *mirrored, features]
        inputs = [features, *units, both // 2, *mirrored]
        return list(zip(inputs, outputs))
    if model == "autoencoder":
        outputs = [*units, *mirrored[1:], features]
    elif model == "lstm-forecast":
        outputs = [*units, features]
    else:
        outputs = [*units, *mirrored, features]
    return list(zip([features, *outputs], outputs))


def reordered(matrix, order):
    """The gates along the first axis in another order."""
    gates = np.split(np.asarray(matrix), len(order))
    return np.concatenate([gates[i] for i in order])


def dense(name, weight, bias=None, **known):
    bias = np.zeros(len(weight)) if bias is None else bias
    return Layer("dense", name, {"weight": weight, "bias": bias}, **known)


def recurrent(kind, name, w, r, b, d, **known):
    values = {"weight_ih_l0": w, "weight_hh_l0": r, "bias_ih_l0": b, "bias_hh_l0": d}
    return Layer(kind, name, values, **known)


def followed(layer, activation, by):
    """Notes what is done to the sums of a layer."""
    if activation not in ACTIVATIONS:
        raise SystemExit(f"{by}: the activation {activation} is not supported")
    if activation == "linear":
        return
    if layer is None or layer.kind != "dense" or layer.activation != "linear":
        raise SystemExit(f"{by}: {activation} must follow the sums of a dense layer")
    layer.activation = activation


def from_keras(path):
    import keras

    layers = []
    for layer in flat(keras.models.load_model(path, compile=False, safe_mode=True)):
        if isinstance(layer, keras.layers.TimeDistributed):
            layer = layer.layer
        name, kind = layer.name, type(layer).__name__
        weights = layer.get_weights()
        if kind in ("Dense", "LSTM", "GRU"):
            wanted = (1 if kind == "Dense" else 2) + layer.use_bias
            if len(weights) != wanted:
                raise SystemExit(f"layer `{name}` has {len(weights)} weights, not {wanted}")
        if kind == "Dense":
            layers.append(dense(name, weights[0].T, *weights[1:], activation="linear"))
            followed(layers[-1], layer.activation.__name__, f"layer `{name}`")
        elif kind == "Activation":
            followed(layers[-1] if layers else None, layer.activation.__name__, f"layer `{name}`")
        elif kind == "ReLU":
            if layer.max_value is not None or layer.negative_slope or layer.threshold:
                raise SystemExit(f"layer `{name}`: max_value, negative_slope or threshold is set")
            followed(layers[-1] if layers else None, "relu", f"layer `{name}`")
        elif kind in ("LSTM", "GRU"):
            check_recurrent(layer)
            layers.append(recurrent_of_keras(layer, kind.lower(), weights))
        elif kind not in MOVING:
            raise SystemExit(f"layer `{name}` ({kind}) is not supported")
    return layers


def recurrent_of_keras(layer, kind, weights):
    w, r = weights[0].T, weights[1].T
    if kind == "lstm":
        b, d = weights[2] if layer.use_bias else np.zeros(len(w)), np.zeros(len(w))
    else:
        w, r = reordered(w, [1, 0, 2]), reordered(r, [1, 0, 2])
        both = weights[2] if layer.use_bias else np.zeros((2, len(w)))
        b, d = [reordered(x, [1, 0, 2]) for x in both]
    return recurrent(kind, layer.name, w, r, b, d, sequences=layer.return_sequences)


def flat(model):
    for layer in model.layers:
        yield from flat(layer) if hasattr(layer, "layers") else [layer]


def check_recurrent(layer):
    found = (layer.activation.__name__, layer.recurrent_activation.__name__)
    if found != ("tanh", "sigmoid"):
        raise SystemExit(f"layer `{layer.name}`: activations {found}, but tanh and sigmoid are needed")
    for name in ("go_backwards", "stateful"):
        if getattr(layer, name):
            raise SystemExit(f"layer `{layer.name}`: {name} is not supported")
    if not getattr(layer, "reset_after", True):
        raise SystemExit(f"layer `{layer.name}`: a GRU needs reset_after=True")


class Graph:
    """An ONNX graph as layers, node by node."""

    def __init__(self, path):
        import onnx

        self.onnx = onnx
        graph = onnx.load(path).graph
        self.known = {tensor.name: self.array(tensor) for tensor in graph.initializer}
        self.layers = []
        # Tensors by name: that hold only zeros; that are the sums of a layer without a bias so far;
        # the number of the layer that made them, and whether only its last step is left.
        self.zeros = {name for name, value in self.known.items() if not np.any(value)}
        self.sums = {}
        self.made = {value.name: (-1, False) for value in graph.input if value.name not in self.known}
        for node in graph.node:
            self.take(node)

    def array(self, tensor):
        return self.onnx.numpy_helper.to_array(tensor)

    def take(self, node):
        by = f"node `{node.name or node.output[0]}` ({node.op_type})"
        given = {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.domain not in ("", "ai.onnx") or node.op_type not in (*ATTRIBUTES, *MOVING_OPERATORS):
            raise SystemExit(f"{by} is not supported")
        for name, value in given.items():
            allowed = ATTRIBUTES.get(node.op_type, {}).get(name, [] if node.op_type in ATTRIBUTES else None)
            if allowed is not None and value not in allowed:
                raise SystemExit(f"{by}: {name}={value} is not supported")
        if node.op_type == "Constant":
            self.constant(node, given, by)
        elif node.op_type in MOVING_OPERATORS:
            self.move(node, given, by)
        elif node.op_type in ("Relu", "Sigmoid", "Tanh"):
            number, last = self.source(node.input[0], by)
            followed(self.layers[number] if number >= 0 else None, node.op_type.lower(), by)
            self.made[node.output[0]] = (number, last)
        elif node.op_type in ("Gemm", "MatMul"):
            self.dense(node, given, by)
        elif node.op_type == "Add":
            self.add(node, by)
        else:
            self.recurrent(node, given, by)

    def source(self, name, by):
        if name not in self.made:
            raise SystemExit(f"{by}: its input `{name}` is not what a layer passes on")
        return self.made[name]

    def weight(self, node, at, dimensions, by):
        value = self.known.get(node.input[at]) if at < len(node.input) else None
        if value is None or value.ndim != dimensions:
            raise SystemExit(f"{by}: its input {at} must be a constant of {dimensions} dimensions")
        return value

    def append(self, layer, node, by):
        layer.source, last = self.source(node.input[0], by)
        if layer.source >= 0:
            before = self.layers[layer.source]
            before.sequences = None if before.kind == "dense" else not last
        self.layers.append(layer)
        self.made[node.output[0]] = (len(self.layers) - 1, False)

    def constant(self, node, given, by):
        ((name, value),) = given.items()
        if name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
            raise SystemExit(f"{by}: {name} is not supported")
        self.known[node.output[0]] = self.array(value) if name == "value" else np.array(value)
        if not np.any(self.known[node.output[0]]):
            self.zeros.add(node.output[0])

    def move(self, node, given, by):
        out, first = node.output[0], node.input[0]
        if node.op_type == "Shape":
            return
        if node.op_type == "ConstantOfShape":
            if "value" not in given or not np.any(self.array(given["value"])):
                self.zeros.add(out)
            return
        if first in self.zeros:
            self.zeros.add(out)
        if first in self.known and node.op_type in ("Identity", "Transpose"):
            value = self.known[first]
            self.known[out] = value if node.op_type == "Identity" else value.transpose(given.get("perm"))
        sources = {self.made[name] for name in node.input if name in self.made}
        if len(sources) > 1 or (node.op_type == "Concat" and sources and len(node.input) > 1):
            raise SystemExit(f"{by}: the outputs of two layers are joined")
        for number, last in sources:
            kinds = (self.onnx.TensorProto.FLOAT, self.onnx.TensorProto.DOUBLE)
            if node.op_type == "Cast" and given["to"] not in kinds:
                raise SystemExit(f"{by}: numbers become others than float or double")
            mode = self.known.get(node.input[2]) if len(node.input) > 2 else None
            if node.op_type == "Dropout" and mode is not None and np.any(mode):
                raise SystemExit(f"{by}: its training_mode is on")
            last = last or node.op_type in ("Gather", "Split") or self.cuts(node)
            self.made |= {name: (number, last) for name in node.output}
        if first in self.sums and node.op_type in ("Identity", "Reshape"):
            self.sums[out] = self.sums[first]

    def cuts(self, node):
        """Whether a slice leaves anything away, as far as its bounds are known."""
        if node.op_type != "Slice":
            return False
        start, end = [self.known.get(name) for name in node.input[1:3]]
        whole = start is not None and end is not None and not np.any(start) and np.all(end >= 2**31 - 1)
        return not whole

    def dense(self, node, given, by):
        weight = self.weight(node, 1, 2, by)
        weight = weight if given.get("transB") else weight.T
        layer = dense(node.name or node.output[0], weight, activation="linear")
        if len(node.input) > 2 and node.input[2]:
            layer.values["bias"] = self.bias(node.input[2], len(weight), by)
        else:
            self.sums[node.output[0]] = layer
        self.append(layer, node, by)

    def bias(self, name, size, by):
        value = self.known.get(name)
        if value is None or value.size not in (1, size):
            raise SystemExit(f"{by}: what is added must be {size} constants")
        return np.broadcast_to(value.reshape(-1), (size,))

    def add(self, node, by):
        sums, other = sorted(node.input, key=lambda name: name not in self.sums)
        layer = self.sums.get(sums)
        if layer is None or layer.activation != "linear":
            raise SystemExit(f"{by} is supported only as the bias of a MatMul")
        layer.values["bias"] = self.bias(other, len(layer.values["weight"]), by)
        self.made[node.output[0]] = self.made[sums]

    def recurrent(self, node, given, by):
        kind = node.op_type.lower()
        if kind == "gru" and not given.get("linear_before_reset"):
            raise SystemExit(f"{by}: a GRU needs linear_before_reset=1")
        names = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
        found = {name: value for name, value in zip(names, node.input) if value}
        for name in ("initial_h", "initial_c"):
            if found.pop(name, None) not in (None, *self.zeros):
                raise SystemExit(f"{by}: {name} is not known to be zero")
        for name in names[4:]:
            if name in found:
                raise SystemExit(f"{by}: the input {name} is not supported")
        order = [0, 2, 3, 1] if kind == "lstm" else [1, 0, 2]
        w, r = [reordered(self.weight(node, at, 3, by)[0], order) for at in (1, 2)]
        both = self.weight(node, 3, 2, by)[0] if "B" in found else np.zeros(2 * len(w))
        b, d = [reordered(x, order) for x in np.split(both, 2)]
        self.append(recurrent(kind, node.name or node.output[0], w, r, b, d), node, by)
        if len(node.output) > 1:
            self.made[node.output[1]] = (len(self.layers) - 1, True)


def from_onnx(path):
    return Graph(path).layers


def from_pytorch(path):
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(x, torch.Tensor) for x in state.values()):
        raise SystemExit(f"{path} is not a state_dict, which holds tensors and nothing else")
    found = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        found.setdefault(layer, {})[leaf] = tensor.float().numpy()
    return [of_pytorch(name, values) for name, values in found.items()]


def of_pytorch(name, found):
    weights = ("weight_ih_l0", "weight_hh_l0")
    if set(found) in ({"weight"}, {"weight", "bias"}) and found["weight"].ndim == 2:
        return dense(name, found["weight"], found.get("bias"))
    if set(found) in (set(weights), {*weights, "bias_ih_l0", "bias_hh_l0"}):
        w, r = [found[x] for x in weights]
        kind = {3: "gru", 4: "lstm"}.get(len(r) / r.shape[1])
        if kind is not None:
            biases = [found.get(x, np.zeros(len(w))) for x in ("bias_ih_l0", "bias_hh_l0")]
            return recurrent(kind, name, w, r, *biases)
    raise SystemExit(f"layer `{name}` with {sorted(found)} is not supported")


READERS = {".keras": from_keras, ".h5": from_keras, ".onnx": from_onnx, ".pt": from_pytorch}


def read(path, model):
    reader = READERS.get(Path(path).suffix)
    if reader is None:
        raise SystemExit(f"{path}: the name must end in one of {', '.join(READERS)}")
    try:
        layers = reader(path)
    except Exception as error:  # each framework has its own for a damaged file
        raise SystemExit(f"{path} cannot be read: {(str(error) or repr(error)).splitlines()[0]}") from error
    for number, layer in enumerate(layers):
        # Means and logarithms of variances come from one layer, and what follows from the means.
        allowed = (None, number - 1, number - 2) if model == "vae" else (None, number - 1)
        if layer.source not in allowed:
            raise SystemExit(f"layer `{layer.name}` does not take what the layer before it gives")
    return layers


def joined(layers, expected):
    """Two last layers of an encoder of a VAE, means and logarithms of variances, as one."""
    if len(layers) != expected + 1:
        return layers
    at = expected // 2 - 1
    mean, log_variance = layers[at : at + 2]
    if mean.activation != log_variance.activation:
        raise SystemExit(f"layer `{log_variance.name}`: another activation than `{mean.name}`")
    both = {name: np.concatenate([mean.values[name], log_variance.values[name]]) for name in mean.values}
    return [*layers[:at], Layer("dense", mean.name, both, mean.activation), *layers[at + 2 :]]


def checked(model, units, layers, wanted):
    """Refuses what is not the network of that name."""
    dense_ones = [kind == "dense" for _, kind, _ in wanted]
    if dense_ones != [layer.kind == "dense" for layer in layers]:
        found = ", ".join(layer.kind for layer in layers)
        needed = ", ".join(kind for _, kind, _ in wanted)
        raise SystemExit(f"these layers with weights are needed: {needed}; but there are: {found}")
    cells = {layer.kind for layer in layers} - {"dense"}
    for (prefix, kind, sequences), layer in zip(wanted, layers):
        fits = kind == layer.kind or (kind == "lstm" and cells == {"gru"})
        if not fits:
            raise SystemExit(f"layer `{layer.name}` must be {kind}, but is {layer.kind}")
        if None not in (sequences, layer.sequences) and sequences != layer.sequences:
            needed = "every step" if sequences else "only the last step"
            raise SystemExit(f"layer `{layer.name}`: it must give {needed} (return_sequences={sequences})")
    for layer, expected in zip(layers, widths(model, units, layers)):
        if layer.sizes() != expected:
            found, needed = ["{} to {}".format(*sizes) for sizes in (layer.sizes(), expected)]
            raise SystemExit(f"layer `{layer.name}` is from {found}, but must be from {needed}")


def settings(model, units, layers):
    """What `bongsu train` is to be told, as far as it is known."""
    told = {"model": model, "units": ",".join(map(str, units))}
    *hidden, last = [layer for layer in layers if layer.kind == "dense"]
    if model == "vae":
        head = hidden.pop(len(units))
        told["latent"] = str(head.sizes()[1] // 2)
        if head.activation not in (None, "linear"):
            raise SystemExit(f"layer `{head.name}`: means must be linear, but are {head.activation}")
    if model in ("lstm-autoencoder", "lstm-forecast"):
        told["cell"] = layers[0].kind
    for layer in hidden:
        if layer.activation != hidden[0].activation:
            raise SystemExit(f"layer `{layer.name}`: another activation than `{hidden[0].name}`")
    if hidden and hidden[0].activation is not None:
        told["activation"] = hidden[0].activation
    if model == "lstm-forecast" and last.activation not in (None, "linear"):
        raise SystemExit(f"layer `{last.name}`: a forecast must be linear, but is {last.activation}")
    if model != "lstm-forecast" and last.activation is not None:
        told["output"] = last.activation
    return told


def save(path, tensors, metadata):
    """A safetensors file with the same bytes on each run."""
    header, at = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        end = at + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(tensor.astype("<f4").tobytes() for tensor in tensors.values())
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, choices=UNITS)
    parser.add_argument("--units")
    parser.add_argument("--decoder")
    parser.add_argument("source")
    parser.add_argument("output")
    given = parser.parse_args()
    units = [int(size) for size in (given.units or UNITS[given.model]).split(",")]
    layers = read(given.source, given.model)
    layers += read(given.decoder, given.model) if given.decoder else []
    wanted = places(given.model, units)
    if given.model == "vae":
        layers = joined(layers, len(wanted))
    checked(given.model, units, layers, wanted)
    told = settings(given.model, units, layers)
    tensors = {}
    for (prefix, _, _), layer in zip(wanted, layers):
        for name, value in layer.values.items():
            tensors[prefix + name] = np.ascontiguousarray(value, dtype=np.float32)
    save(given.output, tensors, told)
    for name, tensor in tensors.items():
        print(name, list(tensor.shape))
    flags = " ".join(f"--set {name}={value}" for name, value in told.items() if name != "model")
    print(f"bongsu train --model {given.model} --weights {given.output} {flags} --input NORMAL.csv --save m.bngs")
    may_follow = ("activation", "output") if given.model in ("autoencoder", "vae") else ("output",)
    if layers[-1].activation is None and given.model != "lstm-forecast":
        missing = " and ".join(f"`--set {name}=`" for name in may_follow)
        print(f"A state_dict does not name activations: add {missing} unless they are the defaults.")


if __name__ == "__main__":
    main()
