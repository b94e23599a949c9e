#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the cases of verif/data/ort: one small network for each rule of ONNX Runtime's arithmetic that the importer follows,
with the outputs that ONNX Runtime computes.

    .venv-ort/bin/python scripts/ort_rules.py verif/data/ort
    .venv-ort/bin/python scripts/ort_rules.py FOLDER 20      # those of them whose scales are drawn, by 20 other seeds

They are kept in the repository, so that the quick suite needs no ONNX Runtime; docs/arithmetic.md describes the rules.
"""
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from ort_attention import blocks
from ort_batches import batches as batched
from ort_cases import options
from ort_maps import maps
from ort_means import means
from ort_rnn import recurrent
from ort_transformers import transformers


class Graph:
    """A graph made node by node; `x` is its input, `y` its output."""

    def __init__(self, shape, unsigned=False, seed=1):
        self.rng = np.random.default_rng(seed)
        self.unsigned, self.kind = unsigned, np.uint8 if unsigned else np.int8
        low, high = (0, 256) if unsigned else (-128, 128)
        self.x = self.rng.integers(low, high, size=shape).astype(self.kind)
        self.nodes, self.constants, self.result = [], [], None
        self.others, self.outputs = {}, ["y"]  # further inputs, and the names of all outputs

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, inputs, output=None, **attributes):
        output = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def codes(self, scale, zero, kind=None):
        return [self.constant(np.float32(scale)), self.constant((kind or self.kind)(zero))]

    def real(self, tensor, scale, zero, kind=None):
        return self.node("DequantizeLinear", [tensor, *self.codes(scale, zero, kind)])

    def quantize(self, tensor, scale, zero, kind=None):
        return self.node("QuantizeLinear", [tensor, *self.codes(scale, zero, kind)], "y")

    def channel(self, which, kind=None):
        """One of two channels of the input, by a convolution that picks it; in another type by a requantisation."""
        weights = np.zeros((1, 2, 1, 1), np.int8)
        weights[0, which] = 1
        zero = self.kind(0)
        w = [self.constant(weights), self.constant(np.float32(1)), self.constant(np.int8(0))]
        one = [self.constant(np.float32(1)), self.constant(zero)]
        picked = self.node("QLinearConv", ["x", *one, *w, *one])
        if kind is None:
            return picked
        moved = self.node("DequantizeLinear", [picked, *self.codes(1, 0)])
        return self.node("QuantizeLinear", [moved, *self.codes(1, 0 if self.unsigned else 128, kind)])

    def inputs(self):
        return {"x": self.x, **self.others}

    def model(self):
        info = lambda name, array: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        element = helper.np_dtype_to_tensor_dtype(np.dtype(self.result or self.kind))
        ys = [helper.make_tensor_value_info(name, element, None) for name in self.outputs]
        xs = [info(name, array) for name, array in self.inputs().items()]
        graph = helper.make_graph(self.nodes, "rule", xs, ys, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def total(a, b, y, unsigned=False, behind=(), second=None):
    """A sum of two maps, with operators behind it; `second`: the second operand is of that type."""
    g = Graph([1, 2, 24, 24], unsigned)
    operands = [g.real(g.channel(0), *a), g.real(g.channel(1, second), *b, second)]
    result = g.node("Add", operands)
    for kind, *ends in behind:
        values = (np.array(v) if isinstance(v, list) else np.float32(v) for v in ends)
        result = g.node(kind, [result, *(g.constant(v) for v in values)])
    g.quantize(result, *y)
    return g


def mean(shape, x, y, unsigned=False, behind=(), **window):
    """A pool: of the whole map where no window is given."""
    g = Graph(shape, unsigned)
    kind = "AveragePool" if window else "GlobalAveragePool"
    result = g.node(kind, [g.real("x", *x)], **window)
    for name in behind:
        result = g.node(name, [result])
    g.quantize(result, *y)
    return g


def scalar(kind, x, constant, c, y, element=None, first=False):
    """All codes and a quantised scalar."""
    g = Graph([1, 256])
    g.x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    operands = [g.real("x", *x), g.real(g.constant((element or np.int8)(constant)), *c, element)]
    g.quantize(g.node(kind, operands[::-1] if first else operands), *y)
    return g


def alone(kind, x, y, unsigned=False):
    """All codes with themselves."""
    g = Graph([1, 256], unsigned)
    g.x = np.arange(256).astype(np.uint8).view(g.kind).reshape(1, 256)
    real = g.real("x", *x)
    g.quantize(g.node(kind, [real, real]), *y)
    return g


def product(kind, shape, zero, behind=(), rows=6):
    """A matrix product with a bias of some shape; or a convolution with Relu behind it."""
    g = Graph([rows, 20])
    weights = g.rng.integers(-128, 128, size=(20, 10)).astype(np.int8)
    inputs = [g.real("x", 0.05, 3), g.node("DequantizeLinear", [g.constant(weights), *g.codes(0.01, 0)])]
    bias = g.rng.integers(-4000, 4000, size=shape).astype(np.int32)
    b = g.node("DequantizeLinear", [g.constant(bias), g.constant(np.float32(np.float32(0.05) * np.float32(0.01)))])
    result = g.node("Gemm", [*inputs, b]) if kind == "Gemm" else g.node("Add", [g.node("MatMul", inputs), b])
    for name in behind:
        result = g.node(name, [result])
    g.quantize(result, 0.2, zero)
    return g


def parts(seed, unsigned):
    """Operators that move parts of tensors, work by channel or reduce, each between DequantizeLinear and QuantizeLinear of
    scales that a seed draws; and what the host computes at the edges."""
    name = f"{'uint8' if unsigned else 'int8'}_{seed}"
    count = 0

    def graph(shape):
        nonlocal count
        count += 1
        return Graph(shape, unsigned, 1000 * seed + count)

    def draw(g):
        low = 0 if unsigned else -128
        return float(np.float32(np.exp(g.rng.uniform(-5, -2)))), int(g.rng.integers(low + 60, low + 200))

    def ints(g, *values):
        return g.constant(np.array(values, np.int64))

    def weights(g, *shape):
        values = g.rng.integers(-127, 128, size=shape).astype(np.int8)
        return g.node("DequantizeLinear", [g.constant(values), g.constant(np.float32(0.01)), g.constant(np.int8(0))])

    def through(g, tensor):
        s, z = draw(g)
        return g.real(g.node("QuantizeLinear", [tensor, *g.codes(s, z)]), s, z)

    def one(kind, shape, behind=(), **attributes):
        """An operator with constant inputs behind its first."""
        g = graph(shape)
        s, z = draw(g)
        g.quantize(g.node(kind, [g.real("x", s, z), *(b(g) for b in behind)], **attributes), s, z)
        return g

    i = lambda *values: lambda g: ints(g, *values)
    yield f"slice_channels_{name}", one("Slice", [1, 12, 5, 6], [i(2), i(11), i(1), i(3)])
    yield f"slice_corner_{name}", one("Slice", [1, 5, 7, 6], [i(2, -4), i(6, 9), i(2, 3)])
    yield f"slice_sequence_{name}", one("Slice", [1, 5, 20], [i(0), i(-3), i(2)])
    yield f"gather_channels_{name}", one("Gather", [1, 9, 4, 5], [i(8, 0, 3, 3, 1)], axis=1)
    yield f"pad_{name}", one("Pad", [1, 5, 4, 6], [i(0, 0, 1, 2, 0, 3, 0, 1)])
    g = graph([1, 3, 4, 4])
    s, z = draw(g)
    x = g.node("Pad", [g.real("x", s, z), ints(g, 0, 0, 1, 0, 0, 1, 0, 2), g.constant(np.float32(g.rng.normal() * 100 * s))])
    g.quantize(x, *draw(g))  # a value that is none of the codes before
    yield f"pad_other_scale_{name}", g
    g = graph([1, 10, 5, 4])
    s, z = draw(g)
    g.nodes.append(helper.make_node("Split", [g.real("x", s, z), ints(g, 3, 7)], ["left", "right"], axis=1))
    w = g.node("Conv", ["right", weights(g, 3, 7, 1, 1)])
    t, zt = draw(g)
    g.quantize(g.node("Add", [g.real(g.node("QuantizeLinear", ["left", *g.codes(s, z)]), s, z), through(g, w)]), t, zt)
    yield f"split_{name}", g
    for axis, what in ((1, "channels"), (2, "rows"), (3, "columns")):
        g = graph([1, 6, 5, 4])
        s, z = draw(g)
        x = g.real("x", s, z)
        a, b = (through(g, g.node("Conv", [x, weights(g, 6, 6, k, k)], pads=[k // 2] * 4)) for k in (1, 3))
        g.quantize(g.node("Concat", [a, x, b], axis=axis), *draw(g))
        yield f"concat_{what}_{name}", g
    g = graph([1, 12, 3, 4])
    s, z = draw(g)
    x = g.node("Reshape", [g.real("x", s, z), ints(g, 1, 3, 4, 3, 4)])
    x = g.node("Reshape", [g.node("Transpose", [x], perm=[0, 2, 1, 3, 4]), ints(g, 1, 12, 3, 4)])
    x = g.real(g.node("QuantizeLinear", [x, *g.codes(s, z)]), s, z)
    g.quantize(g.node("Conv", [x, weights(g, 5, 12, 3, 3)], pads=[1] * 4), *draw(g))
    yield f"shuffle_{name}", g
    for kind in ("Add", "Mul"):
        g = graph([1, 7, 5, 4])
        s, z = draw(g)
        low, high = (0, 256) if unsigned else (-128, 128)
        by = g.real(g.constant(g.rng.integers(low, high, size=(7, 1, 1)).astype(g.kind)), *draw(g))
        g.quantize(g.node(kind, [g.real("x", s, z), by]), *draw(g))
        yield f"{kind.lower()}_by_channel_{name}", g
    g = graph([5, 40])
    low, high = (0, 256) if unsigned else (-128, 128)
    by = g.real(g.constant(g.rng.integers(low, high, size=40).astype(g.kind)), *draw(g))
    g.quantize(g.node("Add", [by, g.real("x", *draw(g))]), *draw(g))
    yield f"add_to_channels_{name}", g
    g = graph([1, 8, 5, 4])
    by = g.real(g.constant(g.rng.integers(low, high, size=(8, 1, 1)).astype(g.kind)), 0.02, 100 if unsigned else 3)
    g.quantize(g.node("Add", [g.real("x", 0.02, 90 if unsigned else -7), by]), 0.04, 120 if unsigned else 1)  # exact ties
    yield f"add_ties_by_channel_{name}", g
    g = graph([1, 7, 5, 4])
    floats = [g.constant(g.rng.uniform(0.3, 2, size=7).astype(np.float32)) for _ in range(4)]
    g.quantize(g.node("BatchNormalization", [g.real("x", *draw(g)), *floats]), 0.02, 100 if unsigned else -20)
    yield f"batch_normalization_{name}", g
    g = graph([1, 7, 5, 4])
    s, z = draw(g)
    g.quantize(g.node("ReduceMax", [g.real("x", s, z)], axes=[2, 3], keepdims=0), s, z)
    yield f"reduce_max_{name}", g
    g = graph([1, 256])
    g.x = np.arange(256).astype(np.uint8).view(g.kind).reshape(1, 256)
    s, z = draw(g)
    x = g.real("x", s, z)
    g.quantize(g.node("Mul", [x, through(g, g.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5))]), *draw(g))
    yield f"times_function_{name}", g
    for kind, shape, bias in (("Conv", [1, 5, 6, 6], [4]), ("Gemm", [3, 12], [6]), ("MatMul", [3, 12], [6])):
        g = graph(shape)
        s, z = draw(g)
        w = weights(g, 4, 5, 3, 3) if kind == "Conv" else weights(g, 12, 6)
        b = g.constant((g.rng.standard_normal(bias) * s).astype(np.float32))
        x = g.real("x", s, z)
        y = g.node("Add", [g.node(kind, [x, w]), b]) if kind == "MatMul" else g.node(kind, [x, w, b])
        g.quantize(y, *draw(g))
        yield f"float_bias_{kind.lower()}_{name}", g
    g = graph([1, 5, 6, 6])
    floats = g.rng.standard_normal((4, 5, 3, 3)).astype(np.float32)
    w = g.node("QuantizeLinear", [g.constant(floats), *g.codes(0.02, 0, np.int8)])
    g.quantize(g.node("Conv", [g.real("x", *draw(g)), g.real(w, 0.02, 0, np.int8)]), *draw(g))
    yield f"float_weights_{name}", g
    g = graph([1, 3, 8, 8])
    g.x = g.rng.uniform(0, 255, size=(1, 3, 8, 8)).astype(np.float32)
    x = "x"
    for kind, low, high in (("Sub", 100, 140), ("Div", 40, 70)):
        x = g.node(kind, [x, g.constant(g.rng.uniform(low, high, size=(3, 1, 1)).astype(np.float32))])
    x = g.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = g.real(g.node("QuantizeLinear", [x, *g.codes(0.02, 128 if unsigned else 0)]), 0.02, 128 if unsigned else 0)
    g.quantize(g.node("Conv", [x, weights(g, 4, 3, 3, 3)]), *draw(g))
    yield f"host_before_{name}", g
    g = graph([2, 9])
    g.x = g.rng.normal(size=(2, 9)).astype(np.float32)
    g.x[0, :5] = [np.nan, np.inf, -np.inf, -0.0, 3e9]
    g.quantize(g.node("Relu", ["x"]), *draw(g))
    yield f"host_before_no_numbers_{name}", g
    for kind in ("Softmax", "LogSoftmax", "ArgMax"):
        g = graph([3, 20])
        x = through(g, g.node("MatMul", [g.real("x", 0.05, 120 if unsigned else -8), weights(g, 20, 10)]))
        made = g.node(kind, [x], **({"axis": 1} if kind == "ArgMax" else {"axis": -1}))
        if kind == "Softmax":
            g.quantize(made, 1 / 256, 0 if unsigned else -128)
        else:
            g.nodes[-1].output[0] = "y"
            g.result = np.int64 if kind == "ArgMax" else np.float32
        yield f"host_behind_{kind.lower()}_{name}", g
    for what, stride in (("one_shape", 1), ("two_shapes", 2)):
        g = graph([1, 4, 6, 6])
        x = through(g, g.node("Conv", [g.real("x", *draw(g)), weights(g, 5, 4, 3, 3)], pads=[1] * 4))
        g.quantize(g.node("Conv", [x, weights(g, 3, 5, 1, 1)]), *draw(g))
        g.node("QuantizeLinear", [g.node("Conv", [x, weights(g, 2, 5, 3, 3)], pads=[1] * 4, strides=[stride] * 2), *g.codes(*draw(g))], "z")
        g.outputs.append("z")
        yield f"outputs_of_{what}_{name}", g
    for what, shape in (("one_shape", [1, 4, 6, 6]), ("two_shapes", [1, 6, 3, 3])):
        g = graph([1, 4, 6, 6])
        low, high = (0, 256) if unsigned else (-128, 128)
        g.others["v"] = g.rng.integers(low, high, size=shape).astype(g.kind)
        stride = 6 // shape[2]
        a = through(g, g.node("Conv", [g.real("x", *draw(g)), weights(g, 5, 4, 3, 3)], pads=[1] * 4, strides=[stride] * 2))
        b = through(g, g.node("Conv", [g.real("v", *draw(g)), weights(g, 5, shape[1], 1, 1)]))
        g.quantize(g.node("Concat", [a, b], axis=1), *draw(g))
        yield f"inputs_of_{what}_{name}", g
    g = graph([1, 12])
    g.x = g.rng.integers(-20, 20, size=(1, 12)).astype(np.int64)
    table = g.constant((g.rng.normal(size=(20, 8)) * 2).astype(np.float32))
    s, z = draw(g)
    x = g.real(g.node("QuantizeLinear", [g.node("Gather", [table, "x"]), *g.codes(s, z)]), s, z)
    g.quantize(g.node("Conv", [g.node("Transpose", [x], perm=[0, 2, 1]), weights(g, 5, 8, 3)]), *draw(g))
    yield f"embedding_{name}", g
    g = graph([1, 3, 7, 6])
    g.x, g.result = g.rng.normal(size=(1, 3, 7, 6)).astype(np.float32), np.float32
    g.node("Transpose", [g.node("MaxPool", ["x"], kernel_shape=[3, 2], strides=[2, 1])], "y", perm=[0, 2, 3, 1])
    yield f"nothing_quantised_{name}", g
    resize = dict(mode="nearest")
    for what, scales, attributes in (
        ("nearest", [1, 1, 2, 2], dict(coordinate_transformation_mode="asymmetric", nearest_mode="floor")),
        ("half_pixel", [1, 1, 2, 3], {}),
        ("corners", [1, 1, 1.7, 0.6], dict(coordinate_transformation_mode="align_corners", nearest_mode="ceil")),
    ):
        g = graph([1, 5, 6, 7])
        s, z = draw(g)
        factors = g.constant(np.array(scales, np.float32))
        x = g.real(g.node("QuantizeLinear", [g.node("Resize", [g.real("x", s, z), "", factors], **resize, **attributes), *g.codes(s, z)]), s, z)
        g.quantize(g.node("Conv", [x, weights(g, 3, 5, 3, 3)]), *draw(g))
        yield f"resize_{what}_{name}", g
    for kind, mode, shape, depth in (("DepthToSpace", "DCR", [1, 20, 3, 4], 5), ("DepthToSpace", "CRD", [1, 20, 3, 4], 5), ("SpaceToDepth", "", [1, 5, 6, 4], 20)):
        g = graph(shape)
        s, z = draw(g)
        x = g.node(kind, [g.real("x", s, z)], blocksize=2, **({"mode": mode} if mode else {}))
        x = g.real(g.node("QuantizeLinear", [x, *g.codes(s, z)]), s, z)
        g.quantize(g.node("Conv", [x, weights(g, 3, depth, 3, 3)], pads=[1] * 4), *draw(g))
        yield f"{kind.lower()}_{mode.lower() or 'blocks'}_{name}", g
    g = graph([1, 3, 5, 6])
    x = through(g, g.node("Conv", [g.real("x", *draw(g)), weights(g, 8, 3, 3, 3)]))
    x = g.node("Reshape", [x, ints(g, 8, 12)])
    g.quantize(g.node("MatMul", [x, weights(g, 12, 6)]), *draw(g))
    yield f"pixels_to_channels_{name}", g
    g = graph([1, 9])
    x = through(g, g.node("Gemm", [g.real("x", *draw(g)), weights(g, 9, 120)]))
    x = g.node("Reshape", [x, ints(g, 1, 8, 3, 5)])
    g.quantize(g.node("Conv", [x, weights(g, 3, 8, 3, 3)], pads=[1] * 4), *draw(g))
    yield f"channels_to_pixels_{name}", g
    for kind in ("Max", "Min"):
        g = graph([1, 4, 5, 4])
        x = g.real("x", *draw(g))
        a, b = (through(g, g.node("Conv", [x, weights(g, 6, 4, k, k)], pads=[k // 2] * 4)) for k in (1, 3))
        g.quantize(g.node(kind, [a, b]), *draw(g))
        yield f"{kind.lower()}_of_two_{name}", g
    g = graph([1, 7, 5, 4])
    slopes = g.constant(g.rng.uniform(0.05, 0.6, size=(7, 1, 1)).astype(np.float32))
    g.quantize(g.node("PRelu", [g.real("x", *draw(g)), slopes]), *draw(g))
    yield f"prelu_by_channel_{name}", g
    g = graph([1, 4, 6, 6])
    x = g.node("LeakyRelu", [g.real("x", *draw(g))], alpha=-0.4)
    g.quantize(g.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]), *draw(g))
    yield f"maximum_of_function_{name}", g
    g = graph([3, 12])
    bias = g.node("DequantizeLinear", [g.constant(g.rng.integers(-4000, 4000, size=6).astype(np.int32)), g.constant(np.float32(0.003))])
    g.quantize(g.node("Gemm", [g.real("x", *draw(g)), weights(g, 12, 6), bias], alpha=0.7, beta=0.4), *draw(g))
    yield f"gemm_factors_{name}", g
    g = graph([3, 12])
    g.quantize(g.node("Gemm", [g.real("x", *draw(g)), weights(g, 12, 6)], alpha=-0.7), *draw(g))
    yield f"gemm_alpha_{name}", g
    for kind in ("Conv", "Gemm", "MatMul"):
        g = graph([1, 5, 6, 6] if kind == "Conv" else [3, 12])
        w = weights(g, 4, 5, 3, 3) if kind == "Conv" else weights(g, 12, 4)
        bias = g.node("DequantizeLinear", [g.constant(g.rng.integers(-900, 900, size=4).astype(np.int32)), g.constant(np.float32(0.0007))])
        x = g.real("x", *draw(g))
        y = g.node("Add", [g.node(kind, [x, w]), bias]) if kind == "MatMul" else g.node(kind, [x, w, bias])
        g.quantize(y, *draw(g))
        yield f"bias_of_other_scale_{kind.lower()}_{name}", g
    g = graph([1, 5, 6, 6])
    x = g.node("Conv", [g.real("x", *draw(g)), weights(g, 4, 5, 3, 3)])
    x = g.node("Add", [g.node("Div", [x, g.constant(g.rng.uniform(0.5, 2, size=(1, 4, 1, 1)).astype(np.float32))]), g.constant(g.rng.normal(size=(1, 4, 1, 1)).astype(np.float32))])
    floats = [g.constant(g.rng.uniform(0.3, 2, size=4).astype(np.float32)) for _ in range(4)]
    g.quantize(g.node("Relu", [g.node("BatchNormalization", [x, *floats])]), *draw(g))
    yield f"sums_in_float32_{name}", g
    g = graph([1, 5, 6, 6])
    x = g.node("Flatten", [g.node("GlobalAveragePool", [g.node("Relu", [g.real("x", *draw(g))])])])
    g.quantize(g.node("Gemm", [x, weights(g, 5, 8), g.constant(g.rng.normal(size=8).astype(np.float32))]), *draw(g))
    yield f"product_of_mean_{name}", g
    g = graph([3, 12])
    g.quantize(g.node("Gemm", [g.node("Relu", [g.real("x", *draw(g))]), weights(g, 12, 4)]), *draw(g))
    yield f"relu_before_product_{name}", g
    g = graph([1, 4, 5, 4])
    x = g.real("x", *draw(g))
    a, b = (through(g, g.node("Conv", [x, weights(g, 6, 4, k, k)], pads=[k // 2] * 4)) for k in (1, 3))
    g.quantize(g.node("Sub", [a, b]), *draw(g))
    yield f"difference_{name}", g
    for first in (False, True):
        g = graph([1, 4, 5, 4])
        low, high = (0, 256) if unsigned else (-128, 128)
        other = g.real(g.constant(g.rng.integers(low, high, size=(1, 4, 5, 4)).astype(g.kind)), *draw(g))
        x = g.real("x", *draw(g))
        g.quantize(g.node("Sub", [other, x] if first else [x, other]), *draw(g))
        yield f"difference_{'from' if first else 'of'}_constant_{name}", g
    g = graph([1, 4, 5, 4])
    x = g.real("x", *draw(g))
    a, b = (through(g, g.node("Conv", [x, weights(g, 6, 4, k, k)], pads=[k // 2] * 4)) for k in (1, 3))
    g.quantize(g.node("Relu", [g.node("Sum", [a, b])]), *draw(g))
    yield f"sum_operator_{name}", g
    for what, rows, width, many in (("one", 20, 8, 1), ("some", 50, 12, 7), ("many", 9, 17, 13)):
        g = graph([1, many])
        g.x = g.rng.integers(-rows, rows, size=(1, many)).astype(np.int64)
        s, z = draw(g)
        low, high = (0, 256) if unsigned else (-128, 128)
        table = g.real(g.constant(g.rng.integers(low, high, size=(rows, width)).astype(g.kind)), s, z)
        x = g.real(g.node("QuantizeLinear", [g.node("Gather", [table, "x"]), *g.codes(s, z)]), s, z)
        x = through(g, g.node("ReduceSum", [x, ints(g, 1)], keepdims=0))
        g.quantize(g.node("Gemm", [x, weights(g, width, 5)]), *draw(g))
        yield f"bag_of_{what}_{name}", g
    for what, axes, keep in (("pixels", [2, 3], 1), ("channels", [1], 0), ("rows", [-2], 0)):
        g = graph([1, 6, 5, 4])
        x = through(g, g.node("Conv", [g.real("x", *draw(g)), weights(g, 7, 6, 1, 1)]))
        g.quantize(g.node("ReduceSum", [x, ints(g, *axes)], keepdims=keep), *draw(g))
        yield f"sum_over_{what}_{name}", g


def cases():
    relu, clip = ("Relu",), ("Clip", -100.0, 100.0)
    yield "sum_equal", total((0.05, 3), (0.05, 3), (0.05, 3))
    yield "sum_halves_odd_zero", total((0.03125, 0), (0.03125, 0), (0.0625, 1))
    yield "sum_halves_odd_zero_uint8", total((0.03125, 100), (0.03125, 3), (0.0625, 7), unsigned=True)
    yield "sum_tenths", total((0.1, 0), (0.03, -5), (0.1, -128))
    yield "sum_relu_vanishes", total((0.05, 0), (0.05, 9), (0.1, -128), behind=[relu])
    yield "sum_relu_stays", total((0.05, 0), (0.05, 9), (0.1, 5), behind=[relu])
    yield "sum_clip_vanishes", total((0.05, 0), (0.05, 9), (0.1, 5), behind=[clip])
    yield "sum_two_types", total((0.05, 0), (0.05, 9), (0.1, 5), second=np.uint8)
    yield "sum_flatten", total((0.05, 0), (0.05, 9), (0.1, 5), behind=[("Flatten",)])
    yield "mean_map", mean([1, 60, 7, 7], (0.0655117, -60), (0.0655117, -60))
    yield "mean_map_12", mean([1, 32, 12, 12], (0.09184877, 74), (0.09184877, 75))
    yield "mean_map_relu_stays", mean([1, 32, 7, 7], (0.0655117, 0), (0.0655117, 3), behind=["Relu"])
    yield "window_whole_map", mean([1, 60, 4, 4], (0.09184877, 74), (0.09184877, 74), kernel_shape=[4, 4])
    yield "window_2x2", mean([1, 8, 12, 12], (0.0655117, -60), (0.0655117, -60), kernel_shape=[2, 2])
    yield "window_2x2_exact", mean([1, 8, 12, 12], (0.0625, -60), (0.0625, -61), kernel_shape=[2, 2])
    padded = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    yield "window_3x3_uint8", mean([1, 8, 12, 12], (0.0655117, 60), (0.0655117, 60), unsigned=True, **padded)
    yield "window_3x3_counted", mean([1, 8, 12, 12], (0.0655117, 60), (0.03, 7), count_include_pad=1, **padded)
    yield "window_ceil", mean([1, 4, 6, 6], (0.5, 3), (0.25, 3), kernel_shape=[3, 3], strides=[4, 4], ceil_mode=1)
    yield "scalar_product", scalar("Mul", (0.1, 0), 93, (0.01, 0), (0.1, 3))
    yield "scalar_product_first", scalar("Mul", (0.1, 7), -50, (0.01, 9), (0.04, 4), first=True)
    yield "scalar_product_of_two_types", scalar("Mul", (0.1, 0), 93, (0.01, 0), (0.1, 3), element=np.uint8)
    yield "scalar_sum", scalar("Add", (0.1, 0), 5, (0.01, 0), (0.2, 3))
    yield "double", alone("Add", (0.03125, 4), (0.125, 1))
    yield "square", alone("Mul", (0.05, 4), (0.25, 101), unsigned=True)
    yield "sum_layout_then_relu", total((0.05, 0), (0.05, 9), (0.1, -128), behind=[("Transpose",), relu])
    yield "sum_reshape_then_relu", total((0.05, 0), (0.05, 9), (0.1, -128), behind=[("Reshape", [24, 24]), relu])
    yield "sum_relu_then_reshape", total((0.05, 0), (0.05, 9), (0.1, -128), behind=[relu, ("Reshape", [24, 24])])
    yield "sum_relu_then_layout", total((0.05, 0), (0.05, 9), (0.1, -128), behind=[relu, ("Transpose",)])
    yield "sum_scale_with_dimension", total((np.array([0.05]), 0), (0.05, 9), (0.1, 5))
    yield "sum_overflow", alone("Add", (0.03125, 0), (1.25e-12, -1))
    yield "product_overflow", scalar("Mul", (2.5e6, 96), -84, (0.03125, -3), (0.25, 45))
    g = Graph([1, 256])
    g.x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    first = g.node("QuantizeLinear", [g.real("x", 0.05, 3), *g.codes(0.1, 0)])
    second = g.node("QuantizeLinear", [g.real(first, 0.1, 0), *g.codes(0.07, 5)])
    g.quantize(g.node("LeakyRelu", [g.real(second, 0.07, 5)], alpha=0.3), 0.09, -7)
    yield "double_pairs", g
    for kind in ("HardSwish", "Softsign", "Tanh"):
        g = Graph([1, 256])
        g.x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
        # A scale at which the value of code 57 lies halfway between two results.
        value = {"HardSwish": lambda v: v * min(max(v / 6 + 0.5, 0), 1), "Softsign": lambda v: v / (1 + v), "Tanh": np.tanh}[kind](57 * 0.03)
        g.quantize(g.node(kind, [g.real("x", 0.03, 0)]), value / 100.5, 3)
        yield f"halfway_{kind.lower()}", g
    g = Graph([1, 5])
    g.x = np.arange(-2, 3).astype(np.int8).reshape(1, 5)
    turned = g.node("Relu", [g.node("Mul", [g.real("x", 1, 0), g.constant(np.float32(-1))])])
    g.quantize(g.node("Div", [g.constant(np.float32(3)), turned]), 1, 0)
    yield "relu_keeps_minus_zero", g
    for name, shape, batches in (("one_batch", [2, 4], [1]), ("vector_batches", [4], [2]), ("batches", [2, 3, 4], [2])):
        g = Graph(shape)
        weights = g.real(g.constant(g.rng.integers(-128, 128, size=[*batches, 4, 2]).astype(np.int8)), 0.01, 0)
        g.quantize(g.node("MatMul", [g.real("x", 0.05, 3), weights]), 0.04, -7)
        yield f"matmul_{name}", g
    yield "gemm_row_bias", product("Gemm", [1, 10], -5)
    yield "gemm_scalar_bias", product("Gemm", [1], -5)
    yield "gemm_column_bias_of_one_row", product("Gemm", [1, 1], -5, rows=1)
    yield "matmul_bias", product("MatMul", [10], -128, behind=["Relu"])
    yield "matmul_relu_stays", product("MatMul", [10], -7, behind=["Relu"])
    g = Graph([1, 256])
    g.x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    ends = [g.constant(np.float32(v)) for v in (2, -1)]
    g.quantize(g.node("Clip", [g.real("x", 0.05, 0), *ends]), 0.05, 3)
    yield "clip_of_crossed_limits", g
    g = Graph([1, 64])
    g.x = (g.rng.standard_normal((1, 64)) * 3).astype(np.float32)
    g.x[0, ::5] = [np.nan, np.inf, -np.inf, 1e30, -1e30, -np.nan, np.nan, 0, -0.0, 3e9, 1e-30, np.nan, 2.5]
    g.quantize("x", 0.05, 3)
    yield "not_a_number", g
    g = Graph([1, 1, 16, 16])
    g.x = np.arange(-128, 128).astype(np.int8).reshape(1, 1, 16, 16)
    floats = (0.6730815768241882, 0.555853009223938, 0.6586714386940002, 1.048493504524231)
    numbers = [g.constant(np.array([v], np.float32)) for v in floats]
    g.quantize(g.node("BatchNormalization", [g.real("x", 0.02, -63), *numbers]), 0.03, -81)
    yield "batch_normalization_halfway", g  # one code tells the kernel's order of operations
    for unsigned in (False, True):
        yield from parts(1, unsigned)
        yield from maps(Graph, 1, unsigned)
        yield from means(Graph, 1, unsigned)
        yield from batched(Graph, 1, unsigned)
        yield from blocks(Graph, 1, unsigned)
        yield from transformers(Graph, 1, unsigned)
    yield from recurrent(Graph, 1)


def drawn(seeds):
    for seed in range(2, seeds + 2):
        for unsigned in (False, True):
            yield from parts(seed, unsigned)
            yield from maps(Graph, seed, unsigned)
            yield from means(Graph, seed, unsigned)
            yield from batched(Graph, seed, unsigned)
            yield from blocks(Graph, seed, unsigned)
            yield from transformers(Graph, seed, unsigned)
        yield from recurrent(Graph, seed)


def main():
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for name, g in drawn(int(sys.argv[2])) if len(sys.argv) > 2 else cases():
        model = g.model()
        session = onnxruntime.InferenceSession(model.SerializeToString(), options(g.unsigned), providers=["CPUExecutionProvider"])
        data = folder / name / "test_data_set_0"
        data.mkdir(parents=True)
        onnx.save(model, data.parent / "model.onnx")
        for kind, values in (("input", list(g.inputs().values())), ("output", session.run(None, g.inputs()))):
            names = list(g.inputs()) if kind == "input" and g.others else [f"{kind}_{i}" for i in range(len(values))]
            for i, value in enumerate(values):
                (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(value, names[i]).SerializeToString())
    print(f"{len(list(folder.iterdir()))} cases by ONNX Runtime {onnxruntime.__version__} in {folder}")


if __name__ == "__main__":
    main()
