"""VDSR's training step as ONNX graphs, for the page *Playground*: one graph is one whole step.

A browser's ONNX runtime computes no gradients, so the backward pass is written out here. A graph fits one depth; width,
batch and patch stay open. Weights and momenta are one flat vector each, in the order of torch's `parameters()`:
kernel and bias of the first layer, of the second, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vdsr_lib.errors import InputError

DEPTHS = range(3, 13)
OPSET = 18
SCALARS = ("skip", "rate", "momentum", "decay", "bound", "max_norm")
Shape = list[str | int]
PICTURES: Shape = ["B", 1, "H", "W"]
PADDED = {"pads": [1, 1, 1, 1]}
TURNED = {"perm": [1, 0, 2, 3]}


class Graph:
    """Nodes in the order in which they are added; a method adds one and gives its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and give their names."""
        names = [f"{op}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.add(op, *inputs, **attributes)[0]

    def constant(self, value: object, dtype: type = np.float32) -> str:
        """A tensor that is always the same."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def name(self, value: str, name: str) -> None:
        """Make a value an output of the graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))


class Layers:
    """The chain of convolutions, whose kernels and biases are cut out of the flat vector `weights`."""

    def __init__(self, graph: Graph, depth: int):
        self.graph, self.depth = graph, depth
        one, nine, side = (graph.constant([n], np.int64) for n in (1, 9, 3))
        ends = graph("Mul", "width", nine)
        hidden = graph("Mul", "width", ends)
        inner = [hidden, "width"] * (depth - 2)
        self.sizes = graph("Concat", ends, "width", *inner, ends, one, axis=0)
        parts = self.split("weights")
        shapes = [
            graph("Concat", "width" if k < depth - 1 else one, "width" if k else one, side, side, axis=0)
            for k in (0, 1, depth - 1)
        ]
        of_layer = [shapes[0], *[shapes[1]] * (depth - 2), shapes[2]]
        self.biases = parts[1::2]
        self.kernels = [graph("Reshape", part, shape) for part, shape in zip(parts[::2], of_layer, strict=True)]

    def split(self, flat: str) -> list[str]:
        """The parts of a flat vector: kernel, bias, kernel, bias, ..."""
        return self.graph.add("Split", flat, self.sizes, outputs=2 * self.depth, axis=0)

    def forward(self) -> tuple[str, list[str]]:
        """The prediction, and what goes into each layer."""
        features, inputs = "interpolated", []
        for k, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            inputs.append(features)
            features = self.graph("Conv", features, kernel, bias, **PADDED)
            if k < self.depth - 1:
                features = self.graph("Relu", features)
        return self.graph("Add", features, self.graph("Mul", "skip", "interpolated")), inputs

    def backward(self, error: str, inputs: Sequence[str]) -> str:
        """The gradient of all weights, flat, from that of the prediction."""
        graph, parts = self.graph, []
        zero, pixels, flat = graph.constant(0), graph.constant([0, 2, 3], np.int64), graph.constant([-1], np.int64)
        for k in reversed(range(self.depth)):
            # Each tap of a kernel is a sum over samples and pixels, which is a convolution of the layer's input with
            # the gradient of its output, the samples taking the channels' place.
            taps = graph("Conv", graph("Transpose", inputs[k], **TURNED), graph("Transpose", error, **TURNED), **PADDED)
            kernel = graph("Reshape", graph("Transpose", taps, **TURNED), flat)
            parts += [graph("ReduceSum", error, pixels, keepdims=0), kernel]
            if k:
                error = graph("ConvTranspose", error, self.kernels[k], **PADDED)
                error = graph("Where", graph("Greater", inputs[k], zero), error, zero)
        return graph("Concat", *reversed(parts), axis=0)


def check_depth(depth: int) -> None:
    """Errors: `InputError` for a depth that no graph is written for."""
    if depth not in DEPTHS:
        raise InputError(f"depth must be a whole number from {DEPTHS[0]} to {DEPTHS[-1]}, got {depth!r}")


def training_step(depth: int) -> onnx.ModelProto:
    """One step of SGD on the paper's loss, as `vdsr_lib.training` takes it.

    Inputs, float32 but for `width`, which is int64 `(1,)`:
    `weights` and `momenta` `(P,)`; `interpolated` and `high_res` `(B, 1, H, W)`; and scalars:
    `skip` is 1 with the skip connection and 0 without it, `rate` is γ, `momentum`, `decay`; `bound` is θ/γ of the clip
    by value and `max_norm` that of the clip by norm, each infinite when it is off.

    Outputs: `new_weights` and `new_momenta` `(P,)`; `loss`, and `norm`, that of the gradient before the clip;
    and of each layer's kernel, before the clip, `(depth,)`: `largest` and `typical` (root mean square)
    gradient, and `share`, how much of it exceeds the bound.

    Errors: `InputError` for a depth that no graph is written for.
    Paper: sections 3.2 and 5.2.
    """
    check_depth(depth)
    graph = Graph()
    layers = Layers(graph, depth)
    prediction, inputs = layers.forward()

    # ½‖r − f(x)‖², summed over pixels and averaged over the batch.
    error = graph("Sub", prediction, "high_res")
    first, second = graph.constant([0], np.int64), graph.constant([1], np.int64)
    batch = graph("Cast", graph("Slice", graph("Shape", error), first, second), to=TensorProto.FLOAT)
    half = graph("Mul", graph.constant(0.5), graph("ReduceSumSquare", error, keepdims=0))
    graph.name(graph("Div", half, graph("Squeeze", batch)), "loss")
    gradient = layers.backward(graph("Div", error, batch), inputs)

    # What is seen of the gradient, as it is before the clip.
    size = graph("Abs", gradient)
    norm = graph("Sqrt", graph("ReduceSumSquare", gradient, keepdims=0))
    graph.name(norm, "norm")
    over = graph("Cast", graph("Greater", size, "bound"), to=TensorProto.FLOAT)
    kernels, shares = layers.split(size)[::2], layers.split(over)[::2]
    graph.name(graph("Concat", *[graph("ReduceMax", k) for k in kernels], axis=0), "largest")
    square = [graph("ReduceMean", graph("Mul", k, k)) for k in kernels]
    graph.name(graph("Sqrt", graph("Concat", *square, axis=0)), "typical")
    graph.name(graph("Concat", *[graph("ReduceMean", k) for k in shares], axis=0), "share")

    # The clip comes before weight decay and momentum. An infinite norm must not turn the clip by norm on.
    one = graph.constant(1)
    factor = graph("Min", one, graph("Div", "max_norm", graph("Add", norm, graph.constant(1e-6))))
    factor = graph("Where", graph("IsInf", "max_norm"), one, factor)
    gradient = graph("Clip", graph("Mul", gradient, factor), graph("Neg", "bound"), "bound")
    gradient = graph("Add", gradient, graph("Mul", "decay", "weights"))
    momenta = graph("Add", graph("Mul", "momentum", "momenta"), gradient)
    graph.name(momenta, "new_momenta")
    graph.name(graph("Sub", "weights", graph("Mul", "rate", momenta)), "new_weights")

    flat: Shape = ["P"]
    inputs_of = {"weights": flat, "momenta": flat, "interpolated": PICTURES, "high_res": PICTURES}
    outputs: dict[str, Shape] = {"new_weights": flat, "new_momenta": flat, "loss": [], "norm": []}
    outputs |= {name: [depth] for name in ("largest", "typical", "share")}
    return finish(f"training step, depth {depth}", graph, inputs_of | {name: [] for name in SCALARS}, outputs)


def network(depth: int) -> onnx.ModelProto:
    """The network alone: `weights` `(P,)`, `interpolated` `(B, 1, H, W)`, `skip` and `width` to `prediction`.

    Errors: `InputError` for a depth that no graph is written for.
    """
    check_depth(depth)
    graph = Graph()
    prediction, _ = Layers(graph, depth).forward()
    graph.name(prediction, "prediction")
    inputs: dict[str, Shape] = {"weights": ["P"], "interpolated": PICTURES, "skip": []}
    return finish(f"network, depth {depth}", graph, inputs, {"prediction": PICTURES})


def finish(name: str, graph: Graph, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> onnx.ModelProto:
    """The graph as a model, checked."""

    def values(shapes: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in shapes.items()]

    width = helper.make_tensor_value_info("width", TensorProto.INT64, [1])
    made = helper.make_graph(graph.nodes, name, [*values(inputs), width], values(outputs), graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model


def lay_out(folder: Path) -> None:
    """Write all graphs into the folder of the page's own files: `step-6.onnx` and `network-6.onnx` for depth 6."""
    folder.mkdir(parents=True, exist_ok=True)
    for depth in DEPTHS:
        for name, make in (("step", training_step), ("network", network)):
            (folder / f"{name}-{depth}.onnx").write_bytes(make(depth).SerializeToString())
