"""Networks, against onnxruntime and PyTorch on one thread: outputs of the same weights, and epochs
of training."""

from functools import cache, partial

import numpy as np

from peer import Case

# Layers as the example builds them: kind, units, and what else matters.
DENSE = [("dense", 64, "relu"), ("dense", 32, "relu"), ("dense", 64, "relu"), ("dense", 30, "linear")]
LSTM = [
    ("lstm", 50, True),
    ("lstm", 25, False),
    ("repeat", 60),
    ("lstm", 25, True),
    ("lstm", 50, True),
    ("dense", 1, "linear"),
]
GRU = [("gru", *rest) if kind == "lstm" else (kind, *rest) for kind, *rest in LSTM]
SHAPES = {"dense": (DENSE, 1, 30), "lstm": (LSTM, 60, 1), "gru": (GRU, 60, 1)}
GATES = {"lstm": 4, "gru": 3}


@cache
def weights(model):
    """For each layer with weights, its tensors in PyTorch's layout and order."""
    layers, _, features = SHAPES[model]
    rng = np.random.default_rng(3)
    made, inputs = [], features
    for layer in layers:
        if layer[0] == "dense":
            shapes = [(layer[1], inputs), (layer[1],)]
        elif layer[0] in GATES:
            gates = GATES[layer[0]] * layer[1]
            shapes = [(gates, inputs), (gates, layer[1])] + [(gates,)] * 2
        else:
            continue
        most = 1 / np.sqrt(layer[1])
        made.append([rng.uniform(-most, most, shape).astype(np.float32) for shape in shapes])
        inputs = layer[1]
    return made


def windows(model, n):
    _, steps, features = SHAPES[model]
    return np.random.default_rng(1).normal(size=(n, steps * features)).astype(np.float32)


def inputs(model, n):
    flat = np.concatenate([tensor.ravel() for layer in weights(model) for tensor in layer])
    return [windows(model, n), flat]


@cache
def session(model):
    """The network in onnxruntime; sequences come step by step, which it likes best."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    layers, steps, features = SHAPES[model]
    nodes, constants, name, made = [], [], "x", iter(weights(model))

    def constant(array):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), f"c{len(constants)}"))
        return constants[-1].name

    def node(kind, sources, count=1, **attributes):
        names = [f"n{len(nodes)}_{i}" for i in range(count)]
        nodes.append(helper.make_node(kind, sources, names, **attributes))
        return names

    for kind, size, *rest in layers:
        if kind == "dense":
            kernel, bias = next(made)
            (name,) = node("MatMul", [name, constant(kernel.T)])
            (name,) = node("Add", [name, constant(bias)])
            if rest[0] == "relu":
                (name,) = node("Relu", [name])
        elif kind in GATES:
            blocks = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}[kind]  # i, o, f, g; z, r, n
            order = np.concatenate([np.arange(size) + size * block for block in blocks])
            w, u, b, d = (tensor[order] for tensor in next(made))
            sources = [name, constant(w[None]), constant(u[None]), constant(np.r_[b, d][None])]
            reset = {"linear_before_reset": 1} if kind == "gru" else {}
            y, last = node(kind.upper(), sources, 2, hidden_size=size, **reset)
            name = node("Squeeze", [y, constant(np.array([1]))])[0] if rest[0] else last
        else:
            (name,) = node("Tile", [name, constant(np.array([size, 1, 1]))])
    shape = ["batch", features] if steps == 1 else [steps, "batch", features]
    value = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT, shape=shape)
    graph = helper.make_graph(nodes, model, [value("x")], [value(name)], constants)
    opset = helper.make_opsetid("", 17)
    network = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    onnx.checker.check_model(network)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(network.SerializeToString(), options), name


def stepwise(x, model):
    _, steps, features = SHAPES[model]
    if steps == 1:
        return x
    return np.ascontiguousarray(x.reshape(-1, steps, features).transpose(1, 0, 2))


def onnx_batches(x, _, model, batch):
    run, name = session(model)
    outputs = []
    for first in range(0, len(x), batch):
        (y,) = run.run([name], {"x": stepwise(x[first : first + batch], model)})
        outputs.append(y if y.ndim == 2 else y.transpose(1, 0, 2).reshape(y.shape[1], -1))
    return np.concatenate(outputs)


def torch_network(model, dropout=0.0):
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers, _, features = SHAPES[model]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            parts, taken = [], features
            for kind, size, *_ in layers:
                if kind == "dense":
                    parts.append(nn.Linear(taken, size))
                elif kind in GATES:
                    cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
                    parts.append(cell(taken, size, batch_first=True))
                else:
                    parts.append(nn.Identity())
                taken = size if kind != "repeat" else taken
            self.parts = nn.ModuleList(parts)
            self.drop = nn.Dropout(dropout)

        def forward(self, x):
            for index, (layer, part) in enumerate(zip(layers, self.parts)):
                if layer[0] == "dense":
                    x = part(x)
                    x = x.relu() if layer[2] == "relu" else x
                elif layer[0] in GATES:
                    y, _ = part(x)
                    x = y if layer[2] else y[:, -1]
                else:
                    x = x[:, None, :].expand(-1, layer[1], -1)
                if dropout and index in DROPPED[model]:
                    x = self.drop(x)
            return x

    network = Network()
    with torch.no_grad():
        parts = [part for layer, part in zip(layers, network.parts) if layer[0] != "repeat"]
        for part, tensors in zip(parts, weights(model)):
            for parameter, tensor in zip(part.parameters(), tensors):
                parameter.copy_(torch.from_numpy(tensor))
    return network


# The layers that dropout follows.
DROPPED = {"dense": [0, 2], "lstm": [0], "gru": [0]}


@cache
def trained_network(model):
    return torch_network(model)


def torch_batches(x, _, model, batch):
    import torch

    network = trained_network(model)
    _, steps, features = SHAPES[model]
    x = torch.from_numpy(x)
    x = x if steps == 1 else x.reshape(-1, steps, features)
    with torch.inference_mode():
        parts = [network(part) for part in x.split(batch)]
        return torch.cat(parts).reshape(len(x), -1).numpy()


def series(model, n):
    """A table to train on; a wave and noise in each column."""
    _, steps, features = SHAPES[model]
    rows = np.arange(n + steps - 1)[:, None] * 0.3 + np.arange(features)
    return [np.sin(rows) + 0.1 * np.random.default_rng(2).normal(size=rows.shape)]


def torch_epochs(table, model, epochs):
    import torch

    network = torch_network(model, 0.2).train()
    _, steps, features = SHAPES[model]
    table = ((table - table.mean(0)) / table.std(0)).astype(np.float32)
    x = np.lib.stride_tricks.sliding_window_view(table, steps, axis=0).transpose(0, 2, 1)
    x = torch.from_numpy(np.ascontiguousarray(x if steps > 1 else table))
    optimizer = torch.optim.Adam(network.parameters())
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(epochs):
        sum_of_losses = 0.0
        for rows in torch.randperm(len(x), generator=generator).split(32):
            batch = x[rows]
            loss = torch.nn.functional.mse_loss(network(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            sum_of_losses += loss.item() * len(rows)
        losses.append(sum_of_losses / len(x))
    return np.array(losses)


SIZES = {"dense": "30-64-32-64-30", "lstm": "60x1, LSTM 50/25", "gru": "60x1, GRU 50/25"}
NAMES = {"dense": "autoencoder", "lstm": "lstm-autoencoder", "gru": "gru-autoencoder"}


def outputs(model, reference, function, n, batch, goal):
    one = "one window at a time" if batch == 1 else f"batches of {batch}"
    return Case(
        name=f"{NAMES[model]}, {one}, {reference}",
        reference=reference,
        size=f"{n:,} windows, {SIZES[model]}",
        inputs=partial(inputs, model, n),
        theirs=partial(function, model=model, batch=batch),
        crate="bongsu-neural",
        example="peer_neural",
        method=model,
        parameters={"batch": batch},
        goal=goal,
        tolerance=1e-5,
        repeats=15,
    )


def training(model, n, epochs):
    return Case(
        name=f"{NAMES[model]}, training",
        reference="PyTorch, Adam, batches of 32",
        size=f"{n:,} windows, {epochs} epochs",
        inputs=partial(series, model, n),
        theirs=partial(torch_epochs, model=model, epochs=epochs),
        crate="bongsu-neural",
        example="peer_neural",
        method=f"train-{model}",
        parameters={"epochs": epochs},
        goal=1.5,
        difference=lambda ours, theirs: float(abs(ours[-1] - theirs[-1])),
        difference_is="of the last losses",
        tolerance=None,
        repeats=1,
    )


CASES = [
    outputs("dense", "onnxruntime", onnx_batches, 256, 1, 5),
    outputs("lstm", "onnxruntime", onnx_batches, 16, 1, 1.5),
    outputs("dense", "PyTorch", torch_batches, 256, 1, None),
    outputs("lstm", "PyTorch", torch_batches, 16, 1, None),
    outputs("dense", "onnxruntime", onnx_batches, 256, 256, 1),
    outputs("lstm", "onnxruntime", onnx_batches, 256, 256, 1),
    outputs("dense", "PyTorch", torch_batches, 256, 256, 1),
    outputs("lstm", "PyTorch", torch_batches, 256, 256, 1),
    outputs("gru", "onnxruntime", onnx_batches, 16, 1, None),
    outputs("gru", "onnxruntime", onnx_batches, 256, 256, None),
    outputs("gru", "PyTorch", torch_batches, 16, 1, None),
    outputs("gru", "PyTorch", torch_batches, 256, 256, None),
    training("dense", 8000, 5),
    training("lstm", 1600, 2),
    training("gru", 1600, 2),
]
